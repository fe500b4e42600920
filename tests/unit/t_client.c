/* Dialogues of the client with every kind of LMTP server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/client_play.h"

static const struct client_options lmtp = { .host = "127.0.0.1:24", .helo = "mx.example.test", .max_mails = 3, .is_lmtp = true };

static void play(const char *dialogue, unsigned n_sends)
{
	play_all(&lmtp, dialogue, n_sends);
}

#define BEGIN "E: connect\n> connected\nS: 220 hi\nC: LHLO mx.example.test\n"
#define PLAIN BEGIN "S: 250 hi\n"
#define FULL  BEGIN "S: 250-hi\nS: 250-PIPELINING\nS: 250-SIZE 1000\nS: 250-8BITMIME\nS: 250-ENHANCEDSTATUSCODES\nS: 250 dsn\n"
#define MAIL  "C: MAIL FROM:<s@a.example> SIZE=20\n"
#define ONE   "> job one\n" FULL MAIL "C: RCPT TO:<u+x@b.example>\nC: DATA\n"
#define THREE "> job three\n" FULL MAIL "C: RCPT TO:<u@b.example>\nC: RCPT TO:<v@b.example>\nC: RCPT TO:<w@b.example>\nC: DATA\n"
#define LOST  " (it may have the message)"

static void t_mail_is_delivered(void **state)
{
	(void)state;
	play(ONE "S: 250 2.1.0 ok\nS: 250 2.1.5 ok\nS: 354 go\nE: want\n> end A: b~~text~\nC: A: b\nC: \nC: text\nC: .\n"
	    "S: 250 2.0.0 <u@b.example> kept\nO: 0 delivered recipient 250 2.0.0 <u@b.example> kept @127.0.0.1:24\n> wait 5000\nC: QUIT\nE: close\n", 4);
}

static void t_nothing_is_sent_ahead_without_pipelining(void **state)
{
	(void)state;
	play("> job one\n" PLAIN "C: MAIL FROM:<s@a.example>\nS: 250 ok\nC: RCPT TO:<u+x@b.example>\nS: 250 ok\nC: DATA\nS: 354 go\nE: want\n> end x~\n"
	    "C: x\nC: .\nS: 250 ok\nO: 0 delivered recipient 250 2.0.0 ok @127.0.0.1:24\n", 5);
	play("> job three\n" PLAIN "C: MAIL FROM:<s@a.example>\nS: 250 ok\nC: RCPT TO:<u@b.example>\nS: 550 5.1.1 no u\n"
	    "O: 0 failed recipient 550 5.1.1 no u @127.0.0.1:24\nC: RCPT TO:<v@b.example>\nS: 450 no v\n"
	    "O: 1 deferred recipient 450 4.0.0 no v @127.0.0.1:24\nC: RCPT TO:<w@b.example>\nS: 550 no w\n"
	    "O: 2 failed recipient 550 5.0.0 no w @127.0.0.1:24\n> job null\nC: RSET\nS: 250 ok\nC: MAIL FROM:<>\n", 0);
	play("> job one\n" PLAIN "C: MAIL FROM:<s@a.example>\nS: 451 4.3.0 later\nO: 0 deferred message 451 4.3.0 later @127.0.0.1:24\n"
	    "> job null\nC: MAIL FROM:<>\n", 0);
}

static void t_each_recipient_has_its_own_reply(void **state)
{
	(void)state;
	play(THREE "S: 250 ok\nS: 250 ok\nS: 550 5.1.1 nobody\nS: 250 ok\nS: 354 go\nO: 1 failed recipient 550 5.1.1 nobody @127.0.0.1:24\nE: want\n"
	    "> end x~\nC: x\nC: .\nS: 452 4.2.2 full\nS: 250 2.0.0 kept\nO: 0 deferred recipient 452 4.2.2 full @127.0.0.1:24\n"
	    "O: 2 delivered recipient 250 2.0.0 kept @127.0.0.1:24\n", 0);
	play(THREE "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> end x~\nC: x\nC: .\nS: 250 1\nS: 552 5.2.2 over\nS: 554 3\n"
	    "O: 0 delivered recipient 250 2.0.0 1 @127.0.0.1:24\nO: 1 failed recipient 552 5.2.2 over @127.0.0.1:24\n"
	    "O: 2 failed recipient 554 5.0.0 3 @127.0.0.1:24\n", 0);
}

static void t_too_many_recipients_are_put_off(void **state)
{
	(void)state;
	play(ONE "S: 250 ok\nS: 552 too many\nS: 503 no\nO: 0 deferred recipient 552 4.0.0 too many @127.0.0.1:24\n", 0);
	play(ONE "S: 250 ok\nS: 552 5.5.3 too many\nS: 503 no\nO: 0 deferred recipient 552 4.5.3 too many @127.0.0.1:24\n", 0);
	play(ONE "S: 250 ok\nS: 552 5.2.2 full\nS: 503 no\nO: 0 failed recipient 552 5.2.2 full @127.0.0.1:24\n", 0);
}

static void t_all_recipients_refused_ends_without_a_message(void **state)
{
	(void)state;
	play(ONE "S: 250 ok\nS: 550 5.1.1 no\nO: 0 failed recipient 550 5.1.1 no @127.0.0.1:24\nS: 503 5.5.1 no recipients\n"
	    "> job null\nC: RSET\nC: MAIL FROM:<> SIZE=20\nC: RCPT TO:<u@b.example>\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n", 0);
	play(ONE "S: 250 ok\nS: 550 5.1.1 no\nO: 0 failed recipient 550 5.1.1 no @127.0.0.1:24\nS: 354 go\nC: .\nC: QUIT\nE: close\n", 0);
	play(ONE "S: 250 ok\nS: 550 5.1.1 no\nO: 0 failed recipient 550 5.1.1 no @127.0.0.1:24\nS: 250 what\nC: QUIT\nE: close\n", 0);
	play(ONE "S: 250 ok\nS: 550 5.1.1 no\nO: 0 failed recipient 550 5.1.1 no @127.0.0.1:24\n> wait 300000\nE: close\n", 0);
}

static void t_mail_refused_speaks_of_the_message(void **state)
{
	(void)state;
	play(THREE "S: 452 4.3.1 full\nO: 0 deferred message 452 4.3.1 full @127.0.0.1:24\nO: 1 deferred message 452 4.3.1 full @127.0.0.1:24\n"
	    "O: 2 deferred message 452 4.3.1 full @127.0.0.1:24\nS: 503 a\nS: 503 b\nS: 503 c\nS: 503 d\n> wait 5000\nC: QUIT\nE: close\n", 0);
	play(ONE "S: 550 5.7.1 not you\nO: 0 failed message 550 5.7.1 not you @127.0.0.1:24\nS: 250 a\nS: 354 b\nC: .\nC: QUIT\nE: close\n", 0);
}

static void t_data_refused_speaks_of_the_message(void **state)
{
	(void)state;
	play(ONE "S: 250 ok\nS: 250 ok\nS: 554 5.6.0 no\nO: 0 failed message 554 5.6.0 no @127.0.0.1:24\n> job null\nC: RSET\n"
	    "C: MAIL FROM:<> SIZE=20\nC: RCPT TO:<u@b.example>\nC: DATA\n", 0);
	play(ONE "S: 250 ok\nS: 250 ok\nS: 451 4.3.2 later\nO: 0 deferred message 451 4.3.2 later @127.0.0.1:24\n", 0);
}

static void t_trouble_before_a_mail_speaks_of_the_site(void **state)
{
	(void)state;
	play("> job one\nE: connect\n> failed Connection refused\n"
	    "R: deferred site 0 4.4.1 Connecting to 127.0.0.1:24 failed: Connection refused\nE: close\n", 0);
	play("> job one\nE: connect\n> connected\nS: 554 5.3.2 closed\nR: deferred site 554 4.3.2 closed @127.0.0.1:24\nC: QUIT\nE: close\n", 0);
	play("> job one\nE: connect\n> connected\nS: 250 hm\n"
	    "R: deferred site 0 4.5.0 127.0.0.1:24 broke the protocol, awaiting the greeting @127.0.0.1:24\nE: close\n", 0);
	play("> job one\n" BEGIN "S: 500 5.5.1 LHLO?\nR: deferred site 500 4.5.1 LHLO? @127.0.0.1:24\nC: QUIT\nE: close\n", 0);
	play("> job one\n" BEGIN "S: 354 hm\nR: deferred site 0 4.5.0 127.0.0.1:24 broke the protocol, awaiting the reply to LHLO @127.0.0.1:24\nE: close\n", 0);
}

static void t_421_ends_it_at_any_time(void **state)
{
	(void)state;
	static const char *const before[] = { "> job one\nE: connect\n> connected\n", "> job one\n" BEGIN, ONE, ONE "S: 250 ok\n", ONE "S: 250 ok\nS: 250 ok\n",
		ONE "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n", ONE "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> end x~\nC: x\nC: .\n" };
	char dialogue[2048];

	for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++) {
		bool has_begun = i == sizeof(before) / sizeof(*before) - 1;

		snprintf(dialogue, sizeof(dialogue), "%sS: 421 4.3.2 bye\n%s deferred site 421 4.3.2 bye @127.0.0.1:24\nE: close\n", before[i],
		    has_begun ? "O: 0" : "R:");
		play(dialogue, 0);
	}
	play(ONE "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> end x~\nC: x\nC: .\nS: 250 ok\nO: 0 delivered recipient 250 2.0.0 ok @127.0.0.1:24\n"
	    "S: 421 bye\nC: QUIT\nE: close\n", 0);
}

static void t_a_peer_that_leaves_defers(void **state)
{
	(void)state;
	static const struct { const char *before, *awaiting; bool has_begun; } at[] = {
		{ "> job one\nE: connect\n> connected\n", "the greeting" }, { "> job one\n" BEGIN "S: 250-half\n", "the reply to LHLO" },
		{ ONE, "the reply to MAIL" }, { ONE "S: 250 ok\n", "the reply to RCPT" }, { ONE "S: 250 ok\nS: 250 ok\n", "the reply to DATA" },
		{ ONE "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> body x~\nC: x\nE: want\n", "the message to be taken", true },
		{ ONE "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> end x~\nC: x\nC: .\n", "the reply to the end of data" LOST, true }
	};
	char dialogue[2048];

	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		snprintf(dialogue, sizeof(dialogue), "%s> left\n%s 0 4.4.2 127.0.0.1:24 closed the connection, awaiting %s @127.0.0.1:24\nE: close\n",
		    at[i].before, at[i].has_begun ? "O: 0 deferred message" : "R: deferred site", at[i].awaiting);
		play(dialogue, 0);
	}
}

static void t_lost_after_the_dot_only_the_unanswered_are_in_doubt(void **state)
{
	(void)state;
	play(THREE "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> end x~\nC: x\nC: .\nS: 250 kept\n> left\n"
	    "O: 0 delivered recipient 250 2.0.0 kept @127.0.0.1:24\n"
	    "O: 1 deferred message 0 4.4.2 127.0.0.1:24 closed the connection, awaiting the reply to the end of data" LOST " @127.0.0.1:24\n"
	    "O: 2 deferred message 0 4.4.2 127.0.0.1:24 closed the connection, awaiting the reply to the end of data" LOST " @127.0.0.1:24\nE: close\n", 0);
}

static void t_each_wait_has_its_end(void **state)
{
	(void)state;
	static const struct { const char *before, *awaiting; long ms; bool has_begun; } at[] = {
		{ "> job one\nE: connect\n> connected\n", "the greeting", 300000 }, { "> job one\n" BEGIN, "the reply to LHLO", 300000 },
		{ ONE, "the reply to MAIL", 300000 }, { ONE "S: 250 ok\n", "the reply to RCPT", 300000 },
		{ ONE "S: 250 ok\nS: 250 ok\n", "the reply to DATA", 120000 },
		{ ONE "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> slow\n> body x~\nC: x\n", "the message to be taken", 180000, true },
		{ ONE "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> end x~\nC: x\nC: .\n", "the reply to the end of data" LOST, 600000, true }
	};
	char dialogue[2048];

	play("> job one\nE: connect\n> wait 29999\n> wait 1\n"
	    "R: deferred site 0 4.4.1 Connecting to 127.0.0.1:24 failed: Connection timed out\nE: close\n", 0);
	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		snprintf(dialogue, sizeof(dialogue), "%s> wait %ld\n> wait 1\n%s 0 4.4.2 127.0.0.1:24 took too long, awaiting %s @127.0.0.1:24\nE: close\n",
		    at[i].before, at[i].ms - 1, at[i].has_begun ? "O: 0 deferred message" : "R: deferred site", at[i].awaiting);
		play(dialogue, 0);
	}
}

static void t_bytes_extend_no_wait(void **state)
{
	struct play p;

	(void)state;
	play_init(&p, &lmtp, false);
	play_happens(&p, "job one");
	play_happens(&p, "connected");
	play_says(&p, SPAN("220 "));
	for (int i = 0; i < 299; i++) {
		play_says(&p, SPAN("x"));
		play_pass(&p, 1000);
		assert_false(p.closed);
	}
	play_pass(&p, 1000);
	assert_true(p.closed);
	play_fini(&p);
}

static void t_we_who_took_too_long_blame_nobody(void **state)
{
	(void)state;
	play(ONE "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> wait 180000\n"
	    "O: 0 deferred message 0 4.3.0 The attempt was ended before the message was sent\nE: close\n", 0);
}

static void t_a_cancelled_job_is_put_off(void **state)
{
	(void)state;
	play(ONE "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> body x~\nC: x\nE: want\n> cancel\n"
	    "O: 0 deferred message 0 4.3.0 The attempt was ended before the message was sent\nE: close\n", 0);
	play("> job one\nE: connect\n> cancel\nO: 0 deferred message 0 4.3.0 The attempt was ended before the message was sent\nE: close\n", 0);
	play(ONE "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> end x~\nC: x\nC: .\n> cancel\nS: 250 kept\n"
	    "O: 0 delivered recipient 250 2.0.0 kept @127.0.0.1:24\n", 0);
}

static void t_dots_are_stuffed_across_pieces(void **state)
{
	(void)state;
	play(ONE "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> body .~x~\nC: ..\nC: x\nE: want\n> body .~\nC: ..\nE: want\n> body ..~..~a.~\nC: ...\nC: ...\nC: a.\nE: want\n"
	    "> end .~\nC: ..\nC: .\n", 0);
	play(ONE "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> end \nC: .\n", 0);
	play(ONE "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> end no end\nC: no end\nC: .\n", 0);
}

static void t_the_body_waits_for_a_slow_peer(void **state)
{
	(void)state;
	play(ONE "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> slow\n> body x~\nC: x\n> taken\nE: want\n> body y~\nC: y\nE: want\n", 0);
}

static void t_what_is_offered_is_used(void **state)
{
	(void)state;
	play("> job dsn\n" FULL "C: MAIL FROM:<s@a.example> SIZE=20 RET=HDRS ENVID=QQ314+20x\n"
	    "C: RCPT TO:<u@b.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;u@c.example\nC: RCPT TO:<v@b.example> NOTIFY=NEVER\nC: DATA\n", 0);
	play("> job dsn\n" BEGIN "S: 250-hi\nS: 250 PIPELINING\nC: MAIL FROM:<s@a.example>\nC: RCPT TO:<u@b.example>\nC: RCPT TO:<v@b.example>\nC: DATA\n", 0);
	play("> job 8bit\n" FULL "C: MAIL FROM:<> SIZE=20 BODY=8BITMIME\nC: RCPT TO:<u@b.example>\nC: DATA\n", 0);
	play("> job utf8\n" BEGIN "S: 250-hi\nS: 250-8bitmime\nS: 250 SMTPUTF8\nC: MAIL FROM:<> BODY=8BITMIME SMTPUTF8\nS: 250 ok\nC: RCPT TO:<\xc3\xbc@b.example>\n", 0);
}

/* RFC 6531 3.4: each recipient for itself. */
static void t_an_address_that_needs_utf8_asks_for_it_alone(void **state)
{
	(void)state;
	play("> job mixed\n" BEGIN "S: 250-hi\nS: 250-PIPELINING\nS: 250 SMTPUTF8\nC: MAIL FROM:<s@a.example> SMTPUTF8\n"
	    "C: RCPT TO:<\xc3\xbc@b.example>\nC: RCPT TO:<v@b.example>\nC: RCPT TO:<\xc3\xb6@b.example>\nC: DATA\n", 0);
	play("> job mixed\n" BEGIN "S: 250-hi\nS: 250 PIPELINING\n"
	    "O: 0 failed recipient 0 5.6.7 The address needs SMTPUTF8, which 127.0.0.1:24 does not offer @127.0.0.1:24\n"
	    "O: 2 failed recipient 0 5.6.7 The address needs SMTPUTF8, which 127.0.0.1:24 does not offer @127.0.0.1:24\n"
	    "C: MAIL FROM:<s@a.example>\nC: RCPT TO:<v@b.example>\nC: DATA\n", 0);
}

