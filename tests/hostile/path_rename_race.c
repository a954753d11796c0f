/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandlock#111 from inside: a name is refused, its folder is granted. One thread renames,
 * exchanges and links every component of the way; others open everything the file could be
 * called by then. Usage: FOLDER INODE SECONDS; FOLDER/keep/secret is the refused file of that
 * inode, FOLDER/decoy a folder with another file "secret". Prints the opens that reached the
 * inode, and the opens that reached the decoy: the race really ran.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OPENERS 3

static ino_t wanted;
static atomic_long reached, decoys;
static atomic_bool stop;

static void *renamer(void *data)
{
	(void)data;
	while (!stop) {
		rename("keep", "moved");
		rename("moved", "keep");
		syscall(SYS_renameat2, AT_FDCWD, "keep", AT_FDCWD, "decoy", 2u);
		syscall(SYS_renameat2, AT_FDCWD, "keep", AT_FDCWD, "decoy", 2u);
		syscall(SYS_renameat2, AT_FDCWD, "keep/secret", AT_FDCWD, "decoy/secret", 2u);
		rename("keep/secret", "taken");
		rename("taken", "keep/secret");
		(void)!link("keep/secret", "alias");
		unlink("alias");
		(void)!symlink("keep/secret", "door");
		unlink("door");
		(void)!symlink("keep", "way");
		unlink("way");
	}
	return NULL;
}

static void *opener(void *data)
{
	static const char *const names[] = {
		"keep/secret", "moved/secret", "decoy/secret", "taken", "alias", "door",
		"way/secret", "./keep/../keep/secret", "decoy/../keep//secret",
	};
	struct stat st;

	(void)data;
	while (!stop) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			int fd = open(names[i], i % 2 ? O_RDWR : O_RDONLY);

			if (fd < 0)
				continue;
			if (fstat(fd, &st) == 0)
				atomic_fetch_add(st.st_ino == wanted ? &reached : &decoys, 1);
			close(fd);
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[OPENERS + 1];

	if (argc != 4 || chdir(argv[1]) < 0)
		return 2;
	wanted = (ino_t)strtoull(argv[2], NULL, 10);
	for (int i = 0; i <= OPENERS; i++)
		pthread_create(&threads[i], NULL, i ? opener : renamer, NULL);
	sleep((unsigned int)atoi(argv[3]));
	stop = true;
	for (int i = 0; i <= OPENERS; i++)
		pthread_join(threads[i], NULL);
	printf("%ld %ld\n", reached, decoys);
	return 0;
}
