/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/settings_main.h"

#include "base/log.h"
#include "ui/settings.h"
#include "ui/shown.h"

/* Also the name of the .desktop file and the icon. */
#define APPLICATION_ID "org.appsilo.Settings"

static void activate(GtkApplication *app, gpointer data)
{
	GList *windows = gtk_application_get_windows(app);

	if (windows) {
		gtk_window_present(windows->data);
		return;
	}
	shown_style();
	settings_open(ADW_APPLICATION(app), data);
}

int settings_main(void)
{
	static struct package_places places; /* large */
	struct appsilo_error err = {0};
	AdwApplication *app;
	int exit_code;

	if (packages_places(false, &places, &err) < 0) {
		log_error("%s", err.line);
		return 1;
	}
	if (!gtk_init_check()) {
		log_error("settings: the display does not answer; use appsilo consents, grant, revoke and reset");
		return 1;
	}
	gtk_window_set_default_icon_name(APPLICATION_ID);
	app = adw_application_new(APPLICATION_ID, G_APPLICATION_DEFAULT_FLAGS);
	g_signal_connect(app, "activate", G_CALLBACK(activate), &places);
	exit_code = g_application_run(G_APPLICATION(app), 0, NULL);
	g_object_unref(app);
	return exit_code;
}