/* RFC 3461 5.2.1: who takes NOTIFY on tells of success. */
static void t_a_server_that_was_asked_to_tell_does(void **state)
{
	(void)state;
	play("> job dsn\n" FULL "C: MAIL FROM:<s@a.example> SIZE=20 RET=HDRS ENVID=QQ314+20x\n"
	    "C: RCPT TO:<u@b.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;u@c.example\nC: RCPT TO:<v@b.example> NOTIFY=NEVER\nC: DATA\n"
	    "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> end x~\nC: x\nC: .\nS: 250 ok\n"
	    "O: 0 passed recipient 250 2.0.0 ok @127.0.0.1:24\nS: 250 ok\nO: 1 delivered recipient 250 2.0.0 ok @127.0.0.1:24\n", 0);
	play("> job dsn\n" BEGIN "S: 250-hi\nS: 250 PIPELINING\nC: MAIL FROM:<s@a.example>\nC: RCPT TO:<u@b.example>\nC: RCPT TO:<v@b.example>\nC: DATA\n"
	    "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> end x~\nC: x\nC: .\nS: 250 ok\n"
	    "O: 0 delivered recipient 250 2.0.0 ok @127.0.0.1:24\nS: 250 ok\nO: 1 delivered recipient 250 2.0.0 ok @127.0.0.1:24\n", 0);
}

