/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter's code and constants in huge pages: what a sandbox reads of them then costs it one
 * entry of its page tables for each 2 MiB, not one for each 4 KiB. docs/ARCHITECTURE.md, Warm sandboxes.
 */
#ifndef APPSILO_SERVER_HUGE_TEXT_H
#define APPSILO_SERVER_HUGE_TEXT_H

/**
 * In a zygote, before its first copy: copies what whole huge pages code and its constants fill, up to
 * 32 MiB, and puts the copies in their place. What the kernel has no huge page for stays as it was.
 */
void huge_text(void);

#endif
