/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/queue.h"
#include "server/stream.h"
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* No job here has a stream. */
void stream_free(struct stream *s)
{
	assert_null(s);
}

static struct tenant rows[3] = {{.name = "a"}, {.name = "b"}, {.name = "c", .concurrent = 1, .per_minute = 60, .allowance = 60}};
static struct tenants tenants = {.all = rows, .n = 3};
static struct queue q;
static struct api_error e;

static int setup(void **state)
{
	(void)state;
	queue_init(&q, &tenants, 2, 6);
	return 0;
}

static int submit(int tenant)
{
	struct job *job = job_new(&rows[tenant], NULL);
	int r = queue_submit(&q, job, &e);

	job_unref(job);
	return r;
}

static void take_and_finish(int tenant)
{
	struct job *job = queue_take(&q);

	assert_ptr_equal(job->tenant, &rows[tenant]);
	queue_finish(&q, job);
}

static void tenants_take_turns(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(submit(0), 0);
	assert_int_equal(submit(1), 0);
	assert_int_equal(submit(2), 0);
	for (size_t i = 0; i < 5; i++)
		take_and_finish((int[]){0, 1, 2, 0, 0}[i]);
	assert_true(queue_wait_idle(&q, 0));
}

static void one_tenant_cannot_fill_the_queue(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(submit(0), 0);
	assert_int_equal(submit(0), -EBUSY);
	assert_string_equal(e.code, "quota");
	assert_int_equal(e.status, 429);
	assert_true(e.retry_after_s > 0);
	assert_int_equal(submit(1), 0);
	assert_int_equal(submit(1), 0);
	assert_int_equal(submit(1), 0);
	assert_int_equal(submit(2), -EBUSY);
	assert_string_equal(e.code, "queue-full");
	for (int i = 0; i < 6; i++)
		queue_finish(&q, queue_take(&q));
}

static void a_tenant_at_its_quota_is_passed_over(void **state)
{
	struct job *first;

	(void)state;
	assert_int_equal(submit(2), 0);
	first = queue_take(&q);
	assert_int_equal(submit(2), 0);
	assert_int_equal(submit(0), 0);
	take_and_finish(0);
	queue_finish(&q, first);
	take_and_finish(2);
}

static void a_job_is_cancelled_by_its_tenant_alone(void **state)
{
	struct job *job = job_new(&rows[0], NULL);

	(void)state;
	assert_int_equal(queue_submit(&q, job, &e), 0);
	assert_false(queue_cancel(&q, &rows[1], job->id));
	assert_false(atomic_load(&job->cancelled));
	assert_true(queue_cancel(&q, &rows[0], job->id));
	assert_true(atomic_load(&job->cancelled));
	assert_ptr_equal(queue_take(&q), job);
	assert_true(job->is_off);
	queue_finish(&q, job);
	assert_false(queue_cancel(&q, &rows[0], job->id));
	job_unref(job);
}

static void what_runs_when_it_is_cancelled_has_begun(void **state)
{
	struct job *job = job_new(&rows[0], NULL);

	(void)state;
	assert_int_equal(queue_submit(&q, job, &e), 0);
	assert_ptr_equal(queue_take(&q), job);
	assert_true(queue_cancel(&q, &rows[0], job->id));
	assert_false(job->is_off);
	queue_finish(&q, job);
	job_unref(job);
}

static void whose_client_has_gone_does_not_begin(void **state)
{
	struct job *job = job_new(&rows[0], NULL);
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	job->client_fd = ends[0]; /* the job closes it */
	assert_int_equal(queue_submit(&q, job, &e), 0);
	close(ends[1]);
	assert_ptr_equal(queue_take(&q), job);
	assert_true(job->is_off);
	queue_finish(&q, job);
	job_unref(job);
}

static void a_closed_queue_takes_nothing(void **state)
{
	(void)state;
	queue_close(&q);
	assert_int_equal(submit(0), -EBUSY);
	assert_int_equal(e.status, 503);
	queue_end(&q);
	assert_null(queue_take(&q));
	queue_done(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tenants_take_turns),
		cmocka_unit_test(one_tenant_cannot_fill_the_queue),
		cmocka_unit_test(a_tenant_at_its_quota_is_passed_over),
		cmocka_unit_test(a_job_is_cancelled_by_its_tenant_alone),
		cmocka_unit_test(what_runs_when_it_is_cancelled_has_begun),
		cmocka_unit_test(whose_client_has_gone_does_not_begin),
		cmocka_unit_test(a_closed_queue_takes_nothing),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
