/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order matters and is the design:
 *   id maps, namespaces, loopback, tunnel - need capabilities of the new user namespace;
 *   root_enter, root_leave_old - in a thread of its own, beside the namespaces and the fences;
 *   no_new_privs, capabilities, Landlock, seccomp - each one cannot be undone;
 *   prove - the fences are tried from inside; a fence that lets us through ends the start;
 *   the app - forked from here, so it inherits all of it.
 */
#include "isolation/init.h"

#include "base/fd.h"
#include "base/pages.h"
#include "isolation/confine.h"
#include "isolation/control.h"
#include "isolation/dev.h"
#include "isolation/kernel.h"
#include "isolation/landlock.h"
#include "isolation/namespaces.h"
#include "isolation/reaper.h"
#include "isolation/root.h"
#include "isolation/tunnel.h"
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static void fail(const struct plan *plan, struct appsilo_error *err) __attribute__((noreturn));

static void fail(const struct plan *plan, struct appsilo_error *err)
{
	struct control_message m = {.kind = CONTROL_FAILED, .value = 125};

	error_advise_doctor(err);
	memcpy(m.text, err->line, sizeof(err->line));
	/* With the parent gone there is nobody left to tell. */
	(void)!fd_send(plan->control_fd, &m, sizeof(m), NULL, 0);
	_exit(125);
}

/* The parent may have died before the death signal was set: its descriptors went before that,
 * so its end of the pipe, or of the socket, is gone. */
static int tie_to_parent(const struct plan *plan, struct appsilo_error *err)
{
	struct pollfd pfd = {.fd = plan->tie_fd >= 0 ? plan->tie_fd : plan->control_fd};

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return error_set(err, -errno, "init: parent death signal");
	if (poll(&pfd, 1, 0) > 0 && (pfd.revents & (POLLHUP | POLLERR)))
		_exit(125);
	close_keep_errno(plan->tie_fd);
	return 0;
}

/* The launcher writes the id maps and says so with one byte. In a root run then groups, gid,
 * uid: in this order, each checked (isolate 2.5 dropped uid without gid). */
static int become_mapped_user(const struct plan *plan, struct appsilo_error *err)
{
	char go;
	int r;

	do {
		r = (int)read(plan->control_fd, &go, 1);
	} while (r < 0 && errno == EINTR);
	if (r != 1)
		_exit(125);
	if (sched_setaffinity(0, sizeof(plan->processors), &plan->processors) < 0)
		return error_set(err, -errno, "init: processors");
	r = plan->change_ids ? confine_become(plan->uid, plan->gid) : 0;
	if (r < 0)
		return error_set(err, r, "init: become uid %u", plan->uid);
	if (getuid() != plan->uid || geteuid() != plan->uid || getgid() != plan->gid)
		return error_say(err, -EPERM, "init: uid or gid did not change");
	return 0;
}

static int landlock_rules(const struct plan *plan, int fd, int abi, struct appsilo_error *err)
{
	static const struct {
		const char *path;
		enum landlock_grant grant;
	} fixed[] = {
		{"/", LANDLOCK_SEE},	      {"/dev", LANDLOCK_DEVICE},
		{"/proc", LANDLOCK_DEVICE},   {"/tmp", LANDLOCK_CHANGE},
		{"/var/tmp", LANDLOCK_CHANGE}, {"/dev/shm", LANDLOCK_CHANGE},
		{"/run", LANDLOCK_CHANGE},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fixed); i++)
		r = landlock_allow(fd, abi, fixed[i].path, fixed[i].grant);
	for (size_t i = 0; r == 0 && i < plan->n_brokered; i++)
		r = landlock_allow(fd, abi, plan->brokered[i], LANDLOCK_CHANGE);
	for (size_t i = 0; r == 0 && i < plan->n_mounts; i++)
		if (plan->mounts[i].kind == PLAN_WRITE)
			r = landlock_allow(fd, abi, plan->mounts[i].path, LANDLOCK_CHANGE);
	return r < 0 ? error_set(err, r, "init: Landlock rule") : 0;
}