static void t_what_is_needed_and_not_offered_fails(void **state)
{
	(void)state;
	play("> job 8bit\n" PLAIN "O: 0 failed message 0 5.6.3 The message has 8-bit bytes, which 127.0.0.1:24 does not take @127.0.0.1:24\n> wait 5000\nC: QUIT\nE: close\n", 0);
	play("> job header\n" FULL "O: 0 failed message 0 5.6.7 The message needs SMTPUTF8, which 127.0.0.1:24 does not offer @127.0.0.1:24\n"
	    "> job null\nC: MAIL FROM:<> SIZE=20\nC: RCPT TO:<u@b.example>\nC: DATA\n", 0);
	play("> job big\n" FULL "O: 0 failed message 0 5.3.4 The message is larger than the 1000 bytes that 127.0.0.1:24 takes @127.0.0.1:24\n", 0);
	play("> job evil\n" FULL "O: 0 failed message 0 5.1.3 An address of the envelope can't be said in a command @127.0.0.1:24\n", 0);
}

#define KEPT "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> end x~\nC: x\nC: .\nS: 250 ok\nO: 0 delivered recipient 250 2.0.0 ok @127.0.0.1:24\n"
#define NULL_MAIL "C: MAIL FROM:<> SIZE=20\nC: RCPT TO:<u@b.example>\nC: DATA\n"

