/* SPDX-License-Identifier: Apache-2.0 */
#include "stacks/native.h"

#include "stacks/image.h"
#include <elfutils/libdwfl.h>
#include <string.h>

/* Of all images of a program together. */
#define IMAGES_MAX (256 * 1024 * 1024)
/* Any: libdwfl wants the process and thread to have numbers. */
#define THREAD 1

/* DWARF's numbers, on x86-64. */
enum { REGISTER_SP = 7, REGISTER_PC = 16 };

struct native {
	const struct memory *memory;
	const struct modules *modules;
	Dwfl *dwfl; /* owned */
	char *images[MODULES_MAX]; /* owned; in the order of @modules; NULL: not read yet, or nothing */
	size_t bytes;
	struct native_registers registers; /* of the stack under way */
	struct stack_writer *out;
	size_t n_frames;
};

/* libdwfl's callback gets the module and no word of ours: the object goes with each of them. */
static int find_elf(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base, char **file_name, Elf **ret)
{
	struct native *n = *user;
	size_t i = (size_t)strtoul(name, NULL, 10), size;

	(void)module;
	(void)base;
	(void)file_name;
	if (!n || i >= n->modules->n || n->images[i] || n->bytes > IMAGES_MAX)
		return -1;
	n->images[i] = image_read(n->memory, n->modules->list[i].start, n->modules->list[i].end, &size);
	if (!n->images[i])
		return -1;
	n->bytes += size;
	*ret = elf_memory(n->images[i], size);
	return -1; /* no descriptor */
}

static int find_debuginfo(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base, const char *file_name,
			  const char *link, GElf_Word crc, char **ret)
{
	(void)module, (void)user, (void)name, (void)base, (void)file_name, (void)link, (void)crc, (void)ret;
	return -1;
}

static const Dwfl_Callbacks callbacks = {.find_elf = find_elf, .find_debuginfo = find_debuginfo};

static pid_t next_thread(Dwfl *dwfl, void *data, void **thread)
{
	(void)dwfl;
	if (*thread)
		return 0;
	*thread = data;
	return THREAD;
}

static bool get_thread(Dwfl *dwfl, pid_t id, void *data, void **thread)
{
	(void)dwfl;
	(void)id;
	*thread = data;
	return true;
}

static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret, void *data)
{
	const struct native *n = data;

	(void)dwfl;
	return memory_word(n->memory, address, ret);
}

static bool set_registers(Dwfl_Thread *thread, void *data)
{
	const struct native *n = data;
	Dwarf_Word sp = n->registers.stack_pointer, pc = n->registers.instruction;

	return dwfl_thread_state_registers(thread, REGISTER_SP, 1, &sp) &&
	       dwfl_thread_state_registers(thread, REGISTER_PC, 1, &pc);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {.next_thread = next_thread,
						       .get_thread = get_thread,
						       .memory_read = read_memory,
						       .set_initial_registers = set_registers};

struct native *native_new(const struct memory *memory, const struct modules *modules)
{
	struct native *n = calloc(1, sizeof(*n));
	char name[16];

	if (!n)
		return NULL;
	n->memory = memory;
	n->modules = modules;
	n->dwfl = dwfl_begin(&callbacks);
	for (size_t i = 0; n->dwfl && i < modules->n; i++) {
		Dwfl_Module *module;
		void **user;

		snprintf(name, sizeof(name), "%zu", i);
		module = dwfl_report_module(n->dwfl, name, modules->list[i].start, modules->list[i].end);
		if (module && dwfl_module_info(module, &user, NULL, NULL, NULL, NULL, NULL, NULL))
			*user = n;
	}
	if (!n->dwfl || dwfl_report_end(n->dwfl, NULL, NULL) != 0) {
		native_free(n);
		return NULL;
	}
	(void)dwfl_attach_state(n->dwfl, NULL, THREAD, &thread_callbacks, n); /* without: no frames */
	return n;
}

static int look_for_python(Dwfl_Module *module, void **user, const char *module_name, Dwarf_Addr start, void *data)
{
	struct python_symbols *ret = data;
	int n = dwfl_module_getsymtab(module);

	(void)user;
	(void)module_name;
	(void)start;
	for (int i = 1; i < n; i++) {
		GElf_Sym symbol;
		GElf_Addr address = 0;
		const char *name = dwfl_module_getsym_info(module, i, &symbol, &address, NULL, NULL, NULL);

		if (!name || symbol.st_shndx == SHN_UNDEF)
			continue;
		if (strcmp(name, "_PyRuntime") == 0)
			ret->runtime = address;
		else if (strcmp(name, "Py_Version") == 0)
			ret->version = address;
	}
	if (ret->runtime && ret->version)
		return DWARF_CB_ABORT;
	*ret = (struct python_symbols){0};
	return DWARF_CB_OK;
}

void native_find_python(struct native *n, struct python_symbols *ret)
{
	*ret = (struct python_symbols){0};
	(void)dwfl_getmodules(n->dwfl, look_for_python, ret, 0);
}

/* The symbol that @at lies in, by its size; what the file does not export has no name here. */
static void name_frame(const struct native *n, uint64_t at, struct stack_frame *ret)
{
	const struct module *mapped = modules_find(n->modules, at);
	Dwfl_Module *module = dwfl_addrmodule(n->dwfl, at);
	GElf_Off offset = 0;
	GElf_Sym symbol;
	const char *name =
		module ? dwfl_module_addrinfo(module, at, &offset, &symbol, NULL, NULL, NULL) : NULL;

	*ret = (struct stack_frame){.kind = STACK_NATIVE, .number = at};
	if (!mapped)
		return;
	snprintf(ret->file, sizeof(ret->file), "%s", mapped->file);
	ret->number = at - mapped->start;
	if (!name || offset >= symbol.st_size || strlen(name) >= sizeof(ret->function))
		return;
	snprintf(ret->function, sizeof(ret->function), "%s", name);
	ret->number = offset;
}

static int take_frame(Dwfl_Frame *state, void *data)
{
	struct native *n = data;
	struct stack_frame frame = {.kind = STACK_MORE};
	Dwarf_Addr at;
	bool exact;

	if (!dwfl_frame_pc(state, &at, &exact))
		return DWARF_CB_ABORT;
	if (n->n_frames++ == STACK_FRAMES_MAX) {
		stack_add(n->out, &frame);
		return DWARF_CB_ABORT;
	}
	/* Behind a call the function may have ended. */
	name_frame(n, exact ? at : at - 1, &frame);
	stack_add(n->out, &frame);
	return DWARF_CB_OK;
}

void native_stack(struct native *n, const struct native_registers *registers, struct stack_writer *out)
{
	n->registers = *registers;
	n->out = out;
	n->n_frames = 0;
	if (registers->instruction)
		(void)dwfl_getthread_frames(n->dwfl, THREAD, take_frame, n); /* as far as it goes */
}

void native_free(struct native *n)
{
	if (!n)
		return;
	if (n->dwfl)
		dwfl_end(n->dwfl);
	for (size_t i = 0; i < MODULES_MAX; i++)
		free(n->images[i]);
	free(n);
}
