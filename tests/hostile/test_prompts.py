# SPDX-License-Identifier: Apache-2.0
"""The rules of prompts, U1 to U17: on a real terminal, and with scripted prompters."""
import json
import os
import select
import subprocess
import sys
import time

from lab import APPSILO, CALL, CANARY, DATA, HOME, PLACE, STATE, WORK, Attack, facts, main, read, write
from person import QUESTION, Screen

TARGET = DATA + "/test.txt"
QUIET = ("--allow-read", WORK)


def wait_until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("never: " + what)
        time.sleep(0.02)


class OnTheTerminal(Attack):
    def screen(self, *command, options=(), **more):
        return Screen("run", *QUIET, *options, "--", *command, **more)

    def rules(self):
        return json.loads(self.tool("consents", "--json").stdout)

    def test_u1_output_never_reaches_an_open_question(self):
        """CVE-2023-22499: the program drew over the question."""
        spoof = "\\033[2J\\033[H\\033[1;1HSPOOF\\033[8m\\033[?25l\\033c"
        screen = self.screen("sh", "-c", f"(while :; do printf '{spoof}'; sleep 0.01; done) & "
                             f"sleep 0.3; cat {TARGET}; kill $!; wait $! 2>/dev/null; echo OVER")
        screen.wait_for(b"appsilo")
        screen.wait_for(QUESTION)
        rest = screen.output
        end = time.monotonic() + 1
        while select.select([screen.fd], [], [], max(0, end - time.monotonic()))[0]:
            rest += os.read(screen.fd, 4096)
        self.assertNotIn(b"SPOOF", rest)
        self.assertNotIn(b"\033c", rest)
        screen.type(b"q")
        rest, _ = screen.end()
        self.assertIn(b"OVER", rest)

    def test_u1_the_question_undoes_what_the_app_left(self):
        screen = self.screen("sh", "-c", f"printf '\\033[5;6r\\033[8m\\033(0\\033[?25l\\033]0;half'; cat {TARGET}")
        shown = screen.wait_for(QUESTION)
        head = shown[shown.index(b"half") + 4:shown.index("──".encode())]
        for sequence in (b"\030", b"\033\\", b"\033[r", b"\033[0m", b"\033(B", b"\033[?25h"):
            self.assertIn(sequence, head)
        screen.type(b"")
        time.sleep(0.3)
        screen.type(b"q")
        screen.end()

    def test_u2_type_ahead_and_paste_never_answer(self):
        """deno#9750: what was typed before, pasted, or came as an escape sequence."""
        screen = self.screen("cat", TARGET)
        screen.type(b"yyyy\ny\n")
        screen.wait_for(QUESTION)
        for paste in (b"yes please\n", b"yy", b"\x1b[Ay", b"\x1by", b"y\r"):
            time.sleep(0.3)
            screen.type(paste)
            self.assertFalse(select.select([screen.fd], [], [], 0.5)[0], paste)
        self.assertFalse(os.path.exists(STATE + "/consent.db"))
        screen.type(b"q")
        rest, code = screen.end()
        self.assertIn(b"Permission denied", rest)
        self.assertEqual(code, 1)

    def test_u2_typing_while_the_question_appears_never_answers(self):
        """Whoever types on and on answers nothing: quiet comes first."""
        screen = self.screen("sh", "-c", f"echo GO; cat {TARGET}; echo OVER")
        screen.wait_for(b"GO")
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            screen.type(b"y")
            time.sleep(0.03)
        self.assertFalse(os.path.exists(STATE + "/consent.db"))
        time.sleep(0.4)
        screen.type(b"q")
        rest, _ = screen.end()
        self.assertIn(b"Permission denied", rest)
        self.assertNotIn(b"hello", rest)

    def test_u3_every_class_of_character_is_escaped(self):
        """CVE-2023-28446, CVE-2024-27936: shown as it is, never stripped, never obeyed."""
        classes = {"\x1b[2K": rb"\x1b[2K", "\r": rb"\x0d", "\n": rb"\x0a", "\t": rb"\x09", "\x07": rb"\x07", "\x08": rb"\x08",
                   "\x7f": rb"\x7f", "\x9b2J": rb"\xc2\x9b2J", "\u202e": rb"\xe2\x80\xae", "\u2066": rb"\xe2\x81\xa6",
                   "\u200b": rb"\xe2\x80\x8b", "\ufeff": rb"\xef\xbb\xbf", "\u2028": rb"\xe2\x80\xa8", "\u00ad": rb"\xc2\xad",
                   "\u3164": rb"\xe3\x85\xa4", "\ufe0f": rb"\xef\xb8\x8f", "\udcff": rb"\xff", "\\x41": rb"\\x41",
                   "\U000e0041": rb"\xf3\xa0\x81\x81"}
        name = "a" + "-".join(classes) + "z"
        path = DATA + "/" + name
        with open(os.fsencode(path), "w"):
            pass
        screen = self.screen("cat", os.fsencode(path))
        shown = screen.answer(b"q")
        self.assertIn(b"a" + b"-".join(classes.values()) + b"z", shown)
        tail = shown[shown.index("──".encode()):]
        for raw in (b"\x9b", b"\xe2\x80\xae", b"\x07", b"\x7f", b"\xff", b"\x1b[2K"):
            self.assertNotIn(raw, tail)
        screen.end()
        os.unlink(os.fsencode(path))

    def test_u3_command_line_of_the_asker_is_escaped(self):
        screen = self.screen("python3", "-c", f"open({TARGET!r})", "evil\x1b[2K\u202ename\n")
        shown = screen.answer(b"q")
        tail = shown[shown.index("──".encode()):]
        self.assertNotIn(b"\x1b[2K", tail)
        self.assertNotIn("\u202e".encode(), tail)
        screen.end()

    def test_u3_long_names_are_never_cut(self):
        """250 unprintable bytes a name, nearly as deep as a path may be: every byte is shown."""
        folder = DATA
        while len(folder) < 3600:
            folder += "/" + "\x01" * 250
            os.mkdir(folder)
        path = write(folder + "/f", "x")
        shown = self.screen("cat", path).answer(b"q")
        self.assertIn(os.fsencode(folder.replace("\x01", "\\x01")), shown)

    def test_u5_standard_input_is_not_the_answer_channel(self):
        """Descriptor 0 is a file full of yes: the question goes to the terminal."""
        answers = write(PLACE + "/answers", "y\n" * 1000)
        fd = os.open(answers, os.O_RDONLY)
        screen = self.screen("sh", "-c", f"cat {TARGET} 2>&1; head -c 4 >/dev/null", prepare=lambda: os.dup2(fd, 0))
        shown = screen.answer(b"q")
        self.assertIn(b"read this file", shown)
        rest, _ = screen.end()
        self.assertIn(b"Permission denied", rest)
        self.assertEqual(self.rules(), [])
        os.close(fd)

    def test_u6_says_who_what_where(self):
        screen = self.screen("python3", "-c", f"import os; os.unlink({TARGET!r})")
        shown = screen.answer(b"q")
        for said in (b"python3", b"delete this file", os.fsencode(DATA), b"test.txt", b"program /usr/bin/python3.", b"pid ", b"import os"):
            self.assertIn(said, shown)
        screen.end()
        self.assertTrue(os.path.exists(TARGET))

    def test_u7_default_is_no_and_nothing_is_widened(self):
        """Each key does what it says, on this file, for this access."""
        for key, allowed, rule in ((b"\r", False, ("file", "read", "deny")), (b"\x1b", False, None), (b"n", False, ("file", "read", "deny")), (b"y", True, ("file", "read", "allow")),
                                   (b"o", True, None), (b"s", True, None), (b"q", False, None), (b"\x03", False, None)):
            screen = self.screen("cat", TARGET)
            screen.answer(key)
            rest, _ = screen.end()
            self.assertEqual(b"hello" in rest, allowed, key)
            rules = [(r["target"], r["access"], r["decision"]) for r in self.rules()]
            self.assertEqual(rules, [rule] if rule else [], key)
            self.tool("reset", "--all")
        screen = self.screen("sh", "-c", f"cat {TARGET}; echo x >> {TARGET}")
        screen.answer(b"y")  # reading only
        screen.answer(b"q")
        screen.end()
        self.assertEqual(read(TARGET), "hello\n")

    def test_u8_closing_the_terminal_denies_and_writes_no_rule(self):
        screen = self.screen("cat", TARGET)
        screen.wait_for(QUESTION)
        os.close(screen.fd)
        _, status = os.waitpid(screen.pid, 0)
        self.assertNotEqual(status, 0)
        self.assertFalse(os.path.exists(STATE + "/consent.db"))

    def test_u9_question_goes_when_the_asker_dies(self):
        """Killed while asked: the next question is shown, by itself."""
        other = write(DATA + "/other", "other")
        screen = self.screen("sh", "-c", f"cat {TARGET} & p=$!; sleep 0.7; kill -9 $p; cat {other}")
        self.assertIn(b"test.txt", screen.wait_for(QUESTION))
        shown = screen.answer(b"y")
        self.assertIn(b"other", shown)
        rest, _ = screen.end()
        self.assertIn(b"other", rest)
        self.assertEqual([r["path"] for r in self.rules()], [other], "no answer went to the dead one's")

    def test_u9_write_question_goes_when_the_asker_dies(self):
        """The same for a call that the seccomp listener holds."""
        other = write(DATA + "/other", "other")
        screen = self.screen("sh", "-c", f"ls {DATA}; (echo x > {TARGET}) & p=$!; sleep 0.7; kill -9 $p; echo y > {other}",
                             options=("--allow-read", DATA))
        self.assertIn(b"test.txt", screen.wait_for(QUESTION))
        shown = screen.answer(b"q")
        self.assertIn(b"other", shown)
        screen.end()
        self.assertEqual((read(TARGET), read(other)), ("hello\n", "other"))

    def test_u10_third_sibling_and_deny_all_are_offered(self):
        """Fatigue: the folder stands out at the third file; after five noes in ten seconds, one no for all."""
        paths = [write(f"{DATA}/s{i}", "s") for i in range(12)]
        screen = self.screen("sh", "-c", "; ".join(f"cat {p}" for p in paths))
        shown = [screen.answer(b"q") for _ in range(6)]
        self.assertNotIn(b"\033[1mall in this folder", shown[0])
        self.assertIn(b"\033[1mall in this folder", shown[2])
        for i in range(5):
            self.assertNotIn(b"d  no to everything", shown[i], i)
        self.assertIn(b"d  no to everything", shown[5])
        screen.answer(b"d")
        rest, _ = screen.end()
        self.assertNotIn(QUESTION, rest)
        self.assertGreaterEqual(rest.count(b"Permission denied"), 5)
        self.assertEqual(self.rules(), [])
        self.assertIn("everything else of this run was refused", self.tool("why").stdout)