static void t_a_connection_is_used_again(void **state)
{
	(void)state;
	play(ONE KEPT "> wait 4999\n> job null\n" NULL_MAIL KEPT "> job null\n" NULL_MAIL KEPT "C: QUIT\nE: close\n", 0);
	play(ONE KEPT "> last\nC: QUIT\nE: close\n", 0);
	play(ONE "> last\n" KEPT "C: QUIT\nE: close\n", 0);
	play(ONE KEPT "> left\nE: close\n", 0);
}

static void t_a_connection_that_died_idle_costs_no_attempt(void **state)
{
	(void)state;
	play(ONE KEPT "> job null\n" NULL_MAIL "> left\n" FULL NULL_MAIL KEPT, 0);
	play(ONE KEPT "> job null\n" NULL_MAIL "S: 421 4.4.2 idle too long\n" FULL NULL_MAIL KEPT, 0);
	play(ONE KEPT "> job null\n" NULL_MAIL "S: 250 ok\n> left\n"
	    "R: deferred site 0 4.4.2 127.0.0.1:24 closed the connection, awaiting the reply to RCPT @127.0.0.1:24\nE: close\n", 0);
	play(ONE KEPT "> job null\n" NULL_MAIL "> left\nE: connect\n> failed Connection refused\n"
	    "R: deferred site 0 4.4.1 Connecting to 127.0.0.1:24 failed: Connection refused\nE: close\n", 0);
}

