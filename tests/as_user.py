#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run one Python test file against the built programs, in a fresh home of its own.

usage: as_user.py (user|root) BUILD_DIR TEST.py [ARG...]

The programs and the tests are copied to a place the test user can reach, since a checkout
may lie in a private directory. `user` started by root drops to appsilo-test; a run that
this account cannot do (root tests without root) exits 77, which meson counts as a skip.
"""
import glob
import os
import pwd
import shutil
import subprocess
import sys
import tempfile

PROGRAMS = ("appsilo", "appsilo-broker", "appsilo-tool", "appsilo-net", "appsilo-server", "appsilo-zygote-exec",
            "appsilo-zygote-python.so")
OPTIONAL = ("appsilo-ui", "appsilo-stacks", "appsilo-tui")
TEST_USER = "appsilo-test"
# npm modules are many files: only what a test uses is copied.
MODULES = {"test_playground.py": ("axe-core", "playwright-core")}


def workplace(account):
    """A folder outside every place the sandbox makes up (/tmp and the like)."""
    if account:
        return tempfile.mkdtemp(prefix="appsilo-run-", dir=account.pw_dir)
    if os.geteuid() == 0:
        return tempfile.mkdtemp(prefix="appsilo-run-", dir="/srv")
    return tempfile.mkdtemp(prefix=".appsilo-run-", dir=os.path.expanduser("~"))


def fill(place, build, test):
    os.makedirs(place + "/bin")
    os.makedirs(place + "/home/data")
    for name in PROGRAMS:
        shutil.copy(os.path.join(build, "src/cli", name), place + "/bin/" + name)
    for name in OPTIONAL:
        if os.path.exists(os.path.join(build, "src/cli", name)):
            shutil.copy(os.path.join(build, "src/cli", name), place + "/bin/" + name)
    shutil.copy(os.path.join(build, "tests/host-without"), place + "/bin/host-without")
    here = os.path.dirname(os.path.abspath(__file__))
    os.makedirs(place + "/tools")
    shutil.copy(here + "/../tools/run.sh", place + "/tools/run.sh")
    shutil.copytree(here, place + "/tests", ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    for module in MODULES.get(os.path.basename(test), ()):
        if os.path.isdir(f"{here}/node/node_modules/{module}"):
            shutil.copytree(f"{here}/node/node_modules/{module}", f"{place}/tests/node/node_modules/{module}")
    os.makedirs(place + "/node")
    for bundle in glob.glob(os.path.join(build, "tests/node/*.mjs")):
        shutil.copy(bundle, place + "/node/")
    shutil.copytree(here + "/../clients", place + "/clients", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(here + "/../data/nginx", place + "/data/nginx")
    for folder in ("hostile", "posix"):
        made = os.path.join(build, "tests", folder)
        for name in os.listdir(made) if os.path.isdir(made) else ():
            path = os.path.join(made, name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                shutil.copy(path, place + "/bin/" + name)
    return place + "/tests/" + os.path.relpath(os.path.abspath(test), here)


def keep_pictures(place, build):
    """Windows as they were, for people to look at."""
    if os.path.isdir(place + "/pictures"):
        shutil.copytree(place + "/pictures", os.path.join(build, "tests/pictures"), dirs_exist_ok=True)


def main():
    who, build, test, *words = sys.argv[1:]
    account = None
    if who == "root" and os.geteuid() != 0:
        print("skipped: needs root")
        return 77
    if who == "user" and os.geteuid() == 0:
        account = pwd.getpwnam(TEST_USER)
    place = workplace(account)
    command = ["/usr/bin/python3", "-B", fill(place, build, test), *words]
    env = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": place + "/home",
        "USER": TEST_USER if account else "root" if os.geteuid() == 0 else os.environ.get("USER", "u"),
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "APPSILO": place + "/bin/appsilo",
        "TEST_PLACE": place,
        "TEST_PICTURES": place + "/pictures",
    }
    runtime_dir = f"/run/user/{account.pw_uid if account else os.geteuid()}"
    if os.path.isdir(runtime_dir):  # as after a login: the user's systemd is found there
        env["XDG_RUNTIME_DIR"] = runtime_dir
    env |= {name: value for name, value in os.environ.items() if name.startswith(("APPSILO_SOAK_", "APPSILO_PICTURES"))}
    if account:
        subprocess.run(["chown", "-R", f"{account.pw_uid}:{account.pw_gid}", place], check=True)
        command = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}",
                   "--clear-groups", "--inh-caps=-all"] + command
    try:
        return subprocess.run(command, env=env, cwd=place + "/home", check=False).returncode
    finally:
        keep_pictures(place, build)
        subprocess.run(["chmod", "-R", "u+rwX", place], check=False)
        shutil.rmtree(place, ignore_errors=True)


sys.exit(main())
