== a user of this machine sends to the world, and Received says who he is
client uid:1000
S: 220...
C: EHLO localhost
skip 10
C: MAIL FROM:<www@example.net>
S: 250...
C: RCPT TO:<someone@elsewhere.example>
S: 250...
C: RCPT TO:<nobody@example.org>
S: 550 5.1.1...
C: DATA
S: 354...
C: Subject: x
C: Bcc: y
C:
C: z
C: .
S: 250 2.0.0 Accepted...
prefix has Received: from localhost (by uid 1000)\r\n
prefix has Date:
body Subject: x\r\n\r\nz\r\n
flags submitted

== he may say all at once, and need not wait for the greeting
client uid:1000
early
C: EHLO localhost
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: BDAT 3 LAST
c: x\r\n
C: QUIT
skip 12
S: 250 2.1.5...
S: 250 2.0.0 Accepted...
S: 221...
closed

== a file is taken once it is known that it was not before
client uid:1000
file
spool by hand
do have
tell have no
C: EHLO localhost
C: MAIL FROM:<a@example.net>
C: RCPT TO:<nobody@example.org>
C: RCPT TO:<someone@elsewhere.example>
C: BDAT 14 LAST
c: Subject: x\r\n\r\n
do begin a@example.net
do rcpt nobody@example.org
do rcpt someone@elsewhere.example
do commit
tell spool stored
skip 15
peer leaves
closed
result taken

== a file that was taken before is not taken again
client uid:1000
file
spool by hand
do have
tell have yes
closed
result taken

== a file whose spool goes away is tried later, though all of it was read
client uid:1000
file
spool by hand
do have
C: EHLO localhost
peer leaves
spool gone
closed
result later

== a file waits for the queue as long as that takes: what was withdrawn could meet who takes up the file again
client uid:1000
file
spool by hand
do have
tell have no
C: EHLO localhost
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: BDAT 14 LAST
c: Subject: x\r\n\r\n
do begin a@example.net
do rcpt alice@example.org
do commit
skip 13
wait 60min
nothing
spool gone
wait 60min
spool back
do have
wait 60min
tell have yes
S: 250 2.0.0 Accepted...
peer leaves
closed
result taken

== the first refusal of a file is its last
client uid:1000
file
spool by hand
do have
tell have no
C: EHLO localhost
C: MAIL FROM:<a@example.net>
C: RCPT TO:<a b@example.org>
C: RCPT TO:<alice@example.org>
C: BDAT 14 LAST
c: Subject: x\r\n\r\n
skip 13
nothing
closed
result bad That is not the address of a recipient

== a file that is put off is tried later
client uid:1000
file
spool by hand
do have
tell have no
C: EHLO localhost
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: BDAT 14 LAST
c: Subject: x\r\n\r\n
do begin a@example.net
do rcpt alice@example.org
do commit
tell spool full
skip 14
closed
result later The queue is full, try again later

== a file that ends too early is none
client uid:1000
file
spool by hand
do have
tell have no
C: EHLO localhost
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: BDAT 14 LAST
c: Subject:
skip 13
peer leaves
closed
result bad It ends before its message does

== a file holds one message
client uid:1000
file
spool by hand
do have
tell have no
C: EHLO localhost
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: BDAT 2 LAST
c: \r\n
do begin a@example.net
do rcpt alice@example.org
do commit
tell spool stored
C: MAIL FROM:<a@example.net>
skip 15
closed
result taken

== a file may be larger than a message, for nobody hears that it is too large
client uid:1000
file
listen max_size = 1024
spool by hand
do have
tell have no
C: EHLO localhost
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: BDAT 3002 LAST
c: \r\n
repeat 30 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n
do begin a@example.net
do rcpt alice@example.org
do commit
tell spool stored
size 3002
skip 14
peer leaves
result taken
