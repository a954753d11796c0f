# SPDX-License-Identifier: Apache-2.0
"""A disk that is full or read-only: one clear line, the right exit code, nothing allowed, lost or
half written. The whole test runs in a mount namespace of its own with a small disk in it."""
import ctypes
import errno
import json
import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import HOME, PLACE, Case, main, read, write  # noqa: E402
from serving import Server  # noqa: E402

DISK = PLACE + "/disk"
DATA = DISK + "/appsilo"
STORE = DATA + "/consent.db"
FILLER = DISK + "/filler"
TEST = HOME + "/data/test.txt"
FAMILY = "A_0123456789abc"  # of no app
LIBC = ctypes.CDLL(None, use_errno=True)
NEW_USER, NEW_MOUNT = 0x10000000, 0x20000
READ_ONLY, BIND, REMOUNT, PRIVATE = 1, 4096, 32, 0x44000


def call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def mount(source, target, kind, flags, options=None):
    call(LIBC.mount(source.encode(), target.encode(), kind and kind.encode(), ctypes.c_ulong(flags),
                    options and options.encode()))


def enter_namespaces():
    uid, gid = os.geteuid(), os.getegid()
    call(LIBC.unshare(NEW_MOUNT | (NEW_USER if uid else 0)))
    if uid:
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"{uid} {uid} 1")
        write("/proc/self/gid_map", f"{gid} {gid} 1")
    mount("none", "/", None, PRIVATE)


