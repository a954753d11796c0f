/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fd.h"
#include "broker/gate_host.h"
#include "broker/gate_new.h"
#include "consent/store_hosts.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <string.h>

/* A prompter that shows nothing, and answers what it is told when it is let. */
struct scripted {
	struct prompter base;
	struct prompt_answer answer;
	sem_t asked, go;
	_Atomic bool hold; /* wait for go */
	char last[4096]; /* the question, as on the wire */
};

struct world {
	char dir[64], audit[96];
	struct consent_store *store;
	struct session_rules *session;
	struct net_policy *policy;
	struct recorder *recorder;
	struct gate *gate;
	struct scripted prompter;
	bool no_prompter;
	int changes;
};

static void scripted_ask(struct prompter *base, const struct prompt_question *q, int cancel_fd,
			 struct prompt_answer *ret)
{
	struct scripted *s = (struct scripted *)base;
	struct pollfd cancelled = {.fd = cancel_fd, .events = POLLIN};

	assert_true(prompt_json_write(q, s->last, sizeof(s->last)) > 0);
	*ret = s->answer;
	sem_post(&s->asked);
	if (s->hold) {
		while (sem_trywait(&s->go) < 0)
			if (poll(&cancelled, 1, 10) > 0) {
				prompt_fail(ret, "%s", "");
				return;
			}
	}
}

static void scripted_free(struct prompter *base)
{
	(void)base;
}

static struct prompter *make_prompter(void *data)
{
	struct world *w = data;

	return w->no_prompter ? NULL : &w->prompter.base;
}

static void on_host_change(void *data)
{
	((struct world *)data)->changes++;
}

static void make_gate(struct world *w, unsigned int capabilities, bool asks)
{
	struct gate_config config = {
		.decider = {.family = "A_x", .store = w->store, .session = w->session},
		.app = "a",
		.real = "/usr/bin/a",
		.make_prompter = make_prompter,
		.quiet = true,
		.on_host_change = on_host_change,
		.data = w,
	};

	w->policy = config.policy = net_policy_new(capabilities, asks);
	assert_int_equal(recorder_open(w->dir, w->audit, "A_x", "a", &w->recorder, NULL), 0);
	config.recorder = w->recorder;
	assert_int_equal(gate_new(&config, &w->gate, NULL), 0);
}

static void drop_gate(struct world *w)
{
	gate_stop(w->gate);
	gate_free(TAKE_PTR(w->gate));
	recorder_close(TAKE_PTR(w->recorder));
	net_policy_free(TAKE_PTR(w->policy));
}

