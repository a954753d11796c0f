/* SPDX-License-Identifier: Apache-2.0 */
/* A body of /v1/run: whatever it is, what is taken stays within what the server allows. */
#include "fuzz.h"

#include "server/request.h"
#include "server/work_dir.h"
#include <string.h>

static bool has_package(void *data, const char *family)
{
	(void)data;
	return family[0] == 'P';
}

static void check(const struct run_request *r, const struct request_policy *policy)
{
	bool entry = false;

	ALWAYS(r->runtime && r->n_files > 0 && r->n_files <= REQUEST_FILES_MAX);
	ALWAYS(r->n_argv <= REQUEST_WORDS_MAX && r->n_env <= REQUEST_ENV_MAX && r->n_hosts <= REQUEST_HOSTS_MAX);
	ALWAYS(r->limits.wall_ms && r->limits.wall_ms <= policy->limits.wall_ms);
	ALWAYS(r->limits.pids && r->limits.pids <= policy->limits.pids);
	ALWAYS(r->limits.memory_bytes && r->limits.memory_bytes <= policy->limits.memory_bytes);
	for (size_t i = 0; i < r->n_files; i++) {
		ALWAYS(work_dir_is_name(r->files[i].name, strlen(r->files[i].name)));
		entry |= strcmp(r->files[i].name, r->entry) == 0;
	}
	ALWAYS(entry);
	for (size_t i = 0; i < r->n_env; i++)
		ALWAYS(strchr(r->env[i], '=') > r->env[i]);
	ALWAYS(!r->package || r->package[0] == 'P');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct runtime_versions versions = {.version = {"3.11.2", "5.2", "18.1", "12.2"}};
	static const struct request_policy policy = {
		.limits = {.wall_ms = 1000, .cpu_ms = 1000, .memory_bytes = 1 << 20, .pids = 10,
			   .disk_bytes = 1 << 20, .file_bytes = 1 << 20, .output_bytes = 1 << 20},
		.net_capabilities = 1, .versions = &versions, .has_package = has_package};
	static struct run_request r;
	struct api_error e = {0};

	if (request_decode((const char *)data, size, &policy, &r, &e) == 0)
		check(&r, &policy);
	else
		ALWAYS(e.status >= 400 && e.status < 600 && e.code && e.message[0] && !strchr(e.message, '\n'));
	request_done(&r);
	return 0;
}
