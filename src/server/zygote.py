# SPDX-License-Identifier: Apache-2.0
# The Python half of zygote_python.c, which calls load(), warm(), start(), failed() and finish(). A
# run's own code is evaluated by C between start() and finish(), so that no frame of ours is below it.
#
# After a copy, whatever is touched for the first time costs a page, in time and in memory, and an object
# is touched by looking at it. So what runs in a sandbox is short, and has run in the zygote before.
import _random
import _thread
import atexit
import builtins
import gc
import os
import random
import sys
import threading
import traceback
import types

# What a run is sent, for a trial.
TRIAL = b"".join(len(f).to_bytes(4, "little") + f for f in (b"0", b"0", b"0", b"1", b"", b"print(sum(range(100)))"))
REHEARSALS = 20
# Their hooks are about threads that a copy of the only one does not have; random is seeded below.
NEEDLESS_HOOKS = {"concurrent.futures.thread", "logging", "random", "threading"}

# Of the interpreter's allocator.
STEP, SMALL_MAX = 16, 512
POOL, POOL_HEAD = 16384 if sys.version_info >= (3, 10) else 4096, 48
GAPS_BYTES_MAX = 4 << 20

ballast = []
hooks = []
n_modules = 0
known = set()


def remember_hooks():
    """Of what is preloaded: a copy is not made by os.fork(), which would call all of them."""
    register = os.register_at_fork

    def register_at_fork(**given):
        hook = given.get("after_in_child")
        if hook and getattr(hook, "__module__", None) not in NEEDLESS_HOOKS:
            hooks.append(hook)
        register(**given)

    os.register_at_fork = register_at_fork
    return register


def load(names):
    """In the zygote: what all runs share. Returns what to say when a name cannot be imported."""
    register = remember_hooks()
    for name in names.split("\n"):
        if not name:
            continue
        try:
            __import__(name)
        except BaseException as e:
            return f"zygote: cannot preload {name}: {type(e).__name__}: {e}"
    os.register_at_fork = register
    sys.modules.pop("appsilo_zygote", None)
    os.environ["PWD"] = os.environ["HOME"]  # where each run begins
    sys.argv[:] = []
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[1:] = []
    sys.path_importer_cache.clear()
    rehearse()
    gc.collect()
    fill_gaps()
    gc.disable()
    gc.freeze()


def fill_gaps():
    """
    In the pools of the interpreter's allocator: what runs allocate then lies close together, at the beginning of
    empty ones. Gaps lie all over the zygote's, and each that a run fills costs it a page.
    """
    left = GAPS_BYTES_MAX
    for size in range(STEP, SMALL_MAX + 1, STEP):
        while left > 0:
            left -= size
            one = object() if size == 16 else complex(1) if size == 32 else bytes(size - bytes.__basicsize__)
            if id(one) % POOL == POOL_HEAD:
                break  # the first of its pool, which it leaves empty again
            ballast.append(one)


def rehearse():
    global n_modules
    traceback.format_exception(ValueError, ValueError("x"), None)
    for _ in range(REHEARSALS):
        code, space = start(TRIAL)
        n_modules = len(sys.modules)
        known.update(sys.modules)
        space["print"] = id
        exec(code, space)
        finish(0)
        del sys.path[0]


def warm():
    """In a sandbox, before its run: touch what every run touches."""
    gc.enable()
    code, space = start(TRIAL)
    exec(code, space)
    sys.stdout.flush()
    del sys.path[0]
    # Drawn from since the copy was made, but the same in all of them.
    _random.Random.seed(random._inst)
    for hook in hooks:
        hook()


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
    n_args, n_env, n_files, has_modules = (int(next(field)) for _ in range(4))
    entry, code = next(field), next(field)
    args = [os.fsdecode(next(field)) for _ in range(n_args)]
    for _ in range(n_env):
        name, _, value = next(field).partition(b"=")
        os.environb[name] = value
    for _ in range(n_files):
        write(os.fsdecode(next(field)), next(field))
    main = types.ModuleType("__main__")
    space = main.__dict__
    space["__builtins__"] = builtins
    sys.modules["__main__"] = main
    if entry:
        entry = os.fsdecode(entry)
        path = space["__file__"] = os.path.abspath(entry)
        with open(path, "rb") as file:
            code = file.read()
        if has_modules:
            sys.path.insert(0, os.path.dirname(path))
        sys.argv[:] = [entry, *args]
    else:
        path = "<string>"
        sys.path.insert(0, "")
        sys.argv[:] = ["-c", *args]
    # A state of its own, which is no hook's business either.
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    return compile(code, path, "exec", dont_inherit=True), space


def failed(error):
    """What an interpreter does with an exception that nobody catches. Returns the exit code."""
    while error.__traceback__ and error.__traceback__.tb_frame.f_code.co_filename == "<appsilo>":
        error.__traceback__ = error.__traceback__.tb_next  # ours, which could not compile it
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


def new_modules():
    """What the run has imported. The dictionary keeps the order; looking at all of it costs pages."""
    names = [name for name, _ in zip(reversed(sys.modules), range(len(sys.modules) - n_modules))]
    if not known.isdisjoint(names):  # the run has taken some away, and others have moved up
        names = [name for name in sys.modules if name not in known]
    return [sys.modules[name] for name in names]


def clear(module):
    """As an interpreter does: names with one underscore first, then all others."""
    space = getattr(module, "__dict__", None)
    if type(space) is not dict:
        return
    for name in list(space):
        if name[:1] == "_" and name[1:2] != "_":
            space[name] = None
    for name in list(space):
        if name != "__builtins__":
            space[name] = None


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
    if _thread._count() or getattr(threading, "_threading_atexits", None):
        threading._shutdown()
    atexit._run_exitfuncs()
    modules = new_modules()
    main = sys.modules.get("__main__")
    clear(main)
    for module in modules:
        if module is not main:
            clear(module)
    del modules, main
    gc.collect()
    return finish_buffers(sys.stdout, sys.stderr) or status
