/* Dialogues of the client with every kind of SMTP server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "tests/unit/client_play.h"

#define HOST "mx.b.example[192.0.2.1]:25"
#define COMMON .host = HOST, .helo = "mx.example.test", .max_mails = 3

static const struct client_options
	plain = { COMMON },
	opportunistic = { COMMON, .tls = CLIENT_TLS_OPPORTUNISTIC },
	required = { COMMON, .tls = CLIENT_TLS_REQUIRED },
	forced = { COMMON, .force_8bit = true },
	login = { COMMON, .tls = CLIENT_TLS_REQUIRED, .user = { "anna", 4 }, .password = { "secret", 6 } },
	first = { COMMON, .tls = CLIENT_TLS_REQUIRED, .tls_first = true },
	login_in_the_clear = { COMMON, .tls = CLIENT_TLS_OPPORTUNISTIC, .user = { "anna", 4 }, .password = { "secret", 6 } };

#define GREETED "E: connect\n> connected\nS: 220 mx.b.example ESMTP\n"
#define BEGIN   GREETED "C: EHLO mx.example.test\n"
#define FULL    BEGIN "S: 250-mx.b.example\nS: 250-PIPELINING\nS: 250-SIZE 1000\nS: 250 8BITMIME\n"
#define MAIL    "C: MAIL FROM:<s@a.example> SIZE=20\n"
#define ONE     "> job one\n" FULL MAIL "C: RCPT TO:<u+x@b.example>\nC: DATA\n"
#define THREE   "> job three\n" FULL MAIL "C: RCPT TO:<u@b.example>\nC: RCPT TO:<v@b.example>\nC: RCPT TO:<w@b.example>\nC: DATA\n"
#define SENT    "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> end x~\nC: x\nC: .\n"
#define NULL_MAIL "C: MAIL FROM:<> SIZE=20\nC: RCPT TO:<u@b.example>\nC: DATA\n"
#define TLS_OFFERED BEGIN "S: 250-mx.b.example\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nE: tls\n"

/* ---- a mail ----------------------------------------------------------------------- */

static void t_one_reply_is_for_all(void **state)
{
	(void)state;
	play_all(&plain, ONE SENT "S: 250 2.0.0 queued\nO: 0 relayed message 250 2.0.0 queued @" HOST "\n> wait 5000\nC: QUIT\nE: close\n", 4);
	play_all(&plain, THREE "S: 250 ok\nS: 250 ok\nS: 550 5.1.1 nobody\nS: 450 4.2.0 greylisted\nS: 354 go\n"
	    "O: 1 failed recipient 550 5.1.1 nobody @" HOST "\nO: 2 deferred recipient 450 4.2.0 greylisted @" HOST "\nE: want\n> end x~\nC: x\nC: .\n"
	    "S: 250 ok\nO: 0 relayed message 250 2.0.0 ok @" HOST "\n> job null\n" NULL_MAIL, 0);
	play_all(&plain, THREE "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> end x~\nC: x\nC: .\nS: 554 5.7.1 spam\n"
	    "O: 0 failed message 554 5.7.1 spam @" HOST "\nO: 1 failed message 554 5.7.1 spam @" HOST "\nO: 2 failed message 554 5.7.1 spam @" HOST "\n"
	    "> job null\n" NULL_MAIL, 0);
	play_all(&plain, ONE SENT "S: 451 4.3.0 later\nO: 0 deferred message 451 4.3.0 later @" HOST "\n", 0);
}

static void t_too_many_at_once_come_again_at_once(void **state)
{
	(void)state;
	play_all(&plain, THREE "S: 250 ok\nS: 250 ok\nS: 452 4.5.3 too many\nS: 552 too many\nS: 354 go\n"
	    "O: 1 deferred batch 452 4.5.3 too many @" HOST "\nO: 2 deferred batch 552 4.0.0 too many @" HOST "\nE: want\n> end x~\nC: x\nC: .\n"
	    "S: 250 ok\nO: 0 relayed message 250 2.0.0 ok @" HOST "\n", 0);
	play_all(&plain, THREE "S: 250 ok\nS: 452 4.5.3 too many\nO: 0 deferred recipient 452 4.5.3 too many @" HOST "\nS: 250 ok\nS: 452 4.2.2 full\n"
	    "O: 2 deferred recipient 452 4.2.2 full @" HOST "\n", 0);
}

