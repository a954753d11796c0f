/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of a run in server mode. No broker sees its calls, so it says what the app
 * could reach; `appsilo why` explains the rest. What it was refused of hosts stands there already.
 * docs/man/appsilo-why.1.scd.
 */
#ifndef APPSILO_CLI_SERVER_RECORD_H
#define APPSILO_CLI_SERVER_RECORD_H

#include "broker/record.h"
#include "cli/prepare.h"
#include "isolation/monitor.h"

/**
 * Record a run that ended with an error; one that did not leaves nothing more. Best effort.
 * @recorder  the run's; made where there is none
 * @id        of RUNS_ID_MAX bytes; empty when the run has no record
 */
void server_record(const struct prepared *prepared, const struct monitor_outcome *outcome,
		   struct recorder **recorder, char *id);

#endif
