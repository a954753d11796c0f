/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of consent, shared by the store, the prompters and the broker.
 * Zero of every verdict means deny, so cleared memory denies. docs/ARCHITECTURE.md, Consent.
 */
#ifndef APPSILO_CONSENT_TYPES_H
#define APPSILO_CONSENT_TYPES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CONSENT_FAMILY_MAX 128
#define CONSENT_ALL_FAMILIES "*"

enum consent_verdict {
	CONSENT_DENY = 0,
	CONSENT_ALLOW,
	CONSENT_ASK,
	CONSENT_ABSENT, /* never list: the name does not exist for the app */
};

enum consent_access {
	CONSENT_READ,
	CONSENT_WRITE, /* includes read */
};

enum consent_target {
	CONSENT_FILE,	/* exactly this path */
	CONSENT_FOLDER, /* this path and everything below */
};

enum consent_scope {
	CONSENT_ONCE,
	CONSENT_SESSION,
	CONSENT_ALWAYS,
};

/* Where a rule came from; stored as text: prompt, command-line, grant, override-never. */
enum consent_source {
	CONSENT_FROM_PROMPT,
	CONSENT_FROM_COMMAND_LINE,
	CONSENT_FROM_GRANT,
	CONSENT_FROM_OVERRIDE,
};

struct consent_rule {
	int64_t id;	    /* row id in the store, 0 when not stored */
	const char *family; /* CONSENT_ALL_FAMILIES for every app */
	const char *path;   /* absolute, clean, bytes */
	enum consent_target target;
	enum consent_access access;
	enum consent_verdict verdict; /* CONSENT_ALLOW or CONSENT_DENY */
	enum consent_scope scope;
	enum consent_source source;
	int64_t time_ms; /* realtime */
};

/* One access that needs a decision. Strings are borrowed for the call. */
struct consent_request {
	const char *path; /* absolute host path as the kernel gave it, bytes */
	enum consent_access access;
	enum consent_target target; /* CONSENT_FOLDER when the object is a directory */
	const char *operation;	    /* open, create, list, execute, truncate, rename, ... */
	bool exists;
	pid_t pid; /* as the broker sees it, 0 unknown */
};

/* One host that the app wants to reach or to look up. Strings are borrowed for the call. */
struct consent_host_request {
	const char *host;     /* the name as it was resolved, or the address */
	const char *address;  /* NULL: not known yet, the name is looked up */
	uint16_t port;	      /* 0: any, as for a look-up, or none, as for icmp */
	const char *protocol; /* tcp, udp, icmp; dns for a look-up */
	pid_t pid;	      /* as the broker sees it, 0 unknown */
};

#endif
