/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/net_start.h"

#include "base/fd.h"
#include "cli/programs.h"
#include "isolation/net_wire.h"
#include "network/options.h"
#include "network/policy.h"
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

/* What it is told first. */
static int fill_setup(const struct run_options *o, struct net_setup *ret, struct appsilo_error *err)
{
	*ret = (struct net_setup){.private_names = (o->net_capabilities & NET_CAP_PRIVATE) != 0};
	for (size_t i = 0; i < o->n_publish; i++) {
		struct net_listen *listen = &ret->listen[ret->n_listen++];
		struct net_publish publish;
		int r = net_parse_publish(o->publish[i], &publish, err);

		if (r < 0)
			return r;
		listen->family = (uint16_t)publish.address.family;
		listen->port = publish.host_port;
		listen->inner_port = publish.app_port;
		memcpy(listen->address, &publish.address.v6, sizeof(listen->address));
	}
	return 0;
}

int net_prepare(const struct run_options *options, struct plan *plan, struct net_program *ret,
		struct appsilo_error *err)
{
	static struct net_setup setup; /* large */
	char program[PATH_MAX];
	int init[2], judge[2];
	int r = programs_find("appsilo-net", program, err);

	if (r == 0)
		r = fill_setup(options, &setup, err);
	if (r < 0)
		return r;
	ret->program_fd = open(program, O_PATH | O_CLOEXEC);
	if (ret->program_fd < 0)
		return error_set(err, -errno, "run: %s", program);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, init) < 0)
		return error_set(err, -errno, "run: sockets to the network");
	plan->net_fd = init[0];
	ret->init_fd = init[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, judge) < 0)
		return error_set(err, -errno, "run: sockets to the network");
	plan->net_judge_fd = judge[0];
	ret->judge_fd = judge[1];
	ret->change_ids = plan->change_ids;
	ret->uid = plan->uid;
	ret->gid = plan->gid;
	r = fd_send(judge[0], &setup, sizeof(setup), NULL, 0);
	return r < 0 ? error_set(err, r, "run: sockets to the network") : 0;
}

int net_start(const struct run_options *options, struct plan *plan, struct appsilo_error *err)
{
	cleanup(net_program_close) struct net_program program = NET_PROGRAM_NONE;
	int r = net_prepare(options, plan, &program, err);

	if (r == 0 && (r = net_program_start(&program)) < 0)
		error_set(err, r, "run: start the network");
	return r;
}
