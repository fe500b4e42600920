#include "dns/frames.h"

void frames_init(struct frames *f)
{
	*f = (struct frames){ .given = 0 };
	buf_init(&f->kept, FRAMES_MAX);
}

void frames_fini(struct frames *f)
{
	buf_fini(&f->kept);
}

enum pr_err frames_add(struct frames *f, struct span bytes)
{
	return buf_add(&f->kept, bytes);
}

bool frames_next(struct frames *f, struct span *packet)
{
	const unsigned char *at;
	size_t len;

	buf_eat(&f->kept, f->given);
	f->given = 0;
	if (f->kept.len < FRAME_HEAD_LEN)
		return false;
	at = (const unsigned char *)f->kept.at;
	len = (size_t)at[0] << 8 | at[1];
	if (f->kept.len - FRAME_HEAD_LEN < len)
		return false;
	*packet = span_of(f->kept.at + FRAME_HEAD_LEN, len);
	f->given = FRAME_HEAD_LEN + len;
	return true;
}
