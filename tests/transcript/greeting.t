== the greeting names us and ends in 220
S: 220 mx.example.org ESMTP Postrider

== who talks before the greeting is refused
early
S: 554 You spoke before the greeting
closed

== an early talker is only noted where it is set so
listen early_talk = note
early
show events
do event smtp.connected
do event smtp.abuse
S: 220 mx...

== a trusted client may talk early
listen trusted = 192.0.2.0/24
early
S: 220 mx...

== the greeting waits where it is set so
listen greet_delay = 3s
wait 2s
nothing
wait 1s
S: 220 mx...

== the time for EHLO begins with the greeting
listen greet_delay = 50s
wait 50s
S: 220 mx...
wait 59s
C: HELO client.example.net
S: 250 mx...

== a trusted client does not wait for the greeting
listen greet_delay = 3s
listen trusted = 192.0.2.0/24
S: 220 mx...

== who talks into the delay is refused
listen greet_delay = 3s
wait 1s
peer talks early
S: 554 You spoke before the greeting
closed

== EHLO tells all that we offer
S: 220...
C: EHLO client.example.net
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE 52428800
S: 250-STARTTLS
S: 250-LIMITS RCPTMAX=1000 MAILMAX=100
S: 250-ENHANCEDSTATUSCODES
S: 250-8BITMIME
S: 250-SMTPUTF8
S: 250-CHUNKING
S: 250 DSN

== HELO offers nothing
S: 220...
C: HELO client.example.net
S: 250 mx.example.org

== EHLO and HELO want a name
S: 220...
C: EHLO
S: 501...
C: HELO
S: 501...

== a name with NUL is broken
S: 220...
C: EHLO a\x00b
S: 500 5.5.2...

== bad octets in a name
S: 220...
C: EHLO \xff\xfe\x80
S: 501...

== EHLO of 4 KiB
S: 220...
c: EHLO 
repeat 4096 a
C:
S: 500 5.5.2 Line too long
C: NOOP
S: 250...

== pipelining into EHLO is early talk
whole
S: 220...
C: EHLO client.example.net
C: MAIL FROM:<a@example.net>
S: 554 5.5.0...
closed

== pipelining after EHLO was answered is offered
S: 220...
C: EHLO client.example.net
skip 10
C: EHLO client.example.net
C: NOOP
skip 10
S: 250 2.0.0...

== our own name in HELO is forged
S: 220...
C: EHLO mx.example.org
S: 550 5.7.1...
C: MAIL FROM:<a@example.net>
S: 503 5.5.1...

== our own address in HELO is forged
S: 220...
C: EHLO [192.0.2.25]
S: 550 5.7.1...

== another literal is not
S: 220...
C: EHLO [192.0.2.7]
skip 10

== a bare address in HELO is forged
S: 220...
C: HELO 192.0.2.7
S: 550 5.7.1...

== a forged name is only noted where it is set so
listen helo_forged = note
S: 220...
C: HELO mx.example.org
S: 250 mx.example.org

== this machine may say its own name
client 192.0.2.25
S: 220...
C: HELO mx.example.org
S: 250 mx.example.org

== a trusted client may say our name
listen trusted = 192.0.2.7
S: 220...
C: HELO mx.example.org
S: 250 mx.example.org

== a silent client is dropped before HELO
S: 220...
wait 59s
open
wait 1s
S: 421 4.4.2...
closed

== NOOP does not buy time before HELO
S: 220...
wait 40s
C: NOOP
S: 250...
wait 20s
S: 421 4.4.2...
closed