static void t_lies_deliver_nothing(void **state)
{
	(void)state;
	play(ONE "S: 250 ok\nS: 250 ok\nS: 250 ok\nR: deferred site 0 4.5.0 127.0.0.1:24 broke the protocol, awaiting the reply to DATA @127.0.0.1:24\nE: close\n", 0);
	play(ONE "S: 354 ok\nR: deferred site 0 4.5.0 127.0.0.1:24 broke the protocol, awaiting the reply to MAIL @127.0.0.1:24\nE: close\n", 0);
	play(ONE "S: 250 ok\nS: 354 ok\nR: deferred site 0 4.5.0 127.0.0.1:24 broke the protocol, awaiting the reply to RCPT @127.0.0.1:24\nE: close\n", 0);
	play(ONE "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\nS: 250 kept\n"
	    "R: deferred site 0 4.5.0 127.0.0.1:24 broke the protocol, awaiting the message to be taken @127.0.0.1:24\nE: close\n", 0);
	play(ONE "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> end x~\nC: x\nC: .\nS: 354 again\n"
	    "O: 0 deferred message 0 4.5.0 127.0.0.1:24 broke the protocol, awaiting the reply to the end of data" LOST " @127.0.0.1:24\nE: close\n", 0);
	play(ONE KEPT "S: 250 and more\nC: QUIT\nE: close\n", 0);
	play(ONE "S: HTTP/1.1 400 Bad Request\nR: deferred site 0 4.5.0 127.0.0.1:24 broke the protocol, awaiting the reply to MAIL @127.0.0.1:24\nE: close\n", 0);
	play(ONE "S: 250-a\nS: 550 b\nR: deferred site 0 4.5.0 127.0.0.1:24 broke the protocol, awaiting the reply to MAIL @127.0.0.1:24\nE: close\n", 0);
}

