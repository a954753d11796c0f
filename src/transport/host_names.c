/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/host_names.h"

#include "base/fd.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>

#define DNS_PORT 53
#define BLANK " \t\r"
/* How long an answer from the host's table holds. */
#define TABLE_SECONDS 60

struct host_entry {
	struct net_address address;
	char name[NET_NAME_SIZE];
};

/* Take the next line out of @at, without its comment. */
static char *next_line(char **at)
{
	char *line = strsep(at, "\n");

	if (line)
		line[strcspn(line, "#;")] = '\0';
	return line;
}

static char *next_word(char **at)
{
	char *word;

	do {
		word = strsep(at, BLANK);
	} while (word && !*word);
	return word;
}

static void add_server(struct host_names *n, char *word)
{
	char *zone = strchr(word, '%');
	size_t i = n->n_servers;

	if (i == HOST_SERVERS_MAX)
		return;
	if (zone)
		*zone++ = '\0';
	memset(&n->servers[i], 0, sizeof(n->servers[i]));
	if (inet_pton(AF_INET, word, &n->servers[i].v4.sin_addr) == 1) {
		n->servers[i].v4.sin_family = AF_INET;
		n->servers[i].v4.sin_port = htons(DNS_PORT);
	} else if (inet_pton(AF_INET6, word, &n->servers[i].v6.sin6_addr) == 1) {
		n->servers[i].v6.sin6_family = AF_INET6;
		n->servers[i].v6.sin6_port = htons(DNS_PORT);
		n->servers[i].v6.sin6_scope_id = zone ? if_nametoindex(zone) : 0;
	} else {
		return;
	}
	n->n_servers++;
}

void host_names_take_servers(struct host_names *n, char *text)
{
	char *line;

	while ((line = next_line(&text))) {
		char *key = next_word(&line), *value = next_word(&line);

		if (value && strcmp(key, "nameserver") == 0)
			add_server(n, value);
	}
}

static bool parse_address(const char *word, struct net_address *ret)
{
	*ret = (struct net_address){.family = AF_INET};
	if (inet_pton(AF_INET, word, &ret->v4) == 1)
		return true;
	ret->family = AF_INET6;
	return inet_pton(AF_INET6, word, &ret->v6) == 1;
}

static void add_entry(struct host_names *n, const struct net_address *address, const char *name)
{
	struct host_entry *e = &n->entries[n->n_entries];
	size_t length = strlen(name);

	if (n->n_entries == HOST_ENTRIES_MAX || length >= sizeof(e->name))
		return;
	e->address = *address;
	for (size_t i = 0; i <= length; i++)
		e->name[i] = (char)tolower((unsigned char)name[i]);
	n->n_entries++;
}

void host_names_take_table(struct host_names *n, char *text)
{
	struct net_address address;
	char *line, *word;

	n->entries = calloc(HOST_ENTRIES_MAX, sizeof(*n->entries));
	while (n->entries && (line = next_line(&text))) {
		word = next_word(&line);
		if (!word || !parse_address(word, &address))
			continue;
		while ((word = next_word(&line)))
			add_entry(n, &address, word);
	}
}

static void read_file(struct host_names *n, const char *path,
		      void (*take)(struct host_names *n, char *text))
{
	cleanup_free char *text = malloc(HOST_FILE_MAX);

	if (text && fd_read_file(AT_FDCWD, path, text, HOST_FILE_MAX) > 0)
		take(n, text);
}

/* resolv.conf(5): without any, the one of this machine. */
static void add_default(struct host_names *n)
{
	if (n->n_servers == 0)
		add_server(n, (char[]){"127.0.0.1"});
}

void host_names_read_servers(struct host_names *n, int fd)
{
	cleanup_free char *text = malloc(HOST_FILE_MAX);
	size_t used = 0;
	ssize_t got = 0;

	while (text && used < HOST_FILE_MAX - 1 &&
	       (got = read(fd, text + used, HOST_FILE_MAX - 1 - used)) > 0)
		used += (size_t)got;
	if (!text || got != 0)
		return;
	text[used] = '\0';
	n->n_servers = 0;
	host_names_take_servers(n, text);
	add_default(n);
}

void host_names_read(struct host_names *ret)
{
	*ret = (struct host_names){0};
	read_file(ret, "/etc/resolv.conf", host_names_take_servers);
	read_file(ret, "/etc/hosts", host_names_take_table);
	add_default(ret);
}

void host_names_done(struct host_names *n)
{
	free(TAKE_PTR(n->entries));
}

bool host_names_find(const struct host_names *n, const char *name, uint16_t type,
		     struct dns_answer *ret)
{
	int family = type == DNS_A ? AF_INET : AF_INET6;
	bool known = false;

	*ret = (struct dns_answer){.seconds = TABLE_SECONDS};
	for (size_t i = 0; i < n->n_entries; i++) {
		if (strcmp(n->entries[i].name, name) != 0)
			continue;
		known = true;
		if (n->entries[i].address.family == family && ret->n_addresses < DNS_ADDRESSES_MAX)
			ret->addresses[ret->n_addresses++] = n->entries[i].address;
	}
	return known;
}
