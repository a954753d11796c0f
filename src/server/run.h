/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carrying out one run: its folder is filled, the program started (compiled first where the
 * language wants that), fed and read, ended when a limit, the client or the server says so.
 */
#ifndef APPSILO_SERVER_RUN_H
#define APPSILO_SERVER_RUN_H

#include "server/request.h"
#include "server/work_dir.h"

#define RUN_RETURN_BYTES_MAX (8u << 20) /* of files in one answer */

enum run_channel { RUN_STDOUT, RUN_STDERR };

struct run_output {
	char *data; /* owned */
	size_t size, capacity;
};

/* One program from start to end. */
struct run_step {
	struct sandbox_result result;
	struct run_output out[2]; /* by channel */
	struct run_output both;	  /* in the order it came, where that was asked for */
	uint64_t output_bytes;	  /* wherever they went */
};

struct run_outcome {
	bool compiled;		 /* there was a compile step */
	struct run_step compile; /* the run did not take place unless this exited with 0 */
	struct run_step run;
	struct work_files files;
	struct work_files pictures;
};

/* What a run listens to while it goes on, and where its output goes. */
struct run_control {
	int cancel_fd; /* readable: end; borrowed */
	int client_fd; /* a hang-up there: end; -EBADF: none; borrowed */
	/* Output as it comes, or NULL: it is kept in the step. Returns false when it takes
	 * nothing now; cancel_fd's owner then calls for it with `wake_fd`. */
	bool (*output)(void *data, enum run_channel channel, const char *bytes, size_t size);
	bool (*ready)(void *data); /* does output take something? NULL: always */
	int wake_fd;		   /* eventfd, readable when it does again; -EBADF; borrowed */
	void *data;
	bool keep_both;
};

/* Where and by whom. */
struct run_place {
	const struct sandbox_backend *backend; /* borrowed */
	const struct work_dir *dir;	       /* borrowed */
	const char *tenant;
};

/** Put the files of @r into the folder. Returns 0; -EINVAL with @e set. */
int run_fill(const struct run_request *r, const struct work_dir *dir, struct api_error *e) must_check;

/** All of it in a folder of the worker's own: what every shape of a run does. As run_request(). */
struct worker;
struct job;
int run_job(struct job *job, struct worker *worker, const struct run_request *r,
	    const struct run_control *control, struct run_outcome *ret, struct api_error *e) must_check;

/**
 * The program of @r, with these words and this input, in a sandbox of @warm.
 * Returns 1 with @ret; 0 when this run has to go another way, and nothing is known of it yet.
 */
int run_warm(const struct sandbox_backend *warm, const char *tenant, const struct run_request *r,
	     const char *const *argv, size_t n_argv, const char *input, size_t input_size,
	     const struct run_control *control, struct run_step *ret) must_check;

/** Run one program whose spec is complete. Returns 0; -errno with the line: it did not start. */
int run_step(const struct run_place *place, const struct sandbox_spec *spec, const char *input,
	     size_t input_size, const struct run_control *control, struct run_step *ret,
	     struct appsilo_error *err) must_check;

/** Compile, where the language wants it. Returns 1 when there is something to run now. */
int run_compile(const struct run_place *place, const struct run_request *r,
		const struct run_control *control, struct run_outcome *ret,
		struct appsilo_error *err) must_check;

/** The program of @r in a filled folder, with these words and this input. */
int run_program(const struct run_place *place, const struct run_request *r, const char *const *argv,
		size_t n_argv, const char *input, size_t input_size,
		const struct run_control *control, struct run_step *ret,
		struct appsilo_error *err) must_check;

/** All of it. Returns 0 with the outcome; -EINVAL with @e set. run_outcome_done() in any case. */
int run_request(const struct run_place *place, const struct run_request *r,
		const struct run_control *control, struct run_outcome *ret,
		struct api_error *e) must_check;

/** Keep @size more bytes. Returns false without memory. */
bool run_output_add(struct run_output *out, const char *bytes, size_t size);

/** The step that says how it ended. */
const struct run_step *run_last_step(const struct run_outcome *o);
void run_step_done(struct run_step *s);
void run_outcome_done(struct run_outcome *o);

#endif
