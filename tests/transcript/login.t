== logins are offered under TLS, and only there
listen auth = offered
S: 220...
C: EHLO client.example.net
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE...
S: 250-STARTTLS
S: 250-LIMITS...
skip 5
C: STARTTLS
S: 220 2.0.0...
do start tls
tls up
C: EHLO client.example.net
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE...
S: 250-AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN
S: 250-LIMITS...
skip 5

== in the clear a login is refused
listen auth = offered
S: 220...
C: EHLO client.example.net
skip 10
C: AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==
S: 538 5.7.11...

== TLS is required, and AUTH says why
listen auth = required
listen tls = required
S: 220...
C: EHLO client.example.net
skip 10
C: AUTH PLAIN
S: 538 5.7.11...
C: MAIL FROM:<alice@example.org>
S: 530 5.7.0 STARTTLS first

== where users do not log in
S: 220...
C: EHLO client.example.net
skip 10
C: AUTH PLAIN
S: 502 5.5.1...

== without TLS from loopback, where the configuration says so
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 4
S: 250-AUTH SCRAM-SHA-256 PLAIN LOGIN
skip 6
C: AUTH SCRAM-SHA-256-PLUS
S: 504 5.5.4...
C: AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==
do login PLAIN with \x00alice@example.org\x00secret
nothing
tell login ok alice@example.org
S: 235 2.7.0...
C: EHLO client.example.net
skip 4
S: 250-LIMITS...
skip 5

== and not from elsewhere
listen auth = offered
listen auth_plaintext = yes
S: 220...
C: EHLO client.example.net
skip 10
C: AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==
S: 538 5.7.11...

== a login with challenges
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH LOGIN
do login LOGIN
tell challenge Username:
S: 334 VXNlcm5hbWU6
C: YWxpY2VAZXhhbXBsZS5vcmc=
do step alice@example.org
tell challenge Password:
S: 334 UGFzc3dvcmQ6
C: c2VjcmV0
do step secret
tell login ok alice@example.org
S: 235 2.7.0...

== an empty initial response, and an empty answer
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN =
do login PLAIN with...
tell login bad
S: 535 5.7.8...
C: AUTH PLAIN
do login PLAIN
tell challenge
S: 334...
C: 
do step...
tell login bad
S: 535 5.7.8...

== a cancelled login leaves nothing behind
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN
do login PLAIN
tell challenge
S: 334...
C: *
S: 501 5.7.0...
do drop login
C: AUTH LOGIN
do login LOGIN
tell challenge Username:
S: 334...
C: !!!!
S: 501 5.5.2...
do drop login
C: AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==
do login PLAIN with \x00alice@example.org\x00secret
tell login ok alice@example.org
S: 235...

== what is no AUTH
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: AUTH PLAIN
S: 503 5.5.1...
C: EHLO client.example.net
skip 11
C: AUTH
S: 501 5.5.4...
C: AUTH PLAIN one two
S: 501 5.5.4...
C: AUTH CRAM-MD5
S: 504 5.5.4...
C: AUTH PLAIN ==
wait 1s
S: 501 5.5.2...
C: AUTH PLAIN AGFs
do login PLAIN with \x00al
tell login mechanism
wait 1s
S: 504 5.5.4...

== an answer that is too long
whole
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH LOGIN
do login LOGIN
tell challenge Username:
S: 334...
repeat 3000 QUJD
C: QUJD
do step ABCABCABC...
tell challenge Password:
S: 334...
repeat 4000 QUJD
C: QUJD
S: 500 5.5.6...
do drop login
C: NOOP
S: 250...

== a first answer that is too long
whole
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
c: AUTH PLAIN 
repeat 3100 QUJD
C:
S: 500 5.5.6 Line too long
C: NOOP
S: 250...
c: auth PLAIN 
repeat 30000 QUJD
S: 500 5.5.6 Line too long, good bye
closed

== one login a session, and none within a transaction
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==
do login PLAIN with \x00alice@example.org\x00secret
tell login ok alice@example.org
S: 235...
C: AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==
S: 503 5.5.1...
C: MAIL FROM:<alice@example.org>
S: 250...
C: AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==
S: 503 5.5.1...

== who is disabled, and when nobody can tell
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==
do login PLAIN with \x00alice@example.org\x00secret
tell login disabled alice@example.org
S: 535 5.7.13...
C: AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==
do login PLAIN with \x00alice@example.org\x00secret
tell login busy alice@example.org
S: 454 4.7.0...
C: AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==
do login PLAIN with \x00alice@example.org\x00secret
auth gone
S: 454 4.7.0...
C: AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==
S: 454 4.7.0...
auth back
C: AUTH PLAIN
do login PLAIN
tell challenge
S: 334...
auth gone
nothing
C: AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==
S: 454 4.7.0...

== auth does not answer
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==
do login PLAIN with \x00alice@example.org\x00secret
wait 89s
nothing
wait 1s
do drop login
S: 454 4.7.0...

== the client leaves in the midst of it
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN
do login PLAIN
tell challenge
S: 334...
peer leaves
do drop login
closed

== failures of an address are counted, successes are not
listen auth = offered
listen auth_plaintext = yes
listen limit logins.address = 2/min
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login bad a
S: 535...
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login bad a
S: 535...
C: AUTH PLAIN AGE=
S: 454 4.7.0 Too many...
wait 30s
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login ok a
S: 235...

== failures at a login, wherever from
listen auth = offered
listen auth_plaintext = yes
listen limit logins.user = 1/min
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login bad a
S: 535...
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login ok A
S: 454 4.7.0 Too many...
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login ok b
S: 235...

== errors slow down, then it is over
listen auth = offered
listen auth_plaintext = yes
listen max_errors = 3
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login bad a
nothing
wait 1s
S: 535...
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login bad a
wait 4s
nothing
wait 1s
S: 535...
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login bad a
S: 535...
S: 421 4.7.0...
closed

== what was learned in the clear is forgotten under TLS
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login ok a
S: 235...
C: STARTTLS
S: 220...
do start tls
tls up
C: EHLO client.example.net
skip 3
S: 250-AUTH SCRAM-SHA-256-PLUS...
skip 6

== events tell of logins
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
show events
S: 220...
do event smtp.connected
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login bad a
do event smtp.auth_failed
S: 535...
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login ok a
do event smtp.authenticated
S: 235...

== who forgot his login by STARTTLS has no limits of that user
listen auth = offered
listen auth_plaintext = yes
listen limit mail.user = 1/h
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login ok alice@example.org
S: 235...
C: STARTTLS
S: 220 2.0.0...
do start tls
tls up
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RSET
C: MAIL FROM:<a@example.net>
S: 250...
S: 250...
S: 250...
