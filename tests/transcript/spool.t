== 250 comes after spool's word, and not before
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
C: .
do begin a@example.net
do rcpt alice@example.org
do commit
nothing
wait 30s
nothing
tell spool stored
S: 250 2.0.0 Accepted...

== what spool may answer
spool by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: .
skip 3
do begin a@example.net
do rcpt alice@example.org
do commit
tell spool full
S: 452 4.3.1...
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: .
skip 3
do begin a@example.net
do rcpt alice@example.org
do commit
tell spool io
S: 451 4.3.0...

== commands pipelined behind the body wait for spool
spool by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: .
C: NOOP
skip 3
do begin a@example.net
do rcpt alice@example.org
do commit
nothing
tell spool stored
S: 250 2.0.0 Accepted...
S: 250 2.0.0 OK

== a disk that hangs: 451, and the message is withdrawn
spool by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: .
skip 3
do begin a@example.net
do rcpt alice@example.org
do commit
wait 2min
S: 451 4.3.0...
do drop mail
do withdraw
C: NOOP
S: 250...

== spool comes back and has it
spool by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: .
skip 3
do begin a@example.net
do rcpt alice@example.org
do commit
spool gone
nothing
wait 5s
nothing
spool back
do have
tell have yes
S: 250 2.0.0 Accepted...

== spool comes back and has it not
spool by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: .
skip 3
do begin a@example.net
do rcpt alice@example.org
do commit
spool gone
spool back
do have
tell have no
S: 451 4.3.0...

== spool dies twice over one message
spool by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: .
skip 3
do begin a@example.net
do rcpt alice@example.org
do commit
spool gone
spool back
do have
spool gone
spool back
do have
tell have yes
S: 250 2.0.0 Accepted...

== spool does not come back: 451, and withdrawn when it does
spool by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: .
skip 3
do begin a@example.net
do rcpt alice@example.org
do commit
spool gone
wait 10s
S: 451 4.3.0...
do drop mail
do withdraw
spool back
nothing
C: NOOP
S: 250...

== a small message waits for a spool that is away, and is handed over when it is back
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
spool gone
C: Subject: x
C:
C: .
nothing
wait 3s
spool back
S: 250 2.0.0 Accepted...
body Subject: x\r\n\r\n

== but not for ever
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
spool gone
C: .
wait 10s
S: 451 4.3.0...
spool back
nothing

== a large body leaves in parts, and stops where the window ends
whole
listen max_header = 1048576
spool by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
repeat 8000 0123456789012345678901234567890123456789012345678\r\n
do begin a@example.net
do rcpt alice@example.org
size 241408
tell window 400000
C: .
do commit
size 408000
tell spool stored
S: 250 2.0.0...
idle costs nothing

== spool dies in the middle of a large body
whole
spool by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
repeat 3000 0123456789012345678901234567890123456789012345678\r\n
do begin a@example.net
do rcpt alice@example.org
spool gone
repeat 3000 0123456789012345678901234567890123456789012345678\r\n
spool back
nothing
C: .
S: 451 4.3.0...
idle costs nothing

== spool gives up in the middle of a large body
whole
spool by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
repeat 3000 0123456789012345678901234567890123456789012345678\r\n
do begin a@example.net
do rcpt alice@example.org
tell spool full
repeat 3000 0123456789012345678901234567890123456789012345678\r\n
C: .
S: 452 4.3.1...

== a client that leaves in the middle of a large body
whole
spool by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
repeat 3000 0123456789012345678901234567890123456789012345678\r\n
do begin a@example.net
do rcpt alice@example.org
peer breaks
do abort
closed
idle costs nothing

== a fault in the middle of a large body
whole
spool by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
repeat 3000 0123456789012345678901234567890123456789012345678\r\n
do begin a@example.net
do rcpt alice@example.org
c: bare\n\r\n
do abort
C: .
S: 550 5.6.0...

== a body that goes on early because memory is short
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
C: one
spill
do begin a@example.net
do rcpt alice@example.org
C: two
C: .
do commit
body Subject: x\r\n\r\none\r\ntwo\r\n
tell spool stored
S: 250 2.0.0...
idle costs nothing

== a chunked body that went on early and ends without more
spool by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
skip 2
C: BDAT 4
c: a: b
S: 250 2.0.0 4...
spill
nothing
C: BDAT 0 LAST
do begin a@example.net
do rcpt alice@example.org
do commit
body a: b\r\n
tell spool stored
S: 250 2.0.0...

== the window never opens
whole
listen max_header = 1048576
spool by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
repeat 8000 0123456789012345678901234567890123456789012345678\r\n
do begin a@example.net
do rcpt alice@example.org
wait 3min
do abort
C: .
S: 451 4.3.0...

== a client that leaves before spool's word: the message is ours
show events
spool by hand
S: 220...
do event smtp.connected
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: .
skip 3
do begin a@example.net
do rcpt alice@example.org
do commit
peer breaks
open
tell spool stored
S: 250 2.0.0...
do event message.accepted
do event smtp.closed
closed