static void t_a_refusal_within_the_message_ends_it(void **state)
{
	(void)state;
	play(ONE "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> body x~\nC: x\nE: want\nS: 552 5.3.4 too big\n"
	    "O: 0 failed message 552 5.3.4 too big @127.0.0.1:24\nE: close\n", 0);
	play(ONE "S: 250 ok\nS: 250 ok\nS: 354 go\nE: want\n> body x~\nC: x\nE: want\nS: 451 4.3.0 no\n"
	    "O: 0 deferred message 451 4.3.0 no @127.0.0.1:24\nE: close\n", 0);
}

static void t_words_of_many_lines_become_one(void **state)
{
	(void)state;
	play(ONE "S: 550-5.7.1 one\nS: 550 5.7.1 two\nO: 0 failed message 550 5.7.1 one two @127.0.0.1:24\n", 0);
}

static void flood(struct span line, unsigned times)
{
	struct play p;
	unsigned n_outcomes = 0;

	play_init(&p, &lmtp, false);
	play_happens(&p, "job one");
	play_happens(&p, "connected");
	for (unsigned i = 0; i < times && !p.closed; i++)
		play_says(&p, line);
	assert_true(p.closed);
	for (size_t i = 0; i + 2 < p.log.len; i++)
		n_outcomes += memcmp(p.log.at + i, "R: ", 3) == 0;
	assert_int_equal(n_outcomes, 1);
	play_fini(&p);
}

