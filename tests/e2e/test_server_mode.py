# SPDX-License-Identifier: Apache-2.0
"""--prompt never: exit codes, limits, environment, descriptors, what is left behind."""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, PLACE, Case, main, read, write  # noqa: E402


def descendants(pid):
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True,
                              text=True, check=False).stdout.split()
    return [int(c) for c in children] + [d for c in children for d in descendants(c)]


def is_alive(pid):
    try:
        return ") Z " not in read(f"/proc/{pid}/stat")
    except OSError:
        return False


def gone(pids, timeout=30):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if not any(map(is_alive, pids)):
            return True
        time.sleep(0.02)
    return False


class ServerMode(Case):
    def never(self, *command, **more):
        return self.run_app(*command, prompt="never", **more)

    def test_exit_codes(self):
        for command, code in ((["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137),
                              (["no-such-command"], 127), (["/etc/passwd"], 126),
                              (["/no/such/file"], 127), (["true"], 0)):
            self.assertEqual(self.never(*command).returncode, code, command)

    def test_the_current_directory_is_no_wall_before_what_is_granted(self):
        inside = write(HOME + "/work/granted/file", "text")
        write(HOME + "/work/secret/file", "text")
        done = self.never("sh", "-c", "cat granted/file; touch $HOME/x && echo made; ls; "
                          "cat secret/file", options=("--allow-read", os.path.dirname(inside)))
        self.assertEqual(done.stdout, "textmade\n")
        self.assertIn("cannot open directory '.': Permission denied", done.stderr)
        self.assertIn("secret/file: Permission denied", done.stderr)
        done = self.never("sh", "-c", "touch $HOME/y && echo made", cwd=HOME)
        self.assertEqual(done.stdout, "made\n", done.stderr)

    def test_a_folder_granted_alone_is_a_list_of_names(self):
        folder = os.path.dirname(write(HOME + "/work/alone/file", "text"))
        for access in ("--read", "--write"):
            self.tool("grant", "--all-packages", access, "--file", folder)
            done = self.never("sh", "-c", f"ls {folder}; cat {folder}/file; touch {folder}/new")
            self.assertEqual(done.stdout, "file\n", done.stderr)
            self.assertIn("file: Permission denied", done.stderr)
            self.assertEqual(os.listdir(folder), ["file"])
        self.tool("grant", "--all-packages", "--read", "--file", folder + "/file")
        self.assertEqual(self.never("cat", folder + "/file").stdout, "text")

    def test_what_is_revoked_is_kept_until_the_end_and_so_it_is_told(self):
        family = self.family("sh", "-c", "")
        self.tool("grant", "-p", family, HOME + "/data")
        code = f"echo up; while read line; do cat {HOME}/data/test.txt; done"
        with subprocess.Popen([APPSILO, "run", "--prompt", "never", "--", "sh", "-c", code], cwd=HOME + "/work", text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as app:
            self.assertEqual(app.stdout.readline(), "up\n")
            self.assertIn("without prompts (server mode) keep what they were given", self.tool("revoke", "-p", family, HOME + "/data").stdout)
            self.assertEqual(app.communicate("again\n", timeout=60)[0], "hello\n")
        self.assertIn("denied", self.never("sh", "-c", f"cat {HOME}/data/test.txt").stderr)

    def test_time_limits(self):
        result = PLACE + "/r.json"
        done = self.never("sleep", "60", options=("--wall-time", "300ms", "--result", result))
        self.assertEqual((done.returncode, json.loads(read(result))["reason"]), (124, "timeout"))
        done = self.never("python3", "-c", "while True: pass",
                          options=("--time", "1s", "--result", result))
        self.assertEqual((done.returncode, json.loads(read(result))["reason"]), (124, "timeout"))

    def test_other_limits(self):
        done = self.never("python3", "-c", "open('/tmp/f', 'wb').write(b'x' * 2000000)",
                          options=("--file-size", "1M"))
        self.assertNotEqual(done.returncode, 0)
        done = self.never("python3", "-c", "open('/tmp/f', 'wb').write(b'x' * 20000000)",
                          options=("--disk", "8M"))
        self.assertIn("No space left", done.stderr)
        done = self.never("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; wait",
                          options=("--pids", "5"), timeout=20)
        self.assertIn("ork", done.stderr)

    def test_environment_is_clean(self):
        done = self.never("env", env={"SECRET_TOKEN": "x", "LD_PRELOAD": "/tmp/evil.so",
                                      "PYTHONPATH": "/tmp", "GIVEN": "1"},
                          options=("--pass-env", "GIVEN", "--env", "MORE=2"))
        names = {line.split("=")[0] for line in done.stdout.splitlines()}
        self.assertFalse(names & {"SECRET_TOKEN", "LD_PRELOAD", "PYTHONPATH"})
        self.assertLessEqual({"GIVEN", "MORE", "HOME", "PATH"}, names)
        done = self.never("sh", "-c", "echo $PATH", env={"PATH": ":/usr/bin::.:/tmp:" + HOME + ":/bin"})
        self.assertEqual(done.stdout, "/usr/bin:/bin\n")

    def test_only_standard_descriptors(self):
        fds = [os.open("/etc/passwd", os.O_RDONLY) for _ in range(200)]
        done = self.never("ls", "/proc/self/fd", close_fds=False, pass_fds=fds)
        for fd in fds:
            os.close(fd)
        self.assertEqual(done.stdout.split(), ["0", "1", "2", "3"])

    def test_a_directory_as_stdin_is_refused(self):
        fd = os.open("/", os.O_RDONLY)
        done = self.never("true", stdin=fd)
        os.close(fd)
        self.assertEqual(done.returncode, 125)
        self.assertIn("directory", done.stderr)

    def test_killing_the_launcher_kills_everything(self):
        for prompt in ("never", "exec:true"):
            app = subprocess.Popen([APPSILO, "run", "--prompt", prompt, "--allow-read", HOME, "--", "sh", "-c",
                                    "sleep 1000 & sleep 1000 & echo up; wait"],
                                   stdout=subprocess.PIPE, cwd=HOME)
            self.addCleanup(app.stdout.close)
            self.assertEqual(app.stdout.readline(), b"up\n")
            pids = descendants(app.pid)
            self.assertGreaterEqual(len(pids), 4, pids)
            app.kill()
            app.wait()
            self.assertTrue(gone(pids), "left behind")

    def test_killed_at_many_moments_leaves_nothing(self):
        for i in range(20):
            app = subprocess.Popen([APPSILO, "run", "--prompt", ("never", "exec:true")[i % 2], "--allow-read", HOME,
                                    "--", "sh", "-c", "sleep 1000"], cwd=HOME, stderr=subprocess.DEVNULL)
            time.sleep(i * 0.002)  # different moments of the start, none better than another
            pids = descendants(app.pid)
            app.kill()
            app.wait()
            self.assertTrue(gone(pids), f"left behind at {i * 2} ms")

    def test_signals_reach_the_program(self):
        app = subprocess.Popen([APPSILO, "run", "--prompt", "never", "--", "python3", "-u", "-c",
                                "import signal, sys\n"
                                "signal.signal(signal.SIGTERM, lambda *_: sys.exit(42))\n"
                                "print('up'); signal.pause()"], stdout=subprocess.PIPE, cwd=HOME)
        self.addCleanup(app.stdout.close)
        self.assertEqual(app.stdout.readline(), b"up\n")
        app.send_signal(signal.SIGTERM)
        self.assertEqual(app.wait(20), 42)

    def test_background_children_end_with_the_program(self):
        done = self.never("sh", "-c", "sleep 1000 & echo started", timeout=20)
        self.assertEqual(done.stdout, "started\n")

    def test_hundred_at_once(self):
        apps = [subprocess.Popen([APPSILO, "run", "--prompt", "never", "--", "true"], cwd=HOME)
                for _ in range(100)]
        self.assertEqual([a.wait(60) for a in apps], [0] * 100)

    def test_identity_follows_the_content_of_a_user_writable_program(self):
        tool = HOME + "/work/tool"
        write(tool, "#!/bin/sh\necho one\n")
        os.chmod(tool, 0o755)
        one = self.family(tool)
        self.assertEqual(self.family(tool), one)
        write(tool, "#!/bin/sh\necho two\n")
        os.chmod(tool, 0o755)
        if os.geteuid() != 0:  # root's own files are nobody else's to write
            self.assertNotEqual(self.family(tool), one)
        self.assertNotEqual(self.family("python3"), self.family("cat"))



class StoredRules(Case):
    """The rules that are kept beside the store are believed only while it is unchanged."""

    DATA = HOME + "/.local/share/appsilo"
    CODE = (f"\ntry: print(open('{HOME}/data/test.txt').read().strip())"
            "\nexcept PermissionError: print('denied')")

    def see(self):
        return self.python(self.CODE, prompt="never").stdout.strip()

    def settle(self):
        """Let the store be older than what its times can tell apart, then let it be kept."""
        for path in (self.DATA + "/consent.db", self.DATA + "/consent.db-wal"):
            while os.path.exists(path) and time.time() - os.stat(path).st_ctime < 0.2:
                time.sleep(0.01)
        while not os.path.isdir(self.DATA + "/rules") or not os.listdir(self.DATA + "/rules"):
            self.see()

    def test_kept_rules_follow_every_change(self):
        family = self.family("python3", "-c", "")
        self.tool("grant", "-p", family, "--read", HOME + "/data")
        self.settle()
        self.assertEqual(self.see(), "hello")
        for _ in range(5):
            self.tool("revoke", "-p", family, HOME + "/data")
            self.assertEqual(self.see(), "denied")
            self.tool("grant", "-p", family, "--read", HOME + "/data")
            self.assertEqual(self.see(), "hello")

    def test_damage_is_noticed(self):
        family = self.family("python3", "-c", "")
        self.tool("grant", "-p", family, "--read", HOME + "/data")
        self.settle()
        kept = f"{self.DATA}/rules/{family}"
        with open(kept, "rb") as file:
            whole = file.read()
        for broken in (b"", whole[:40], whole[:-1], whole[:-1] + b"x", whole.replace(b"data", b"dat4")):
            with open(kept, "wb") as file:
                file.write(broken)
            self.assertEqual(self.see(), "hello")
        with open(kept, "wb") as file:
            file.write(whole)
        with open(self.DATA + "/consent.db", "r+b") as file:
            file.write(b"not a database")
        done = self.python(self.CODE, prompt="never")
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertIn("damaged", done.stderr)


main()
