/* SPDX-License-Identifier: Apache-2.0 */
/* Build-time program: writes a file as a C string, for code that has no file beside it. */
#include <stdio.h>

int main(int argc, char **argv)
{
	FILE *file = argc == 3 ? fopen(argv[2], "rb") : NULL;
	int byte;

	if (!file)
		return 1;
	printf("static const char %s[] = {\n", argv[1]);
	while ((byte = getc(file)) != EOF)
		printf("%d,%s", byte, byte == '\n' ? "\n" : "");
	printf("0};\n");
	return ferror(file) || fclose(file) != 0;
}
