/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of a program that lies: whatever is in it, what is made of it is a stack, or none. */
#include "fuzz.h"

#include "stacks/image.h"
#include "stacks/modules.h"
#include "stacks/python.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define VERSION_AT (1ull << 40)

struct input {
	const uint8_t *data;
	size_t size;
	size_t reads;
};

static bool read_input(void *data, uint64_t address, void *ret, size_t size)
{
	static const uint64_t version = 0x030b02f0;
	struct input *in = data;

	in->reads++;
	if (address == VERSION_AT && size == sizeof(version)) {
		memcpy(ret, &version, size);
		return true;
	}
	if (address > in->size || size > in->size - address)
		return false;
	memcpy(ret, in->data + address, size);
	return true;
}

static void read_modules(const struct input *in)
{
	static struct modules modules;
	int fd = memfd_create("maps", 0);

	ALWAYS(fd >= 0 && write(fd, in->data, in->size) == (ssize_t)in->size && lseek(fd, 0, SEEK_SET) == 0);
	ALWAYS(modules_read(fd, &modules) == 0 && modules.n <= MODULES_MAX);
	for (size_t i = 0; i < modules.n; i++)
		ALWAYS(modules.list[i].start < modules.list[i].end &&
		       modules_find(&modules, modules.list[i].start));
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stack_writer out;
	struct input in = {data, size, 0};
	const struct memory memory = {read_input, &in};
	const struct python_symbols symbols = {.runtime = 8, .version = VERSION_AT};
	const struct python_thread thread = {.id = 3, .is_main = true};
	size_t image_size;

	out = (struct stack_writer){0};
	python_stack(&memory, &symbols, &thread, &out);
	ALWAYS(stack_is_valid(out.text) && strlen(out.text) == out.n);
	ALWAYS(in.reads < 200000);
	free(image_read(&memory, 0, size, &image_size));
	read_modules(&in);
	return 0;
}
