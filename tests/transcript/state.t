== MAIL wants HELO
S: 220...
C: MAIL FROM:<a@example.net>
S: 503 5.5.1...

== RCPT and DATA want MAIL
S: 220...
C: EHLO client.example.net
skip 10
C: RCPT TO:<alice@example.org>
S: 503 5.5.1...
C: DATA
S: 503 5.5.1...

== DATA wants a recipient
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: DATA
S: 250 2.1.0...
S: 554 5.5.1...

== MAIL twice
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: MAIL FROM:<b@example.net>
S: 250 2.1.0...
S: 503 5.5.1...

== EHLO forgets the transaction
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
S: 250...
C: EHLO client.example.net
skip 10
C: RCPT TO:<alice@example.org>
S: 503 5.5.1...

== RSET forgets the transaction
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: RSET
C: RCPT TO:<alice@example.org>
C: RSET now
S: 250 2.1.0...
S: 250 2.1.5...
S: 250 2.0.0...
S: 503 5.5.1...
S: 501...

== DATA with words
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<>
C: RCPT TO:<alice@example.org>
C: DATA now
S: 250 2.1.0...
S: 250 2.1.5...
S: 501...

== a message
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
S: 250 2.1.0 OK
C: RCPT TO:<alice@example.org>
S: 250 2.1.5 OK
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: Subject: hello
C:
C: body
C: .
S: 250 2.0.0 Accepted...
body Subject: hello\r\n\r\nbody\r\n
prefix has Received: from client.example.net
prefix has by mx.example.org
prefix has with ESMTP id
prefix has for <alice@example.org>
idle costs nothing
C: QUIT
S: 221...
closed

== a message by HELO
S: 220...
C: HELO client.example.net
S: 250...
C: MAIL FROM:<a@example.net>
S: 250...
C: RCPT TO:<alice@example.org>
S: 250...
C: DATA
S: 354...
C: Subject: hello
C:
C: .
S: 250 2.0.0 Accepted...
prefix has with SMTP id

== parameters want EHLO
S: 220...
C: HELO client.example.net
S: 250...
C: MAIL FROM:<a@example.net> SIZE=100
S: 555 5.5.4...

== everything pipelined, in order
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: RCPT TO:<bob@example.org>
C: DATA
C: Subject: one
C:
C: body
C: .
C: NOOP
C: RSET
C: QUIT
S: 250 2.1.0...
S: 250 2.1.5...
S: 250 2.1.5...
S: 354...
S: 250 2.0.0 Accepted...
S: 250 2.0.0 OK
S: 250 2.0.0 Reset
S: 221 2.0.0...
body Subject: one\r\n\r\nbody\r\n
closed

== pipelined with a refused recipient
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<nobody@example.org>
C: DATA
C: NOOP
S: 250 2.1.0...
S: 550 5.1.1...
S: 554 5.5.1...
S: 250 2.0.0...

== RCPT after the message is done
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: .
C: RCPT TO:<alice@example.org>
skip 3
S: 250 2.0.0 Accepted...
S: 503 5.5.1...

== the same recipient three times
spool by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
repeat 3 RCPT TO:<alice@example.org>\r\n
C: DATA
C: .
skip 5
do begin a@example.net
do rcpt alice@example.org
do rcpt alice@example.org
do rcpt alice@example.org
do commit
nothing
tell spool stored
S: 250 2.0.0 Accepted...

== a hundred messages in a session, and no more
listen max_messages = 2
S: 220...
C: EHLO client.example.net
skip 10
repeat 2 MAIL FROM:<a@example.net>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\nx: y\r\n\r\n.\r\n
skip 8
C: MAIL FROM:<a@example.net>
S: 421 4.7.0...
closed

== too many recipients
listen max_recipients = 100
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
repeat 101 RCPT TO:<alice@example.org>\r\n
skip 101
S: 452 4.5.3...

== messages from one address are rated
listen limit mail.address = 2/min
S: 220...
C: EHLO client.example.net
skip 10
repeat 2 MAIL FROM:<a@example.net>\r\nRSET\r\n
skip 4
C: MAIL FROM:<a@example.net>
S: 451 4.7.1...
wait 30s
C: MAIL FROM:<a@example.net>
S: 250...

== recipients are rated
listen limit recipients.network = 2/h
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
repeat 3 RCPT TO:<alice@example.org>\r\n
skip 3
S: 451 4.7.1...

== trusted clients are not rated
listen limit mail.address = 1/h
listen trusted = 192.0.2.7
S: 220...
C: EHLO client.example.net
skip 10
repeat 5 MAIL FROM:<a@example.net>\r\nRSET\r\n
skip 10
