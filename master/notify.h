/* Words for the service manager: sd_notify(3) by hand, one datagram. Without
 * NOTIFY_SOCKET nothing is said. */
#ifndef MASTER_NOTIFY_H
#define MASTER_NOTIFY_H

#include <stdint.h>

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *words);	/* a line for `systemctl status` */
void notify_alive(void);

/* How often notify_alive is awaited, halved; 0: never. */
int64_t notify_watchdog_ms(void);

#endif
