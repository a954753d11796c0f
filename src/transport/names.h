/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names led the sandbox to an address, as long as the answers hold: how a rule about a
 * name comes to speak about a connection. One thread.
 */
#ifndef APPSILO_TRANSPORT_NAMES_H
#define APPSILO_TRANSPORT_NAMES_H

#include "network/address.h"
#include "isolation/net_wire.h"

/* Kept at once; the one that ends first makes room. */
#define NAMES_MAX 1024
/* Programs keep an address a while without asking again, whatever its time to live says. */
#define NAMES_SECONDS_MIN 60
#define NAMES_SECONDS_MAX 86400

struct names;

/** Returns NULL when out of memory. */
struct names *names_new(void);
void names_free(struct names *names);

/**
 * @name led to @address.
 * @seconds  time to live, bounded by the limits above
 * @once     a person allowed the name for one use: see names_use_once()
 */
void names_add(struct names *names, const struct net_address *address, const char *name,
	       uint32_t seconds, bool once, int64_t now_ms);

/** Fill in the names of @question's address, newest first. */
void names_tell(const struct names *names, int64_t now_ms, const struct net_address *address,
		struct net_question *question);

/** Keep what NET_TELL_NAME said. */
void names_told(struct names *names, struct net_question *told, int64_t now_ms);

/** Was a name of @address allowed for one use that nobody has made? */
bool names_has_once(const struct names *names, int64_t now_ms, const struct net_address *address);

/** Was a name of @address allowed for one use? Then that is used up now. */
bool names_use_once(struct names *names, int64_t now_ms, const struct net_address *address);

DEFINE_CLEANUP(struct names *, names_free)

#endif
