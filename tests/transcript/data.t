== dots are unstuffed
S: 220...
C: HELO client.example.net
S: 250...
C: MAIL FROM:<a@example.net>
S: 250...
C: RCPT TO:<alice@example.org>
S: 250...
C: DATA
S: 354...
C: Subject: dots
C:
C: ..
C: ...two
C: . 
C: .
S: 250 2.0.0...
body Subject: dots\r\n\r\n.\r\n..two\r\n \r\n

== a bare LF is refused after the true end, and the session goes on
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
c: Subject: x\r\n\r\none\n.\nMAIL FROM:<evil@example.net>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n
C: .
S: 550 5.6.0...
C: NOOP
S: 250...

== LF.CRLF ends nothing
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
c: Subject: x\r\n\r\none\n.\r\nNOOP\r\n.\r\n
S: 550 5.6.0...

== CRLF.LF ends nothing
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
c: Subject: x\r\n\r\none\r\n.\nNOOP\r\n.\r\n
S: 550 5.6.0...

== CR.CR ends nothing
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
c: Subject: x\r\n\r\none\r.\rNOOP\r\n.\r\n
S: 550 5.6.0...

== CRLF.CR ends nothing
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
c: Subject: x\r\n\r\none\r\n.\rNOOP\r\n.\r\n
S: 550 5.6.0...

== CRLF.CRCRLF ends nothing
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
c: Subject: x\r\n\r\none\r\n.\r\r\nNOOP\r\n.\r\n
S: 550 5.6.0...

== NUL around the dot ends nothing
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
c: Subject: x\r\n\r\none\r\n\x00.\r\nNOOP\r\n.\x00\r\ntwo\r\n.\r\n
S: 250 2.0.0...
body Subject: x\r\n\r\none\r\n\x00.\r\nNOOP\r\n\x00\r\ntwo\r\n

== bare newlines are normalised where it is set so
listen bare_newline = normalise
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
c: Subject: x\n\none\rtwo\r\n.\r\n
S: 250 2.0.0...
body Subject: x\r\n\r\none\r\ntwo\r\n

== an empty message
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: .
skip 3
S: 250 2.0.0...
size 0

== a message without a header
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: no field here
C: .
skip 3
S: 250 2.0.0...
body no field here\r\n

== too big is refused after the end, and the session goes on
listen max_size = 2000
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
repeat 60 0123456789012345678901234567890123456789\r\n
C: .
S: 552 5.3.4...
idle costs nothing
C: MAIL FROM:<a@example.net>
S: 250...

== too many hops are a loop
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
repeat 51 Received: from a by b\r\n
C:
C: .
S: 554 5.4.6...

== fifty hops are none
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
repeat 50 Received: from a by b\r\n
C:
C: .
S: 250 2.0.0...

== a header that is too large
listen max_header = 4096
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
repeat 100 X-Field: 0123456789012345678901234567890123456789\r\n
C:
C: .
S: 552 5.3.4...

== a line that is too long
listen max_line = 1000
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
C: Subject: x
C:
repeat 1001 a
C:
C: .
S: 554 5.6.0...

== forged Authentication-Results are taken out
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
C: Authentication-Results: mx.example.org; spf=pass
C: Subject: x
C: Authentication-Results: MX.example.ORG 1;
C:  dkim=pass
C: Authentication-Results: other.example; spf=fail
C:
C: body
C: .
S: 250 2.0.0...
body Subject: x\r\nAuthentication-Results: other.example; spf=fail\r\n\r\nbody\r\n

== a trusted client gets Date and Message-ID, and loses Bcc
listen trusted = 192.0.2.7
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<b@foreign.example>
C: DATA
skip 3
C: Bcc: secret@example.org
C: Subject: x
C:
C: body
C: .
S: 250 2.0.0...
body Subject: x\r\n\r\nbody\r\n
prefix has \r\nDate:
prefix has \r\nMessage-ID: <

== a submission is hashed as it passes, for the signature of its author's domain
listen trusted = 192.0.2.7
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<b@foreign.example>
C: DATA
skip 3
C: Subject: x
C: From: "Alice, <a@other.example>"
C:   <alice@Example.ORG>
C:
C:
C: a  b\t
C: ..c
C:  \t
C:
C: .
S: 250 2.0.0...
signed by example.org
hashed as \r\na b\r\n.c\r\n
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<b@foreign.example>
C: DATA
skip 3
C: From: alice@example.org
C: .
S: 250 2.0.0...
signed by example.org
hashed as 

== who has no author of one domain is not signed
listen trusted = 192.0.2.7
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<b@foreign.example>
C: DATA
skip 3
C: From: alice@example.org
C: From: alice@example.org
C:
C: .
S: 250 2.0.0...
signed by none
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<b@foreign.example>
C: DATA
skip 3
C: From: alice@example.org, bob@example.net
C:
C: .
S: 250 2.0.0...
signed by none
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<b@foreign.example>
C: DATA
skip 3
C: Subject: no author
C:
C: .
S: 250 2.0.0...
signed by none

== an author behind more blanks than a value keeps is seen not to be known
listen trusted = 192.0.2.7
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<b@foreign.example>
C: DATA
skip 3
c: From: alice@example.org
repeat 1000 \x20
C: , bob@example.net
C:
C: .
S: 250 2.0.0...
signed by none

== who writes as of another's domain is not signed
listen trusted = 192.0.2.7
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<b@foreign.example>
C: DATA
skip 3
C: From: alice@lists.example.org
C:
C: a
C: .
S: 250 2.0.0...
signed by none

== strangers' mail is not signed
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
C: From: alice@example.org
C:
C: .
S: 250 2.0.0...
signed by none

== strangers' Bcc stays
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
C: Bcc: secret@example.org
C:
C: .
S: 250 2.0.0...
body Bcc: secret@example.org\r\n\r\n

== one octet a minute buys no time
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
c: S
wait 60s
c: u
wait 60s
c: b
wait 59s
open
wait 1s
S: 421 4.4.2...
closed

== each 4 KiB give new time
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
wait 150s
repeat 103 0123456789012345678901234567890123456789\r\n
wait 170s
open
wait 10s
S: 421 4.4.2...
closed

== a body that is cut by the end of the connection is nothing
spool by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
C: Subject: x
C:
C: body
peer leaves
closed
idle costs nothing

== a declared size gets its room at once
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net> SIZE=100000
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
repeat 2000 0123456789012345678901234567890123456789012345678\r\n
C: .
S: 250 2.0.0...
size 102000
idle costs nothing
