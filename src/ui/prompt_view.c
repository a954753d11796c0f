/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/prompt_view.h"

#include "base/path.h"
#include "consent/question_words.h"
#include "ui/shown.h"
#include <string.h>

/* Where a very long name scrolls, so that the answers stay on the screen. */
#define SUBJECT_HEIGHT_MAX 260

char *prompt_view_heading(const struct question *q)
{
	char *app = shown_text(q->app);
	char *text = g_strdup_printf("%s wants to %s", app,
				     q->network ? question_host_operation(&q->host)
						: question_operation(&q->file));

	g_free(app);
	return text;
}

static void append_shown(GtkWidget *box, char *text, bool folder, const char *class)
{
	GtkWidget *label = folder ? shown_folder(text, class) : shown_label(text, class);

	gtk_widget_add_css_class(label, "monospace");
	gtk_box_append(GTK_BOX(box), label);
	g_free(text);
}

/* Folder dimmed, name plain. */
static void fill_path(GtkWidget *box, const char *path)
{
	const char *name = path_base(path);

	if (name > path)
		append_shown(box, shown_bytes(path, (size_t)(name - path)), true, "dim-label");
	if (*name)
		append_shown(box, shown_text(name), false, "name");
}

static void fill_host(GtkWidget *box, const struct consent_host_request *r)
{
	const char *now = r->address && strcmp(r->address, r->host) != 0 ? r->address : NULL;
	char *host = shown_text(r->host), *more;

	append_shown(box, host, false, "name");
	if (!r->address)
		return;
	more = r->port ? g_strdup_printf("port %u (%s)%s%s", r->port, r->protocol, now ? ", now " : "", now ? now : "")
		       : g_strdup_printf("%s%s%s", r->protocol, now ? ", now " : "", now ? now : "");
	append_shown(box, shown_text(more), false, "dim-label");
	g_free(more);
}

static GtkWidget *make_subject(const struct question *q)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2), *scroller = gtk_scrolled_window_new();

	if (q->network)
		fill_host(box, &q->host);
	else
		fill_path(box, q->file.path);
	gtk_widget_add_css_class(box, "subject");
	gtk_widget_add_css_class(scroller, "card");
	gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(scroller), box);
	gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
	gtk_scrolled_window_set_propagate_natural_height(GTK_SCROLLED_WINDOW(scroller), TRUE);
	gtk_scrolled_window_set_max_content_height(GTK_SCROLLED_WINDOW(scroller), SUBJECT_HEIGHT_MAX);
	return scroller;
}

static void append_line(GtkWidget *box, const char *icon, const char *text, const char *class)
{
	GtkWidget *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 8);
	GtkWidget *image = gtk_image_new_from_icon_name(icon);

	gtk_widget_set_valign(image, GTK_ALIGN_START);
	gtk_box_append(GTK_BOX(line), image);
	gtk_box_append(GTK_BOX(line), shown_label(text, NULL));
	gtk_widget_add_css_class(line, class);
	gtk_box_append(GTK_BOX(box), line);
}

static void append_signer(GtkWidget *box, const struct question *q)
{
	char *who = shown_text(q->signer ? q->signer : q->program);
	char *text = q->signer ? g_strdup_printf("Verified package, signed by %s", who)
			       : g_strdup_printf("Not a package, signed by nobody: %s", who);

	append_line(box, q->signer ? "security-high-symbolic" : "dialog-question-symbolic", text, "signer");
	g_free(text);
	g_free(who);
}

void prompt_view_fill(GtkWidget *box, const struct question *q)
{
	char *heading = prompt_view_heading(q);

	gtk_box_append(GTK_BOX(box), shown_label(heading, "title-3"));
	g_free(heading);
	gtk_box_append(GTK_BOX(box), make_subject(q));
	append_signer(box, q);
	if (q->caution) {
		char *text = g_strdup_printf("Careful: %s.", q->caution);

		append_line(box, "dialog-warning-symbolic", text, "caution");
		g_free(text);
	}
	if (q->may_widen && q->folder_has_git)
		append_line(box, "dialog-warning-symbolic",
			    "Its folder is a git repository: hooks in it run outside.", "dim-label");
}

static void append_detail(GtkWidget *grid, int row, const char *title, char *text)
{
	GtkWidget *value = shown_label(text, NULL), *name = gtk_label_new(title);

	gtk_label_set_xalign(GTK_LABEL(name), 0);
	gtk_label_set_yalign(GTK_LABEL(name), 0);
	gtk_widget_add_css_class(name, "dim-label");
	gtk_label_set_selectable(GTK_LABEL(value), TRUE);
	gtk_widget_set_hexpand(value, TRUE);
	gtk_grid_attach(GTK_GRID(grid), name, 0, row, 1, 1);
	gtk_grid_attach(GTK_GRID(grid), value, 1, row, 1, 1);
	g_free(text);
}

GtkWidget *prompt_view_details(const struct question *q)
{
	GtkWidget *expander = gtk_expander_new("Details"), *grid = gtk_grid_new();
	char command[QUESTION_COMMAND_MAX];
	int row = 0;

	gtk_grid_set_column_spacing(GTK_GRID(grid), 12);
	gtk_grid_set_row_spacing(GTK_GRID(grid), 4);
	gtk_widget_set_margin_top(grid, 6);
	if (!q->network)
		append_detail(grid, row++, "Path", shown_text(q->file.path));
	append_detail(grid, row++, "Program", shown_text(q->program));
	append_detail(grid, row++, "Family", shown_text(q->package));
	if (q->file.pid > 0) {
		append_detail(grid, row++, "Process", g_strdup_printf("%d", (int)q->file.pid));
		if (question_command(q->file.pid, command, sizeof(command)) == 0)
			append_detail(grid, row, "Command", shown_marked(command));
	}
	gtk_accessible_update_property(GTK_ACCESSIBLE(expander), GTK_ACCESSIBLE_PROPERTY_LABEL, "Details", -1);
	gtk_expander_set_child(GTK_EXPANDER(expander), grid);
	return expander;
}
