/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Python frames of a thread, from the structures of CPython in its memory. Known is 3.11, whose
 * structures are the same in all 3.11.x; of another version there is no Python stack.
 */
#ifndef APPSILO_STACKS_PYTHON_H
#define APPSILO_STACKS_PYTHON_H

#include "consent/stack_text.h"
#include "stacks/memory.h"
#include <sys/types.h>

/* Where the interpreter's symbols are; both 0: none is loaded. */
struct python_symbols {
	uint64_t runtime; /* _PyRuntime */
	uint64_t version; /* Py_Version */
};

/** Whose stack: the thread's id as the program itself sees it. */
struct python_thread {
	pid_t id;
	bool is_main; /* of its process */
};

/** Add the frames of @thread, the innermost first. None, where something is not as it should be. */
void python_stack(const struct memory *memory, const struct python_symbols *symbols,
		  const struct python_thread *thread, struct stack_writer *out);

#endif
