/* probe spf, dkim, dmarc: what would be said of strangers' mail, by the same program that says it in earnest. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/ip.h"
#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/json.h"
#include "ctl/probe.h"
#include "ctl/say.h"
#include "mail/address.h"
#include "mail/lines.h"
#include "wire/settings.h"

#define MESSAGE_MAX (256u << 20)

/* ---- arguments ---------------------------------------------------------------------- */

struct probe {
	struct call *call;
	const char *method;		/* whose rows count */
	struct client client;
	struct wire_check_ask ask;
	unsigned char ip[16];
	struct address sender;
	struct buf message;
	json_t *rows;
	bool is_quiet;			/* the steps are not printed */
};

static int take_ip(struct probe *p, const char *text)
{
	unsigned family = ip_read(span_of_text(text), p->ip);

	if (family == 0)
		return command_usage(p->call, "--ip takes an IPv4 or IPv6 address");
	p->ask.client = span_of((const char *)p->ip, family == 4 ? 4 : 16);
	return EX_OK;
}

static int read_ip(struct probe *p)
{
	return p->call->ip ? take_ip(p, p->call->ip) : command_usage(p->call, "whose mail? --ip says the client's address");
}

/* A stranger's words may be no address, and SPF looks at them all the same. */
static struct span as_sender(struct probe *p, struct span from)
{
	return address_parse_mailbox(from, ALLOW_UTF8, &p->sender) == PR_OK ? address_span(&p->sender) : from;
}

/* Without --from the sender is null, and HELO counts. */
static int read_sender(struct probe *p)
{
	struct span from = span_trim(span_of_text(p->call->from));

	p->ask.helo = span_of_text(p->call->helo);
	if (from.len > 0 && !span_eq(from, SPAN("<>"))) {
		if (from.len > ADDRESS_MAX)
			return command_usage(p->call, "--from takes an address, or <> for the null sender");
		p->ask.sender = as_sender(p, from);
	} else if (p->ask.helo.len == 0) {
		return command_usage(p->call, "for whom? --from says the sender's address, --helo the name in HELO");
	}
	return EX_OK;
}

static int read_file(struct probe *p)
{
	const char *name = p->call->words[0];
	int fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	while (fd >= 0) {
		char *room = buf_room(&p->message, 65536);

		n = room ? read(fd, room, 65536) : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		buf_grew(&p->message, (size_t)n);
	}
	if (n < 0)
		say("can't read %s: %s", name, strerror(errno));
	if (fd > STDIN_FILENO)
		(void)close(fd);
	return n < 0 ? EX_NOINPUT : EX_OK;
}

/* ---- the question ----------------------------------------------------------------------- */

static void on_result(struct probe *p, const struct wire_check_result *m)
{
	json_t *row = json_object();
	struct span detail = m->detail;

	json_object_set_new(row, "method", json_of_span(m->method));
	json_object_set_new(row, "result", json_of_span(m->result));
	json_object_set_new(row, "domain", json_of_span(m->about));
	while (detail.len > 0) {
		struct span value = span_cut(&detail, ' '), name = span_cut(&value, '=');
		char key[64];

		(void)snprintf(key, sizeof(key), "%.*s", SPAN_ARG(name));
		if (name.len > 0)
			json_object_set_new(row, key, json_of_span(value));
	}
	json_object_set_new(row, "why", json_of_span(m->why));
	if (m->explanation.len > 0)
		json_object_set_new(row, "explanation", json_of_span(m->explanation));
	json_array_append_new(p->rows, row);
}

static void on_line(const struct probe *p, struct span words)
{
	if (p->is_quiet || (p->call->flags & CALL_JSON))
		return;
	say_add(stdout, words);
	(void)putchar('\n');
}

