# SPDX-License-Identifier: Apache-2.0
"""Starts appsilo in a mount namespace that was prepared for it: a false /proc, a /dev with a
link in it, a disk of its own. usage: own_mounts.py SCENE APPSILO [WORD...]

A mount namespace of one's own needs a user namespace of one's own, which maps this user to
itself, so that appsilo is an ordinary user in it (or root, for root).
"""
import ctypes
import os
import subprocess
import sys

libc = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUSER = 0x20000, 0x10000000
BIND, REC, PRIVATE, DETACH = 4096, 16384, 1 << 18, 2
HOME = os.environ["HOME"]


def check(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def mount(source, target, kind=None, flags=0, data=None):
    encode = [None if x is None else os.fsencode(x) for x in (source, target, kind)]
    check(libc.mount(*encode, ctypes.c_ulong(flags), None if data is None else data.encode()), f"mount {target}")


def enter():
    uid, gid = os.geteuid(), os.getegid()
    if uid != 0:
        check(libc.unshare(NEWUSER | NEWNS), "unshare")
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    else:
        check(libc.unshare(NEWNS), "unshare")
    mount(None, "/", None, REC | PRIVATE)


def run(*words):
    done = subprocess.run([sys.argv[2], "run", "--prompt", *words], cwd=HOME, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60, check=False)
    print(done.returncode, done.stdout.strip(), done.stderr.strip(), flush=True)


def own_dev(folder):
    """A /dev like the host's in @folder, bound from it."""
    mount("tmpfs", folder, "tmpfs")
    for name in ("null", "zero", "full", "random", "urandom", "tty", "fuse"):
        open(f"{folder}/{name}", "w").close()
        mount("/dev/" + name, f"{folder}/{name}", None, BIND)
    os.mkdir(folder + "/pts")
    mount("/dev/pts", folder + "/pts", None, BIND | REC)


def scene_disk():
    """A run reads a disk on FUSE; afterwards the disk can be taken away."""
    disk = HOME + "/disk"
    os.makedirs(disk, exist_ok=True)
    mount("tmpfs", disk, "tmpfs")
    for i in range(100):
        with open(f"{disk}/f{i}", "w") as file:
            file.write("x")
    done = subprocess.run([sys.argv[2], "run", "--prompt", "exec:false", "--allow-read", HOME, "--deny", disk + "/never", "--",
                           "python3", "-c", f"import os\nfor i in range(100): open(f'{disk}/f{{i}}').read()"],
                          cwd=HOME, check=False, stdin=subprocess.DEVNULL)
    print("read" if done.returncode == 0 else "failed")
    check(libc.umount2(disk.encode(), 0), "umount")
    os.rmdir(disk)
    print("unmounted")


def scene_dev(name, kind):
    """One node of /dev is something else."""
    secret = HOME + "/secret/canary"
    own_dev("/mnt")
    check(libc.umount2(f"/mnt/{name}".encode(), DETACH), "umount")
    if kind == "link":
        os.unlink("/mnt/" + name)
        os.symlink(secret, "/mnt/" + name)
    elif kind == "link-to-device":
        os.unlink("/mnt/" + name)
        os.symlink("/mnt/zero" if name != "zero" else "/mnt/null", "/mnt/" + name)
    elif kind == "file":
        mount(secret, "/mnt/" + name, None, BIND)
    elif kind == "device":
        mount("/dev/zero" if name != "zero" else "/dev/null", "/mnt/" + name, None, BIND)
    elif kind == "right":
        mount("/dev/" + name, "/mnt/" + name, None, BIND)
    mount("/mnt", "/dev", None, BIND | REC)
    run(*sys.argv[5:])


def scene_swapped_dev():
    """/dev/null changes places with a link to the canary while runs start."""
    own_dev("/mnt")
    os.symlink(HOME + "/secret/canary", "/mnt/evil")
    # A mount point does not move: the node that moves is a link's target's name.
    check(libc.umount2(b"/mnt/null", DETACH), "umount")
    mount("/mnt", "/dev", None, BIND | REC)
    good = "/mnt/null"
    mount("/mnt/zero", good, None, BIND)
    child = os.fork()
    if child == 0:
        while True:
            libc.umount2(good.encode(), DETACH)
            libc.mount(os.fsencode(HOME + "/secret/canary"), good.encode(), None, ctypes.c_ulong(BIND), None)
            libc.umount2(good.encode(), DETACH)
            libc.mount(b"/mnt/zero", good.encode(), None, ctypes.c_ulong(BIND), None)
    try:
        for _ in range(10):
            run(*sys.argv[3:])
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def scene_proc():
    """/proc where what the launcher writes to are plain files, for itself and whatever it starts;
    all else is the real one, so that nothing but a look at the file system tells."""
    real, false, maps = "/mnt", HOME + "/falseproc", ("uid_map", "gid_map", "setgroups")
    mount("/proc", real, None, BIND | REC)
    os.makedirs(false, exist_ok=True)
    mount("tmpfs", false, "tmpfs")
    for name in os.listdir(real):
        if not name.isdigit() and "self" not in name:
            os.symlink(f"{real}/{name}", f"{false}/{name}")
    parts = [name for name in os.listdir(real + "/self") if name not in maps]
    own = os.getpid()
    for process in ("self", *map(str, range(own, own + 1000))):
        os.mkdir(f"{false}/{process}")
        for name in parts if process == "self" else ("ns", "fd", "status", "cmdline"):
            os.symlink(f"{real}/{process}/{name}", f"{false}/{process}/{name}")
        for name in maps:
            with open(f"{false}/{process}/{name}", "w") as file:
                file.write("untouched")
    mount(false, "/proc", None, BIND)
    run(*sys.argv[3:])
    for name in maps:
        texts = {open(f"{false}/{process}/{name}").read() for process in os.listdir(false) if process.isdigit() or process == "self"}
        print(name, *sorted(texts))


enter()
{"disk": scene_disk, "dev": lambda: scene_dev(sys.argv[3], sys.argv[4]), "swapped": scene_swapped_dev,
 "proc": scene_proc}[sys.argv[1]]()