/* Before the filter, which would report it. */
static int prove_no_tcp(struct appsilo_error *err)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return error_set(err, -errno, "init: socket");
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0 || errno != EACCES ||
	    connect(fd, (struct sockaddr *)&any, sizeof(any)) == 0 || errno != EACCES)
		return error_say(err, -EPERM, "init: Landlock does not hold for TCP; not starting");
	return 0;
}

static int give_up_rights(struct appsilo_error *err)
{
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(err, -errno, "init: no_new_privs");
	r = confine_drop_caps();
	return r < 0 ? error_set(err, r, "init: drop capabilities") : 0;
}

/* A zygote runs nothing of a stranger's; each of its children raises all fences itself. */
static int confine_nest(struct appsilo_error *err)
{
	int r = give_up_rights(err);

	if (r == 0 && (r = confine_seccomp_nest()) < 0)
		error_set(err, r, "init: the zygote's filter");
	return r;
}

static int confine(const struct plan *plan, unsigned int report, int *ret_listener_fd,
		   struct appsilo_error *err)
{
	int abi = landlock_abi();
	cleanup_close int ruleset_fd = -EBADF;
	int r;

	if (plan->nest)
		return confine_nest(err);
	if (abi < 0)
		return error_say(err, abi,
				 "init: this kernel has no Landlock; boot with Landlock in lsm= "
				 "(Linux 5.13 or newer); see appsilo doctor");
	/* Without it every packet is judged. */
	if (!confine_can_report_sockets(abi))
		report &= ~(unsigned int)CONFINE_SOCKETS;
	ruleset_fd = landlock_new(abi, report & CONFINE_SOCKETS);
	if (ruleset_fd < 0)
		return error_set(err, ruleset_fd, "init: Landlock ruleset");
	r = landlock_rules(plan, ruleset_fd, abi, err);
	if (r < 0)
		return r;
	r = give_up_rights(err);
	if (r < 0)
		return r;
	r = landlock_enforce(ruleset_fd);
	if (r < 0)
		return error_set(err, r, "init: enforce Landlock");
	r = report & CONFINE_SOCKETS ? prove_no_tcp(err) : 0;
	if (r < 0)
		return r;
	r = confine_seccomp(report, ret_listener_fd);
	if (r == -EINVAL && report & CONFINE_WRITES)
		return error_say(err, r,
				 "init: this kernel has no seccomp notification (Linux 5.5); use "
				 "--prompt never, or see appsilo doctor");
	return r < 0 ? error_set(err, r, "init: seccomp filter") : 0;
}

/* NVIDIA/OpenShell#803: a fence in best-effort mode returned success and enforced nothing.
 * Each layer is tried by something that only that layer stops. */
static int prove_fences(int canary_fd, struct appsilo_error *err)
{
	char path[40];
	cleanup_close int fd = -EBADF;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", canary_fd);
	/* Read side first: it is not reported to a listener, the write side would wait. */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 || errno != EACCES)
		return error_say(err, -EPERM, "init: Landlock does not hold; not starting");
	if (syscall(SYS_unshare, CLONE_NEWUSER) == 0 || errno != EPERM)
		return error_say(err, -EPERM, "init: the seccomp filter does not hold; not starting");
	return 0;
}

static int prove_no_privileges(struct appsilo_error *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2];

	if (syscall(SYS_capget, &header, caps) < 0 || caps[0].permitted || caps[1].permitted ||
	    caps[0].effective || caps[1].effective || prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) != 0)
		return error_say(err, -EPERM, "init: capabilities were not dropped; not starting");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return error_say(err, -EPERM, "init: no_new_privs is not set; not starting");
	return 0;
}

static int prove(const struct plan *plan, int canary_fd, struct appsilo_error *err)
{
	int r = plan->nest ? 0 : prove_fences(canary_fd, err);

	return r == 0 ? prove_no_privileges(err) : r;
}

#define ROOT_YIELDS 500
#define BUILDER_STACK_BYTES (256 * 1024)

/* The thread that builds the root. It keeps its capabilities to its end, which comes before
 * the fences are proved and anything is announced; the main thread gives up its own meanwhile. */