static void t_all_refused_is_no_message(void **state)
{
	(void)state;
	play_all(&plain, ONE "S: 250 ok\nS: 450 4.7.1 greylisted\nO: 0 deferred recipient 450 4.7.1 greylisted @" HOST "\nS: 554 5.5.1 no valid recipients\n"
	    "> job null\nC: RSET\n" NULL_MAIL, 0);
}

static void t_a_reply_counts_not_its_enhanced_code(void **state)
{
	(void)state;
	play_all(&plain, ONE "S: 250 ok\nS: 550 4.1.1 hm\nO: 0 failed recipient 550 5.0.0 4.1.1 hm @" HOST "\n", 0);
	play_all(&plain, ONE "S: 250 ok\nS: 450 5.1.1 hm\nO: 0 deferred recipient 450 4.0.0 5.1.1 hm @" HOST "\n", 0);
	play_all(&plain, ONE "S: 250 ok\nS: 550 2.1.5 ok\nO: 0 failed recipient 550 5.0.0 2.1.5 ok @" HOST "\n", 0);
	play_all(&plain, ONE SENT "S: 250 5.0.0 hm\nO: 0 relayed message 250 2.0.0 5.0.0 hm @" HOST "\n", 0);
}

static void t_who_takes_dsn_tells(void **state)
{
	(void)state;
	play_all(&plain, "> job dsn\n" BEGIN "S: 250-hi\nS: 250-DSN\nS: 250 PIPELINING\nC: MAIL FROM:<s@a.example> RET=HDRS ENVID=QQ314+20x\n"
	    "C: RCPT TO:<u@b.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;u@c.example\nC: RCPT TO:<v@b.example> NOTIFY=NEVER\nC: DATA\n"
	    "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> end x~\nC: x\nC: .\nS: 250 ok\n"
	    "O: 0 passed message 250 2.0.0 ok @" HOST "\nO: 1 passed message 250 2.0.0 ok @" HOST "\n", 0);
}

static void t_8bit_goes_as_it_is_or_not_at_all(void **state)
{
	(void)state;
	play_all(&plain, "> job 8bit\n" FULL "C: MAIL FROM:<> SIZE=20 BODY=8BITMIME\nC: RCPT TO:<u@b.example>\nC: DATA\n", 0);
	play_all(&plain, "> job 8bit\n" BEGIN "S: 250 hi\nO: 0 failed message 0 5.6.3 The message has 8-bit bytes, which " HOST " does not take @" HOST "\n", 0);
	play_all(&forced, "> job 8bit\n" BEGIN "S: 250 hi\nC: MAIL FROM:<>\n", 0);
}

/* ---- chunks ------------------------------------------------------------------------- */

#define CHUNKING BEGIN "S: 250-hi\nS: 250-PIPELINING\nS: 250 CHUNKING\n"
#define CHUNKED  "> job one\n" CHUNKING "C: MAIL FROM:<s@a.example>\nC: RCPT TO:<u+x@b.example>\n"

static void t_a_message_is_one_chunk(void **state)
{
	(void)state;
	play_all(&plain, CHUNKED "S: 250 ok\nS: 250 ok\nE: want\n> end .~..x~\nC: BDAT 20 LAST\nC: .\nC: ..x\nS: 250 ok\n"
	    "O: 0 relayed message 250 2.0.0 ok @" HOST "\n> job null\nC: MAIL FROM:<>\nC: RCPT TO:<u@b.example>\n", 4);
	play_all(&plain, CHUNKED "S: 250 ok\nS: 250 ok\nE: want\n> body x~\nC: BDAT 20 LAST\nC: x\nE: want\n> body y~\nC: y\nE: want\n> end \nS: 452 4.3.1 full\n"
	    "O: 0 deferred message 452 4.3.1 full @" HOST "\n", 0);
	play_all(&plain, "> job three\n" CHUNKING "C: MAIL FROM:<s@a.example>\nC: RCPT TO:<u@b.example>\nC: RCPT TO:<v@b.example>\nC: RCPT TO:<w@b.example>\n"
	    "S: 250 ok\nS: 550 a\nS: 250 b\nS: 550 c\nO: 0 failed recipient 550 5.0.0 a @" HOST "\nO: 2 failed recipient 550 5.0.0 c @" HOST "\nE: want\n"
	    "> end x~\nC: BDAT 20 LAST\nC: x\nS: 250 ok\nO: 1 relayed message 250 2.0.0 ok @" HOST "\n", 0);
}