class Scripted(Attack):
    def rules(self):
        return json.loads(self.tool("consents", "--json").stdout)

    @staticmethod
    def end_of(app, seconds):
        """Its exit code; None when it does not end in time."""
        try:
            return app.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def about(self, folder=DATA):
        return [q for q in self.questions() if q["path"].startswith(folder)]

    def test_u4_path_shown_is_the_descriptors(self):
        """Whatever road the app took, the question names the real place."""
        os.symlink(DATA, HOME + "/road")
        self.addCleanup(os.unlink, HOME + "/road")
        self.python(f"open('{HOME}/road/../road//./test.txt')", options=QUIET)
        self.assertEqual([q["path"] for q in self.about(HOME)], [TARGET])

    def test_u5_agent_must_be_the_users_own_process(self):
        """opensnitch#1394: the program itself must not be able to answer."""
        agent = DATA + "/agent.sock"
        code = (CALL + "import json, socket, threading\n"
                f"if os.path.exists('{agent}'): os.unlink('{agent}')\n"
                f"s = socket.socket(socket.AF_UNIX); s.bind('{agent}'); s.listen()\n"
                "def serve():\n"
                "    while True:\n"
                "        c = s.accept()[0]\n"
                "        for line in c.makefile():\n"
                "            q = json.loads(line)\n"
                "            c.sendall((json.dumps({'v': 1, 'id': q['id'], 'decision': 'allow', 'scope': 'always'}) + '\\n').encode())\n"
                "threading.Thread(target=serve, daemon=True).start()\n"
                f"os.listdir('{DATA}')\n"
                f"say(attempt(lambda: open('{CANARY}')))\n")
        done = self.python(code, prompt="agent:" + agent, options=("--allow-write", DATA, *QUIET))
        self.assertEqual(done.stdout, "EACCES\n", done.stderr)
        self.assertIn("denied, not remembered", done.stderr)
        self.assertEqual(self.rules(), [])
        # The neighbour: an agent of the user's, outside.
        os.unlink(agent)
        outside = subprocess.Popen([sys.executable, "-c", code.split("os.listdir(")[0].replace("daemon=True", "daemon=False")
                                    + "print('UP', flush=True)"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (outside.kill(), outside.communicate()))
        self.assertEqual(outside.stdout.readline(), "UP\n")
        done = self.python(f"print(open({TARGET!r}).read())", prompt="agent:" + agent, options=QUIET)
        self.assertEqual(done.stdout, "hello\n\n", done.stderr)

    def test_u5_answers_given_in_advance_are_thrown_away(self):
        """An `exec:` prompter whose answers come before their question, twice, or for another."""
        double = "import json, sys\nfor line in sys.stdin:\n" \
                 "    i = json.loads(line)['id']\n" \
                 "    sys.stdout.write(''.join(json.dumps({'v': 1, 'id': i + k, 'decision': 'allow', 'scope': 'always'}) + '\\n' for k in (0, 1)))\n" \
                 "    sys.stdout.flush()\n"
        script = write(PLACE + "/bad.py", double)
        done = self.python(CALL + f"say(attempt(lambda: open({TARGET!r})), attempt(lambda: open({CANARY!r})))",
                           prompt=f"exec:python3 {script}", options=QUIET)
        self.assertEqual(done.stdout.split(), ["EACCES", "EACCES"], done.stderr)
        self.assertIn("more than one line", done.stderr)
        # In advance: bytes that lie there when the question is put are nobody's answer.
        script = write(PLACE + "/ahead.py", "import json, os, sys, time\n"
                       "line = sys.stdin.readline()\n"
                       "q = json.loads(line)\n"
                       "print(json.dumps({'v': 1, 'id': q['id'], 'decision': 'deny', 'scope': 'once'}), flush=True)\n"
                       f"while not os.path.exists({PLACE + '/go'!r}): time.sleep(0.02)\n"
                       "print(json.dumps({'v': 1, 'id': q['id'] + 1, 'decision': 'allow', 'scope': 'always'}), flush=True)\n"
                       f"open({PLACE + '/ahead'!r}, 'w').close()\n"
                       "line = sys.stdin.readline()\n"
                       f"open({PLACE + '/second'!r}, 'w').close()\n"
                       f"while not os.path.exists({PLACE + '/no'!r}): time.sleep(0.02)\n"
                       "print(json.dumps({'v': 1, 'id': json.loads(line)['id'], 'decision': 'deny', 'scope': 'once'}), flush=True)\n"
                       "sys.stdin.read()\n")
        for name in ("/ahead", "/go", "/second", "/no"):
            if os.path.exists(PLACE + name):
                os.unlink(PLACE + name)
        app = self.start("python3", "-c", CALL + f"say(attempt(lambda: open({TARGET!r}))); input(); say(attempt(lambda: open({CANARY!r})))",
                         prompt=f"exec:python3 {script}", options=QUIET)
        self.assertEqual(app.stdout.readline(), "EACCES\n")
        write(PLACE + "/go", "")
        wait_until(lambda: os.path.exists(PLACE + "/ahead"), "the early answer")
        app.stdin.write("\n")
        app.stdin.flush()
        wait_until(lambda: os.path.exists(PLACE + "/second"), "the second question")
        self.assertEqual(select.select([app.stdout], [], [], 0.5)[0], [], "an answer in advance counted")
        write(PLACE + "/no", "")
        out, err = app.communicate(timeout=30)
        self.assertEqual(out, "EACCES\n", err)
        self.assertEqual(self.rules(), [])

    def test_u8_prompter_that_dies_or_lies_denies_and_writes_nothing(self):
        for body in ("import sys; sys.stdin.readline()", "import os, sys; sys.stdin.readline(); os.kill(os.getpid(), 9)",
                     "print('yes')\nimport sys; sys.stdin.readline(); print('allow', flush=True); sys.stdin.read()",
                     "import sys; sys.stdin.readline(); print('{\"v\":1,\"id\":1,\"decision\":\"ALLOW\"}', flush=True); sys.stdin.read()",
                     "import sys; sys.stdin.readline(); print('{\"v\":2,\"id\":1,\"decision\":\"allow\"}', flush=True); sys.stdin.read()",
                     "import sys; sys.stdin.readline(); print('{\"v\":1,\"id\":77,\"decision\":\"allow\"}', flush=True); sys.stdin.read()",
                     "import sys; sys.stdin.readline(); print('{\"v\":1,\"id\":1,\"decision\":\"deny\",\"decision\":\"allow\"}', flush=True); sys.stdin.read()",
                     "import sys; sys.stdin.readline(); print('x' * 100000, flush=True); sys.stdin.read()"):
            script = write(PLACE + "/bad.py", body)
            done = self.python(CALL + f"say(attempt(lambda: open({TARGET!r})))", prompt=f"exec:python3 {script}",
                               options=QUIET)
            self.assertEqual(done.stdout, "EACCES\n", f"{body} {done.stderr}")
            self.assertIn("denied, not remembered", done.stderr, body)
            self.assertEqual(self.rules(), [], body)

    def test_u9_fifty_threads_one_question(self):
        self.answers({"path": TARGET})
        done = self.python(
            "import threading\nok = []\n"
            f"def f(): ok.append(open({TARGET!r}).read())\n"
            "ts = [threading.Thread(target=f) for _ in range(50)]\n"
            "[t.start() for t in ts]; [t.join() for t in ts]; print(len(ok))", options=QUIET)
        self.assertEqual(done.stdout, "50\n", done.stderr)
        self.assertEqual(len(self.about()), 1)

    def test_u9_an_answer_settles_all_it_covers(self):
        """Thirty files of one folder pend; a yes to the folder answers all of them."""
        for i in range(30):
            write(f"{DATA}/n{i}", "x")
        prompt = self.prompter_that("import time\n"
                                    "if q['path'].startswith('%s'): time.sleep(0.7); answer(q, decision='allow', scope='session', target='folder')\n"
                                    "else: answer(q)" % DATA)
        done = self.python(
            "import threading\nok = []\n"
            f"def f(i): ok.append(open(f'{DATA}/n{{i}}').read())\n"
            "ts = [threading.Thread(target=f, args=(i,)) for i in range(30)]\n"
            "[t.start() for t in ts]; [t.join() for t in ts]; print(len(ok))", prompt=prompt, options=QUIET)
        self.assertEqual(done.stdout, "30\n", done.stderr)
        self.assertEqual(len(self.about()), 1)

    def test_u10_import_costs_one_question_and_probing_none(self):
        write(HOME + "/lib/example/__init__.py", "from . import sub\n")
        write(HOME + "/lib/example/sub.py", "value = 42\n")
        self.answers({"path": HOME + "/lib"})
        done = self.python("import sys; sys.dont_write_bytecode = True; sys.path.append('../lib')\n"
                           "import example; print(example.sub.value)", options=QUIET)
        self.assertEqual(done.stdout, "42\n", done.stderr)
        self.assertEqual(len(self.about(HOME + "/lib")), 1)
        os.symlink("test.txt", DATA + "/link")
        self.python("import os\n"
                    f"p = {TARGET!r}\nos.stat(p); os.access(p, os.R_OK); os.lstat('{DATA}/link'); os.readlink('{DATA}/link')\n"
                    "os.path.exists(p + 'x'); os.statvfs(p); os.listxattr(p); os.chdir(os.path.dirname(p)); os.getcwd()\n"
                    "open(os.environ['HOME'] + '/own', 'w').close()", options=QUIET)
        self.assertEqual(self.about(), [])

    def test_u11_a_thousand_questions_pend_and_other_calls_go_on(self):
        """A waiting open blocks its thread only; all of them end with a signal; O_NONBLOCK too."""
        for i in range(1000):
            write(f"{DATA}/n{i}", "x")
        waits = write(PLACE + "/waits.py", "import sys\n"
                      f"for line in sys.stdin: open({PLACE + '/questions.jsonl'!r}, 'a').write(line)\n")
        app = self.start("python3", "-c", CALL +
                         "import signal, threading, time\n"
                         "threading.stack_size(65536)\ncount = [0]\n"
                         "def f(i):\n"
                         "    count[0] += 1\n"
                         f"    attempt(lambda: os.open(f'{DATA}/n{{i}}', os.O_RDONLY | (os.O_NONBLOCK if i % 2 else 0)))\n"
                         "for i in range(1000): threading.Thread(target=f, args=(i,), daemon=True).start()\n"
                         "while count[0] < 1000: time.sleep(0.01)\n"
                         "say('ALL')\n"
                         f"for i in range(200): os.stat(f'{DATA}/n{{i}}'); open('{WORK}/own').read()\n"
                         "say('GOES ON'); os.read(0, 1); os._exit(0)\n",
                         prompt=f"exec:python3 {waits}", options=QUIET)
        write(WORK + "/own", "x")
        self.assertEqual([app.stdout.readline() for _ in range(2)], ["ALL\n", "GOES ON\n"])
        self.assertLessEqual(len(self.about()), 1)
        app.stdin.write("x")
        app.stdin.flush()
        self.assertEqual(self.end_of(app, 100), 0)

    def test_u11_a_signal_ends_the_wait(self):
        app = self.start(
            "python3", "-c", CALL + "import signal\n"
            "class Stop(Exception): pass\n"
            "def stop(*_): raise Stop\n"
            "signal.signal(signal.SIGALRM, stop); signal.setitimer(signal.ITIMER_REAL, 0.5)\n"
            f"try: open({TARGET!r})\nexcept Stop: say('interrupted')\n",
            prompt="exec:cat > /dev/null", options=QUIET)
        self.assertIsNotNone(self.end_of(app, 30), "it waits for the answer")
        out, err = app.communicate(timeout=10)
        self.assertEqual(out, "interrupted\n", err)

    def test_u12_without_a_listener_denied_at_once(self):
        done = subprocess.run([APPSILO, "run", *QUIET, "--", "python3", "-c", CALL + f"say(attempt(lambda: open({TARGET!r})))"],
                              cwd=WORK, capture_output=True, text=True, stdin=subprocess.DEVNULL, start_new_session=True,
                              timeout=30, check=False)
        self.assertEqual(done.stdout, "EACCES\n")
        self.assertEqual(done.stderr.count("nobody can be asked"), 1, done.stderr)
        self.assertIn("nobody could be asked", self.tool("why").stdout)
        self.assertEqual(self.rules(), [])

    def test_u13_sensitive_places_are_never_asked_about_nor_folded_in(self):
        """A yes to the whole home is no yes to the keys, the state, the start-up files."""
        key, rc = write(HOME + "/.ssh/id", "SECRET"), write(HOME + "/.bashrc", "MINE")
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", HOME + "/.ssh", rc], check=True))
        before = facts(key), facts(rc)
        self.answers({"path": HOME, "target": "folder"})
        done, _ = self.audited(
            f"os.listdir('{HOME}')\n"
            f"for p in ('{key}', '{STATE}/consent.db'): say(attempt(lambda: open(p)), attempt(lambda: open(p, 'w')))\n"
            f"say(attempt(lambda: open('{rc}')), attempt(lambda: open('{rc}', 'a')), attempt(lambda: open('{DATA}/new', 'w')))\n")
        words = done.stdout.split()
        self.assertLessEqual(set(words[:4]), {"ENOENT", "EACCES"}, done.stderr)
        self.assertEqual(words[4:], ["ok", "EACCES", "ok"], done.stderr)
        self.assertEqual((facts(key), facts(rc)), before)
        for q in self.questions():
            self.assertFalse(q["path"].startswith((HOME + "/.ssh", STATE)) or q["path"] == rc, q)
        self.assertIn("never-list", [line["source"] for line in self.audit() if line["path"] == rc and line["decision"] == "deny"])
        self.assertEqual(self.tool("grant", "--all-packages", "--read", HOME + "/.ssh", check=False).returncode, 1)

    def test_u14_remembered_means_remembered(self):
        for answer, expected in ({"path": TARGET}, "ok"), (None, "EACCES"):
            self.answers(*([answer] if answer else []))
            for _ in range(3):
                done = self.python(CALL + f"say(attempt(lambda: open({TARGET!r})))", options=QUIET)
                self.assertEqual(done.stdout.split(), [expected])
            self.assertEqual(len(self.about()), 1)
            self.tool("reset", "--all")
            os.unlink(PLACE + "/questions.jsonl")

    def test_u14_deny_beats_allow_and_the_narrower_wins(self):
        family = self.family("python3", "-c", "")
        self.tool("grant", "-p", family, "--read", DATA)
        self.tool("grant", "-p", family, "--deny", TARGET)
        write(DATA + "/other", "x")
        for prompt in ("never", None):
            done = self.python(CALL + f"say(attempt(lambda: open({TARGET!r})), attempt(lambda: open('{DATA}/other')))",
                               prompt=prompt, options=QUIET)
            self.assertEqual(done.stdout.split(), ["EACCES", "ok"], f"{prompt} {done.stderr}")
        self.assertEqual(self.about(), [])

    def test_u15_revocation_holds_for_the_running_app(self):
        """Attached and on FUSE; descriptors that were open stay open, and the command says so."""
        family = self.family("python3", "-c", "")
        for more in ((), ("--deny", DATA + "/never")):
            self.tool("grant", "-p", family, "--write", DATA)
            app = self.start("python3", "-c", CALL + "import time\n"
                             f"os.listdir('{DATA}'); held = open({TARGET!r})\n"
                             f"say('UP', attempt(lambda: open('{DATA}/new', 'w'))); input()\n"
                             "end = time.monotonic() + 20\n"
                             f"while attempt(lambda: open({TARGET!r})) == 'ok' and time.monotonic() < end: time.sleep(0.02)\n"
                             f"say(attempt(lambda: open({TARGET!r})), attempt(lambda: open('{DATA}/new', 'w')), held.read().strip())\n",
                             options=(*QUIET, *more))
            self.assertEqual(app.stdout.readline(), "UP ok\n")
            said = self.tool("revoke", "-p", family, DATA).stdout
            self.assertIn("open", said)
            out, err = app.communicate("\n", timeout=60)
            self.assertEqual(out, "EACCES EACCES hello\n", err)
            self.tool("reset", "--all")

    def test_u16_every_denial_is_explained(self):
        """errno, operation, path, rule or its lack, and the command that allows it."""
        os.symlink("a", DATA + "/soft")
        calls = {"open": "open(p)", "truncate": "os.truncate(p, 0)", "unlink": "os.unlink(p)", "rename": "os.rename(p, p + '2')",
                 "mkdir": "os.mkdir(p + 'd')", "symlink": "os.symlink('x', p + 's')", "chmod": "os.chmod(p, 0)",
                 "utimens": "os.utime(p)", "setxattr": "os.setxattr(p, 'user.a', b'')", "list": f"os.listdir('{DATA}')",
                 "create": "open(p + 'new', 'x')", "mknod": "os.mkfifo(p + 'p')", "link": "os.link(p, p + 'l')",
                 "execute": f"os.execv('{DATA}/program', ['x'])"}
        os.chmod(write(DATA + "/program", "#!/bin/sh\n"), 0o755)
        done = self.python(CALL + f"p = {TARGET!r}\n" + "".join(f"say(attempt(lambda: {c}))\n" for c in calls.values()),
                           options=QUIET)
        self.assertEqual(done.stdout.split(), ["EACCES"] * len(calls), done.stderr)
        why = json.loads(self.tool("why", "--json").stdout)
        for call in calls:
            lines = [line for line in why if line["call"] == call]
            self.assertTrue(lines, f"no line about {call} in {[line['call'] for line in why]}")
            self.assertEqual({line["error"] for line in lines}, {"EACCES"})
            self.assertTrue(all(line["allow"].startswith("appsilo grant -p ") and line["path"].startswith(DATA) for line in lines))
        text = self.tool("why").stdout
        self.assertIn(f"open {TARGET}: EACCES (read", text)
        self.assertIn("(prompt) refuses it", text)
        self.assertIn(f"{len(why)} denials in run", text)

    def test_u17_a_scripted_prompter_must_be_named_by_the_owner(self):
        """No variable, no file, no word of the app's chooses who is asked."""
        script = write(PLACE + "/yes.py", "import json, sys\n"
                       "for line in sys.stdin: print(json.dumps({'v': 1, 'id': json.loads(line)['id'], 'decision': 'allow', 'scope': 'always'}), flush=True)\n")
        env = {"APPSILO_PROMPT": f"exec:python3 {script}", "APPSILO_OPTIONS": f"--prompt exec:python3 {script}",
               "PROMPT": f"exec:python3 {script}", "SSH_ASKPASS": script}
        done = subprocess.run([APPSILO, "run", *QUIET, "--", "python3", "-c", CALL + f"say(attempt(lambda: open({TARGET!r})))",
                               "--prompt", f"exec:python3 {script}"], cwd=WORK, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, start_new_session=True, env={**os.environ, **env}, timeout=30, check=False)
        self.assertEqual(done.stdout, "EACCES\n", done.stderr)
        done = self.python(CALL + f"say(attempt(lambda: open({TARGET!r})))", prompt=f"exec:python3 {script}", options=QUIET)
        self.assertEqual(done.stdout, "ok\n", done.stderr)


main()
