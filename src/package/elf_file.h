/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program or library says about the libraries it needs, read without running it, and
 * the two small changes that packing makes to a copy. Every offset of the file is checked:
 * packed modules are other people's. System V ABI, chapters 4 and 5; ld.so(8).
 * 64-bit little-endian files. Thread-safe: no state.
 */
#ifndef APPSILO_PACKAGE_ELF_FILE_H
#define APPSILO_PACKAGE_ELF_FILE_H

#include "base/error.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define ELF_NEEDED_MAX 512 /* libraries that one file may name */
#define ELF_HEADERS_MAX 256

struct elf_facts {
	uint16_t machine;  /* EM_* */
	char *interpreter; /* the loader that a program asks for; NULL in libraries; owned */
	char *rpath, *runpath; /* owned; NULL when absent */
	char **needed;	   /* owned, and its texts */
	size_t n_needed;
};

/**
 * Read the facts of the file @fd.
 * @ret  release with elf_facts_done(); empty after a failure
 * Returns 0; -ENOEXEC when it is no ELF file; -ENOTSUP for 32-bit or big-endian ones;
 * -EBADMSG when damaged; -errno.
 */
int elf_read(int fd, struct elf_facts *ret) must_check;
void elf_facts_done(struct elf_facts *facts);

/**
 * Make the program @fd, open for writing, ask for the loader @interpreter and look for
 * libraries of all that it loads in @folder first (DT_RPATH). What its own search path says
 * relative to $ORIGIN follows; absolute folders go. Both texts and a copy of the string table go to a new segment at the end of the file, for
 * which a note's program header is given up; nothing else moves.
 * Returns 0; -ENOSPC when the file has no header or entry to give up; -EBADMSG; -errno.
 */
int elf_set_loader(int fd, const char *interpreter, const char *folder) must_check;

/**
 * Make the library @fd look where the program says, too: DT_RUNPATH, which switches that off,
 * becomes DT_RPATH, with the same folders. Returns 0, also when there was none; -errno.
 */
int elf_follow_program(int fd) must_check;

#endif
