== verbs in any case
S: 220...
C: eHlO client.example.net
skip 10
C: nOoP
S: 250 2.0.0 OK

== unknown verbs
S: 220...
C: XYZZY
S: 500 5.5.1...
C: TURN
S: 500...
C: XCLIENT ADDR=127.0.0.1
S: 500...
C: PROXY TCP4 127.0.0.1 127.0.0.1 1 2
S: 500...
open

== what is known and not offered
S: 220...
C: EXPN root
S: 502 5.5.1...
C: AUTH PLAIN
S: 502 5.5.1...

== VRFY tells nothing
S: 220...
C: VRFY root
S: 252 2.5.0...
C: VRFY
S: 501 5.5.4...

== HELP and NOOP with words
S: 220...
C: NOOP some words
S: 250 2.0.0 OK
C: HELP me
S: 214 2.0.0...

== NUL, empty and blank lines
S: 220...
C: NO\x00OP
S: 500 5.5.2...
C: \x00\x00\x00\x00
S: 500 5.5.2...
C:
S: 500...
C:                                     
S: 500...

== a bare LF ends no command
S: 220...
c: NOOP\nVRFY a\nNOOP\r\n
S: 500 5.5.2...

== a bare CR ends no command
S: 220...
c: NOOP\rRSET\rNOOP\r\n
S: 500 5.5.2...

== a line of 512 octets is answered
S: 220...
c: NOOP 
repeat 505 a
C:
S: 250 2.0.0 OK

== a longer one is refused, once
S: 220...
c: NOOP 
repeat 506 a
C: QUIT
S: 500 5.5.2 Line too long
C: NOOP
S: 250...

== a line of 16 KiB is refused, once
S: 220...
c: NOOP 
repeat 16384 a
C: QUIT
S: 500 5.5.2 Line too long
C: NOOP
S: 250...

== a line without an end is cut off
S: 220...
repeat 70000 a
S: 500 5.5.2 Line too long, good bye
closed

== a long line has the time of one line
S: 220...
repeat 3000 a
wait 60s
S: 421 4.4.2...
closed

== HTTP is hung up on
S: 220...
C: POST / HTTP/1.1
C: Host: mx.example.org
C:
C: EHLO x
C: MAIL FROM:<a@example.net>
S: 500...
closed

== GET and CONNECT
S: 220...
C: GET / HTTP/1.0
S: 500...
closed

== TLS on the clear port is hung up on
S: 220...
c: \x16\x03\x01\x02\x00\x01
S: 500...
closed

== QUIT ends, whatever follows it
S: 220...
C: QUIT
C: NOOP
C: NOOP
S: 221 2.0.0 Bye
closed

== QUIT with words
S: 220...
C: QUIT now
S: 501...
open

== fifteen errors end a session, and the answers slow down
S: 220...
repeat 4 XYZZY\r\n
skip 4
C: XYZZY
nothing
wait 999ms
nothing
wait 1ms
S: 500 5.5.1...
repeat 9 XYZZY\r\n
wait 4s
skip 4
wait 1s
nothing
wait 3s
nothing
wait 1s
S: 500...
wait 20s
skip 4
C: XYZZY
S: 500 5.5.1...
S: 421 4.7.0...
closed

== a command line has its time, and no octet extends it
S: 220...
C: EHLO client.example.net
skip 10
c: NOO
wait 299s
c: P
wait 1s
S: 421 4.4.2...
closed

== each command gives new time, until no message comes
listen timeout.session = 10min
S: 220...
C: EHLO client.example.net
skip 10
wait 250s
C: NOOP
S: 250...
wait 250s
C: NOOP
S: 250...
wait 99s
open
wait 1s
S: 421 4.4.2...
closed

== commands without a message are counted
listen max_commands = 100
S: 220...
C: EHLO client.example.net
skip 10
repeat 99 NOOP\r\n
skip 99
C: NOOP
S: 421 4.7.0...
closed

== a client that leaves
S: 220...
C: EHLO client.example.net
skip 10
peer leaves
closed

== a client that breaks
S: 220...
c: EHLO cli
peer breaks
closed

== answers to what was said before the client left
user by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: QUIT
S: 250...
ask user alice@example.org
peer leaves
open
tell user ok
S: 250 2.1.5...
S: 221...
closed

== events of a session
show events
S: 220...
do event smtp.connected
C: QUIT
S: 221...
do event smtp.closed
closed
