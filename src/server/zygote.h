/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A zygote's life: make a sandbox whenever the pool asks for one, reap them. What runs inside is
 * behind a table: zygote_python.c goes on with the interpreter that was started and warmed once,
 * zygote_exec.c executes any program. Runs inside the zygote's own sandbox (plan.h, nest), in
 * one thread, and holds nothing of any run.
 *
 * One sandbox is two processes that share the memory which is copied from the zygote's:
 *
 *   zygote ──clone3(user, mount, pid, ipc)──> init (pid 1): fences itself in, reaps, reports
 *                                              └─clone(CLONE_VM)──> guest: waits for its run
 *
 * Not the guest as pid 1: the kernel keeps signals from a pid 1 which would end any other process
 * (abort(), kill(getpid(), ...)), and a run's end would be somebody else's to tell. Init has a
 * stack of its own and never touches what is of the C library's thread. A guest that breaks into
 * it finds the rights that it has itself; what it could forge is the report of its own run.
 */
#ifndef APPSILO_SERVER_ZYGOTE_H
#define APPSILO_SERVER_ZYGOTE_H

#include "base/error.h"
#include "server/zygote_wire.h"

struct zygote_guest {
	/** In the zygote, once: load what all runs share. @names one a line. Returns 0; -errno. */
	int (*load)(char *names, struct appsilo_error *err);
	/** In the sandbox: touch once what every run touches, before the run is there. */
	void (*warm)(void);
	/** In the sandbox: the one run. Its descriptors are 0, 1, 2. @payload: see
	 * zygote_payload_done(). Returns its exit code. */
	int (*run)(const struct zygote_spec *spec, char *payload);
	/** The payload of a short run, by which is seen what runs touch; NULL: none. */
	const char *trial;
	size_t trial_bytes;
};

/** Serve the pool until it goes. Only sandboxes and failures get past it, and they end here. */
void zygote_serve(const struct zygote_guest *guest) __attribute__((noreturn));

/** In the sandbox: its memory is free for the run, if it is much: to unmap little costs more than a short run. */
void zygote_payload_done(const struct zygote_spec *spec, char *payload);

#endif
