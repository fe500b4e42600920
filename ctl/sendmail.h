/* The program under the names sendmail, mailq and newaliases. */
#ifndef CTL_SENDMAIL_H
#define CTL_SENDMAIL_H

/* A sysexits code. 0 for a message only after the server's 250, or with the drop file on the disk. */
int sendmail_run(int argc, char **argv);

#endif