static void t_no_chunk_for_nobody(void **state)
{
	(void)state;
	play_all(&plain, CHUNKED "S: 250 ok\nS: 550 5.1.1 no\nO: 0 failed recipient 550 5.1.1 no @" HOST "\n> job null\nC: RSET\nC: MAIL FROM:<>\n"
	    "C: RCPT TO:<u@b.example>\nS: 250 ok\nS: 250 ok\nS: 250 ok\nE: want\n", 0);
	play_all(&plain, CHUNKED "S: 550 5.7.1 no\nO: 0 failed message 550 5.7.1 no @" HOST "\nS: 503 5.5.1 no\n> job null\nC: MAIL FROM:<>\n"
	    "C: RCPT TO:<u@b.example>\n", 0);
}

/* ---- hello -------------------------------------------------------------------------- */

#define ASK "C: MAIL FROM:<>\nC: RCPT TO:<u@b.example>\n"

static void t_a_probe_ends_with_the_reply_to_rcpt(void **state)
{
	(void)state;
	play_all(&plain, "> job probe\n" FULL ASK "S: 250 ok\nS: 250 2.1.5 fine\nO: 0 delivered recipient 250 2.1.5 fine @" HOST "\n"
	    "> job probe\nC: RSET\n" ASK "S: 250 ok\nS: 250 ok\nS: 550 5.1.1 nobody\nO: 0 failed recipient 550 5.1.1 nobody @" HOST "\n"
	    "> job null\nC: RSET\n" NULL_MAIL "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n", 0);
	play_all(&plain, "> job probe\n" FULL ASK "S: 550 5.7.1 not you\nO: 0 failed message 550 5.7.1 not you @" HOST "\nS: 503 what\n"
	    "> wait 5000\nC: QUIT\nE: close\n", 0);
	play_all(&plain, "> job probe\n" BEGIN "S: 250-b\nS: 250 CHUNKING\nC: MAIL FROM:<>\nS: 250 ok\nC: RCPT TO:<u@b.example>\nS: 450 4.7.1 greylisted\n"
	    "O: 0 deferred recipient 450 4.7.1 greylisted @" HOST "\n> wait 5000\nC: QUIT\nE: close\n", 0);
	play_all(&plain, "> job probe\n" FULL ASK "> cancel\nO: 0 deferred message 0 4.3.0 The attempt was ended before the message was sent\nE: close\n", 0);
}

static void t_who_knows_no_ehlo_gets_helo(void **state)
{
	(void)state;
	play_all(&plain, "> job one\n" BEGIN "S: 502 5.5.2 what\nC: HELO mx.example.test\nS: 250-hi\nS: 250 PIPELINING\nC: MAIL FROM:<s@a.example>\n", 0);
	play_all(&plain, "> job one\n" BEGIN "S: 550 no\nC: HELO mx.example.test\nS: 550 5.7.1 not you\nR: failed site 550 5.7.1 not you @" HOST "\nC: QUIT\nE: close\n", 0);
	play_all(&plain, "> job one\n" BEGIN "S: 450 4.7.1 later\nR: deferred site 450 4.7.1 later @" HOST "\nC: QUIT\nE: close\n", 0);
	play_all(&required, "> job one\n" BEGIN "S: 500 what\nC: HELO mx.example.test\nS: 250 hi\n"
	    "R: deferred site 0 4.7.4 " HOST " does not offer STARTTLS, which is required @" HOST "\nC: QUIT\nE: close\n", 0);
}

static void t_a_greeting_that_refuses_is_tried_elsewhere(void **state)
{
	(void)state;
	play_all(&plain, "> job one\nE: connect\n> connected\nS: 554 5.7.1 no\nR: deferred site 554 4.7.1 no @" HOST "\nC: QUIT\nE: close\n", 0);
	play_all(&plain, "> job one\nE: connect\n> connected\nS: 421 busy\nR: deferred site 421 4.0.0 busy @" HOST "\nE: close\n", 0);
}