/* Hears until the verdict, or, while there is more to send, until so many bytes may be under way again. */
static int hear(struct probe *p, int64_t *window, int64_t wanted, bool *is_done)
{
	int status = EX_OK;

	while (status == EX_OK && !*is_done && *window < wanted) {
		enum wire_verb verb;
		union wire_msg msg;

		status = client_hear(&p->client, &verb, &msg);
		if (status != EX_OK)
			break;
		if (verb == WIRE_check_window)
			*window += msg.check_window.bytes;
		else if (verb == WIRE_check_line)
			on_line(p, msg.check_line.words);
		else if (verb == WIRE_check_result)
			on_result(p, &msg.check_result);
		*is_done = verb == WIRE_check_done;
	}
	return status;
}

static int send_piece(struct probe *p, struct span piece, int64_t *window)
{
	int status = EX_OK;
	bool is_done = false;

	for (; piece.len > 0 && status == EX_OK; piece = span_from(piece, WIRE_PART_MAX)) {
		struct wire_check_part part = { .ask = p->ask.ask, .bytes = span_first(piece, WIRE_PART_MAX) };

		status = hear(p, window, (int64_t)part.bytes.len, &is_done);
		if (status == EX_OK)
			status = client_tell(&p->client, WIRE_check_part, &part);
		*window -= (int64_t)part.bytes.len;
	}
	return status;
}

/* A line of a file may be a piece of its own: they are gathered, else each would be a packet. */
static int gather(struct probe *p, struct buf *gathered, struct span piece, int64_t *window)
{
	int status = EX_OK;

	if (gathered->len + piece.len > WIRE_PART_MAX) {
		status = send_piece(p, buf_span(gathered), window);
		buf_clear(gathered);
	}
	if (piece.len > WIRE_PART_MAX)
		return status == EX_OK ? send_piece(p, piece, window) : status;
	(void)buf_add(gathered, piece);
	return status;
}

/* Lines of files end as they like. */
static int send_message(struct probe *p, int64_t *window)
{
	struct span in = buf_span(&p->message), out;
	struct buf gathered;
	struct lines lines;
	int status = EX_OK;

	buf_init(&gathered, WIRE_PART_MAX);
	lines_init_chunks(&lines, LINES_NORMALISE, MESSAGE_MAX);
	while (status == EX_OK && lines_take(&lines, &in, &out) == LINES_PART)
		status = gather(p, &gathered, out, window);
	if (status == EX_OK)
		status = gather(p, &gathered, lines_close(&lines), window);
	if (status == EX_OK)
		status = send_piece(p, buf_span(&gathered), window);
	buf_fini(&gathered);
	return status;
}

static int ask(struct probe *p)
{
	int64_t window = WIRE_WINDOW;
	bool is_done = false;
	int status = client_borrow(&p->client, p->call, ROLE_VERIFY);

	if (status != EX_OK)
		return status;
	p->ask.ask = p->ask.tell = 1;
	status = client_tell(&p->client, WIRE_check_ask, &p->ask);
	if (status == EX_OK)
		status = send_message(p, &window);
	if (status == EX_OK)
		status = client_tell(&p->client, WIRE_check_end, &(struct wire_check_end){ .ask = p->ask.ask });
	if (status == EX_OK)
		status = hear(p, &window, INT64_MAX, &is_done);
	client_close(&p->client);
	return status;
}

/* ---- the answer --------------------------------------------------------------------------- */

static void print_row(const json_t *row)
{
	const char *about = json_text(row, "domain"), *why = json_text(row, "why");

	(void)printf("%-8s %-10s ", strcmp(json_text(row, "identity"), "helo") == 0 ? "helo" : json_text(row, "method"), json_text(row, "result"));
	say_add(stdout, span_of_text(about));
	(void)fputs(about[0] && why[0] ? ": " : "", stdout);
	say_add(stdout, span_of_text(why));
	(void)putchar('\n');
}

/* All that was found, behind the steps that led there. */
static void print_results(const struct probe *p)
{
	size_t i;
	json_t *row;

	(void)putchar('\n');
	json_array_foreach(p->rows, i, row)
		if (strcmp(p->method, "dmarc") == 0 || strcmp(json_text(row, "method"), p->method) == 0)
			print_row(row);
}

