#include "config.h"
#include "master/identity.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void read_groups(struct identity *id, const struct passwd *pw)
{
	int n = IDENTITY_GROUPS_MAX;

	/* -1: there are more; those that were given count. */
	if (getgrouplist(pw->pw_name, pw->pw_gid, id->groups, &n) < 0)
		n = IDENTITY_GROUPS_MAX;
	id->n_groups = n;
}

static bool find_user(struct identity *id, const char *name)
{
	const struct passwd *pw = getpwnam(name);

	if (!pw)
		return false;
	id->uid = pw->pw_uid;
	id->gid = pw->pw_gid;
	read_groups(id, pw);
	return true;
}

static gid_t find_group(const char *name, gid_t without, bool *is_there)
{
	const struct group *group = getgrnam(name);

	*is_there = group != NULL;
	return group ? group->gr_gid : without;
}

enum pr_err identities_find(struct identities *ids, const char *user, struct buf *words)
{
	static const char *const own[N_ROLES] = {
		[ROLE_SMTPD] = "postrider-net", [ROLE_RELAY] = "postrider-net", [ROLE_DNS] = "postrider-net",
		[ROLE_AUTH] = "postrider-auth", [ROLE_LOCAL] = "postrider-mail", [ROLE_SIGN] = "postrider-keys",
		[ROLE_VERIFY] = "postrider-verify",
	};

	*ids = (struct identities){ .is_root = geteuid() == 0 };
	if (!ids->is_root) {
		ids->base.uid = geteuid();
		ids->base.gid = getegid();
	} else if (!find_user(&ids->base, user)) {
		buf_printf(words, "there is no user `%s`; make it with: useradd --system --no-create-home "
		    "--home-dir /nonexistent --shell /usr/sbin/nologin %s", user, user);
		return PR_NONE;
	}
	if (ids->is_root && ids->base.uid == 0) {
		buf_printf(words, "`%s` is root by another name: the programs that read mail need a user of their own", user);
		return PR_NONE;
	}
	for (unsigned role = 0; role < N_ROLES; role++)
		if (!ids->is_root || !own[role] || !find_user(&ids->of[role], own[role]))
			ids->of[role] = ids->base;
	ids->control_group = find_group("postrider", ids->base.gid, &ids->has_control_group);
	ids->drop_group = find_group("postrider-drop", ids->base.gid, &ids->has_drop_group);
	return PR_OK;
}

bool identity_become(const struct identity *id)
{
	if (setgroups((size_t)id->n_groups, id->groups) < 0 || setresgid(id->gid, id->gid, id->gid) < 0 ||
	    setresuid(id->uid, id->uid, id->uid) < 0)
		return false;
	/* Nobody comes back. */
	return setuid(0) < 0;
}

#define BIT(capability) (1u << (capability))
#define KEPT (BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_KILL) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_CHOWN) | BIT(CAP_DAC_READ_SEARCH))

enum pr_err privileges_keep_few(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct have[2], keep[2] = { { 0 } };

	if (syscall(SYS_capget, &head, have) < 0)
		return PR_DENIED;
	/* Without CAP_SETPCAP somebody has bounded us before. */
	for (int capability = 0; have[0].effective & BIT(CAP_SETPCAP); capability++) {
		if (capability < 32 && (KEPT & BIT(capability)))
			continue;
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
			break;	/* EINVAL: the last one was before */
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return PR_DENIED;
	keep[0].permitted = keep[0].effective = KEPT & have[0].permitted;
	return syscall(SYS_capset, &head, keep) < 0 ? PR_DENIED : PR_OK;
}

void privileges_close_door(void)
{
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#ifndef WITH_SANITIZERS	/* whose search for leaks is a debugger */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
