== one chunk
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
skip 2
C: BDAT 12 LAST
c: Subject: x\r\n
S: 250 2.0.0 Accepted...
body Subject: x\r\n

== chunks, and a dot is a dot
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: BDAT 14
c: Subject: x\r\n\r\n
skip 2
S: 250 2.0.0 14 octets taken
C: BDAT 11 LAST
c: \r\n.\r\nQUIT\r\n
S: 250 2.0.0 Accepted...
body Subject: x\r\n\r\n\r\n.\r\nQUIT\r\n
open

== the last line gets its end
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
skip 2
C: BDAT 4 LAST
c: a: b
S: 250 2.0.0 Accepted...
body a: b\r\n

== nothing, nothing, nothing
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
skip 2
C: BDAT 0
C: BDAT 0
C: BDAT 0 LAST
S: 250 2.0.0 0 octets taken
S: 250 2.0.0 0 octets taken
S: 250 2.0.0 Accepted...

== without a recipient the chunk is swallowed
S: 220...
C: EHLO client.example.net
skip 10
C: BDAT 12 LAST
C: QUIT
C: QUIT
C: NOOP
S: 503 5.5.1...
S: 250 2.0.0...
C: MAIL FROM:<a@example.net>
C: BDAT 6
C: QUIT
C: NOOP
S: 250 2.1.0...
S: 554 5.5.1...
S: 250 2.0.0...

== lengths that are none end the session
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
skip 2
C: BDAT -1
C: NOOP
S: 501...
closed

== a length of 10^20
S: 220...
C: EHLO client.example.net
skip 10
C: BDAT 100000000000000000000
S: 501...
closed

== a length of 0x10
S: 220...
C: EHLO client.example.net
skip 10
C: BDAT 0x10 LAST
S: 501...
closed

== one word too many
S: 220...
C: EHLO client.example.net
skip 10
C: BDAT 10 LAST NOW
S: 501...
closed

== RSET between chunks
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
skip 2
C: BDAT 10
c: 0123456789
C: RSET
C: RCPT TO:<alice@example.org>
S: 250 2.0.0 10 octets taken
S: 250 2.0.0 Reset
S: 503 5.5.1...
idle costs nothing

== junk between chunks
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
skip 2
C: BDAT 4
c: a: b
repeat 300 x
C:
C: BDAT 2 LAST
c: cd
S: 250 2.0.0 4 octets taken
S: 500...
S: 250 2.0.0 Accepted...
body a: bcd\r\n

== DATA after BDAT, RCPT after BDAT
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
skip 2
C: BDAT 4
c: a: b
C: DATA
C: RCPT TO:<bob@example.org>
S: 250...
S: 503 5.5.1...
S: 503 5.5.1...

== seven hundred chunks of one octet
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
skip 2
repeat 200 BDAT 1\r\na
skip 200
C: BDAT 0 LAST
S: 250 2.0.0 Accepted...
size 202

== chunks too big in all: swallowed, refused, and the session goes on
listen max_size = 1024
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
skip 2
C: BDAT 1500
repeat 150 01234567\r\n
C: NOOP
S: 552 5.3.4...
S: 250 2.0.0...
C: BDAT 3 LAST
c: a\r\n
S: 503 5.5.1...
idle costs nothing

== a bare LF in a chunk
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
skip 2
C: BDAT 8 LAST
c: a: b\nc\r\n
S: 550 5.6.0...
C: NOOP
S: 250...

== CR and LF in two chunks are one end
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
skip 2
C: BDAT 5
c: a: b\r
C: BDAT 1 LAST
c: \n
S: 250 2.0.0 5...
S: 250 2.0.0 Accepted...
body a: b\r\n

== a chunk cut by the end of the connection
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
skip 2
C: BDAT 100 LAST
c: a: b\r\n
peer leaves
closed
idle costs nothing

== a chunk that does not come
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
skip 2
C: BDAT 100 LAST
wait 3min
S: 421 4.4.2...
closed
