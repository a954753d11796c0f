/* SPDX-License-Identifier: Apache-2.0 */
#include "server/exchange.h"

int run_job(struct job *job, struct worker *worker, const struct run_request *r,
	    const struct run_control *control, struct run_outcome *ret, struct api_error *e)
{
	struct server *s = worker->server;
	cleanup(work_dir_close) struct work_dir dir = {.work_fd = -EBADF};
	struct run_place place = {&s->backend, &dir, job->tenant->name};
	struct appsilo_error err;
	bool warm;
	int code = 0;

	*ret = (struct run_outcome){0};
	warm = run_warm(&s->warm, job->tenant->name, r, r->argv, r->n_argv, r->stdin_data, r->stdin_size,
			control, &ret->run);
	if (!warm && server_open_dir(worker, r->limits.disk_bytes, &dir, &err) < 0)
		return api_error_set(e, 503, "no-resources", "%s", err.line);
	if (!warm)
		code = run_request(&place, r, control, ret, e);
	if (code == 0) {
		job->reason = sandbox_reason_word(run_last_step(ret)->result.reason);
		metrics_run(&s->metrics, &run_last_step(ret)->result, warm);
	}
	return code;
}
