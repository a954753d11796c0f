/* SPDX-License-Identifier: Apache-2.0 */
#include "stacks/python.h"

#include "base/text.h"
#include <string.h>

/* Of CPython 3.11 on 64 bits: where members are in their structures. */
enum layout {
	RUNTIME_INTERPRETERS = 40, /* _PyRuntimeState.interpreters.head */
	INTERPRETER_NEXT = 0,
	INTERPRETER_THREADS = 16, /* PyInterpreterState.threads.head */
	THREAD_NEXT = 8,
	THREAD_CFRAME = 56,
	THREAD_NATIVE_ID = 160,
	CFRAME_CURRENT = 8,
	FRAME_CODE = 32,
	FRAME_PREVIOUS = 48,
	FRAME_INSTRUCTION = 56, /* prev_instr */
	CODE_FIRST_LINE = 72,
	CODE_FILE = 112,
	CODE_QUALNAME = 128,
	CODE_LINES = 136, /* co_linetable */
	CODE_INSTRUCTIONS = 184, /* co_code_adaptive */
	OBJECT_SIZE = 16, /* ob_size of bytes, length of str */
	BYTES_DATA = 32,
	STR_STATE = 32,
	STR_ASCII_DATA = 48,
	STR_DATA = 72,
};

#define VERSION_KNOWN 0x030b /* Py_Version >> 16 */
/* Lists that go on for longer are loops, or nobody's program. */
#define INTERPRETERS_MAX 16
#define THREADS_MAX 4096
#define LINES_MAX 65536 /* bytes of a table of lines */

/* @length letters of @width bytes each, as UTF-8. */
static bool encode(const unsigned char *letters, size_t length, unsigned int width, char ret[STACK_NAME_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		uint32_t c = 0;

		memcpy(&c, letters + i * width, width);
		if (c == 0 || c > 0x10ffff || n + 5 > STACK_NAME_MAX)
			return false;
		n += text_encode(c, ret + n);
	}
	ret[n] = '\0';
	return true;
}

/* A compact str, as the names of code objects are. */
static bool read_str(const struct memory *m, uint64_t address, char ret[STACK_NAME_MAX])
{
	unsigned char letters[4 * STACK_NAME_MAX];
	uint64_t length, state;
	unsigned int width;
	bool ascii;

	if (!memory_word(m, address + OBJECT_SIZE, &length) || !memory_word(m, address + STR_STATE, &state) ||
	    length >= STACK_NAME_MAX)
		return false;
	width = state >> 2 & 7;
	ascii = state >> 6 & 1;
	if (!(state >> 5 & 1) || (width != 1 && width != 2 && width != 4) || (ascii && width != 1))
		return false;
	return memory_read(m, address + (ascii ? STR_ASCII_DATA : STR_DATA), letters, length * width) &&
	       encode(letters, length, width, ret);
}

/* A number in the table of lines: six bits a byte, the least first. */
static bool read_varint(const unsigned char **at, const unsigned char *end, uint32_t *ret)
{
	unsigned int shift = 0;

	for (*ret = 0; *at < end && shift < 32; shift += 6) {
		unsigned char byte = *(*at)++;

		*ret |= (uint32_t)(byte & 63) << shift;
		if (!(byte & 64))
			return true;
	}
	return false;
}

/* How far an entry of @kind moves the line. Its columns are of no interest. */
static bool read_line_step(unsigned int kind, const unsigned char **at, const unsigned char *end, int64_t *ret)
{
	uint32_t number = 0;

	*ret = 0;
	if (kind == 13 || kind == 14) {
		if (!read_varint(at, end, &number))
			return false;
		*ret = number & 1 ? -(int64_t)(number >> 1) : (int64_t)(number >> 1);
	} else if (kind >= 10 && kind <= 12) {
		*ret = kind - 10;
	}
	return true;
}

