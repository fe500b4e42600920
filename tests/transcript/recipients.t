== what auth may answer
user by hand
listen max_errors = 100
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
S: 250...
C: RCPT TO:<one@example.org>
ask user one@example.org
nothing
tell user ok
S: 250 2.1.5...
C: RCPT TO:<two@example.org>
ask user two@example.org
tell user unknown
S: 550 5.1.1...
C: RCPT TO:<three@elsewhere.example>
ask user three@elsewhere.example
tell user foreign
S: 550 5.7.1...
C: RCPT TO:<four@example.org>
ask user four@example.org
tell user loop
S: 550 5.4.6...
C: RCPT TO:<five@example.org>
ask user five@example.org
tell user temporary
S: 451 4.3.0...
C: RCPT TO:<six@example.org>
ask user six@example.org
tell user disabled
S: 550 5.2.1...

== an address that takes bounces takes nothing else, and says so when it sees what came
user by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<>
S: 250...
C: RCPT TO:<SRS0=x=y=elsewhere.example=a@example.org>
ask user SRS0=x=y=elsewhere.example=a@example.org
tell user bounces
S: 250 2.1.5...
C: RCPT TO:<SRS0=z=y=elsewhere.example=a@example.org>
ask user SRS0=z=y=elsewhere.example=a@example.org
tell user forged
S: 550 5.1.1 This address was not made here...
C: RCPT TO:<SRS0=x=z=elsewhere.example=a@example.org>
ask user SRS0=x=z=elsewhere.example=a@example.org
tell user expired
S: 550 5.1.1 This address took bounces...
C: DATA
S: 354...
C: Subject: bounce
C:
C: .
S: 250 2.0.0...
C: MAIL FROM:<eve@example.net>
S: 250...
C: RCPT TO:<SRS0=x=y=elsewhere.example=a@example.org>
ask user SRS0=x=y=elsewhere.example=a@example.org
tell user bounces
S: 250 2.1.5...
C: DATA
S: 354...
C: Subject: spam
C:
C: .
S: 550 5.7.1 A recipient takes bounces alone...
C: MAIL FROM:<eve@example.net>
S: 250...
C: RCPT TO:<SRS0=x=y=elsewhere.example=a@example.org>
ask user SRS0=x=y=elsewhere.example=a@example.org
tell user bounces
S: 250 2.1.5...
C: RSET
S: 250...
C: MAIL FROM:<eve@example.net>
S: 250...

== what comes back to whom it was delivered to is in a loop
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
S: 250...
C: RCPT TO:<alice@example.org>
S: 250...
C: RCPT TO:<bob@example.org>
S: 250...
C: DATA
S: 354...
C: Delivered-To: carl@example.net
C: delivered-to:
C:  Bob@Example.ORG
C:
C: .
S: 554 5.4.6 Mail loop...
C: MAIL FROM:<a@example.net>
S: 250...
C: RCPT TO:<alice@example.org>
S: 250...
C: DATA
S: 354...
C: Delivered-To: bob@example.org
C:
C: Delivered-To: alice@example.org
C: .
S: 250...

== an answer that comes too late changes nothing
user by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
S: 250...
C: RCPT TO:<alice@example.org>
ask user alice@example.org
wait 30s
S: 451 4.3.0...
do drop user
tell user ok
nothing
C: DATA
S: 554 5.5.1...

== commands pipelined behind a question wait for it
user by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: RCPT TO:<bob@example.org>
C: NOOP
S: 250...
ask user alice@example.org
nothing
tell user unknown
S: 550 5.1.1...
ask user bob@example.org
nothing
tell user ok
S: 250 2.1.5...
S: 250 2.0.0...

== without auth nobody can be told
S: 220...
C: EHLO client.example.net
skip 10
auth gone
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
S: 250...
S: 451 4.3.0...
auth back
C: RCPT TO:<alice@example.org>
S: 250 2.1.5...

== auth dies over a question
user by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
S: 250...
ask user alice@example.org
auth gone
S: 451 4.3.0...

== postmaster needs no domain
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<postmaster>
C: RCPT TO:<PostMaster>
S: 250 2.1.0...
S: 250 2.1.5...
S: 250 2.1.5...

== nobody relays here
listen max_errors = 100
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<alice@example.org>
S: 250...
C: RCPT TO:<victim@foreign.example>
S: 550 5.7.1...
C: RCPT TO:<victim%foreign.example@example.org>
S: 550 5.1.1...
C: RCPT TO:<@example.org:victim@foreign.example>
S: 550 5.7.1...
C: RCPT TO:<victim@[203.0.113.1]>
S: 550 5.7.1...
C: RCPT TO:<"victim@foreign.example"@example.org>
S: 550 5.1.1...
C: RCPT TO:<alice@example.org>
S: 250 2.1.5...
C: RCPT TO:<victim@foreign.example>
S: 550 5.7.1...

== a trusted client relays
listen trusted = 192.0.2.0/24
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<victim@foreign.example>
S: 250...
S: 250 2.1.5...

== paths that are none
listen max_errors = 100
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
S: 250...
C: RCPT TO:<alice@example.org
S: 501 5.1.3...
C: RCPT TO:<<alice@example.org>>
S: 501 5.1.3...
C: RCPT TO:<>
S: 501 5.1.3...
C: RCPT TO:<@example.org>
S: 501 5.1.3...
C: RCPT TO:<alice@>
S: 501 5.1.3...
C: RCPT TO:alice@example.org
S: 501 5.1.3...
C: RCPT TO:<a@b@example.org>
S: 501 5.1.3...
C: RCPT TO:<../../etc/passwd@example.org>
skip 1

== unknown recipients count as errors
listen max_errors = 6
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
S: 250...
repeat 8 RCPT TO:<nobody@example.org>\r\n
wait 60s
skip 6
S: 421 4.7.0...
closed

== a refused recipient is an event
show events
S: 220...
do event smtp.connected
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<nobody@example.org>
skip 2
do event recipient.refused

== an alias that is too large is refused for good
user by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
S: 250...
C: RCPT TO:<all@example.org>
ask user all@example.org
nothing
tell user too-large
S: 550 5.2.4...