def fill():
    """Until nothing more fits."""
    with open(FILLER, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as e:
            assert e.errno == errno.ENOSPC


def fill_names():
    """Until no more files can be made."""
    os.mkdir(DISK + "/names")
    try:
        for i in range(1000):
            write(f"{DISK}/names/{i}", "")
    except OSError as e:
        assert e.errno == errno.ENOSPC


class Disk(Case):
    def setUp(self):
        super().setUp()
        LIBC.umount2(DISK.encode(), 2)
        os.makedirs(DISK, exist_ok=True)
        mount("small", DISK, "tmpfs", 0, "size=1m,nr_inodes=200,mode=700")
        os.environ["XDG_DATA_HOME"] = DISK
        os.makedirs(DATA, mode=0o700)

    def cat(self, *options, **more):
        return self.run_app("cat", TEST, options=("--allow-read", HOME + "/work", *options), **more)

    def rules(self):
        return [(r["path"], r["decision"]) for r in json.loads(self.tool("consents", "--json").stdout)]

    def denied_for_want_of_the_store(self, word):
        """Neither mode starts, nothing is stored, and what was stored is there afterwards."""
        for prompt in ("never", self.prompter()):
            done = self.cat(prompt=prompt)
            self.one_line(done, 125, "consent store", word)
            self.assertEqual(done.stdout, "")
        for words in (("consents",), ("grant", "-p", FAMILY, "/usr"), ("reset", "--all")):
            self.one_line(self.tool(*words, check=False), 1, "consent store", word)

    def test_answer_when_there_is_no_room_for_a_store(self):
        self.answers({"path": TEST})
        fill()
        done = self.cat()
        self.one_line(done, 0, "disk is full", "until the program ends")
        self.assertEqual(done.stdout, "hello\n")
        os.unlink(FILLER)
        self.assertEqual(self.rules(), [])
        self.assertEqual(self.cat().stderr, "")
        self.assertEqual(len(self.questions()), 2)
        self.assertEqual(self.rules(), [(TEST, "allow")])

    def test_answer_when_the_disk_fills_meanwhile(self):
        """Yes and no alike hold for the run; the rules from before are as they were."""
        self.tool("grant", "-p", FAMILY, "--read", "/usr")
        filling = write(PLACE + "/filling.py", "import json, sys\n"
                        "for line in sys.stdin:\n"
                        f"    with open({FILLER!r}, 'wb', buffering=0) as file:\n"
                        "        try:\n"
                        "            while True: file.write(bytes(4096))\n"
                        "        except OSError: pass\n"
                        "    print(json.dumps({'v': 1, 'id': json.loads(line)['id'], 'decision':"
                        " sys.argv[1], 'scope': 'always'}), flush=True)\n")
        for decision, printed in (("allow", "hello\nhello\n"), ("deny", "")):
            done = self.run_app("sh", "-c", f"cat {TEST}; cat {TEST}",
                                prompt=f"exec:python3 {filling} {decision}",
                                options=("--allow-read", HOME + "/work", "--quiet"))
            self.assertEqual(done.stdout, printed, done.stderr)
            self.assertEqual(done.stderr.count("until the program ends"), 1, done.stderr)
            os.unlink(FILLER)
            self.assertEqual(self.rules(), [("/usr", "allow")])

    def test_store_on_a_full_disk(self):
        self.answers({"path": TEST})
        self.cat()
        before = self.rules()
        fill()
        self.denied_for_want_of_the_store("disk is full")
        os.unlink(FILLER)
        self.assertEqual(self.rules(), before)
        self.assertEqual(self.cat().stdout, "hello\n")
        self.assertEqual(len(self.questions()), 1)

    def test_store_on_a_read_only_disk(self):
        self.answers({"path": TEST})
        self.cat()
        before = self.rules()
        mount("none", DISK, None, READ_ONLY | REMOUNT | BIND)
        self.denied_for_want_of_the_store("writable")
        self.one_line(self.run_app("id", prompt="never"), 125, "profile", "Read-only")
        mount("none", DISK, None, REMOUNT | BIND)
        self.assertEqual(self.rules(), before)

    @unittest.skipIf(os.geteuid() == 0, "modes do not bind root")
    def test_read_only_folder_and_file(self):
        self.answers({"path": HOME + "/data"})
        other = write(HOME + "/data/other", "other\n")
        self.cat()
        before = self.rules()
        os.chmod(DATA, 0o500)
        self.denied_for_want_of_the_store("writable")
        os.chmod(DATA, 0o700)
        os.chmod(STORE, 0o400)  # what it says is known, nothing is added
        self.assertEqual(self.cat().stdout, "hello\n")
        self.one_line(self.tool("grant", "-p", FAMILY, "/usr", check=False), 1, "writable")
        done = self.run_app("cat", other, options=("--allow-read", HOME + "/work"))
        self.one_line(done, 0, "writable", "until the program ends")
        self.assertEqual(done.stdout, "other\n")
        self.assertEqual(self.rules(), before)

    def test_store_that_others_could_write(self):
        self.answers({"path": TEST})
        self.cat()
        for path, mode in ((DATA, 0o777), (DATA, 0o770), (STORE, 0o666), (STORE, 0o620)):
            was = os.stat(path).st_mode & 0o777
            os.chmod(path, mode)
            for prompt in ("never", self.prompter()):
                self.one_line(self.cat(prompt=prompt), 125, "writable by nobody else")
            self.one_line(self.tool("consents", check=False), 1, "writable by nobody else")
            self.one_line(self.tool("grant", "-p", FAMILY, "/usr", check=False), 1, "writable by nobody")
            os.chmod(path, was)
        self.assertEqual(self.cat().stdout, "hello\n")

    @unittest.skipIf(os.geteuid() != 0, "gives files away")
    def test_store_that_somebody_else_owns(self):
        self.answers({"path": TEST})
        self.cat()
        for path in (DATA, STORE):
            os.chown(path, 1234, 1234)
            for prompt in ("never", self.prompter()):
                self.one_line(self.cat(prompt=prompt), 125, "must be your")
            self.one_line(self.tool("consents", check=False), 1, "must be yours")
            os.chown(path, 0, 0)

    def test_profile_cannot_be_made(self):
        fill_names()
        for prompt in ("never", self.prompter()):
            done = self.cat(prompt=prompt)
            self.one_line(done, 125, "profile", "No space left")
            self.assertEqual(done.stdout, "")
        self.assertEqual([name for name in os.listdir(DATA) if name != "profiles"], [])

    def test_result_has_room_before_anything_runs(self):
        result, marker = DISK + "/result", HOME + "/work/marker"
        for there in (False, True):
            for prompt in ("never", self.prompter()):
                with self.subTest(there=there, prompt=prompt):
                    if there:
                        write(result, "")
                    fill()
                    done = self.run_app("touch", marker, prompt=prompt,
                                        options=("--allow-write", HOME + "/work", "--result", result))
                    self.one_line(done, 125, "--result", "No space left")
                    self.assertFalse(os.path.exists(marker))
                    self.assertEqual(os.path.exists(result), there)
                    os.unlink(FILLER)

    def test_result_is_whole_when_the_program_fills_the_disk(self):
        result, folder = DISK + "/result", DISK + "/folder"
        os.mkdir(folder, 0o777)
        os.chmod(folder, 0o777)
        for prompt in ("never", self.prompter()):
            write(result, "from before\n" * 1000)
            done = self.run_app("sh", "-c", f"cat /dev/zero > {folder}/x; exit 3", prompt=prompt,
                                options=("--allow-write", folder, "--result", result, "--quiet"))
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertEqual(json.loads(read(result))["exit_code"], 3)
            os.unlink(folder + "/x")

    def test_audit_has_whole_lines_only(self):
        audit = DISK + "/audit"
        write(audit, "{}\n" * 1300)  # 196 bytes of its page are left
        self.answers({"path": TEST})
        fill()
        done = self.cat("--audit", audit, "--allow-read", TEST)
        self.one_line(done, 0, "--audit", "No space left", "missing")
        self.assertEqual(done.stdout, "hello\n")
        self.assertEqual(read(audit), "{}\n" * 1300)
        os.unlink(FILLER)
        self.assertEqual(self.cat("--audit", audit, "--allow-read", TEST).stderr, "")
        lines = [json.loads(line) for line in read(audit).splitlines()[1300:]]
        self.assertIn((TEST, "allow"), [(line["path"], line["decision"]) for line in lines])

    def test_a_server_needs_no_room(self):
        fill()
        server = Server("--workers", "1")
        self.addCleanup(server.stop, signal.SIGKILL)
        self.wait_until(lambda: server.metric("appsilo_sandboxes_waiting") >= 2, "nothing gets ready")
        for more in ({}, {"return": ["files"]}):  # warm, and cold
            done = server.run("open('f', 'w').write('x' * 100000); print('done')", **more)
            self.assertEqual((done["stdout"], done["exit_code"]), ("done\n", 0), done)
        session = server.json("POST", "/v1/sessions", {})[1]["id"]
        self.assertEqual(server.json("POST", f"/v1/sessions/{session}/run", {"code": "print(1)"})[1]["stdout"], "1\n")
        self.assertEqual(server.stop(), 0, server.log)

    def test_run_records(self):
        fill()
        done = self.run_app("sh", "-c", f"cat {TEST}; cat {HOME}/data/x; true",
                            options=("--allow-read", HOME + "/work"), prompt="agent:/nobody")
        said = [line for line in done.stderr.splitlines() if "appsilo why" in line]
        self.assertEqual((done.returncode, len(said)), (0, 1), done.stderr)
        done = self.run_app("sh", "-c", "exit 3", prompt="never")
        self.one_line(done, 3, "appsilo why")
        self.assertEqual(os.listdir(DATA + "/runs"), [])
        self.assertEqual(self.tool("why").stdout, "nothing was denied in any run that is still on record\n")


enter_namespaces()
main()
