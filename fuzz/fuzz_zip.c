/* SPDX-License-Identifier: Apache-2.0 */
/* A whole package: its zip, block map, unix facts and contents. */
#include "fuzz.h"

#include "base/fd.h"
#include "package/msix.h"
#include <string.h>
#include <sys/mman.h>

static void check_names(const struct msix *msix, const struct msix_counts *counts)
{
	size_t n = 0;

	for (const char *name; (name = msix_name(msix, n)); n++) {
		ALWAYS(*name && *name != '/' && strlen(name) <= MSIX_NAME_MAX);
		ALWAYS(strncmp(name, "../", 3) != 0 && !strstr(name, "/../") && !strchr(name, '\\'));
	}
	ALWAYS(n == counts->files && n <= MSIX_ENTRIES_MAX);
}

static void read_all(struct msix *msix)
{
	unsigned char digests[MSIX_DIGESTS_MAX], *bytes;
	struct appsilo_error err = {0};
	struct msix_counts counts;
	size_t size;

	if (msix_verify(msix, &counts, &err) == 0)
		check_names(msix, &counts);
	else
		ALWAYS(err.line[0] && !strchr(err.line, '\n') && !strchr(err.line, '\033'));
	if (msix_digests(msix, digests, &size, &err) == 0)
		ALWAYS(size == 4 + 4 * 36 || size == MSIX_DIGESTS_MAX);
	if (msix_read_signature(msix, &bytes, &size, &err) == 0) {
		ALWAYS(size <= MSIX_SIGNATURE_MAX);
		free(bytes);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct msix_options options = {.threads = 1, .max_bytes = 16 << 20};
	struct appsilo_error err = {0};
	struct msix *msix = NULL;
	int fd = memfd_create("package", MFD_CLOEXEC);

	ALWAYS(fd >= 0 && fd_write_all(fd, data, size) == 0);
	if (msix_open_fd(fd, "fuzz", &options, &msix, &err) == 0)
		read_all(msix);
	else
		ALWAYS(err.line[0] && !strchr(err.line, '\n') && !strchr(err.line, '\033'));
	msix_close(msix);
	close(fd);
	return 0;
}