static const json_t *first_of(const struct probe *p)
{
	size_t i;
	json_t *row;

	json_array_foreach(p->rows, i, row)
		if (strcmp(json_text(row, "method"), p->method) == 0)
			return row;
	return NULL;
}

/* One object: the result that was asked for, and within it what else was found. */
static void print_whole(const struct probe *p)
{
	const json_t *first = first_of(p);
	json_t *whole = json_object(), *others = json_array(), *row;
	size_t i;

	json_array_foreach(p->rows, i, row) {
		if (row == first)
			json_object_update(whole, row);
		else
			json_array_append(others, row);
	}
	json_object_set(whole, "found", others);
	json_decref(others);
	json_print_line(whole);
}

/* A line for each signature, or one that says that there is none. */
static void print_signatures(const struct probe *p)
{
	size_t i;
	json_t *row;

	json_array_foreach(p->rows, i, row)
		if (strcmp(json_text(row, "method"), "dkim") == 0)
			json_print_line(json_incref(row));
}

static void print_json(const struct probe *p)
{
	if (strcmp(p->method, "dkim") == 0)
		print_signatures(p);
	else
		print_whole(p);
}

static void probe_init(struct probe *p, struct call *call, const char *method)
{
	*p = (struct probe){ .call = call, .method = method, .rows = json_array() };
	p->ask.client = p->ask.helo = p->ask.sender = SPAN_NONE;
	p->ask.spf = p->ask.dkim = p->ask.dmarc = CHECKS_OFF;
	buf_init(&p->message, MESSAGE_MAX);
}

static void probe_fini(struct probe *p)
{
	json_decref(p->rows);
	buf_fini(&p->message);
}

static int run(struct call *call, const char *method, int (*prepare)(struct probe *p))
{
	struct probe p;
	int status;

	probe_init(&p, call, method);
	status = prepare(&p);
	if (status == EX_OK)
		status = ask(&p);
	if (status == EX_OK && (call->flags & CALL_JSON))
		print_json(&p);
	else if (status == EX_OK)
		print_results(&p);
	probe_fini(&p);
	return status;
}

int probe_spf(struct call *call, const char *client, struct span sender, struct probe_said *out)
{
	struct probe p;
	int status;

	probe_init(&p, call, "spf");
	p.is_quiet = true;
	p.ask.spf = CHECKS_OBSERVE;
	p.ask.sender = sender;
	status = take_ip(&p, client);
	if (status == EX_OK)
		status = ask(&p);
	if (status == EX_OK) {
		const json_t *row = first_of(&p);

		(void)snprintf(out->result, sizeof(out->result), "%s", json_text(row, "result"));
		(void)snprintf(out->why, sizeof(out->why), "%s", json_text(row, "why"));
	}
	probe_fini(&p);
	return status;
}

static int prepare_spf(struct probe *p)
{
	int status = read_ip(p);

	p->ask.spf = CHECKS_OBSERVE;
	return status == EX_OK ? read_sender(p) : status;
}

static int prepare_dkim(struct probe *p)
{
	p->ask.dkim = CHECKS_OBSERVE;
	return read_file(p);
}

static int prepare_dmarc(struct probe *p)
{
	int status = read_ip(p);

	p->ask.spf = p->ask.dkim = CHECKS_OBSERVE;
	p->ask.dmarc = CHECKS_ENFORCE;
	if (status == EX_OK)
		status = read_sender(p);
	return status == EX_OK ? read_file(p) : status;
}

int run_probe_spf(struct call *call)
{
	return run(call, "spf", prepare_spf);
}

int run_probe_dkim(struct call *call)
{
	return run(call, "dkim", prepare_dkim);
}

int run_probe_dmarc(struct call *call)
{
	return run(call, "dmarc", prepare_dmarc);
}
