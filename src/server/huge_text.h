/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter's code and constants in huge pages: what a sandbox reads of them then costs it one
 * entry of its page tables for each 2 MiB, not one for each 4 KiB. docs/ARCHITECTURE.md, Warm sandboxes.
 */
#ifndef APPSILO_SERVER_HUGE_TEXT_H
#define APPSILO_SERVER_HUGE_TEXT_H

/**
 * In a zygote, before its first copy: copies whatever whole huge pages the mapped files fill, and puts
 * the copies in their place. What cannot be done is left as it was: nothing is lost but time.
 */
void huge_text(void);

#endif