/* The line of instruction @index; the table is that of Objects/locations.md of CPython. */
static uint64_t find_line(const unsigned char *table, size_t size, int64_t line, uint64_t index)
{
	const unsigned char *at = table, *end = table + size;
	uint64_t instruction = 0;

	while (at < end) {
		unsigned char head = *at++;
		unsigned int kind = head >> 3 & 15;
		int64_t step;

		if (!(head & 0x80) || !read_line_step(kind, &at, end, &step))
			return 0;
		line += step;
		instruction += (head & 7) + 1;
		if (index < instruction)
			return kind == 15 || line < 0 ? 0 : (uint64_t)line;
		while (at < end && !(*at & 0x80)) /* columns */
			at++;
	}
	return 0;
}

static uint64_t read_line(const struct memory *m, uint64_t code, uint64_t instruction)
{
	static unsigned char table[LINES_MAX];
	uint64_t address, size, first = code + CODE_INSTRUCTIONS;
	int32_t line;

	if (!memory_read(m, code + CODE_FIRST_LINE, &line, sizeof(line)) ||
	    !memory_word(m, code + CODE_LINES, &address) || !memory_word(m, address + OBJECT_SIZE, &size) ||
	    size > sizeof(table) || !memory_read(m, address + BYTES_DATA, table, size))
		return 0;
	/* Before its first instruction a function is at its first line. */
	return instruction < first ? (uint64_t)(line < 0 ? 0 : line) : find_line(table, size, line, (instruction - first) / 2);
}

static bool read_frame(const struct memory *m, uint64_t address, struct stack_frame *ret)
{
	uint64_t code, name, file, instruction;

	*ret = (struct stack_frame){.kind = STACK_PYTHON};
	if (!memory_word(m, address + FRAME_CODE, &code) ||
	    !memory_word(m, address + FRAME_INSTRUCTION, &instruction) ||
	    !memory_word(m, code + CODE_QUALNAME, &name) || !memory_word(m, code + CODE_FILE, &file) ||
	    !read_str(m, name, ret->function) || !read_str(m, file, ret->file))
		return false;
	ret->number = read_line(m, code, instruction);
	return true;
}

/* A thread that has just been forked off by the C library's vfork runs on the stack of the one that
 * CPython knows: then it is its process's main thread, and there is no other. */
static uint64_t find_thread(const struct memory *m, uint64_t first, const struct python_thread *thread)
{
	uint64_t id, next;
	size_t n = 0;

	for (uint64_t at = first; at && n < THREADS_MAX; at = next, n++) {
		if (!memory_word(m, at + THREAD_NATIVE_ID, &id) || !memory_word(m, at + THREAD_NEXT, &next))
			return 0;
		if (id == (uint64_t)thread->id)
			return at;
	}
	return n == 1 && thread->is_main ? first : 0;
}

static uint64_t find_state(const struct memory *m, uint64_t runtime, const struct python_thread *thread)
{
	uint64_t interpreter, first, state;

	if (!memory_word(m, runtime + RUNTIME_INTERPRETERS, &interpreter))
		return 0;
	for (size_t n = 0; interpreter && n < INTERPRETERS_MAX; n++) {
		if (!memory_word(m, interpreter + INTERPRETER_THREADS, &first))
			return 0;
		state = find_thread(m, first, thread);
		if (state)
			return state;
		if (!memory_word(m, interpreter + INTERPRETER_NEXT, &interpreter))
			return 0;
	}
	return 0;
}

void python_stack(const struct memory *m, const struct python_symbols *symbols,
		  const struct python_thread *thread, struct stack_writer *out)
{
	struct stack_frame frame, more = {.kind = STACK_MORE};
	uint64_t version, state, at;

	if (!symbols->runtime || !memory_word(m, symbols->version, &version) || version >> 16 != VERSION_KNOWN)
		return;
	state = find_state(m, symbols->runtime, thread);
	if (!state || !memory_word(m, state + THREAD_CFRAME, &at) || !memory_word(m, at + CFRAME_CURRENT, &at))
		return;
	for (size_t n = 0; at; n++) {
		if (n == STACK_FRAMES_MAX || !read_frame(m, at, &frame)) {
			stack_add(out, &more);
			return;
		}
		stack_add(out, &frame);
		if (!memory_word(m, at + FRAME_PREVIOUS, &at))
			return;
	}
}
