/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attach helper H: a single-threaded process in the broker's mount namespace, because
 * setns to another mount namespace needs that. It clones host subtrees, enters the
 * sandbox's mount namespace, moves them into place, and comes back. It also starts
 * the prompter program, so that the broker itself needs no right to execute; which program
 * that is, H knows from the command line, and no broker can tell it another.
 * Requests come over a SOCK_SEQPACKET pair the app never holds; each brings, as its last
 * descriptor, the socket for its reply. Mounts are changed in a child: move_mount waits for
 * the folder's lock, which a call of the app may hold as long as a person thinks about it,
 * and the prompter that asks that person may have to be started meanwhile.
 */
#ifndef APPSILO_BROKER_HELPER_H
#define APPSILO_BROKER_HELPER_H

#include "base/cleanup.h"
#include "broker/net_program.h"
#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

enum helper_kind {
	HELPER_ATTACH = 1,  /* one descriptor: the host directory (O_PATH) */
	HELPER_SET_WRITABLE, /* clear the read-only flag of the attached mount at path */
	HELPER_DETACH,
	HELPER_PERFORM, /* one descriptor: a socket, on which the child that will make the call says its
			 * pid (pid_t), and then waits for a struct perform_call. A new one may come back */
	HELPER_SPAWN, /* three descriptors: stdin, stdout, stderr of the prompter */
};

struct helper_request {
	uint32_t kind;
	uint32_t writable;    /* HELPER_ATTACH */
	uint32_t make_target; /* HELPER_ATTACH below a private place: make the way to it */
	uint32_t is_file;     /* HELPER_ATTACH with make_target */
	uint32_t onto_attached; /* HELPER_ATTACH: the place lies in an attached mount, which it covers */
	uint32_t n_fds;	      /* descriptors before the reply's socket */
	char path[PATH_MAX];  /* place in the sandbox, absolute and clean */
};

struct helper_reply {
	int32_t result; /* 0 or pid; negative errno; with a descriptor where one is made */
};

struct helper_config {
	int socket_fd;	   /* to the broker */
	int sandbox_ns_fd; /* the sandbox's mount namespace */
	int view_fd;	   /* the root of the brokered view */
	int idmap_fd;	   /* root runs: user namespace for idmapped mounts, else -EBADF */
	uid_t app_uid;	   /* root runs: whom it makes calls as; its group has the same number */
	const char *command; /* of the prompter, which HELPER_SPAWN starts by `sh -c`; NULL: none */
	const char *window;  /* or the program that is started as the prompt window; NULL: none */
	char *const *envp;   /* of the prompters it starts */
	struct net_program network; /* started when something first wants to go out */
};

/**
 * Of the broker: send a request. Thread-safe.
 * @fds  borrowed, @n_fds of them, fewer than FD_PASS_MAX
 * Returns a descriptor for helper_wait(); -errno.
 */
int helper_send(int helper_fd, struct helper_request *q, const int *fds, size_t n_fds) must_check;

/**
 * Wait for the answer.
 * @reply_fd  taken over
 * @ret_fd    a descriptor that came with it, which nobody else has, or -EBADF; NULL: none is expected
 * Returns the result; -EPIPE when the helper or its child is gone; -errno.
 */
int helper_wait(int reply_fd, int *ret_fd) must_check;

/** Both. */
int helper_ask(int helper_fd, struct helper_request *q, const int *fds, size_t n_fds) must_check;

/** Life of H; never returns. Ends when config->socket_fd does. @config is borrowed. */
void helper_run(const struct helper_config *config) __attribute__((noreturn));

#endif
