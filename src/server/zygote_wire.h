/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wires of a warm pool. Pool and zygote: one SOCK_SEQPACKET pair, one struct a message.
 * Pool and one sandbox: one SOCK_STREAM pair. docs/ARCHITECTURE.md, Warm sandboxes.
 *
 * Both ends are one machine and one build. What a sandbox sends is a stranger's all the same.
 */
#ifndef APPSILO_SERVER_ZYGOTE_WIRE_H
#define APPSILO_SERVER_ZYGOTE_WIRE_H

#include "isolation/zygote.h"
#include <stdint.h>

#define ZYGOTE_TEXT_MAX 2048
/* What one run may bring along: code, files, arguments, environment. */
#define ZYGOTE_PAYLOAD_MAX (64u << 20)

enum zygote_kind {
	ZYGOTE_CONFIGURE = 1, /* pool -> zygote: once, first; text: names to preload, one a line */
	ZYGOTE_MAKE,   /* pool -> zygote: one sandbox; descriptors: its end of its own pair, and
			  where its init writes "0" to be in its control group */
	ZYGOTE_READY,  /* zygote -> pool: preloaded, ready to make */
	ZYGOTE_FAILED, /* zygote -> pool: text says why; the zygote ends */
};

struct zygote_message {
	uint32_t kind;
	uint32_t reserved;
	uint64_t disk_bytes; /* CONFIGURE: of the private places together; 0: 64 MiB */
	uint64_t files_bytes; /* CONFIGURE: of the files that a run leaves and that are sent back;
				 0: none */
	char text[ZYGOTE_TEXT_MAX];
};

/* Pool -> sandbox, with descriptors 0, 1, 2 of the run; then payload_bytes of payload: fields,
 * each a length (uint32_t) and so many bytes. The first four are numbers in decimal: how many
 * arguments, variables (NAME=VALUE) and files follow, and whether the entry's folder is a place of
 * modules; then the entry (a file's name, or empty: the code), the code, the arguments, the
 * variables, and name and content of each file. */
struct zygote_spec {
	uint32_t payload_bytes;
	uint32_t reserved;
	uint64_t memory_bytes, pids, cpu_time_ms, file_size_bytes;
	uint64_t open_files; /* 0: 1024; the others 0: no limit */
};

/* Sandbox -> pool, each with the sender's credentials. */
enum zygote_word {
	ZYGOTE_CHILD_MADE = 1, /* by init, whose pid comes with it: the fences hold */
	ZYGOTE_CHILD_READY,    /* by the guest: warmed, takes its one run */
	ZYGOTE_CHILD_ENDED,    /* nothing of the run lives any more but who says so */
	ZYGOTE_CHILD_FAILED,   /* the sandbox could not be made; text */
};

struct zygote_report {
	uint32_t word;
	int32_t status; /* ENDED: wait status of the run's first process */
	int64_t cpu_us, max_rss_bytes;
	char text[256];
};

/* After ENDED, where the pool wants files: one for each, then its name and content; at last one
 * without a name. */
#define ZYGOTE_NAME_MAX 1023
#define ZYGOTE_FILES_MAX 256

struct zygote_file {
	uint32_t name_bytes;
	uint32_t cut; /* of the last: something was left out */
	uint64_t size;
};

#endif
