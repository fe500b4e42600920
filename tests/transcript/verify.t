== verify gets what was sent, and its verdict comes before spool
listen dmarc = enforce
spool by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
do check client.example.net
C: Authentication-Results: mx.example.org; spf=pass
C: From: a@example.net
C:
C: ..x
C: .
nothing
do end of check
checked as Authentication-Results: mx.example.org; spf=pass\r\nFrom: a@example.net\r\n\r\n.x\r\n
tell verdict take Authentication-Results: mx.example.org; spf=none\r\n
do begin a@example.net
do rcpt alice@example.org
do commit
prefix has Authentication-Results: mx.example.org; spf=none\r\nReceived: from client.example.net
body From: a@example.net\r\n\r\n.x\r\n
quarantine none
tell spool stored
S: 250 2.0.0 Accepted...

== a refusal is the answer to the message
listen dmarc = enforce
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: From: a@example.net
C: .
skip 3
do check client.example.net
do end of check
tell verdict 550 5.7.1 example.net asks to reject this
S: 550 5.7.1 example.net asks to reject this
C: NOOP
S: 250...

== what goes to the junk says why
listen spf = enforce
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: From: a@example.net
C: .
skip 3
do check client.example.net
do end of check
tell verdict junk dmarc says so
S: 250 2.0.0 Accepted...
quarantine dmarc says so

== a chunk more than one
listen dkim = observe
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: BDAT 6
c: From: 
S: 250...
S: 250...
do check client.example.net
S: 250 2.0.0 6 octets taken
C: BDAT 3 LAST
c: b\r\n
nothing
do end of check
checked as From: b\r\n
tell verdict take
S: 250 2.0.0 Accepted...

== who logged in or is trusted is not checked, nor where checks are off
listen dmarc = enforce
listen trusted = 192.0.2.7
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: From: a@example.net
C: .
skip 3
S: 250 2.0.0 Accepted...

== a message that is refused anyway needs no verdict
listen dmarc = enforce
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: From: a@example.net
c: bare\nline\r\n
skip 3
do check client.example.net
do cancel check
C: .
S: 550 5.6.0...

== who leaves before the verdict is forgotten
listen dmarc = enforce
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: From: a@example.net
C: .
skip 3
do check client.example.net
do end of check
peer breaks
do cancel check
closed
idle costs nothing

== verify dies, and the next one is told all of it
listen dmarc = enforce
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: From: a@example.net
c: Subj
skip 3
do check client.example.net
verify gone
verify died over another
verify back
do check client.example.net
checked as From: a@example.net\r\nSubj
C: ect: x
C: .
do end of check
checked as From: a@example.net\r\nSubject: x\r\n
verify gone
nothing
wait 5s
verify back
do check client.example.net
do end of check
checked as From: a@example.net\r\nSubject: x\r\n
tell verdict take
S: 250 2.0.0 Accepted...

== whose message verify died over hears it at once
listen dmarc = enforce
listen max_errors = 3
show events
do event smtp.connected
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: From: a@example.net
C: .
skip 3
do check client.example.net
do end of check
verify gone
nothing
verify died over this
do event verify.died
do evidence
do event message.refused
S: 451 4.3.0 This message could not be checked

== the death may be told before it is seen
listen dmarc = enforce
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: From: a@example.net
skip 3
do check client.example.net
verify died over this
do evidence
do cancel check
verify back
C: .
S: 451 4.3.0 This message could not be checked

== who killed verify can't come back at once for more
listen dmarc = enforce
listen limit deaths.address = 1/h
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: From: a@example.net
C: .
skip 3
do check client.example.net
do end of check
verify died over this
do evidence
do cancel check
verify back
S: 451 4.3.0 This message could not be checked
wait 20s
C: MAIL FROM:<a@example.net>
S: 451 4.7.1 Too many messages from you could not be checked, try again later
C: NOOP
S: 250...

== who kills verify again and again is sent away
listen dmarc = enforce
listen max_errors = 2
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: From: a@example.net
C: .
skip 3
do check client.example.net
do end of check
verify died over this
do evidence
do cancel check
S: 451 4.3.0...
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: From: a@example.net
C: .
skip 3
do check client.example.net
do end of check
verify died over this
do evidence
do cancel check
S: 451 4.3.0 This message could not be checked
S: 421 4.7.0 Too many errors...
closed

== without verify nothing is taken
listen dmarc = enforce
S: 220...
C: EHLO client.example.net
skip 10
verify gone
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: From: a@example.net
C: .
skip 3
nothing
wait 10s
S: 451 4.3.0 Mail can't be checked now...

== a verdict that never comes
listen dmarc = enforce
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
C: From: a@example.net
C: .
skip 3
do check client.example.net
do end of check
wait 3min
do verify is stuck
do cancel check
S: 451 4.3.0 Mail can't be checked now...

== a verify that takes no more of a body
listen dmarc = enforce
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
do check client.example.net
C: From: a@example.net
C:
repeat 10000 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n
C: .
tell window 300000
nothing
wait 2min
do verify is stuck
do cancel check
do abort
S: 451 4.3.0 Mail can't be checked now...

== a large message is read no faster than verify takes it
whole
listen dmarc = enforce
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
do check client.example.net
C: From: a@example.net
C:
repeat 10000 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n
C: .
nothing
checked octets 262144
tell window 300000
tell check-window 262144
do end of check
checked octets 420023
tell verdict take
S: 250 2.0.0 Accepted...
size 420023

== what is kept as evidence counts as memory of bodies
whole
evidence is wanted
listen dmarc = enforce
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
do check client.example.net
C: From: a@example.net
C:
repeat 1000 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n
costs 126976
verify died over this
do evidence
do cancel check
costs 65536
C: .
S: 451...
idle costs nothing

== verify dies when a large message has begun to leave
whole
listen dmarc = enforce
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
do check client.example.net
C: From: a@example.net
C:
repeat 3000 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n
nothing
verify gone
nothing
verify back
do abort
C: .
S: 451 4.3.0 Mail can't be checked now...

== verify dies over a large message
whole
listen dmarc = enforce
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
do check client.example.net
C: From: a@example.net
C:
repeat 3000 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n
C: .
nothing
do end of check
verify gone
verify died over this
do evidence
do abort
S: 451 4.3.0 This message could not be checked

== a verify that has too much to do says so at once
listen dmarc = enforce
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
do check client.example.net
tell verdict 451 4.3.2 Too much to do
C: From: a@example.net
C: .
checked octets 0
S: 451 4.3.2 Too much to do
C: NOOP
S: 250...

== who leaves before the answer to his RCPT, his DATA already said
listen dmarc = enforce
user by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
S: 250...
ask user alice@example.org
peer leaves
tell user ok
S: 250...
S: 354...
do check client.example.net
do cancel check
closed

== who leaves in the midst of his message while verify is away is not waited for
listen dmarc = enforce
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
do check client.example.net
C: From: a@example.net
verify gone
peer leaves
closed
