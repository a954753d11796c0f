/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fences of the prompt window: it reads names that a hostile program made, with libraries for fonts
 * and pictures. As far as GTK lets it; what this kernel does not have is left out, since the window
 * has no rights to begin with. docs/ARCHITECTURE.md, Windows.
 */
#ifndef APPSILO_UI_PROMPT_GUARD_H
#define APPSILO_UI_PROMPT_GUARD_H

#include "base/cleanup.h"

/**
 * Landlock, while there is one thread: of the user's files only what makes a window look as it should
 * is seen, and nothing changed but caches; no TCP unless the display is reached by it.
 * Returns 0; -errno.
 */
int prompt_guard_files(void) must_check;

/** seccomp in every thread, once GTK is there: no program, no socket but unix ones. Returns 0; -errno. */
int prompt_guard_calls(void) must_check;

#endif
