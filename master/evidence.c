#include "master/evidence.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_full(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	unsigned n = 0;

	if (!dir)
		return true;
	while (n < EVIDENCE_FILES_MAX && readdir(dir))
		n++;
	(void)closedir(dir);
	return n == EVIDENCE_FILES_MAX;
}

int evidence_open(const struct settings *s, const struct msg_id *id)
{
	char name[ID_TEXT_LEN + sizeof(".eml")];
	const char *path = s->verify.evidence;
	int folder, fd = -1;

	if (!path)
		return -1;
	(void)mkdir(path, 0700);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -1;
	id_to_text(id, name);
	(void)snprintf(name + ID_TEXT_LEN, sizeof(".eml"), ".eml");
	if (!is_full(folder))
		fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	(void)close(folder);
	return fd;
}
