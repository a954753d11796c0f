/* SPDX-License-Identifier: Apache-2.0 */
#include "server/handshake.h"

#include "base/base64.h"
#include <microhttpd.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#define VERSION "13"
#define KEY_LENGTH 24 /* 16 bytes in base64 */
#define ACCEPT_OF "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* section 1.3: nothing but a websocket server knows it */
#define SHA1_BYTES 20

/* The next word of a list with commas: its length at *list. 0: there is none. */
static size_t next_word(const char **list)
{
	*list += strspn(*list, ", \t");
	return strcspn(*list, ", \t");
}

static bool has_word(const char *list, const char *word)
{
	for (size_t n; list && (n = next_word(&list)) > 0; list += n)
		if (n == strlen(word) && strncasecmp(list, word, n) == 0)
			return true;
	return false;
}

static bool is_key(const char *key)
{
	unsigned char bytes[KEY_LENGTH];
	size_t size;

	return key && strlen(key) == KEY_LENGTH && base64_decode(key, KEY_LENGTH, bytes, &size) == 0 && size == 16;
}

int handshake_check(const struct exchange *x, struct api_error *e)
{
	const char *version = exchange_header(x, "Sec-WebSocket-Version");

	if (strcmp(x->method, "GET") != 0 || !has_word(exchange_header(x, "Connection"), "upgrade") ||
	    !has_word(exchange_header(x, "Upgrade"), "websocket"))
		return api_error_set(e, 426, "upgrade-required", "this path speaks websocket only");
	if (!version || strcmp(version, VERSION) != 0)
		return api_error_set(e, 426, "upgrade-required", "Sec-WebSocket-Version must be " VERSION);
	if (!is_key(exchange_header(x, "Sec-WebSocket-Key")))
		return api_error_set(e, 400, "bad-request", "Sec-WebSocket-Key must be 16 bytes in base64");
	return 0;
}

bool handshake_credentials(const struct exchange *x, char ret[HANDSHAKE_CREDENTIALS_MAX])
{
	static const char prefix[] = "bearer.";
	const char *list = exchange_header(x, "Sec-WebSocket-Protocol");

	for (size_t n; list && (n = next_word(&list)) > 0; list += n) {
		if (strncmp(list, prefix, strlen(prefix)) != 0)
			continue;
		if (snprintf(ret, HANDSHAKE_CREDENTIALS_MAX, "Bearer %.*s", (int)(n - strlen(prefix)),
			     list + strlen(prefix)) >= HANDSHAKE_CREDENTIALS_MAX)
			return false;
		MHD_http_unescape(ret); /* a page may not offer a protocol with / or = in it */
		return true;
	}
	return false;
}

static int make_accept(const char *key, char ret[32])
{
	char text[KEY_LENGTH + sizeof(ACCEPT_OF)];
	unsigned char digest[SHA1_BYTES];
	int n = snprintf(text, sizeof(text), "%s%s", key, ACCEPT_OF);

	if (EVP_Digest(text, (size_t)n, digest, NULL, EVP_sha1(), NULL) != 1)
		return -EIO;
	base64_encode(digest, sizeof(digest), ret);
	return 0;
}

int handshake_headers(const struct exchange *x, struct MHD_Response *response)
{
	char accept[32];
	int r = make_accept(exchange_header(x, "Sec-WebSocket-Key"), accept);

	if (r < 0)
		return r;
	if (MHD_add_response_header(response, "Upgrade", "websocket") != MHD_YES ||
	    MHD_add_response_header(response, "Sec-WebSocket-Accept", accept) != MHD_YES)
		return -ENOMEM;
	if (has_word(exchange_header(x, "Sec-WebSocket-Protocol"), HANDSHAKE_PROTOCOL) &&
	    MHD_add_response_header(response, "Sec-WebSocket-Protocol", HANDSHAKE_PROTOCOL) != MHD_YES)
		return -ENOMEM;
	return 0;
}
