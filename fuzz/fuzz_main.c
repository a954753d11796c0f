/* SPDX-License-Identifier: Apache-2.0 */
/* Replays the files of a corpus through a fuzz target: a normal test. */
#include "fuzz.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>

#define INPUT_MAX (4 * 1024 * 1024)

static int replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	/* As large as the input, so that a read past its end is seen by the sanitizer. */
	uint8_t *all = malloc(INPUT_MAX), *data;
	size_t size;

	if (!file || !all) {
		perror(path);
		return 1;
	}
	size = fread(all, 1, INPUT_MAX, file);
	fclose(file);
	data = malloc(size ? size : 1);
	if (!data)
		return 1;
	memcpy(data, all, size);
	free(all);
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int failed = 0, n = 0;
	DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;

	if (!dir) {
		fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
		return 2;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
		failed |= replay(path);
		n++;
	}
	closedir(dir);
	fprintf(stderr, "%d inputs\n", n);
	return failed || n == 0;
}
