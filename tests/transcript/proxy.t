== a balancer says who the client is
listen proxy = 192.0.2.0/24
c: PROXY TCP4 203.0.113.9 192.0.2.25 4711 25\r\n
S: 220...
C: HELO client.example.net
S: 250...
C: MAIL FROM:<a@example.net>
S: 250...
C: RCPT TO:<alice@example.org>
S: 250...
C: DATA
S: 354...
C: .
S: 250...
prefix has [203.0.113.9]

== version 2
listen proxy = 192.0.2.0/24
c: \r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x09\xc0\x00\x02\x19\x12\x67\x00\x19
S: 220...
C: QUIT
S: 221...
closed

== a balancer without a header is not heard
listen proxy = 192.0.2.0/24
c: EHLO client.example.net\r\n
nothing
closed

== a balancer that says nothing
listen proxy = 192.0.2.0/24
nothing
wait 60s
S: 421...
closed

== from anyone else it is a bad command
listen proxy = 198.51.100.0/24
S: 220...
C: PROXY TCP4 203.0.113.9 192.0.2.25 4711 25
S: 500...

== trust follows the client, not the balancer
listen proxy = 192.0.2.0/24
listen trusted = 192.0.2.0/24
c: PROXY TCP4 203.0.113.9 192.0.2.25 4711 25\r\n
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<v@foreign.example>
S: 250...
S: 550 5.7.1...

== TLS from the first octet behind the header
whole
listen proxy = 192.0.2.0/24
listen tls = implicit
c: PROXY TCP4 203.0.113.9 192.0.2.25 4711 25\r\n\x16\x03\x01
do start tls with what came
nothing
tls up
S: 220...
