/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The native frames of a thread that waits in a system call, unwound by elfutils (libdwfl) from the
 * call-frame information in its memory. Of its registers only two are known (the kernel tells no
 * others of a thread that it must not stop), so that a stack ends where a function is found by its
 * frame pointer alone. Not thread-safe.
 */
#ifndef APPSILO_STACKS_NATIVE_H
#define APPSILO_STACKS_NATIVE_H

#include "stacks/modules.h"
#include "stacks/python.h"

struct native;

struct native_registers {
	uint64_t stack_pointer, instruction;
};

/** For a program in which @modules are mapped; both borrowed. Returns NULL without memory. */
struct native *native_new(const struct memory *memory, const struct modules *modules);

/** Where a Python interpreter is, if one of the modules is one. */
void native_find_python(struct native *native, struct python_symbols *ret);

/** Add the frames, the innermost first. */
void native_stack(struct native *native, const struct native_registers *registers, struct stack_writer *out);

void native_free(struct native *native);

#endif