static void t_trouble_before_the_body_gives_the_rest_back(void **state)
{
	(void)state;
	play_all(&plain, THREE "S: 250 ok\nS: 550 5.1.1 no u\nS: 250 ok\n> left\nO: 0 failed recipient 550 5.1.1 no u @" HOST "\n"
	    "R: deferred site 0 4.4.2 " HOST " closed the connection, awaiting the reply to RCPT @" HOST "\nE: close\n", 0);
	play_all(&plain, THREE "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 421 4.3.2 bye\nR: deferred site 421 4.3.2 bye @" HOST "\nE: close\n", 0);
}

static void t_lost_after_the_dot_is_in_doubt(void **state)
{
	(void)state;
	play_all(&plain, ONE SENT "> left\n"
	    "O: 0 deferred message 0 4.4.2 " HOST " closed the connection, awaiting the reply to the end of data (it may have the message) @" HOST "\nE: close\n", 0);
	play_all(&plain, CHUNKED "S: 250 ok\nS: 250 ok\nE: want\n> end x~\nC: BDAT 20 LAST\nC: x\n> left\n"
	    "O: 0 deferred message 0 4.4.2 " HOST " closed the connection, awaiting the reply to the end of data (it may have the message) @" HOST "\nE: close\n", 0);
}

/* ---- TLS ------------------------------------------------------------------------------ */

static void t_tls_begins_where_it_is_offered(void **state)
{
	(void)state;
	play_all(&opportunistic, "> job one\n" TLS_OFFERED "> secure\nC: EHLO mx.example.test\nS: 250 hi\nC: MAIL FROM:<s@a.example>\n", 0);
	play_all(&required, "> job one\n" TLS_OFFERED "> secure\nC: EHLO mx.example.test\nS: 250-hi\nS: 250 STARTTLS\nC: MAIL FROM:<s@a.example>\n", 0);
	play_all(&plain, "> job one\n" BEGIN "S: 250-hi\nS: 250 STARTTLS\nC: MAIL FROM:<s@a.example>\n", 0);
}

static void t_tls_may_come_before_all(void **state)
{
	(void)state;
	play_all(&first, "> job one\nE: connect\n> connected\nE: tls\n> secure\nS: 220 mx.b.example ESMTP\nC: EHLO mx.example.test\nS: 250-hi\nS: 250 STARTTLS\n"
	    "C: MAIL FROM:<s@a.example>\n", 0);
	play_all(&first, "> job one\nE: connect\n> connected\nE: tls\n> insecure no TLS\nR: deferred site 0 4.7.5 TLS with " HOST " failed: no TLS @" HOST "\nE: close\n", 0);
	play_all(&first, "> job one\nE: connect\n> connected\nE: tls\n> left\nR: deferred site 0 4.7.5 TLS with " HOST " failed: it closed the connection @" HOST "\nE: close\n", 0);
}

static void t_what_was_offered_before_tls_counts_no_more(void **state)
{
	(void)state;
	play_all(&opportunistic, "> job 8bit\n" BEGIN "S: 250-hi\nS: 250-8BITMIME\nS: 250-PIPELINING\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nE: tls\n> secure\n"
	    "C: EHLO mx.example.test\nS: 250 hi\nO: 0 failed message 0 5.6.3 The message has 8-bit bytes, which " HOST " does not take @" HOST "\n", 0);
}

static void t_a_failed_handshake_is_retried_in_the_clear(void **state)
{
	(void)state;
	static const char *const ways[] = { "> insecure bad certificate\n", "> left\n", "> wait 60000\n" };
	char dialogue[2048];

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		snprintf(dialogue, sizeof(dialogue), "> job one\n" TLS_OFFERED "%s" BEGIN "S: 250-hi\nS: 250 STARTTLS\nC: MAIL FROM:<s@a.example>\n", ways[i]);
		play_all(&opportunistic, dialogue, 0);
	}
	play_all(&required, "> job one\n" TLS_OFFERED "> insecure bad certificate\nR: deferred site 0 4.7.5 TLS with " HOST " failed: bad certificate @" HOST "\nE: close\n", 0);
	play_all(&required, "> job one\n" TLS_OFFERED "> wait 60000\nR: deferred site 0 4.7.5 TLS with " HOST " failed: it took too long @" HOST "\nE: close\n", 0);
}

