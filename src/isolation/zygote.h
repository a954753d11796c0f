/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How `appsilo zygote` is started by a pool (server/pool.h) and starts its program in turn.
 * docs/ARCHITECTURE.md, Warm sandboxes.
 */
#ifndef APPSILO_ISOLATION_ZYGOTE_H
#define APPSILO_ISOLATION_ZYGOTE_H

/* Descriptors that are handed on to the program. */
#define ZYGOTE_FD 3	    /* its end of the pair with the pool */
#define ZYGOTE_PROGRAM_FD 4 /* the program, or what an interpreter loads, itself */
/* The command of a zygote that is a program and no extension of one. */
#define ZYGOTE_PROGRAM "/proc/self/fd/4"

/* Home and current directory of each run; private, and gone with it. */
#define ZYGOTE_HOME "/home/sandbox"

#endif
