/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/main.h"

#include "cli/command.h"
#include "cli/programs.h"
#include "mcp/call.h"
#include "mcp/http.h"
#include "mcp/stdio.h"
#include <string.h>

#include "tools_json.h"

static int setup(struct mcp *mcp, struct appsilo_error *err)
{
	struct places places;
	int r = places_find(&places, err);

	if (r == 0)
		r = programs_find("appsilo", mcp->front, err);
	if (r < 0)
		return r;
	strcpy(mcp->home, places.home);
	mcp->tools = json_loadb(tools_json, tools_json_size, 0, NULL);
	return mcp->tools ? mcp_probe(mcp, err) : error_set(err, -ENOMEM, "mcp");
}

int mcp_main(int argc, char **argv, struct appsilo_error *err)
{
	static struct mcp mcp; /* large; zeroed */
	int r = mcp_options_parse(argc, argv, &mcp.options, err);

	if (r == 0 && mcp.options.http && !mcp.options.help)
		r = mcp_http_check(&mcp.options, err);
	if (r < 0)
		return EXIT_USAGE;
	if (mcp.options.help)
		return programs_exec_tool((char *[]){(char *)"appsilo", (char *)"help", argv[0], NULL}, err);
	r = setup(&mcp, err);
	if (r == 0 && strcmp(mcp.options.prompt, "client") == 0)
		r = sockets_make(&mcp.sockets, err);
	if (r == 0)
		r = mcp.options.http ? mcp_http_serve(&mcp, err) : mcp_stdio_serve(&mcp, err);
	sockets_remove(&mcp.sockets);
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}
