== the server of a domain is asked
user by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
S: 250...
C: RCPT TO:<one@example.org>
ask user one@example.org
tell user ask next
ask server of next
ask recipient one@example.org
nothing
tell recipient ok
S: 250 2.1.5...
C: RCPT TO:<two@example.org>
ask user two@example.org
tell user ask next
ask server of next
ask recipient two@example.org
tell recipient unknown 5.1.1 <two@example.org>: User unknown
S: 550 5.1.1 The server of this domain says: <two@example.org>: User unknown
C: RCPT TO:<three@example.org>
ask user three@example.org
tell user ask next
ask server of next
ask recipient three@example.org
tell recipient temporary
S: 451 4.4.1...

== its words are a stranger's
user by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
S: 250...
C: RCPT TO:<one@example.org>
ask user one@example.org
tell user ask next
ask server of next
ask recipient one@example.org
tell recipient unknown 2.0.0 gr\xc3\xbc\xc3\x9fe\r\n250 OK
S: 550 5.1.1 The server of this domain says: gr????e??250 OK
C: RCPT TO:<two@example.org>
ask user two@example.org
tell user ask next
ask server of next
ask recipient two@example.org
tell recipient unknown
S: 550 5.1.1 The server of this domain does not take mail to this address

== who must not wait for it is taken
user by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
S: 250...
C: RCPT TO:<one@example.org>
ask user one@example.org
tell user ask-or-take next
ask server of next
ask recipient one@example.org
tell recipient temporary
S: 250 2.1.5...
C: RCPT TO:<two@example.org>
ask user two@example.org
tell user ask-or-take next
ask server of next
ask recipient two@example.org
tell recipient unknown 5.1.1 No
S: 550 5.1.1...
C: RCPT TO:<three@example.org>
ask user three@example.org
tell user ask-or-take next
ask server of next
ask recipient three@example.org
wait 10s
do drop recipient
S: 250 2.1.5...
tell recipient unknown
nothing

== a server that does not answer
user by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
S: 250...
C: RCPT TO:<one@example.org>
C: NOOP
ask user one@example.org
tell user ask next
ask server of next
ask recipient one@example.org
wait 9s
nothing
wait 1s
do drop recipient
S: 451 4.4.1...
S: 250...
tell recipient ok
C: DATA
S: 554 5.5.1...

== who was asked dies: another one is asked
user by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
S: 250...
C: RCPT TO:<one@example.org>
ask user one@example.org
tell user ask next
ask server of next
ask recipient one@example.org
relay lost
ask server of next
ask recipient one@example.org
relays gone
S: 451 4.4.1...
C: RCPT TO:<two@example.org>
ask user two@example.org
tell user ask next
S: 451 4.4.1...
C: RCPT TO:<three@example.org>
ask user three@example.org
tell user ask-or-take next
S: 250 2.1.5...

== a client that breaks off while its server is asked
user by hand
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
S: 250...
C: RCPT TO:<one@example.org>
ask user one@example.org
tell user ask next
ask server of next
ask recipient one@example.org
peer breaks
do drop recipient
closed
