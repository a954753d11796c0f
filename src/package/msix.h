/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSIX packages as files: a zip with AppxManifest.xml, AppxBlockMap.xml (SHA-256 of every
 * 64 KiB), [Content_Types].xml and AppxSignature.p7x. What is packed here other MSIX tools
 * read, and the other way round. docs/ARCHITECTURE.md, Packages; Microsoft "MSIX packages";
 * PKWARE APPNOTE 6.3. Every reader is strict: a file is taken whole or refused, naming what
 * is wrong and where. An open package is used by one thread; threads are inside.
 */
#ifndef APPSILO_PACKAGE_MSIX_H
#define APPSILO_PACKAGE_MSIX_H

#include "base/error.h"
#include "base/sha256.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MSIX_BLOCK_SIZE 65536		  /* bytes of content under one digest */
#define MSIX_ENTRIES_MAX 500000		  /* files of a package */
#define MSIX_NAME_MAX 1024		  /* bytes of a name, decoded */
#define MSIX_FOOTPRINT_MAX (64 * 1024 * 1024) /* bytes of [Content_Types].xml and its like */
#define MSIX_BLOCK_MAP_MAX (256 * 1024 * 1024) /* bytes of AppxBlockMap.xml */
#define MSIX_SIGNATURE_MAX (1024 * 1024)  /* bytes of AppxSignature.p7x */
/* Unpacked sizes that are refused unless a person raises the limit: more than this, or more
 * than MSIX_RATIO_MAX times the file once past MSIX_RATIO_FREE bytes (zip bombs). */
#define MSIX_SIZE_MAX (64ull << 30)
#define MSIX_RATIO_MAX 100
#define MSIX_RATIO_FREE (1ull << 30)

#define MSIX_MANIFEST "AppxManifest.xml"
#define MSIX_BLOCK_MAP "AppxBlockMap.xml"
#define MSIX_CONTENT_TYPES "[Content_Types].xml"
#define MSIX_SIGNATURE "AppxSignature.p7x"
#define MSIX_CODE_INTEGRITY "AppxMetadata/CodeIntegrity.cat"
/* What zip cannot say: executable files, links, empty folders. A payload file to others. */
#define MSIX_UNIX_FACTS "AppsiloFiles.txt"

/* "APPX", then four or five of 4 bytes of name and a SHA-256. */
#define MSIX_DIGESTS_MAX (4 + 5 * (4 + SHA256_SIZE))

struct msix; /* an open package */

struct msix_options {
	unsigned int threads;  /* 0: as many as this process may use cores */
	uint64_t max_bytes;    /* unpacked; 0: the limits above */
	/* Told now and then how far a long call is, in bytes of content, from the calling
	 * thread. NULL: nothing is told. Non-zero ends the call with -ECANCELED. */
	int (*progress)(void *data, uint64_t done, uint64_t total);
	void *progress_data;
};

struct msix_pack_options {
	struct msix_options common;
};

struct msix_counts {
	uint64_t files, links, blocks, bytes, packed_bytes;
};

/**
 * Pack @dir, which holds AppxManifest.xml and the payload, into the new file @out_path.
 * The same tree gives the same bytes: names are sorted, times are fixed. Other footprint files
 * in @dir and AppsiloFiles.txt are passed over; what MSIX cannot hold is refused (names with ":",
 * names that differ only in case, links that leave @dir, devices). [Content_Types].xml names
 * the signature already, so that signing changes nothing else. The manifest is not parsed.
 * @out_path  replaced in one step once all of it is written
 * @ret       may be NULL
 * Returns 0; -EINVAL for what cannot be packed; -errno with the line; no file is left.
 */
int msix_pack(const char *dir, const char *out_path, const struct msix_pack_options *options,
	      struct msix_counts *ret, struct appsilo_error *err) must_check;

