== STARTTLS forgets what was said
S: 220...
C: EHLO client.example.net
skip 10
C: STARTTLS
S: 220 2.0.0...
do start tls
tls up
C: MAIL FROM:<a@example.net>
S: 503 5.5.1...
C: EHLO client.example.net
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE 52428800
S: 250-LIMITS...
skip 5
C: STARTTLS
S: 503 5.5.1...

== a message over TLS says so
S: 220...
C: EHLO client.example.net
skip 10
C: STARTTLS
S: 220 2.0.0...
do start tls
tls up
C: EHLO client.example.net
skip 9
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: .
skip 3
S: 250 2.0.0...
prefix has with ESMTPS id
prefix has TLSv1.3
prefix has TLS_AES_256_GCM_SHA384

== bytes behind STARTTLS are an error
whole
S: 220...
C: EHLO client.example.net
skip 10
C: STARTTLS
C: NOOP
S: 554 5.5.0...
closed

== half a command behind STARTTLS
whole
S: 220...
C: EHLO client.example.net
skip 10
C: STARTTLS
c: NOO
S: 554 5.5.0...
closed

== STARTTLS with words, and inside a transaction
S: 220...
C: EHLO client.example.net
skip 10
C: STARTTLS now
S: 501 5.5.4...
C: MAIL FROM:<a@example.net>
S: 250...
C: STARTTLS
S: 503 5.5.1...

== where TLS is required nothing goes before it
listen tls = required
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
S: 530 5.7.0...
C: NOOP
S: 250...
C: AUTH PLAIN AAAA
S: 538 5.7.11...
C: BDAT 5 LAST
c: abc\r\n
S: 530 5.7.0...
C: QUIT
S: 221...
closed

== where there is no TLS it is not offered
listen tls = none
S: 220...
C: EHLO client.example.net
skip 9
C: STARTTLS
S: 503 5.5.1...

== TLS from the first octet
listen tls = implicit
do start tls
nothing
tls up
S: 220 mx...
C: EHLO client.example.net
skip 9

== a handshake that fails ends in silence
S: 220...
C: EHLO client.example.net
skip 10
C: STARTTLS
S: 220 2.0.0...
do start tls
tls failed
closed

== a handshake that stalls
listen tls = implicit
do start tls
wait 60s
nothing
closed

== a submission port wants a login
listen auth = required
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<alice@example.org>
S: 530 5.7.0...

== but not of a trusted client
listen auth = required
listen trusted = 192.0.2.7
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<alice@example.org>
S: 250...
