/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/store_watch.h"

#include "base/log.h"
#include "consent/seen.h"
#include "consent/store.h"
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

void store_watch_start(struct store_watch *w, int inotify_fd, const char *data_dir)
{
	const uint32_t events = IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO;

	w->inotify_fd = inotify_fd;
	w->seen_fd = -EBADF;
	if (inotify_add_watch(inotify_fd, data_dir, events) < 0) {
		log_warning("cannot watch %s; changes made elsewhere show at the next question", data_dir);
		return;
	}
	w->seen_fd = seen_open(data_dir);
	if (w->seen_fd < 0)
		log_debug("%s: %s; nobody waits for this run", data_dir, strerror(-w->seen_fd));
	seen_hold(w->seen_fd, seen_now());
}

static bool is_about_store(const char *events, size_t size, bool *ret_written)
{
	bool about = false;

	for (const char *at = events; at < events + size;) {
		const struct inotify_event *event = (const void *)at;

		at += sizeof(*event) + event->len;
		if (event->mask & IN_Q_OVERFLOW)
			return *ret_written = true;
		if (event->len == 0 || strcmp(event->name, STORE_FILE) != 0)
			continue;
		about = true;
		*ret_written = *ret_written || event->mask & IN_MODIFY;
	}
	return about;
}

bool store_watch_take(struct store_watch *w, bool *ret_written)
{
	_Alignas(struct inotify_event) char events[4096];
	bool about = false;
	ssize_t n;

	w->taken = seen_now();
	*ret_written = false;
	while ((n = read(w->inotify_fd, events, sizeof(events))) > 0)
		about = is_about_store(events, (size_t)n, ret_written) || about;
	return about;
}

void store_watch_looked(struct store_watch *w)
{
	atomic_store(&w->looked, w->taken);
}

void store_watch_settled(void *watch)
{
	struct store_watch *w = watch;

	seen_hold(w->seen_fd, atomic_load(&w->looked));
}
