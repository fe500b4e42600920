== SIZE beyond the limit
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net> SIZE=99999999999999
S: 552 5.3.4...
C: MAIL FROM:<a@example.net> SIZE=4294967297
S: 552 5.3.4...

== SIZE that is no number
listen max_errors = 100
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net> SIZE=-1
S: 501 5.5.4...
C: MAIL FROM:<a@example.net> SIZE=12abc
S: 501 5.5.4...
C: MAIL FROM:<a@example.net> SIZE=
S: 501 5.5.4...
C: MAIL FROM:<a@example.net> SIZE=1 SIZE=1
S: 501 5.5.4...

== SIZE of 2^64+1
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net> SIZE=18446744073709551617
skip 1
C: RCPT TO:<alice@example.org>
S: 503...

== BODY and unknown parameters
listen max_errors = 100
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net> BODY=FOO
S: 501 5.5.4...
C: MAIL FROM:<a@example.net> XUNKNOWN=1
S: 555 5.5.4...
C: MAIL FROM:<a@example.net> BODY=BINARYMIME
S: 501 5.5.4...
C: MAIL FROM:<a@example.net> BODY=8BITMIME
S: 250 2.1.0...

== RET and ENVID
listen max_errors = 100
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net> RET=BOGUS
S: 501 5.5.4...
C: MAIL FROM:<a@example.net> ENVID=+ZZ
S: 501 5.5.4...
C: MAIL FROM:<a@example.net> ENVID=a+0D+0ABcc:x
S: 501 5.5.4...
C: MAIL FROM:<a@example.net> RET=HDRS ENVID=abc+2Bd
S: 250 2.1.0...

== NOTIFY and ORCPT
listen max_errors = 100
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
S: 250...
C: RCPT TO:<alice@example.org> NOTIFY=NEVER,SUCCESS
S: 501 5.5.4...
C: RCPT TO:<alice@example.org> NOTIFY=BOGUS
S: 501 5.5.4...
C: RCPT TO:<alice@example.org> ORCPT=x
S: 501 5.5.4...
C: RCPT TO:<alice@example.org> ORCPT=rfc822;a+0D+0Ab
S: 501 5.5.4...
C: RCPT TO:<alice@example.org> NOTIFY=SUCCESS NOTIFY=SUCCESS
S: 501 5.5.4...
C: RCPT TO:<alice@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;alice@example.org
S: 250 2.1.5...

== UTF-8 wants SMTPUTF8
listen max_errors = 100
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<\xc3\xa4@example.net>
S: 553 5.6.7...
C: MAIL FROM:<\xc3\xa4@example.net> SMTPUTF8
S: 250 2.1.0...

== BODY=8BITMIME is a claim: the bytes say it
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net> BODY=8BITMIME
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
C: Subject: x
C: 
C: plain
C: .
S: 250 2.0.0...
flags none
C: MAIL FROM:<a@example.net> RET=FULL
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
C: Subject: x
C: 
C: \xfc
C: .
S: 250 2.0.0...
flags 8bit ret-full

== 8-bit bytes at the end of a large body are known
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
repeat 4000 a line of a body that is larger than all that is gathered\r\n
C: \xc3\xbc
C: .
tell window 262144
S: 250 2.0.0...
flags 8bit

== a raw 8-bit header without SMTPUTF8 goes on as it came
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net>
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
C: Subject: gr\xfc\xdfe
C: 
C: x
C: .
S: 250 2.0.0...
flags 8bit
body Subject: gr\xfc\xdfe\r\n\r\nx\r\n

== SMTPUTF8 counts where sender, header or our own fields need it
S: 220...
C: EHLO client.example.net
skip 10
C: MAIL FROM:<a@example.net> SMTPUTF8
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
C: Subject: x
C: 
C: \xc3\xbc
C: .
S: 250 2.0.0...
flags 8bit
prefix has with UTF8SMTP
C: MAIL FROM:<a@example.net> SMTPUTF8 BODY=8BITMIME
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
C: Subject: gr\xc3\xbc\xc3\x9fe
C: 
C: x
C: .
S: 250 2.0.0...
flags smtputf8 8bit
C: MAIL FROM:<\xc3\xbc@example.net> SMTPUTF8
C: RCPT TO:<alice@example.org>
C: DATA
skip 3
C: Subject: x
C: 
C: x
C: .
S: 250 2.0.0...
flags smtputf8