static int set_up(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	strcpy(w.dir, "/tmp/appsilo-unit-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	snprintf(w.audit, sizeof(w.audit), "%s/audit", w.dir);
	assert_int_equal(consent_store_open(w.dir, STORE_CREATE, &w.store, NULL), 0);
	w.session = session_new();
	w.prompter.base = (struct prompter){scripted_ask, scripted_free};
	w.prompter.answer = (struct prompt_answer){.verdict = CONSENT_ALLOW, .scope = CONSENT_ALWAYS};
	sem_init(&w.prompter.asked, 0, 0);
	sem_init(&w.prompter.go, 0, 0);
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char command[128];

	drop_gate(w);
	consent_store_close(w->store);
	session_free(w->session);
	snprintf(command, sizeof(command), "rm -rf %s", w->dir);
	return system(command);
}

static struct net_target target(const char *name, const char *address, uint16_t port)
{
	struct net_target t = {.port = port, .protocol = NET_TCP, .name = name};

	if (address) {
		t.address.family = strchr(address, ':') ? AF_INET6 : AF_INET;
		assert_int_equal(inet_pton(t.address.family, address, &t.address.v6), 1);
	}
	return t;
}

static enum consent_verdict verdict(struct world *w, const char *name, const char *address,
				    uint16_t port)
{
	struct net_target t = target(name, address, port);

	return gate_decide_host(w->gate, &t, 12);
}

struct waiting {
	struct gate_ticket ticket;
	sem_t done;
	enum consent_verdict verdict;
};

static void answered(struct gate_ticket *ticket, enum consent_verdict v)
{
	struct waiting *waiting = (struct waiting *)ticket;

	waiting->verdict = v;
	sem_post(&waiting->done);
}

static void park(struct world *w, struct waiting *waiting, const char *name, const char *address,
		 uint16_t port)
{
	struct net_target t = target(name, address, port);

	*waiting = (struct waiting){.ticket.answer = answered};
	sem_init(&waiting->done, 0, 0);
	assert_int_equal(gate_ask_host(w->gate, &t, 12, &waiting->ticket), 0);
}

static enum consent_verdict ask(struct world *w, const char *name, const char *address, uint16_t port)
{
	struct waiting waiting;

	park(w, &waiting, name, address, port);
	sem_wait(&waiting.done);
	return waiting.verdict;
}

static int asked(struct world *w)
{
	struct gate_counts counts;

	gate_get_counts(w->gate, &counts);
	return (int)counts.asked;
}

static void has_line(const char *path, const char *want)
{
	char text[65536] = "";

	assert_true(fd_read_file(AT_FDCWD, path, text, sizeof(text)) >= 0);
	if (!strstr(text, want))
		fail_msg("%s holds no %s:\n%s", path, want, text);
}

static void an_unlisted_host_is_asked_for_once_and_remembered(void **state)
{
	struct world *w = *state;

	make_gate(w, 0, true);
	assert_int_equal(verdict(w, "example.org", "1.1.1.1", 443), CONSENT_ASK);
	assert_int_equal(ask(w, "example.org", "1.1.1.1", 443), CONSENT_ALLOW);
	assert_non_null(strstr(w->prompter.last,
			       "\"pid\":12,\"kind\":\"network\",\"host\":\"example.org\","
			       "\"address\":\"1.1.1.1\",\"port\":443,\"protocol\":\"tcp\","));
	assert_int_equal(verdict(w, "example.org", "1.1.1.1", 443), CONSENT_ALLOW);
	assert_int_equal(verdict(w, "example.org", "2.2.2.2", 443), CONSENT_ALLOW);
	assert_int_equal(verdict(w, "example.org", "1.1.1.1", 80), CONSENT_ASK);
	assert_int_equal(verdict(w, NULL, "1.1.1.1", 443), CONSENT_ASK);
	assert_int_equal(verdict(w, "example.org", "10.0.0.1", 443), CONSENT_DENY);
	assert_int_equal(verdict(w, "example.org", NULL, 0), CONSENT_ALLOW);
	has_line(w->audit, "\"decision\":\"allow\",\"source\":\"prompt\"");
	has_line(w->audit, "\"decision\":\"allow\",\"source\":\"rule\",\"rule\":\"example.org:443\"");
	/* and by the next run */
	drop_gate(w);
	make_gate(w, 0, true);
	assert_int_equal(verdict(w, "example.org", "1.1.1.1", 443), CONSENT_ALLOW);
	assert_int_equal(asked(w), 0);
}

static void an_answer_may_be_for_any_port(void **state)
{
	struct world *w = *state;

	make_gate(w, 0, true);
	w->prompter.answer.any_port = true;
	assert_int_equal(ask(w, NULL, "::ffff:1.1.1.1", 443), CONSENT_ALLOW);
	assert_int_equal(verdict(w, NULL, "1.1.1.1", 80), CONSENT_ALLOW);
	assert_int_equal(verdict(w, NULL, "1.1.1.2", 80), CONSENT_ASK);
}

static void a_name_is_asked_for_before_it_is_looked_up(void **state)
{
	struct world *w = *state;

	make_gate(w, 0, true);
	assert_int_equal(verdict(w, "Example.ORG.", NULL, 0), CONSENT_ASK);
	assert_int_equal(ask(w, "Example.ORG.", NULL, 53), CONSENT_ALLOW);
	assert_non_null(strstr(w->prompter.last, "\"host\":\"example.org\",\"address\":null,\"port\":null,"
						 "\"protocol\":\"dns\","));
	assert_int_equal(verdict(w, "example.org", "1.1.1.1", 443), CONSENT_ALLOW);
	assert_int_equal(verdict(w, "a b", NULL, 0), CONSENT_DENY);
	assert_int_equal(verdict(w, "evil.example\nx", "1.1.1.1", 80), CONSENT_DENY);
}

static void scopes_hold_as_long_as_they_say(void **state)
{
	struct world *w = *state;

	make_gate(w, 0, true);
	w->prompter.answer.scope = CONSENT_ONCE;
	assert_int_equal(ask(w, "once.example", "1.1.1.1", 80), CONSENT_ALLOW);
	assert_int_equal(verdict(w, "once.example", "1.1.1.1", 80), CONSENT_ASK);
	w->prompter.answer.scope = CONSENT_SESSION;
	assert_int_equal(ask(w, "session.example", "1.1.1.1", 80), CONSENT_ALLOW);
	assert_int_equal(verdict(w, "session.example", "1.1.1.1", 80), CONSENT_ALLOW);
	w->prompter.answer.verdict = CONSENT_DENY;
	assert_int_equal(ask(w, "no.example", "1.1.1.1", 80), CONSENT_DENY);
	assert_int_equal(verdict(w, "no.example", "1.1.1.1", 80), CONSENT_DENY);
	drop_gate(w);
	make_gate(w, 0, true);
	assert_int_equal(verdict(w, "session.example", "1.1.1.1", 80), CONSENT_ASK);
	assert_int_equal(verdict(w, "no.example", "1.1.1.1", 80), CONSENT_ASK);
}

static void equal_questions_are_one_and_leave_with_their_last_waiter(void **state)
{
	struct world *w = *state;
	struct waiting first, same, other_address, port;
	struct net_account account;

	make_gate(w, 0, true);
	w->prompter.hold = true;
	park(w, &first, "example.org", "1.1.1.1", 443);
	sem_wait(&w->prompter.asked);
	park(w, &same, "example.org", "1.1.1.1", 443);
	park(w, &other_address, "EXAMPLE.org", "2606:4700::1", 443);
	park(w, &port, "example.org", "1.1.1.1", 80);
	sem_post(&w->prompter.go);
	sem_wait(&first.done);
	sem_wait(&same.done);
	sem_wait(&other_address.done);
	assert_int_equal(other_address.verdict, CONSENT_ALLOW);
	/* What they carry belongs to the row that counts them. */
	gate_get_account(w->gate, &account);
	assert_int_equal(account.n, 1);
	assert_int_equal(account.rows[0].counts.connections, 3);
	assert_int_equal(first.ticket.row, 1);
	assert_int_equal(same.ticket.row, 1);
	assert_int_equal(other_address.ticket.row, 1);
	sem_wait(&w->prompter.asked); /* the other port */
	assert_int_equal(asked(w), 2);
	assert_true(gate_cancel(w->gate, &port.ticket)); /* takes the question away */
	w->prompter.hold = false;
	assert_int_equal(ask(w, "example.org", "1.1.1.1", 80), CONSENT_ALLOW);
}

static void rules_of_others_count_at_once_and_revoking_too(void **state)
{
	struct world *w = *state;
	struct consent_store *other = NULL;
	struct consent_host_rule rule = {.family = "A_x", .host = "example.org:443",
					 .verdict = CONSENT_ALLOW, .source = CONSENT_FROM_GRANT};
	int count;

	make_gate(w, 0, false);
	assert_int_equal(verdict(w, "example.org", "1.1.1.1", 443), CONSENT_DENY);
	assert_int_equal(consent_store_open(w->dir, STORE_READ, &other, NULL), 0);
	assert_int_equal(consent_store_put_host(other, &rule, NULL), 0);
	assert_int_equal(verdict(w, "example.org", "1.1.1.1", 443), CONSENT_ALLOW);
	gate_poll_store(w->gate, false);
	assert_int_equal(w->changes, 1);
	gate_poll_store(w->gate, false); /* not about hosts */
	assert_int_equal(w->changes, 1);
	rule.host = "localhost:5432";
	assert_int_equal(verdict(w, NULL, "127.0.0.1", 5432), CONSENT_DENY);
	assert_int_equal(consent_store_put_host(other, &rule, NULL), 0);
	assert_int_equal(verdict(w, NULL, "127.0.0.1", 5432), CONSENT_ALLOW);
	assert_int_equal(consent_store_remove(other, "A_x", NULL, true, &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_int_equal(verdict(w, "example.org", "1.1.1.1", 443), CONSENT_DENY);
	assert_int_equal(verdict(w, NULL, "127.0.0.1", 5432), CONSENT_DENY);
	consent_store_close(other);
}

static void a_damaged_store_denies(void **state)
{
	struct world *w = *state;
	char file[96];
	sqlite3 *db;

	make_gate(w, NET_CAP_CLIENT, true);
	assert_int_equal(verdict(w, NULL, "1.1.1.1", 443), CONSENT_ALLOW);
	consent_store_close(TAKE_PTR(w->store));
	drop_gate(w);
	assert_int_equal(consent_store_open(w->dir, STORE_CREATE, &w->store, NULL), 0);
	make_gate(w, NET_CAP_CLIENT, true);
	snprintf(file, sizeof(file), "%s/consent.db", w->dir);
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 9", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(verdict(w, NULL, "1.1.1.1", 443), CONSENT_DENY);
}

static void without_a_prompter_it_is_denied(void **state)
{
	struct world *w = *state;

	w->no_prompter = true;
	make_gate(w, 0, true);
	assert_int_equal(ask(w, "example.org", "1.1.1.1", 443), CONSENT_DENY);
	assert_int_equal(verdict(w, "example.org", "1.1.1.1", 443), CONSENT_DENY);
	has_line(w->audit, "\"source\":\"no-prompter\"");
}

static void denying_everything_ends_the_questions(void **state)
{
	struct world *w = *state;

	make_gate(w, 0, true);
	w->prompter.answer = (struct prompt_answer){.scope = CONSENT_ONCE, .deny_all = true};
	assert_int_equal(ask(w, "a.example", "1.1.1.1", 443), CONSENT_DENY);
	assert_int_equal(verdict(w, "b.example", "1.1.1.1", 443), CONSENT_DENY);
	assert_int_equal(asked(w), 1);
}

static void denials_say_why_and_what_would_allow_it(void **state)
{
	static const struct {
		const char *name, *address;
		uint16_t port;
		const char *want;
	} table[] = {
		{"a.example", "1.1.1.1", 80, "\"source\":\"no-rule\",\"rule\":null,"
		 "\"allow\":\"appsilo grant -p A_x --host a.example:80\"}"},
		{NULL, "2606:4700::1", 80, "\"allow\":\"appsilo grant -p A_x --host '[2606:4700::1]:80'\"}"},
		{"a.example", "10.0.0.1", 80, "\"source\":\"rebinding\",\"rule\":null,"
		 "\"allow\":\"appsilo grant -p A_x --host 10.0.0.1:80\"}"},
		{"a.example", "127.0.0.1", 80, "\"source\":\"rebinding\",\"rule\":null,\"allow\":null}"},
		{NULL, "127.0.0.1", 80, "\"source\":\"loopback\",\"rule\":null,"
		 "\"allow\":\"appsilo loopback add A_x 80\"}"},
		{NULL, "169.254.169.254", 80, "\"source\":\"metadata\",\"rule\":null,\"allow\":null}"},
		{"x.evil.example", "1.1.1.1", 80, "\"source\":\"rule\",\"rule\":\"*.evil.example\","
		 "\"rule_source\":\"command-line\",\"scope\":\"session\","},
		{"b.example", NULL, 0, "\"host\":\"b.example\",\"address\":null,\"port\":0,"},
	};
	struct world *w = *state;
	struct net_rule rule = {.verdict = CONSENT_DENY, .scope = CONSENT_SESSION,
				.source = CONSENT_FROM_COMMAND_LINE};
	char record[160];

	make_gate(w, 0, false);
	assert_int_equal(host_pattern_parse("*.evil.example", 14, &rule.pattern, NULL), 0);
	assert_int_equal(net_policy_add(w->policy, &rule), 0);
	snprintf(record, sizeof(record), "%s/runs/%s.jsonl", w->dir, recorder_run_id(w->recorder));
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct net_target t = target(table[i].name, table[i].address, table[i].port);

		assert_int_equal(gate_decide_host(w->gate, &t, 12), CONSENT_DENY);
		gate_record_host_denial(w->gate, &t, 12, "connect", -ENETUNREACH);
		has_line(record, table[i].want);
		has_line(record, "\"decision\":\"deny\",\"call\":\"connect\",\"errno\":101,"
				 "\"error\":\"ENETUNREACH\"");
	}
}

static void no_policy_reaches_nobody(void **state)
{
	struct world *w = *state;
	struct gate_config config = {.decider = {.family = "A_x"}, .make_prompter = make_prompter,
				     .data = w};
	uint32_t row;

	make_gate(w, NET_CAP_CLIENT, true);
	gate_stop(w->gate);
	gate_free(TAKE_PTR(w->gate));
	config.recorder = w->recorder;
	assert_int_equal(gate_new(&config, &w->gate, NULL), 0);
	assert_int_equal(verdict(w, "a.example", "1.1.1.1", 80), CONSENT_DENY);
	assert_false(gate_let_in(w->gate, 80, &row));
	assert_int_equal(row, 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_unlisted_host_is_asked_for_once_and_remembered),
		CASE(an_answer_may_be_for_any_port),
		CASE(a_name_is_asked_for_before_it_is_looked_up),
		CASE(scopes_hold_as_long_as_they_say),
		CASE(equal_questions_are_one_and_leave_with_their_last_waiter),
		CASE(rules_of_others_count_at_once_and_revoking_too),
		CASE(a_damaged_store_denies),
		CASE(without_a_prompter_it_is_denied),
		CASE(denying_everything_ends_the_questions),
		CASE(denials_say_why_and_what_would_allow_it),
		CASE(no_policy_reaches_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
