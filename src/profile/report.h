/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was found out, for people and programs. Whatever comes out of the records (file names,
 * hosts, command lines) was chosen by the program: all of it is escaped. Thread-safe.
 */
#ifndef APPSILO_PROFILE_REPORT_H
#define APPSILO_PROFILE_REPORT_H

#include "profile/needs.h"
#include <stdbool.h>

#define REPORT_SUMMARY "summary.txt"
#define REPORT_README "README.txt"
#define REPORT_HTML "report.html"
#define REPORT_CAPABILITIES_MAX 8

/* All borrowed. */
struct report {
	const struct records *records; /* sorted, of one family */
	const struct needs *needs;
	const char *family;
	bool package;	      /* it has a manifest: capabilities count */
	const char *manifest; /* that was written; NULL: none */
};

/** The lines to copy into a shell: what starts it with no question left, or the grants and hosts
 * that a package needs besides its capabilities. */
void report_commands(const struct report *report, FILE *out);

/** What a manifest has to declare, besides hosts. Returns how many. */
size_t report_capabilities(const struct report *report, const char *ret[REPORT_CAPABILITIES_MAX]);

/** Does the program need files that no capability opens, so that it could ask for them? */
bool report_could_prompt(const struct report *report);

/** Why an access was refused that nothing is proposed for. */
const char *report_reason(const struct attempt *refused);

void report_summary(const struct report *report, FILE *out);
void report_readme(const struct report *report, FILE *out);
/** One object, as appsilo-profile(1) has it. Returns 0; -ENOMEM. */
int report_json(const struct report *report, FILE *out) must_check;
/** One page that needs nothing else. Returns 0; -ENOMEM. */
int report_html(const struct report *report, FILE *out) must_check;

#endif