struct builder {
	struct plan *plan;
	pthread_t thread;
	sem_t entered; /* the root is this process's, or r says why not */
	struct root_built root;
	bool network; /* there is one that leads out */
	int r; /* read after entered, and again after the thread's end */
	struct appsilo_error err;
};

static void *build_root(void *data)
{
	struct builder *b = data;
	int r = b->r = root_enter(b->plan, &b->root, &b->err);

	sem_post(&b->entered);
	if (r == 0)
		b->r = root_leave_old(&b->err);
	return NULL;
}

/* On a stack that is there: mapping one takes three calls, each a cost for every thread of
 * this memory. */
static int start_builder(struct builder *b, struct appsilo_error *err)
{
	static char stack[BUILDER_STACK_BYTES] __attribute__((aligned(PAGES_BYTES)));
	pthread_attr_t attr;
	int r = -pthread_attr_init(&attr);

	if (r == 0)
		r = -pthread_attr_setstack(&attr, stack, sizeof(stack));
	if (r == 0 && sem_init(&b->entered, 0, 0) < 0)
		r = -errno;
	if (r == 0)
		r = -pthread_create(&b->thread, &attr, build_root, b);
	return r < 0 ? error_set(err, r, "init: start a thread") : 0;
}

static int wait_for_root(struct builder *b, struct appsilo_error *err)
{
	/* Nearly done by now: waking this thread on an idle processor would take longer. Not with
	 * a broker, which needs the processor more. */
	for (int i = 0; i < ROOT_YIELDS && b->plan->fuse_fd < 0; i++) {
		if (sem_trywait(&b->entered) == 0) {
			sem_post(&b->entered);
			break;
		}
		sched_yield();
	}
	while (sem_wait(&b->entered) < 0 && errno == EINTR)
		;
	if (b->r < 0) {
		*err = b->err;
		return b->r;
	}
	return chdir("/") < 0 ? error_set(err, -errno, "init: enter the root") : 0;
}

static int end_builder(struct builder *b, struct appsilo_error *err)
{
	int r = -pthread_join(b->thread, NULL);

	if (r < 0)
		return error_set(err, r, "init: the root's thread");
	if (b->r < 0)
		*err = b->err;
	return b->r;
}

/* Without it, where that is agreed, appsilo-net hears of nothing and ends. */
static int make_tunnel(struct plan *plan, const struct tunnel_places *places, struct tunnel *ret,
		       struct appsilo_error *err)
{
	int r = tunnel_make(places, plan->gid, ret, err);

	if (r == 0 || !plan->net_optional)
		return r;
	close(TAKE_FD(plan->net_fd));
	return 0;
}

/* Now that the root's thread has ended its part of the plan: a rule that it was told of may be
 * the first that opens a host. */
static int hand_over_network(struct plan *plan, const struct tunnel_places *places,
			     struct tunnel *tunnel, bool *ret_made, struct appsilo_error *err)
{
	int r = 0;

	if (plan->net_fd >= 0 && !tunnel_is_made(tunnel))
		r = make_tunnel(plan, places, tunnel, err);
	if (r == 0 && plan->net_fd >= 0) {
		r = tunnel_hand_over(tunnel, plan, err);
		*ret_made = r == 0;
		if (plan->net_optional) {
			close(TAKE_FD(plan->net_fd));
			r = 0;
		}
	}
	return r;
}

static int build(struct plan *plan, struct builder *b, struct appsilo_error *err)
{
	cleanup(tunnel_places_done) struct tunnel_places places = {-EBADF, -EBADF};
	cleanup(tunnel_done) struct tunnel tunnel = TUNNEL_NONE;
	bool network = plan->net_fd >= 0;
	int r = become_mapped_user(plan, err);

	/* After the ids: a change of ids clears the death signal. */
	if (r == 0)
		r = tie_to_parent(plan, err);
	if (r == 0 && (network || plan->partial))
		tunnel_find_places(&places);
	if (r == 0)
		r = start_builder(b, err);
	if (r == 0)
		r = namespaces_make_rest(err);
	if (r == 0 && network)
		r = make_tunnel(plan, &places, &tunnel, err);
	if (r == 0)
		r = wait_for_root(b, err);
	if (r == 0)
		r = hand_over_network(plan, &places, &tunnel, &b->network, err);
	/* A current directory that was not granted can only be entered with capabilities. */
	if (r == 0 && plan->fuse_fd < 0 && chdir(plan->cwd) < 0)
		r = error_set(err, -errno, "init: current directory %s", plan->cwd);
	return r;
}