/* TLS 1.3: the client's part of the handshake is done before the server has judged it. */
static void t_a_handshake_that_fails_at_its_end_is_a_failed_one(void **state)
{
	(void)state;
	play_all(&opportunistic, "> job one\n" TLS_OFFERED "> secure\nC: EHLO mx.example.test\n> left\n" BEGIN "S: 250-hi\nS: 250 STARTTLS\n"
	    "C: MAIL FROM:<s@a.example>\n", 0);
	play_all(&required, "> job one\n" TLS_OFFERED "> secure\nC: EHLO mx.example.test\n> left\nR: deferred site 0 4.7.5 TLS with " HOST
	    " failed: it closed the connection @" HOST "\nE: close\n", 0);
	play_all(&first, "> job one\nE: connect\n> connected\nE: tls\n> secure\n> left\nR: deferred site 0 4.4.2 " HOST
	    " closed the connection, awaiting the greeting @" HOST "\nE: close\n", 0);
}

static void t_starttls_refused(void **state)
{
	(void)state;
	play_all(&opportunistic, "> job one\n" BEGIN "S: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\nS: 454 4.7.0 not now\nC: MAIL FROM:<s@a.example>\n", 0);
	play_all(&required, "> job one\n" BEGIN "S: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\nS: 554 5.7.0 no\nR: deferred site 554 4.7.0 no @" HOST "\nC: QUIT\nE: close\n", 0);
	play_all(&required, "> job one\n" BEGIN "S: 250 hi\nR: deferred site 0 4.7.4 " HOST " does not offer STARTTLS, which is required @" HOST "\nC: QUIT\nE: close\n", 0);
}

/* Cut into bytes the second reply comes within the handshake, where it is no plain text any more: so only whole. */
static void t_words_between_starttls_and_tls_are_an_attack(void **state)
{
	struct play p;

	(void)state;
	play_init(&p, &required, false);
	play_happens(&p, "job one");
	play_happens(&p, "connected");
	play_says(&p, SPAN("220 hi\r\n"));
	play_says(&p, SPAN("250-hi\r\n250 STARTTLS\r\n"));
	play_says(&p, SPAN("220 go\r\n250 forged\r\n"));
	buf_add_char(&p.log, '\0');
	assert_non_null(strstr(p.log.at, "R: deferred site 0 4.7.5 TLS with " HOST " failed: it went on speaking @" HOST "\n"));
	assert_null(strstr(p.log.at, "E: tls"));
	play_fini(&p);
}

/* ---- logins --------------------------------------------------------------------------- */

#define SECURED TLS_OFFERED "> secure\nC: EHLO mx.example.test\n"

static void t_we_log_in(void **state)
{
	(void)state;
	play_all(&login, "> job one\n" SECURED "S: 250-hi\nS: 250 AUTH LOGIN PLAIN\nC: AUTH PLAIN AGFubmEAc2VjcmV0\nS: 235 2.7.0 ok\nC: MAIL FROM:<s@a.example>\n", 0);
	play_all(&login, "> job one\n" SECURED "S: 250-hi\nS: 250-SIZE 1000\nS: 250 AUTH=LOGIN\nC: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: YW5uYQ==\nS: 334 UGFzc3dvcmQ6\n"
	    "C: c2VjcmV0\nS: 235 ok\nC: MAIL FROM:<s@a.example> SIZE=20\n", 0);
}