static void t_nonsense_is_bounded(void **state)
{
	(void)state;
	flood(SPAN("220-more\r\n"), 70000);
	flood(SPAN("2"), 70000);
	flood(SPAN("220 xxxxxxxxxxxxxxxx"), 70000);
	flood(span_of("\0\0\0\0", 4), 70000);
	flood(SPAN("\r\n"), 70000);
}

static void t_a_nul_in_words_is_no_end(void **state)
{
	struct play p;

	(void)state;
	play_init(&p, &lmtp, true);
	play_happens(&p, "job one");
	play_happens(&p, "connected");
	play_says(&p, span_of("554 a\0b\r\n", 9));
	buf_add_char(&p.log, '\0');
	assert_non_null(strstr(p.log.at, "R: deferred site 554 4.0.0 a?b @127.0.0.1:24\n"));
	play_fini(&p);
}

static void t_a_thousand_recipients_leave_in_one_write(void **state)
{
	struct play p;
	struct job_rcpt *rcpts = calloc(JOB_RCPTS_MAX, sizeof(*rcpts));
	char address[255], orcpt[501];

	(void)state;
	memset(address, 'a', 254);
	memset(orcpt, 'b', 500);
	play_init(&p, &lmtp, false);
	play_job(&p, "one");
	for (unsigned i = 0; i < JOB_RCPTS_MAX; i++)
		rcpts[i] = (struct job_rcpt){ .n = i, .address = { address, 254 }, .orcpt = { orcpt, 500 }, .notify = 14 };
	p.job.rcpts = rcpts;
	p.job.n_rcpts = p.job.n_open = JOB_RCPTS_MAX;
	play_event(&p, (struct client_event){ .type = CLIENT_JOB, .job = &p.job });
	play_happens(&p, "connected");
	play_says(&p, SPAN("220 hi\r\n250-hi\r\n250-DSN\r\n250 PIPELINING\r\n"));
	assert_int_equal(p.n_sends, 1);		/* LHLO and all else: here the server said it ahead */
	play_fini(&p);
	free(rcpts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_mail_is_delivered), cmocka_unit_test(t_nothing_is_sent_ahead_without_pipelining),
		cmocka_unit_test(t_each_recipient_has_its_own_reply), cmocka_unit_test(t_too_many_recipients_are_put_off),
		cmocka_unit_test(t_all_recipients_refused_ends_without_a_message), cmocka_unit_test(t_mail_refused_speaks_of_the_message),
		cmocka_unit_test(t_data_refused_speaks_of_the_message), cmocka_unit_test(t_trouble_before_a_mail_speaks_of_the_site),
		cmocka_unit_test(t_421_ends_it_at_any_time), cmocka_unit_test(t_a_peer_that_leaves_defers),
		cmocka_unit_test(t_lost_after_the_dot_only_the_unanswered_are_in_doubt), cmocka_unit_test(t_each_wait_has_its_end),
		cmocka_unit_test(t_bytes_extend_no_wait), cmocka_unit_test(t_we_who_took_too_long_blame_nobody),
		cmocka_unit_test(t_a_cancelled_job_is_put_off), cmocka_unit_test(t_dots_are_stuffed_across_pieces),
		cmocka_unit_test(t_the_body_waits_for_a_slow_peer), cmocka_unit_test(t_what_is_offered_is_used),
		cmocka_unit_test(t_an_address_that_needs_utf8_asks_for_it_alone),
		cmocka_unit_test(t_a_server_that_was_asked_to_tell_does),
		cmocka_unit_test(t_what_is_needed_and_not_offered_fails), cmocka_unit_test(t_a_connection_is_used_again),
		cmocka_unit_test(t_a_connection_that_died_idle_costs_no_attempt), cmocka_unit_test(t_lies_deliver_nothing),
		cmocka_unit_test(t_a_refusal_within_the_message_ends_it), cmocka_unit_test(t_words_of_many_lines_become_one),
		cmocka_unit_test(t_nonsense_is_bounded), cmocka_unit_test(t_a_nul_in_words_is_no_end),
		cmocka_unit_test(t_a_thousand_recipients_leave_in_one_write)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
