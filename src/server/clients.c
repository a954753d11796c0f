/* SPDX-License-Identifier: Apache-2.0 */
#include "server/clients.h"

#include "base/clock.h"
#include <sys/socket.h>

#define LOOK_MS 250

/* The library sees the end of the connection and closes it, in its own thread. */
static void shut_late_ones(struct clients *c, int64_t now_ms)
{
	for (struct client *one = c->first; one; one = one->after) {
		int64_t deadline_ms = atomic_load(&one->deadline_ms);

		if (!deadline_ms || now_ms < deadline_ms)
			continue;
		(void)shutdown(one->fd, SHUT_RDWR);
		atomic_store(&one->deadline_ms, 0);
	}
}

static void *look(void *data)
{
	struct clients *c = data;

	pthread_mutex_lock(&c->lock);
	while (!c->ended) {
		int64_t next_ms = clock_monotonic_ms() + LOOK_MS;
		struct timespec next = {next_ms / 1000, next_ms % 1000 * 1000000};

		shut_late_ones(c, next_ms - LOOK_MS);
		(void)pthread_cond_timedwait(&c->wake, &c->lock, &next);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

int clients_start(struct clients *c)
{
	pthread_condattr_t attributes;
	int r;

	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&c->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	r = pthread_create(&c->thread, NULL, look, c);
	c->started = r == 0;
	return -r;
}

void clients_stop(struct clients *c)
{
	if (!c->started)
		return;
	pthread_mutex_lock(&c->lock);
	c->ended = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	c->started = false;
}

struct client *clients_add(struct clients *c, int fd)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->all = c;
	client->fd = fd;
	atomic_init(&client->idle, true);
	pthread_mutex_lock(&c->lock);
	client->after = c->first;
	if (c->first)
		c->first->before = client;
	c->first = client;
	pthread_mutex_unlock(&c->lock);
	return client;
}

void clients_remove(struct client *client)
{
	struct clients *c;

	if (!client)
		return;
	c = client->all;
	pthread_mutex_lock(&c->lock);
	if (client->before)
		client->before->after = client->after;
	else
		c->first = client->after;
	if (client->after)
		client->after->before = client->before;
	pthread_mutex_unlock(&c->lock);
	free(client);
}

void client_deadline(struct client *client, int64_t ms)
{
	atomic_store(&client->deadline_ms, ms ? clock_monotonic_ms() + ms : 0);
}

void client_idle(struct client *client, bool idle)
{
	atomic_store(&client->idle, idle);
}

void clients_hang_up(struct clients *c, bool all)
{
	pthread_mutex_lock(&c->lock);
	for (struct client *one = c->first; one; one = one->after)
		if (all || atomic_load(&one->idle))
			(void)shutdown(one->fd, SHUT_RDWR);
	pthread_mutex_unlock(&c->lock);
}

unsigned long long clients_count(struct clients *c)
{
	unsigned long long n = 0;

	pthread_mutex_lock(&c->lock);
	for (struct client *one = c->first; one; one = one->after)
		n++;
	pthread_mutex_unlock(&c->lock);
	return n;
}
