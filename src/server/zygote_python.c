/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A zygote in any CPython: the interpreter's own program is started inside the zygote's sandbox
 * and loads this as an extension module, whose init function never returns. So neither a
 * libpython nor headers of the version are needed, only functions that have been in every
 * version since 3.8, found in the program or in what it is linked with.
 */
#include "server/zygote.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "zygote_py.h"

/* Opaque on purpose: the structs differ between versions. */
typedef struct object object;

#define FILE_INPUT 257 /* Py_file_input */

extern object *Py_CompileString(const char *text, const char *file, int start);
extern object *PyEval_EvalCode(object *code, object *globals, object *locals);
extern object *PyModule_New(const char *name);
extern object *PyModule_GetDict(object *module);
extern object *PyDict_GetItemString(object *dict, const char *key);
extern int PyDict_SetItemString(object *dict, const char *key, object *value);
extern object *PyDict_Copy(object *dict);
extern object *PyEval_GetBuiltins(void);
extern object *PyObject_CallFunction(object *callable, const char *format, ...);
extern object *PyTuple_GetItem(object *tuple, ssize_t i);
extern long PyLong_AsLong(object *number);
extern const char *PyUnicode_AsUTF8AndSize(object *text, ssize_t *size);
extern object *PyBytes_FromStringAndSize(const char *bytes, ssize_t size);
extern void PyErr_Fetch(object **type, object **value, object **traceback);
extern void PyErr_NormalizeException(object **type, object **value, object **traceback);
extern int PyException_SetTraceback(object *error, object *traceback);
extern void PyErr_Print(void);
extern object *PyErr_Occurred(void);
extern void Py_DecRef(object *o);

object *PyInit_appsilo_zygote(void) __attribute__((visibility("default")));

static object *helpers; /* the module's dictionary: PyInit gets no context to keep it in */

static object *helper(const char *name)
{
	return PyDict_GetItemString(helpers, name);
}

static int load_helpers(void)
{
	object *module = PyModule_New("appsilo_zygote");
	object *code = Py_CompileString(zygote_py, "<appsilo>", FILE_INPUT);

	if (!module || !code)
		return -EINVAL;
	helpers = PyModule_GetDict(module);
	/* A copy: what a run does to its builtins does not change how it ends. */
	if (PyDict_SetItemString(helpers, "__builtins__", PyDict_Copy(PyEval_GetBuiltins())) < 0 ||
	    !PyEval_EvalCode(code, helpers, helpers))
		return -EINVAL;
	return 0;
}

static int load(char *names, struct appsilo_error *err)
{
	object *said;
	const char *text;

	if (load_helpers() < 0) {
		PyErr_Print();
		return error_say(err, -EINVAL,
				 "zygote: this interpreter cannot be warmed; it has to be "
				 "CPython 3.8 or newer");
	}
	said = PyObject_CallFunction(helper("load"), "s", names);
	if (!said) {
		PyErr_Print();
		return error_say(err, -EINVAL, "zygote: the interpreter failed while it loaded");
	}
	text = PyUnicode_AsUTF8AndSize(said, NULL);
	if (text)
		return error_say(err, -ENOENT, "%s", text);
	PyErr_Fetch(&(object *){NULL}, &(object *){NULL}, &(object *){NULL}); /* None is no text */
	return 0;
}

/* Not PyOS_AfterFork_Child(): the copy goes on as the same thread, with the same handle, and no
 * lock is held in a zygote that has one thread; all that would be left of it are the hooks that
 * modules have registered. zygote.py calls those that matter. */
static void warm(void)
{
	if (!PyObject_CallFunction(helper("warm"), NULL)) {
		PyErr_Print();
		_exit(125);
	}
}

/* The exit code for the exception that is set. */
static long handle_error(void)
{
	object *type = NULL, *value = NULL, *traceback = NULL, *code;

	PyErr_Fetch(&type, &value, &traceback);
	PyErr_NormalizeException(&type, &value, &traceback);
	if (traceback)
		PyException_SetTraceback(value, traceback);
	Py_DecRef(traceback);
	Py_DecRef(type);
	code = PyObject_CallFunction(helper("failed"), "O", value);
	Py_DecRef(value);
	return code ? PyLong_AsLong(code) : 1;
}

static int run(const struct zygote_spec *spec, char *payload)
{
	object *bytes = PyBytes_FromStringAndSize(payload, spec->payload_bytes);
	object *ready = bytes ? PyObject_CallFunction(helper("start"), "O", bytes) : NULL;
	object *globals, *result, *end;
	long status = 0;

	zygote_payload_done(spec, payload);
	Py_DecRef(bytes);
	if (ready) {
		globals = PyTuple_GetItem(ready, 1);
		result = PyEval_EvalCode(PyTuple_GetItem(ready, 0), globals, globals);
		Py_DecRef(result);
	}
	if (PyErr_Occurred())
		status = handle_error();
	Py_DecRef(ready);
	end = PyObject_CallFunction(helper("finish"), "l", status);
	if (!end) {
		PyErr_Print();
		return 1;
	}
	return (int)PyLong_AsLong(end);
}

/* As servers send them: a script. */
static const char trial[] = "\1\0\0\0"
			    "0\1\0\0\0"
			    "0\1\0\0\0"
			    "1\1\0\0\0"
			    "0\7\0\0\0main.py\0\0\0\0"
			    "\7\0\0\0main.py\26\0\0\0print(sum(range(100)))";

object *PyInit_appsilo_zygote(void)
{
	static const struct zygote_guest guest = {
		.load = load,
		.warm = warm,
		.run = run,
		.trial = trial,
		.trial_bytes = sizeof(trial) - 1,
	};

	zygote_serve(&guest);
}
