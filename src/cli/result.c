/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/result.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

/* Bytes: of a host, and of all. The error line may have each of its bytes as \udcNN. */
#define HOST_BYTES (HOST_NAME_MAX_BYTES + NET_ADDRESS_TEXT_MAX + 240)
#define RESULT_MAX (6 * ERROR_LINE_MAX + 2048 + (NET_ACCOUNT_MAX + 1) * HOST_BYTES)

int result_open(const char *path, struct appsilo_error *err)
{
	char shown[512];
	int fd = fd_open_report(path, O_EXCL, 0644), r = 0;
	bool made = fd >= 0;

	if (fd == -EEXIST)
		fd = fd_open_report(path, 0, 0644);
	text_show(path, shown, sizeof(shown));
	if (fd == -ELOOP)
		return error_say(err, fd, "run: --result %s is a link, which a program may have put there, and is not "
				 "followed; name the file itself", shown);
	if (fd < 0)
		return error_set(err, fd, "run: --result %s", shown);
	/* A pipe or a terminal cannot be cut; what is new is then written after what was. */
	(void)!ftruncate(fd, 0);
	/* Room is taken now: a full disk is told before the program has run for nothing. */
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, RESULT_MAX) < 0 && (errno == ENOSPC || errno == EDQUOT))
		r = -errno;
	if (r == 0)
		return fd;
	close(fd);
	if (made)
		unlink(path);
	return error_set(err, r, "run: --result %s", shown);
}

static const char *reason_word(const struct monitor_outcome *o)
{
	switch (o->reason) {
	case MONITOR_EXITED:
		return "exited";
	case MONITOR_SIGNALED:
		return "signaled";
	case MONITOR_TIMEOUT:
		return "timeout";
	case MONITOR_OUTPUT:
		return "output-limit";
	case MONITOR_OOM:
		return "oom";
	case MONITOR_PIDS:
		return "pids";
	case MONITOR_NOT_RUN:
		break;
	}
	return o->exit_code == 126 ? "denied" : "failed";
}

static void write_host(struct json_writer *w, const struct net_account *a, uint32_t number)
{
	jsonw_open(w, NULL, '{');
	net_account_write(a, number, w);
	jsonw_close(w, '}');
}

static void write_network(struct json_writer *w, const struct net_account *a)
{
	jsonw_open(w, "network", '[');
	for (uint32_t i = 1; a && i <= a->n; i++)
		write_host(w, a, i);
	if (a && net_account_has_others(a))
		write_host(w, a, 0);
	jsonw_close(w, ']');
}

int result_write(int fd, const struct monitor_outcome *outcome, const char *package,
		 const char *run_id, const struct result_counts *counts, struct appsilo_error *err)
{
	char text[RESULT_MAX];
	struct json_writer w;
	int n, r;

	jsonw_init(&w, text, sizeof(text));
	jsonw_open(&w, NULL, '{');
	jsonw_int(&w, "exit_code", outcome->exit_code);
	if (outcome->signal)
		jsonw_int(&w, "signal", outcome->signal);
	else
		jsonw_null(&w, "signal");
	jsonw_string(&w, "reason", reason_word(outcome));
	jsonw_int(&w, "wall_ms", outcome->wall_ms);
	jsonw_int(&w, "cpu_ms", outcome->cpu_ms);
	jsonw_int(&w, "memory_bytes", outcome->max_rss_bytes);
	jsonw_int(&w, "asked", counts->asked);
	jsonw_int(&w, "allowed", counts->allowed);
	jsonw_int(&w, "denied", counts->denied);
	write_network(&w, counts->network);
	jsonw_string(&w, "package", package);
	jsonw_string(&w, "run", run_id);
	if (outcome->text[0])
		jsonw_string(&w, "error", outcome->text);
	jsonw_close(&w, '}');
	n = jsonw_finish(&w);
	r = n < 0 ? n : fd_write_all(fd, text, (size_t)n);
	/* All of it or nothing, and what was not needed of the room is given back. */
	(void)!ftruncate(fd, r < 0 ? 0 : n);
	return r < 0 ? error_set(err, r, "run: write the result file") : 0;
}

void result_write_failure(int fd, int exit_code, const char *package, const struct appsilo_error *why)
{
	struct monitor_outcome outcome = {.reason = MONITOR_NOT_RUN, .exit_code = exit_code};
	const struct result_counts none = {0};

	if (fd < 0)
		return;
	snprintf(outcome.text, sizeof(outcome.text), "%s", why->line);
	(void)!result_write(fd, &outcome, package && *package ? package : NULL, NULL, &none, NULL);
}
