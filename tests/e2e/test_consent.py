# SPDX-License-Identifier: Apache-2.0
"""Questions: how many, merged, interrupted, widened, revoked while running; the records."""
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, PLACE, Case, main, read, write  # noqa: E402


TRY_AT_EACH_LINE = """
import sys
def may(path):
    for how in ("r+", "r"):
        try:
            open(path, how).close()
            return "write" if how == "r+" else "read"
        except PermissionError: pass
    return "no"
for line in sys.stdin: print(*[may(p) for p in sys.argv[1:]], flush=True)
"""


class Questions(Case):
    def test_probing_never_asks(self):
        done = self.python(
            "import os\n"
            f"p = '{HOME}/data/test.txt'\n"
            "os.stat(p); os.access(p, os.R_OK); os.path.exists(p + 'x'); os.path.islink(p)\n"
            "st = os.stat(p); print(st.st_size, st.st_mtime, oct(st.st_mode & 0o777))\n")
        self.assertEqual(done.stdout, "0 0.0 0o555\n", done.stderr)
        self.assertEqual([q for q in self.asked() if q[1] != HOME + "/work"], [])

    def test_fifty_threads_one_question(self):
        self.answers({"path": HOME + "/data/test.txt"})
        done = self.python(
            "import threading\nok = []\n"
            f"def f(): ok.append(open('{HOME}/data/test.txt').read())\n"
            "ts = [threading.Thread(target=f) for _ in range(50)]\n"
            "[t.start() for t in ts]; [t.join() for t in ts]; print(len(ok))")
        self.assertEqual(done.stdout, "50\n", done.stderr)
        self.assertEqual(len([q for q in self.asked() if q[1].startswith(HOME + "/data")]), 1)

    def test_signal_ends_the_wait(self):
        slow = write(PLACE + "/slow.sh", "#!/bin/sh\nread line\nsleep 1000\n")
        done = self.run_app(
            "python3", "-c",
            "import signal\n"
            "class Stop(Exception): pass\n"
            "def stop(*_): raise Stop\n"
            "signal.signal(signal.SIGALRM, stop); signal.setitimer(signal.ITIMER_REAL, 0.5)\n"
            f"try: open('{HOME}/data/test.txt')\n"
            "except Stop: print('interrupted')\n",
            prompt=f"exec:sh {slow}", options=("--allow-read", HOME + "/work"), timeout=20)
        self.assertEqual(done.stdout, "interrupted\n", done.stderr)

    def test_write_after_read_consent_asks_once_then_is_native(self):
        self.answers({"path": HOME + "/data", "target": "folder", "for": "read"},
                     {"path": HOME + "/data", "target": "folder", "for": "write"})
        done = self.python(
            "import os\n"
            f"d = '{HOME}/data'\n"
            "print(os.listdir(d)); print(open(d + '/test.txt').read().strip())\n"
            "for i in range(5): open(f'{d}/n{i}', 'w').write('x')\n"
            "os.rename(d + '/n0', d + '/m0'); os.unlink(d + '/n1'); os.mkdir(d + '/sub')\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(os.listdir(HOME + "/data")), ["m0", "n2", "n3", "n4", "sub", "test.txt"])
        writes = [q for q in self.asked() if q[2] == "write"]
        self.assertEqual(len(writes), 1, writes)
        for name in ("m0", "n2", "n3", "n4"):
            os.unlink(HOME + "/data/" + name)
        os.rmdir(HOME + "/data/sub")

    @unittest.skipUnless(os.geteuid() == 0, "needs root: another group")
    def test_write_after_read_consent_asks_whatever_the_group(self):
        path = write(HOME + "/data/others", "text\n")
        self.addCleanup(os.unlink, path)
        os.chown(path, -1, 54321)
        self.answers({"path": path, "target": "file"})
        done = self.python(f"import os; p = {path!r}; print(open(p).read(), os.stat(p).st_size); open(p, 'a').write('more')")
        self.assertEqual((done.returncode, done.stdout), (0, "text\n 5\n"), done.stderr)
        self.assertEqual([q[2] for q in self.asked() if q[1] == path], ["read", "write"])

    def test_a_program_with_a_writable_folder_still_asks_before_it_writes_elsewhere(self):
        """There calls that write are not reported: the read-only folder stays on FUSE."""
        self.answers({"path": HOME + "/data", "target": "folder", "for": "read"})
        code = ("import os\n"
                "open('here', 'w').write('1')\n"
                f"d = '{HOME}/data'\n"
                "print(open('/proc/self/status').read().count('Seccomp:\t2'), os.listdir(d), open(d + '/test.txt').read())\n"
                "for f in (lambda: open(d + '/test.txt', 'w'), lambda: open(d + '/new', 'w'), lambda: os.unlink(d + '/test.txt')):\n"
                "    try: f(); print('ok')\n"
                "    except OSError as e: print(e.errno)\n")
        done = self.python(code, options=("--allow-write", HOME + "/work"))
        self.assertEqual(done.stdout, "1 ['test.txt'] hello\n\n13\n13\n13\n", done.stderr)
        self.assertEqual(read(HOME + "/data/test.txt"), "hello\n")
        self.assertEqual(read(HOME + "/work/here"), "1")
        self.assertEqual([q for q in self.asked() if q[1] == HOME + "/work"], [])
        self.answers({"path": HOME + "/data", "target": "folder", "access": "write"})
        self.tool("reset", "--all")
        done = self.python(code, options=("--allow-write", HOME + "/work"))
        self.assertIn("ok\nok\nok\n", done.stdout, done.stderr)
        os.unlink(HOME + "/work/here")
        os.unlink(HOME + "/data/new")

    def test_write_denied_in_a_read_attached_folder_is_eacces(self):
        self.answers({"path": HOME + "/data", "target": "folder", "for": "read"})
        done = self.python(
            "import os\n"
            f"d = '{HOME}/data'\nos.listdir(d)\n"
            "for f in (lambda: open(d + '/test.txt', 'w'), lambda: os.unlink(d + '/test.txt'),\n"
            "          lambda: os.rename(d + '/test.txt', d + '/x'), lambda: os.mkdir(d + '/y'),\n"
            "          lambda: os.chmod(d + '/test.txt', 0), lambda: os.symlink('a', d + '/l'),\n"
            "          lambda: os.truncate(d + '/test.txt', 0), lambda: os.utime(d + '/test.txt')):\n"
            "    try: f(); print('DONE')\n"
            "    except OSError as e: print(e.errno)\n")
        self.assertEqual(set(done.stdout.split()), {"13"}, done.stdout + done.stderr)
        self.assertEqual(read(HOME + "/data/test.txt"), "hello\n")

    def test_revoke_takes_effect_while_running(self):
        self.answers({"path": HOME + "/data", "target": "folder"})
        import subprocess
        app = subprocess.Popen(
            [APPSILO, "run", "--prompt", self.prompter(), "--", "python3", "-u", "-c",
             "import sys\n"
             f"p = '{HOME}/data/test.txt'\n"
             "import os; os.listdir(os.path.dirname(p))\n"
             "held = open(p)\n"
             "print('open')\n"
             "sys.stdin.readline()\n"
             "import time\n"
             "for _ in range(100):\n"
             "    try: open(p).close(); time.sleep(0.05)\n"
             "    except PermissionError: print('revoked'); break\n"
             "print(held.read().strip())\n"],
            cwd=HOME + "/work", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.assertEqual(app.stdout.readline(), "open\n")
        rules = json.loads(self.tool("consents", "--json").stdout)
        self.answers()
        self.tool("revoke", "-p", rules[0]["package"], HOME + "/data")
        out = app.communicate("\n", timeout=20)[0]
        self.assertEqual(out.split(), ["revoked", "hello"])

    @contextlib.contextmanager
    def at_each_line(self, tries):
        """An app that tries, at each line it is given, and says what came of it. Yields how to tell it."""
        app = subprocess.Popen([APPSILO, "run", "--quiet", "--prompt", "exec:false", "--", "python3", "-c", TRY_AT_EACH_LINE, *tries],
                               cwd=HOME + "/work", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def tell():
            app.stdin.write("\n")
            app.stdin.flush()
            return app.stdout.readline().split()
        try:
            yield tell
        finally:
            app.communicate()

    def test_what_was_changed_holds_when_the_command_returns(self):
        """Of what is attached and what is not, by folders and by files, widened and taken back."""
        family, data = self.family("python3", "-c", ""), HOME + "/data"
        write(data + "/other", "x")
        self.addCleanup(os.unlink, data + "/other")
        with self.at_each_line([data + "/test.txt", data + "/other"]) as tell:
            self.assertEqual(tell(), ["no", "no"])
            for _ in range(20):
                self.tool("grant", "-p", family, "--write", data)
                self.assertEqual(tell(), ["write", "write"])
                self.tool("grant", "-p", family, "--file", "--deny", data + "/other")
                self.assertEqual(tell(), ["write", "no"])
                self.tool("revoke", "-p", family, data)
                self.assertEqual(tell(), ["no", "no"])
                self.tool("grant", "-p", family, "--file", "--read", data + "/test.txt")
                self.assertEqual(tell(), ["read", "no"])
                self.tool("reset", "-p", family)
                self.assertEqual(tell(), ["no", "no"])

    def test_a_store_that_is_damaged_meanwhile_allows_nothing(self):
        family, data = self.family("python3", "-c", ""), HOME + "/data"
        store = HOME + "/.local/share/appsilo/consent.db"
        for damage in (lambda: os.chmod(store, 0o666), lambda: write(store, "x" * 8192), lambda: os.truncate(store, 100),
                       lambda: os.unlink(store), lambda: os.rename(write(store + "2", "no store"), store)):
            for rule in (("--write", data), ("--file", "--write", data + "/test.txt")):
                shutil.rmtree(HOME + "/.local", ignore_errors=True)
                self.tool("grant", "-p", family, *rule)
                with self.at_each_line([data + "/test.txt"]) as tell:
                    self.assertEqual(tell(), ["write"])
                    damage()
                    self.wait_until(lambda tell=tell: tell() == ["no"], "it goes on allowing")
                    self.assertEqual(tell(), ["no"])

    def test_scope_once_and_session_write_no_rule(self):
        for scope in ("once", "session"):
            self.answers({"path": HOME + "/data/test.txt", "scope": scope})
            done = self.python(f"open('{HOME}/data/test.txt').read()")
            self.assertEqual(done.returncode, 0, done.stderr)
            rules = json.loads(self.tool("consents", "--json").stdout)
            self.assertEqual([r for r in rules if r["decision"] == "allow"], [])

    def test_concurrent_runs_see_each_others_decisions(self):
        self.answers({"path": HOME + "/data/test.txt"})
        threads = [threading.Thread(target=self.python, args=(f"open('{HOME}/data/test.txt').read()",))
                   for _ in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertLessEqual(len([q for q in self.asked() if q[1].startswith(HOME + "/data")]), 6)
        rules = json.loads(self.tool("consents", "--json").stdout)
        self.assertEqual(len([r for r in rules if r["decision"] == "allow"]), 1)

    def test_never_list_is_absent_and_cannot_be_made(self):
        write(HOME + "/.ssh/id", "key")
        self.answers({"path": HOME, "target": "folder", "access": "write"})
        done = self.python(
            "import os\n"
            f"h = '{HOME}'\n"
            "print('.ssh' in os.listdir(h), os.path.exists(h + '/.ssh/id'))\n"
            "def no(f):\n"
            "    try: f(); print('DONE')\n"
            "    except OSError: print('no')\n"
            "no(lambda: os.mkdir(h + '/.aws')); no(lambda: open(h + '/.bashrc', 'a'))\n"
            "no(lambda: os.mkdir(h + '/.ssh')); no(lambda: os.rename(h + '/data', h + '/.gnupg'))\n"
            "os.mkdir(h + '/work/x'); no(lambda: os.rename(h + '/work/x', h + '/.config/systemd'))\n"
            "no(lambda: os.rename(h, h + '2')); os.rmdir(h + '/work/x')\n"
            "open(h + '/plain', 'w').write('fine'); os.unlink(h + '/plain')\n")
        self.assertEqual(done.stdout, "False False\n" + "no\n" * 6, done.stderr)
        for name in (".aws", ".bashrc", ".gnupg"):
            self.assertFalse(os.path.exists(HOME + "/" + name))
        self.assertEqual(read(HOME + "/.ssh/id"), "key")

    def test_deny_inside_a_granted_tree(self):
        write(HOME + "/tree/.git/hooks/ok", "x")
        options = ("--allow-write", HOME + "/tree", "--deny", HOME + "/tree/.git/hooks")
        code = ("import os, shutil\n"
                f"t = '{HOME}/tree'\n"
                "def no(f):\n"
                "    try: f(); print('DONE')\n"
                "    except OSError: print('no')\n"
                "open(t + '/x', 'w').write('1')\n"
                "no(lambda: open(t + '/.git/hooks/pre-commit', 'w'))\n"
                "no(lambda: os.rename(t + '/x', t + '/.git/hooks/pre-commit'))\n"
                "no(lambda: os.link(t + '/x', t + '/.git/hooks/pre-commit'))\n"
                "no(lambda: os.symlink('x', t + '/.git/hooks/pre-commit'))\n"
                "no(lambda: os.rename(t + '/.git', t + '/.git2'))\n"
                "no(lambda: os.listdir(t + '/.git/hooks'))\n")
        for prompt in (None, "never"):
            done = self.python(code, options=options, prompt=prompt)
            expected = "" if prompt == "never" and "Read-only" in done.stderr else "no\n" * 6
            self.assertEqual(done.stdout, expected, done.stderr)
            self.assertEqual(os.listdir(HOME + "/tree/.git/hooks"), ["ok"])

    def test_result_audit_and_why(self):
        result, audit = PLACE + "/r.json", PLACE + "/a.jsonl"
        self.python(f"open('{HOME}/data/test.txt').read()",
                    options=("--result", result, "--audit", audit))
        end = json.loads(read(result))
        self.assertEqual((end["exit_code"], end["reason"]), (1, "exited"))
        self.assertEqual((end["asked"], end["denied"] >= 1), (2, True))
        lines = [json.loads(line) for line in read(audit).splitlines()]
        self.assertIn((HOME + "/data/test.txt", "deny"), [(x["path"], x["decision"]) for x in lines])
        why = json.loads(self.tool("why", "--json").stdout)
        mine = [x for x in why if x["path"] == HOME + "/data/test.txt"]
        self.assertEqual((mine[0]["call"], mine[0]["errno"]), ("open", 13))
        # The command it names really allows it.
        import shlex
        self.tool("reset", "--all")
        self.tool(*shlex.split(mine[0]["allow"])[1:])
        done = self.python(f"print(open('{HOME}/data/test.txt').read())")
        self.assertIn("hello", done.stdout)


class Prompters(Case):
    def attempt(self, prompt, **more):
        done = self.run_app("cat", HOME + "/data/test.txt", prompt=prompt,
                            options=("--allow-read", HOME + "/work"), **more)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertEqual(done.stdout, "")
        self.assertEqual(json.loads(self.tool("consents", "--json").stdout), [], "nothing remembered")
        return done.stderr

    def test_garbage(self):
        for answer in ("garbage", "{}", '{"v":1}', '{"v":1,"id":99,"decision":"allow"}',
                       '{"v":1,"id":1,"decision":"maybe"}', '{"v":2,"id":1,"decision":"allow"}',
                       '{"v":1,"id":1,"decision":"allow","decision":"allow"}',
                       '{"v":1,"id":1,"decision":"allow","scope":"forever"}',
                       '{"v":1,"id":1,"decision":"allow"}\\n{"v":1,"id":1,"decision":"allow"}',
                       '[{"v":1,"id":1,"decision":"allow"}]'):
            script = write(PLACE + "/p.sh", f"read q; printf '%b\\n' '{answer}'; sleep 5\n")
            self.assertIn("prompter", self.attempt(f"exec:sh {script}"), answer)

    def test_dies(self):
        self.assertIn("went away", self.attempt("exec:true"))

    def test_cannot_start(self):
        self.assertIn("/no/agent", self.attempt("agent:/no/agent"))

    def test_nobody_to_ask(self):
        import subprocess
        done = subprocess.run(["setsid", "-w", APPSILO, "run", "--", "cat", HOME + "/data/test.txt"],
                              capture_output=True, text=True, cwd=HOME + "/work",
                              stdin=subprocess.DEVNULL, timeout=20, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nobody can be asked", done.stderr)
        self.assertEqual(done.stderr.count("nobody"), 1)


main()