/**
 * Open a package and check its structure: central directory against local headers, every byte
 * of the file accounted for, names, limits, block map against directory. Contents are
 * not read yet, but for the block map's own.
 * @options  copied; may be NULL
 * Returns 0 and a package for msix_close(); -EBADMSG when damaged or hostile; -EFBIG past a
 * limit; -errno; with the line.
 */
int msix_open(const char *path, const struct msix_options *options, struct msix **ret,
	      struct appsilo_error *err) must_check;

/** As msix_open() on a regular file's descriptor, which stays the caller's.
 * @path  names it in errors */
int msix_open_fd(int fd, const char *path, const struct msix_options *options, struct msix **ret,
		 struct appsilo_error *err) must_check;
void msix_close(struct msix *msix);
DEFINE_CLEANUP(struct msix *, msix_close)

/** What it holds, from the directory. */
void msix_count(const struct msix *msix, struct msix_counts *ret);
/** Name of its block map's file number @i, with "/"; NULL past the last. */
const char *msix_name(const struct msix *msix, size_t i);

/**
 * Read one file of the package, checked against block map and CRC, into memory.
 * @name  decoded, with "/"
 * @max   bytes
 * @ret   owned by the caller, with a NUL after the last byte
 * Returns 0; -ENOENT; -EFBIG; -EBADMSG; -errno with the line.
 */
int msix_read(struct msix *msix, const char *name, size_t max, unsigned char **ret,
	      size_t *ret_size, struct appsilo_error *err) must_check;

/** Check every byte: each block's digest, each CRC, each size. 0; -EBADMSG naming file and
 * block; -errno with the line. The signature is signature.h's matter. */
int msix_verify(struct msix *msix, struct msix_counts *ret, struct appsilo_error *err) must_check;

/**
 * Unpack into the new directory @dir, checking every byte on the way as msix_verify() does.
 * Folders get mode 0755, files 0644 or 0755. The zip's own [Content_Types].xml is left out.
 * @sync  write it to the disk before returning
 * Returns 0; -EEXIST; -EBADMSG; -errno with the line; after a failure nothing is left.
 */
int msix_unpack(struct msix *msix, const char *dir, bool sync, struct msix_counts *ret,
		struct appsilo_error *err) must_check;

/**
 * The byte string that a signature is over: "APPX", then "AXPC" (the file up to the
 * signature's local header), "AXCD" (central directory and end records as they would be without
 * the signature), "AXCT" ([Content_Types].xml), "AXBM" (block map) and, if present, "AXCI"
 * (code integrity), each with its SHA-256. Reads the whole file once.
 * Returns 0; -errno with the line.
 */
int msix_digests(struct msix *msix, unsigned char ret[MSIX_DIGESTS_MAX], size_t *ret_size,
		 struct appsilo_error *err) must_check;

/**
 * The bytes of AppxSignature.p7x as stored: "PKCX", then DER.
 * @ret  owned by the caller
 * Returns 0; -ENOENT when the package is not signed; -EBADMSG; -errno with the line.
 */
int msix_read_signature(struct msix *msix, unsigned char **ret, size_t *ret_size,
			struct appsilo_error *err) must_check;

/**
 * Copy @path without its signature, if it has one, to the new file @out_path, and see to it
 * that [Content_Types].xml names the signature: what msix_digests() of @out_path says may then
 * be signed. @out_path may be @path: replaced in one step.
 * Returns 0; -EBADMSG; -errno with the line.
 */
int msix_prepare_signature(const char *path, const char *out_path,
			   struct appsilo_error *err) must_check;

/**
 * Put a signature made over msix_digests() into @path, in the place of an older one.
 * @p7x  "PKCX" and DER, at most MSIX_SIGNATURE_MAX bytes; borrowed
 * Returns 0; -EINVAL when [Content_Types].xml does not name it (msix_prepare_signature() first);
 * -errno with the line; @path is replaced in one step or stays as it was.
 */
int msix_add_signature(const char *path, const unsigned char *p7x, size_t size,
		       struct appsilo_error *err) must_check;

#endif