static void announce(const struct plan *plan, uint32_t attached, int master_fd, int listener_fd)
{
	struct control_message m = {.kind = CONTROL_READY,
				    .value = (int32_t)attached,
				    .status = plan->in_front};
	int fds[2];
	size_t n = 0;

	if (master_fd >= 0) {
		m.has_pty = 1;
		fds[n++] = master_fd;
	}
	if (listener_fd >= 0) {
		m.has_listener = 1;
		fds[n++] = listener_fd;
	}
	if (fd_send(plan->control_fd, &m, sizeof(m), fds, n) < 0)
		_exit(125);
}

static void wait_for_go(const struct plan *plan)
{
	struct control_message m;
	int fds[FD_PASS_MAX];

	do {
		if (fd_receive(plan->control_fd, &m, sizeof(m), 0, fds) != sizeof(m) ||
		    m.kind == CONTROL_END)
			_exit(125);
	} while (m.kind != CONTROL_GO);
}

static unsigned int report_of(const struct builder *b)
{
	return (b->root.report ? CONFINE_WRITES : 0u) | (b->network ? CONFINE_SOCKETS : 0u);
}

void init_run(struct plan *plan)
{
	struct appsilo_error err = {0};
	struct builder builder = {.plan = plan, .root.canary_fd = -EBADF};
	int listener_fd = -EBADF, master_fd = -EBADF, slave_fd = -EBADF;
	sigset_t all;

	close_keep_errno(plan->parent_fd);
	close_keep_errno(plan->device_fd);
	close_keep_errno(plan->tie_parent_fd);
	close_keep_errno(plan->net_judge_fd);
	close_keep_errno(plan->net_program_fds[0]);
	close_keep_errno(plan->net_program_fds[1]);
	close_keep_errno(plan->cgroup_keeper_fd);
	for (int i = 0; i < OUTPUT_STREAMS; i++)
		close_keep_errno(plan->output.our_fds[i]);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (setsid() < 0) {
		error_set(&err, -errno, "init: new session");
		fail(plan, &err);
	}
	if (build(plan, &builder, &err) < 0)
		fail(plan, &err);
	if (plan->tty[0] || plan->tty[1] || plan->tty[2]) {
		int r = dev_open_pty(&master_fd, &slave_fd);

		if (r < 0 || ioctl(slave_fd, TIOCSCTTY, 0) < 0) {
			error_set(&err, r < 0 ? r : -errno, "init: pseudo-terminal");
			fail(plan, &err);
		}
	}
	if (confine(plan, report_of(&builder), &listener_fd, &err) < 0 || end_builder(&builder, &err) < 0 ||
	    prove(plan, builder.root.canary_fd, &err) < 0 ||
	    (plan->net_fd >= 0 && tunnel_wait(TAKE_FD(plan->net_fd), &err) < 0))
		fail(plan, &err);
	close(builder.root.canary_fd);
	announce(plan, builder.root.attached, master_fd, listener_fd);
	close_keep_errno(master_fd);
	close_keep_errno(listener_fd);
	if (plan->wait_for_go && !builder.root.go)
		wait_for_go(plan);
	if (plan->fuse_fd >= 0 && chdir(plan->cwd) < 0) {
		error_set(&err, -errno, "init: current directory %s", plan->cwd);
		fail(plan, &err);
	}
	/* Not earlier: until the app starts, the launcher opens our mount namespace. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
		error_set(&err, -errno, "init: not dumpable");
		fail(plan, &err);
	}
	reaper_run(plan, slave_fd);
}
