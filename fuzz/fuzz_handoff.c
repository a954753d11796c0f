/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker reads from the builder's socket: a header, then the text in messages of up
 * to 64 KiB. The first byte says where the text is cut. */
#include "fuzz.h"

#include "base/fd.h"
#include "cli/handoff.h"
#include <string.h>
#include <sys/socket.h>

#define HEADER_SIZE (32 + ERROR_LINE_MAX) /* the longest input that is taken whole */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t header = HEADER_SIZE, cut;
	struct appsilo_error err = {0};
	struct handoff h;
	int pair[2], exit_code;

	if (size < 1 + header || size > 60000)
		return 0;
	cut = data[0];
	data++;
	size--;
	ALWAYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	ALWAYS(fd_send(pair[1], data, header, NULL, 0) == 0);
	data += header;
	size -= header;
	cut = cut < size ? cut : size;
	if ((cut && fd_send(pair[1], data, cut, NULL, 0) < 0) ||
	    (size > cut && fd_send(pair[1], data + cut, size - cut, NULL, 0) < 0))
		abort();
	close(pair[1]);
	if (handoff_receive(pair[0], &h, &exit_code, &err) == 0) {
		for (size_t i = 0; i < HANDOFF_FACTS; i++)
			ALWAYS(h.facts[i] && strlen(h.facts[i]) <= size);
		for (size_t i = 0; h.words[i]; i++)
			ALWAYS(strlen(h.words[i]) <= size);
	} else {
		ALWAYS(err.line[0]);
	}
	handoff_done(&h);
	close(pair[0]);
	return 0;
}
