# SPDX-License-Identifier: Apache-2.0
# The Python half of zygote_python.c. Its three functions are called from C; a run's own code is
# evaluated by C between start() and finish(), so that no frame of ours is below it.
import atexit
import builtins
import gc
import io
import os
import random
import sys
import threading
import traceback
import types


def load(names):
    """In the zygote: what all runs share. Returns what to say when a name cannot be imported."""
    for name in names.split("\n"):
        if not name:
            continue
        try:
            __import__(name)
        except BaseException as e:
            return f"zygote: cannot preload {name}: {type(e).__name__}: {e}"
    # A first use of each, so that no run pays for it or copies the pages it writes.
    traceback.format_exception(ValueError("x"))
    finish_buffers(io.StringIO(), io.StringIO())
    for name in ("appsilo_zygote",):
        sys.modules.pop(name, None)
    sys.orig_argv[:] = sys.argv[:] = sys.orig_argv[:1]
    sys.modules["__main__"] = types.ModuleType("__main__")
    global KNOWN
    KNOWN = set(sys.modules)
    gc.collect()
    gc.disable()
    gc.freeze()


def warm():
    """In a sandbox, before its run: touch what every run touches."""
    gc.enable()
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 1)
    os.close(null)
    code, space = start(b"".join(len(f).to_bytes(4, "little") + f for f in (b"0", b"0", b"0", b"", b"print(sum(range(100)))")))
    exec(code, space)
    sys.stdout.flush()
    del sys.path[0]


def fields(payload):
    at = 0
    while at < len(payload):
        size = int.from_bytes(payload[at:at + 4], "little")
        yield payload[at + 4:at + 4 + size]
        at += 4 + size


def write(name, content):
    folder = os.path.dirname(name)
    if folder:
        os.makedirs(folder, exist_ok=True)
    with open(name, "wb") as file:
        file.write(content)


def start(payload):
    """Make everything as a new interpreter would have it. Returns (code, globals)."""
    field = fields(payload)
    n_args, n_env, n_files = int(next(field)), int(next(field)), int(next(field))
    entry, code = os.fsdecode(next(field)), next(field)
    args = [os.fsdecode(next(field)) for _ in range(n_args)]
    for _ in range(n_env):
        name, _, value = next(field).partition(b"=")
        os.environb[name] = value
    for _ in range(n_files):
        write(os.fsdecode(next(field)), next(field))
    main = types.ModuleType("__main__")
    main.__builtins__ = builtins
    sys.modules["__main__"] = main
    if entry:
        path = os.path.abspath(entry)
        with open(path, "rb") as file:
            code = file.read()
        main.__file__ = path
        sys.path.insert(0, os.path.dirname(path))
        sys.argv[:] = [entry, *args]
    else:
        path = "<string>"
        sys.path.insert(0, "")
        sys.argv[:] = ["-c", *args]
    sys.orig_argv[1:] = sys.argv
    # The copy's, and what modules drew before: numpy keeps a state of its own.
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random:
        numpy_random.seed()
    return compile(code, path, "exec", dont_inherit=True), main.__dict__


def failed(error):
    """What an interpreter does with an exception that nobody catches. Returns the exit code."""
    if isinstance(error, SystemExit):
        if error.code is None:
            return 0
        if isinstance(error.code, int):
            return error.code & 0xff
        print(error.code, file=sys.stderr)
        return 1
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except BaseException:
        traceback.print_exc()
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def finish_buffers(out, err):
    status = 0
    try:
        if out is not None and not out.closed:
            out.flush()
    except BaseException as e:
        status = 120
        print(f"Exception ignored in: {out!r}\n{type(e).__name__}: {e}", file=err)
    try:
        if err is not None and not err.closed:
            err.flush()
    except BaseException:
        pass
    return status


def finish(status):
    """
    The end of an interpreter, as far as a run can see it: threads are waited for, exit functions
    called, the run's own objects destroyed (in the order of a module's end), buffers written.
    What the zygote brought along is left to the kernel: taking it down would cost more than most runs.
    """
    threading._shutdown()
    atexit._run_exitfuncs()
    mine = [m for name, m in list(sys.modules.items()) if name not in KNOWN]
    for module in [sys.modules.get("__main__"), *mine]:
        space = getattr(module, "__dict__", {})
        for ours in (True, False):
            for name in list(space):
                if name != "__builtins__" and (name.startswith("_") and name[1:2] != "_") == ours:
                    space[name] = None
    del mine, module, space
    gc.collect()
    return finish_buffers(sys.stdout, sys.stderr) or status
