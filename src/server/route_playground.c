/* SPDX-License-Identifier: Apache-2.0 */
/* The playground: four files that are part of the program. */
#include "server/routes.h"

#include "editor_js.h"
#include "index_html.h"
#include "playground_css.h"
#include "playground_js.h"

static void send_fixed(struct exchange *x, const char *type, const char *data, size_t size)
{
	x->status = 200;
	x->type = type;
	x->fixed_reply = data;
	x->fixed_size = size;
	x->is_page = true;
}

void route_playground(struct exchange *x)
{
	send_fixed(x, "text/html; charset=utf-8", index_html, index_html_size);
}

void route_playground_css(struct exchange *x)
{
	send_fixed(x, "text/css; charset=utf-8", playground_css, playground_css_size);
}

void route_playground_js(struct exchange *x)
{
	send_fixed(x, "text/javascript; charset=utf-8", playground_js, playground_js_size);
}

void route_playground_editor(struct exchange *x)
{
	send_fixed(x, "text/javascript; charset=utf-8", editor_js, editor_js_size);
}
