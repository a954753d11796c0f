/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host knows of names: its name servers (resolv.conf(5)) and its own table
 * (hosts(5)), read before appsilo-net gives up the file system; the first again when its judge
 * passes it. One thread.
 */
#ifndef APPSILO_TRANSPORT_HOST_NAMES_H
#define APPSILO_TRANSPORT_HOST_NAMES_H

#include "transport/dns_message.h"

#define HOST_SERVERS_MAX 3
#define HOST_ENTRIES_MAX 1024
#define HOST_FILE_MAX (256 * 1024)

struct host_names {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} servers[HOST_SERVERS_MAX];
	size_t n_servers;
	struct host_entry *entries; /* owned */
	size_t n_entries;
};

/** Read both files. What is missing or cannot be read is left out, as libc does. */
void host_names_read(struct host_names *ret);
/** Take the name servers from @fd. */
void host_names_read_servers(struct host_names *names, int fd);
void host_names_done(struct host_names *names);

/** Fill @ret from the host's table. Returns false when it does not have @name at all. */
bool host_names_find(const struct host_names *names, const char *name, uint16_t type,
		     struct dns_answer *ret);

/** The parsers, for tests. @text is changed. */
void host_names_take_servers(struct host_names *names, char *text);
void host_names_take_table(struct host_names *names, char *text);

#endif
