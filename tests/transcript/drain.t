== an idle session ends after its time
S: 220...
C: EHLO client.example.net
skip 10
drain 30s 10min
nothing
wait 29s
nothing
wait 1s
S: 421 4.3.2...
closed

== a reply that is held back is said before the end
S: 220...
repeat 5 XYZZY\r\n
skip 4
nothing
drain 30s 500ms
wait 500ms
S: 500 5.5.1...
S: 421 4.3.2...
closed

== a transaction is not cut
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
skip 2
drain 30s 10min
wait 60s
nothing
C: DATA
C: Subject: x
C:
C: .
S: 354...
S: 250 2.0.0...
wait 29s
nothing
wait 1s
S: 421 4.3.2...
closed

== no new transaction begins after the idle time
S: 220...
C: EHLO client.example.net
skip 10
drain 30s 10min
wait 20s
C: NOOP
S: 250...
wait 20s
C: MAIL FROM:<a@example.net>
S: 421 4.3.2...
closed

== the deadline ends all
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
S: 250...
drain 30s 2min
wait 2min
S: 421 4.3.2...
closed
