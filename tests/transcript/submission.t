== who did not log in sends nothing
listen auth = required
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: MAIL FROM:<alice@example.org>
S: 530 5.7.0...

== who logged in sends to everybody
listen auth = required
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login ok alice@example.org
S: 235...
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<somebody@example.com>
C: RCPT TO:<nobody@example.org>
C: DATA
C: From: Alice <Alice@example.org>
C: Bcc: one@example.com,
C:  two@example.com
C: Subject: a
C: 
C: text
C: .
S: 250 2.1.0...
S: 250 2.1.5...
S: 550 5.1.1...
S: 354...
S: 250 2.0.0...
body From: Alice <Alice@example.org>\r\nSubject: a\r\n\r\ntext\r\n
prefix has with ESMTPA id
prefix has Date:
prefix has Message-ID: <

== what is there is not added
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login ok alice@example.org
S: 235...
C: MAIL FROM:<alice@example.org> AUTH=<>
C: RCPT TO:<alice@example.org>
C: DATA
C: Date: Sat, 21 Nov 2026 09:00:00 +0000
C: Message-ID: <a@b>
C: Authentication-Results: mx.example.org; auth=pass
C: Authentication-Results: other.example.net; auth=pass
C: 
C: .
skip 3
S: 250 2.0.0...
body Date: Sat, 21 Nov 2026 09:00:00 +0000\r\nMessage-ID: <a@b>\r\nAuthentication-Results: other.example.net; auth=pass\r\n\r\n

== an address of somebody else is refused at MAIL
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
tell login ok alice@example.org
do event smtp.authenticated
S: 235...
C: MAIL FROM:<bob@example.org>
S: 553 5.7.1...
do event message.refused
C: RCPT TO:<bob@example.org>
S: 503...
C: MAIL FROM:<alice@example.org>
S: 250...

== an author who is somebody else is refused at the end
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login ok alice@example.org
S: 235...
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<alice@example.org>
C: DATA
C: From: alice@example.org, "alice@example.org" <bob@example.org>
C: 
C: .
skip 3
S: 553 5.7.1...
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<alice@example.org>
C: DATA
C: From: alice
C: 
C: .
skip 3
S: 553 5.7.1...
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<alice@example.org>
C: DATA
C: From: alice@example.org
C: From: bob@example.org
C: 
C: .
skip 3
S: 553 5.7.1...
C: MAIL FROM:<>
C: RCPT TO:<alice@example.org>
C: DATA
C: From: bob@example.org
C: 
C: .
skip 3
S: 553 5.7.1...

== an author behind more blanks than a value keeps is still somebody else
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login ok alice@example.org
S: 235...
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<alice@example.org>
C: DATA
c: From: alice@example.org
repeat 1000 \x20
C: , bob@example.org
C: 
C: .
skip 3
S: 553 5.7.1...
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<alice@example.org>
C: DATA
C: From: alice@example.org
repeat 40 \x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\r\n
C:  , bob@example.org
C: 
C: .
skip 3
S: 553 5.7.1...

== each author is asked about, the sender once
user by hand
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login ok alice@example.org
S: 235...
C: MAIL FROM:<alice@example.org>
ask sender alice@example.org
nothing
tell sender own
S: 250...
C: RCPT TO:<alice@example.org>
ask user alice@example.org
tell user ok
S: 250...
C: DATA
C: From: alice@example.org, team@example.org, boss@example.org
C: 
C: .
S: 354...
ask sender team@example.org
tell sender own
ask sender boss@example.org
nothing
tell sender own
S: 250 2.0.0...

== senders = any asks only whether the login counts
user by hand
listen auth = offered
listen auth_plaintext = yes
listen senders = any
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login ok alice@example.org
S: 235...
C: MAIL FROM:<bob@example.org>
ask sender 
tell sender own
S: 250...
C: RCPT TO:<alice@example.org>
ask user alice@example.org
tell user ok
S: 250...
C: DATA
C: From: whoever
C: 
C: .
S: 354...
S: 250 2.0.0...

== a login that counts no more
user by hand
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login ok alice@example.org
S: 235...
C: MAIL FROM:<alice@example.org>
ask sender alice@example.org
tell sender gone
S: 421 4.7.0...
closed

== when auth can't tell, or does not
user by hand
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login ok alice@example.org
S: 235...
C: MAIL FROM:<alice@example.org>
ask sender alice@example.org
tell sender temporary
S: 451 4.3.0...
C: MAIL FROM:<alice@example.org>
ask sender alice@example.org
wait 30s
do drop user
S: 451 4.3.0...
C: MAIL FROM:<alice@example.org>
ask sender alice@example.org
auth gone
S: 451 4.3.0...
C: MAIL FROM:<alice@example.org>
S: 451 4.3.0...
auth back
C: MAIL FROM:<alice@example.org>
ask sender alice@example.org
peer breaks
do drop user
closed

== spool leaves while an author is asked about
user by hand
spool by hand
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login ok alice@example.org
S: 235...
C: MAIL FROM:<alice@example.org>
ask sender alice@example.org
tell sender own
S: 250...
C: RCPT TO:<alice@example.org>
ask user alice@example.org
tell user ok
S: 250...
C: DATA
C: From: team@example.org
C: 
C: text
C: .
S: 354...
ask sender team@example.org
spill
do begin alice@example.org
do rcpt alice@example.org
spool gone
nothing
tell sender own
S: 451 4.3.0...
idle costs nothing

== a user's messages and recipients are counted
listen auth = offered
listen auth_plaintext = yes
listen limit mail.user = 2/h
listen limit recipients.user = 3/h
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login ok alice@example.org
S: 235...
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<a@example.com>
C: RCPT TO:<b@example.com>
C: RCPT TO:<c@example.com>
C: RCPT TO:<d@example.com>
C: RSET
C: MAIL FROM:<alice@example.org>
C: RSET
C: MAIL FROM:<alice@example.org>
S: 250...
S: 250...
S: 250...
S: 250...
S: 451 4.7.1...
S: 250...
S: 250...
S: 250...
S: 451 4.7.1...

== an author who is somebody else, by BDAT
listen auth = offered
listen auth_plaintext = yes
client 127.0.0.1
S: 220...
C: EHLO client.example.net
skip 11
C: AUTH PLAIN AGE=
do login PLAIN with \x00a
tell login ok alice@example.org
S: 235...
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<somebody@example.com>
C: BDAT 25 LAST
c: From: bob@example.org\r\n\r\n
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<somebody@example.com>
C: BDAT 27 LAST
c: From: alice@example.org\r\n\r\n
S: 250...
S: 250...
S: 553 5.7.1...
S: 250...
S: 250...
S: 250 2.0.0...

== who is trusted is not limited, and may log in too
listen auth = offered
listen auth_plaintext = yes
listen trusted = 127.0.0.0/8
listen limit logins.address = 1/h
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
tell login ok alice@example.org
S: 235...
C: MAIL FROM:<bob@example.org>
S: 553 5.7.1...