static void t_a_login_that_fails_is_trouble_of_the_site(void **state)
{
	(void)state;
	play_all(&login, "> job one\n" SECURED "S: 250-hi\nS: 250 AUTH PLAIN\nC: AUTH PLAIN AGFubmEAc2VjcmV0\nS: 535 5.7.8 no\n"
	    "R: deferred site 535 4.7.8 no @" HOST "\nC: QUIT\nE: close\n", 0);
	play_all(&login, "> job one\n" SECURED "S: 250-hi\nS: 250 AUTH PLAIN\nC: AUTH PLAIN AGFubmEAc2VjcmV0\nS: 334 \n"
	    "R: deferred site 0 4.5.0 " HOST " broke the protocol, awaiting the reply to AUTH @" HOST "\nE: close\n", 0);
	play_all(&login, "> job one\n" SECURED "S: 250-hi\nS: 250 AUTH LOGIN\nC: AUTH LOGIN\nS: 235 in\n"
	    "R: deferred site 0 4.5.0 " HOST " broke the protocol, awaiting the reply to AUTH @" HOST "\nE: close\n", 0);
	play_all(&login, "> job one\n" SECURED "S: 250-hi\nS: 250 AUTH CRAM-MD5\n"
	    "R: deferred site 0 4.7.0 " HOST " offers no login by PLAIN or LOGIN @" HOST "\nC: QUIT\nE: close\n", 0);
}

static void t_no_password_in_the_clear(void **state)
{
	(void)state;
	play_all(&login_in_the_clear, "> job one\n" BEGIN "S: 250-hi\nS: 250 AUTH PLAIN\n"
	    "R: deferred site 0 4.7.4 " HOST " has no TLS, without which we don't log in @" HOST "\nC: QUIT\nE: close\n", 0);
	play_all(&login_in_the_clear, "> job one\n" TLS_OFFERED "> insecure no\n" BEGIN "S: 250-hi\nS: 250-STARTTLS\nS: 250 AUTH PLAIN\n"
	    "R: deferred site 0 4.7.4 " HOST " has no TLS, without which we don't log in @" HOST "\nC: QUIT\nE: close\n", 0);
}

static void t_a_new_connection_begins_from_the_start(void **state)
{
	(void)state;
	play_all(&login, "> job one\n" SECURED "S: 250-hi\nS: 250-PIPELINING\nS: 250 AUTH PLAIN\nC: AUTH PLAIN AGFubmEAc2VjcmV0\nS: 235 ok\n"
	    "C: MAIL FROM:<s@a.example>\nC: RCPT TO:<u+x@b.example>\nC: DATA\n" SENT "S: 250 ok\nO: 0 relayed message 250 2.0.0 ok @" HOST "\n"
	    "> job null\nC: MAIL FROM:<>\nC: RCPT TO:<u@b.example>\nC: DATA\n> left\n" SECURED "S: 250-hi\nS: 250 AUTH PLAIN\n"
	    "C: AUTH PLAIN AGFubmEAc2VjcmV0\nS: 235 ok\nC: MAIL FROM:<>\n", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_one_reply_is_for_all), cmocka_unit_test(t_too_many_at_once_come_again_at_once),
		cmocka_unit_test(t_all_refused_is_no_message),
		cmocka_unit_test(t_a_reply_counts_not_its_enhanced_code), cmocka_unit_test(t_who_takes_dsn_tells),
		cmocka_unit_test(t_8bit_goes_as_it_is_or_not_at_all), cmocka_unit_test(t_a_message_is_one_chunk),
		cmocka_unit_test(t_no_chunk_for_nobody), cmocka_unit_test(t_a_probe_ends_with_the_reply_to_rcpt), cmocka_unit_test(t_who_knows_no_ehlo_gets_helo),
		cmocka_unit_test(t_a_greeting_that_refuses_is_tried_elsewhere), cmocka_unit_test(t_trouble_before_the_body_gives_the_rest_back),
		cmocka_unit_test(t_lost_after_the_dot_is_in_doubt), cmocka_unit_test(t_tls_begins_where_it_is_offered),
		cmocka_unit_test(t_tls_may_come_before_all),
		cmocka_unit_test(t_what_was_offered_before_tls_counts_no_more), cmocka_unit_test(t_a_failed_handshake_is_retried_in_the_clear),
		cmocka_unit_test(t_a_handshake_that_fails_at_its_end_is_a_failed_one),
		cmocka_unit_test(t_starttls_refused), cmocka_unit_test(t_words_between_starttls_and_tls_are_an_attack),
		cmocka_unit_test(t_we_log_in), cmocka_unit_test(t_a_login_that_fails_is_trouble_of_the_site),
		cmocka_unit_test(t_no_password_in_the_clear), cmocka_unit_test(t_a_new_connection_begins_from_the_start)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
