# SPDX-License-Identifier: Apache-2.0
"""Killed at every moment, many at once, many in a row: nothing is left, and no consent is
lost or invented. APPSILO_SOAK_RUNS sets how many runs in a row there are without a broker (default 150); with one,
three for ten of those."""
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, LOG, PLACE, Case, descendants, main, named, read, write  # noqa: E402

RUNS = int(os.environ.get("APPSILO_SOAK_RUNS", "150"))
DATA = HOME + "/.local/share/appsilo"
STORE = DATA + "/consent.db"

# Says what it is asked, then does what the file tells: answer, wait for ever, or answer and
# kill the broker in the same moment.
PROMPTER = """
import json, os, signal, sys
for line in sys.stdin:
    with open(sys.argv[2], "a") as log:
        log.write(line)
    order = open(sys.argv[1]).read().split()
    question = json.loads(line)
    if order[0] == "wait":
        signal.pause()
    answer = {"v": 1, "id": question["id"], "decision": "allow", "scope": "always", "access": "write"}
    print(json.dumps(answer), flush=True)
    open(sys.argv[1] + ".done", "a").close()
    if order[0] == "kill":
        os.kill(int(order[1]), signal.SIGKILL)
"""
ORDER = PLACE + "/order"
# The same in small: always yes.
YES = """
while read -r line; do
    printf '%s\\n' "$line" >>"$1"
    id=${line#*'"id":'}
    printf '{"v":1,"id":%s,"decision":"allow","scope":"always"}\\n' "${id%%,*}"
done
"""


def processes():
    """Whatever belongs to this test's runs: all of it has the test's place in its words."""
    found = {}
    for pid in os.listdir("/proc"):
        if not pid.isdigit() or int(pid) == os.getpid():
            continue
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read()
        except OSError:
            continue
        if PLACE.encode() in words:
            found[int(pid)] = words
    return found


def pids_of(pid):
    """What it is called in each pid namespace, ours first: the sandbox's processes are in one more than ours."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return next(line.split()[1:] for line in file if line.startswith("NSpid"))
    except OSError:
        return []


def is_init(pid):
    pids = pids_of(pid)
    return len(pids) > len(pids_of(os.getpid())) and pids[-1] == "1"


def traces():
    """What a run could leave on the host."""
    with open("/proc/self/mountinfo") as file:
        found = {"mount " + line for line in file}
    for folder in ("/tmp", "/var/tmp", "/dev/shm", "/run"):
        found |= {f"{folder}/{name}" for name in os.listdir(folder)
                  if "appsilo" in name and not name.startswith(("appsilo-unit", "appsilo-fuzz", "appsilo-bench", "appsilo-mutants"))}
    for at, folders, _ in os.walk("/sys/fs/cgroup"):
        found |= {f"{at}/{name}" for name in folders if "appsilo" in name}
    for at, folders, names in os.walk(PLACE):
        for name in names + folders:
            path = os.path.join(at, name)
            if not path.startswith((DATA + "/runs", DATA + "/profiles", DATA + "/rules", DATA + "/used", PLACE + "/tests/")) and \
               not path.startswith((STORE, LOG, ORDER, PLACE + "/result", HOME + "/many")):
                found.add(path)
    return found


class Soak(Case):
    def setUp(self):
        super().setUp()
        write(PLACE + "/order.py", PROMPTER)
        write(ORDER, "answer")
        if os.path.exists(ORDER + ".done"):
            os.unlink(ORDER + ".done")
        self.tool("grant", "--all-packages", "--write", HOME + "/work")
        self.run_app("true", prompt="never")
        self.before = traces()
        self.descriptors = os.listdir("/proc/self/fd")

    def prompter(self):
        return f"exec:exec python3 {PLACE}/order.py {ORDER} {LOG}"

    def start(self, code, *options, **more):
        """A run whose app gets a line on its stdin when it may go on."""
        run = subprocess.Popen(
            [APPSILO, "run", "--prompt", self.prompter(), *options, "--", "python3", "-u", "-c", code, PLACE],
            cwd=HOME + "/work", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, **more)
        self.addCleanup(self.stop, run)
        return run

    def stop(self, run):
        if run.poll() is None:
            run.kill()
            run.communicate()

    def end(self, run):
        out, err = run.communicate(timeout=120)
        return run.returncode, out, err

    def assertClean(self):
        self.wait_until(lambda: not processes(), f"left running: {processes()}")
        self.wait_until(lambda: traces() <= self.before, f"left: {traces() - self.before}")
        self.assertEqual(len(os.listdir("/proc/self/fd")), len(self.descriptors))

    def assertFailed(self, code, err):
        """An error of ours: the code that says so, and one line."""
        self.assertEqual((code, err.count("\n"), err[:9]), (125, 1, "appsilo: "), err)

    def stored(self):
        with contextlib.closing(sqlite3.connect(STORE)) as db:
            self.assertEqual(db.execute("pragma integrity_check").fetchall(), [("ok",)])
            rows = db.execute("select cast(path as text) from rules where source = 'prompt'").fetchall()
        return sorted(path for path, in rows)

    def asked_paths(self):
        return sorted(q["path"] for q in self.questions())

    # Moments at which the broker dies. Each gets the run, waits for its event, and returns
    # the pid to kill, or None when the killing was done.

    def profile_is_made(self, run):
        self.wait_until(lambda: len(os.listdir(DATA + "/profiles")) > 1, "no profile")
        return run.pid

    def broker_is_loaded(self, run):
        self.wait_until(lambda: read(f"/proc/{run.pid}/comm") == "appsilo-broker\n", "no broker")
        return run.pid

    def builder_is_there(self, run):
        self.wait_until(lambda: descendants(run.pid), "no child")
        return run.pid

    def init_is_there(self, run):
        self.wait_until(lambda: any(map(is_init, processes())), "no init")
        return run.pid

    def app_has_begun(self, run):
        self.assertEqual(run.stdout.readline(), "here\n")
        return run.pid

    def question_is_asked(self, run):
        self.wait_until(self.questions, "no question")
        return run.pid

    def answer_is_given(self, run):
        return None  # the prompter does it in the moment of its answer

    def file_is_open(self, run):
        self.assertEqual(run.stdout.readline(), "here\n")
        self.assertEqual(run.stdout.readline(), "open\n")
        return run.pid

    def app_has_ended(self, run):
        run.stdin.write("\n")
        run.stdin.close()
        run.stdin = None
        self.assertEqual(run.stdout.read(), "here\nopen\n")
        return run.pid

    CODE = ("import os, sys\nprint('here')\n"
            f"os.listdir('{HOME}/data')\n"
            f"f = open('{HOME}/data/test.txt', 'a')\n"
            "print('open')\nsys.stdin.readline()\n")

    def killed(self, moment, order="answer"):
        write(ORDER, order)
        run = self.start(self.CODE)
        if order == "kill":
            write(ORDER, f"kill {run.pid}")
        pid = getattr(self, moment)(run)
        if pid:
            os.kill(pid, signal.SIGKILL)
        code, out, _ = self.end(run)
        self.assertClean()
        self.assertTrue(set(self.stored()) <= set(self.asked_paths()), "a consent was invented")
        self.assertEqual(read(HOME + "/data/test.txt"), "hello\n")
        return code, out

    def test_broker_killed_at_ten_moments(self):
        for moment in ("profile_is_made", "broker_is_loaded", "builder_is_there", "init_is_there",
                       "app_has_begun", "file_is_open", "app_has_ended"):
            with self.subTest(moment=moment):
                self.setUp()
                code, _ = self.killed(moment)
                # Whoever is killed as the last has perhaps just ended by itself.
                self.assertIn(code, (-signal.SIGKILL, 0) if moment == "app_has_ended" else (-signal.SIGKILL,))
        for moment, order in (("question_is_asked", "wait"), ("answer_is_given", "kill")):
            with self.subTest(moment=moment):
                self.setUp()
                code, out = self.killed(moment, order)
                self.assertEqual(code, -signal.SIGKILL)
                # The kill comes right after the answer: on a busy machine the program is faster.
                self.assertIn(out, ("here\n", "here\nopen\n") if order == "kill" else ("here\n",))

    def test_broker_killed_while_it_writes_the_store(self):
        self.run_app("true", options=("--allow-read", HOME + "/work"))
        db = sqlite3.connect(STORE, isolation_level=None)
        db.execute("begin immediate")
        # From the answer on it waits for the lock, in the middle of remembering.
        run = self.start(self.CODE)
        self.wait_until(lambda: os.path.exists(ORDER + ".done"), "no answer")
        os.kill(run.pid, signal.SIGKILL)
        self.assertEqual(self.end(run)[0], -signal.SIGKILL)
        self.wait_until(lambda: not processes(), f"left running: {processes()}")
        db.execute("rollback")
        db.close()
        self.assertEqual(self.stored(), [])
        # The same question is asked again, and now it is remembered.
        run = self.start(self.CODE)
        self.assertEqual(self.end_with(run)[:2], (0, "here\nopen\n"))
        self.assertEqual(self.stored(), [HOME + "/data"])
        self.assertClean()

    def test_an_answer_is_remembered_when_others_write_for_long(self):
        db = sqlite3.connect(STORE, isolation_level=None)
        db.execute("begin immediate")
        run = self.start(self.CODE)
        self.wait_until(lambda: os.path.exists(ORDER + ".done"), "no answer")
        time.sleep(2.5)  # longer than one wait of the store
        db.execute("rollback")
        db.close()
        self.assertEqual(self.end_with(run), (0, "here\nopen\n", ""))
        self.assertEqual(self.stored(), [HOME + "/data"])
        self.assertClean()

    def end_with(self, run):
        with contextlib.suppress(BrokenPipeError):
            run.stdin.write("\n")
            run.stdin.flush()
        return self.end(run)

    def test_helper_killed(self):
        run = self.start("import sys\nprint('here')\nsys.stdin.readline()\n"
                         f"print(open('{HOME}/work/own', 'w').write('x'))\n"
                         f"try: open('{HOME}/data/test.txt')\nexcept OSError as e: print(e.errno)\n")
        self.assertEqual(run.stdout.readline(), "here\n")
        helper = named(run.pid, "appsilo-attach")
        self.assertEqual(len(helper), 1)
        os.kill(helper[0], signal.SIGKILL)
        code, out, err = self.end_with(run)
        # Init goes with it, and the app with init, wherever it is just then: no Yes comes from that.
        self.assertTrue("1\n13\n".startswith(out), out)
        self.assertEqual(self.stored(), [])
        if os.path.exists(HOME + "/work/own"):
            os.unlink(HOME + "/work/own")
        # A question in that moment finds nobody to start the prompter, and says so.
        warning = "appsilo: warning: cannot start the prompter "
        self.assertFailed(code, "".join(line for line in err.splitlines(True) if not line.startswith(warning)))
        self.assertClean()

    def test_builder_killed(self):
        """At once after it appears, which is another moment of its work each time."""
        for _ in range(20):
            run = self.start(self.CODE)
            while not descendants(run.pid):  # no rest between two looks: the app soon runs
                self.assertIsNone(run.poll())
            os.kill(descendants(run.pid)[0], signal.SIGKILL)
            code, _, err = self.end(run)
            self.assertFailed(code, err)
        self.assertEqual(self.stored(), [])
        self.assertClean()

    def test_init_killed(self):
        for prompt in ("never", None):
            run = subprocess.Popen([APPSILO, "run", "--prompt", prompt or self.prompter(), "--", "sh", "-c",
                                    "echo here; read line", PLACE], cwd=HOME + "/work", stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertEqual(run.stdout.readline(), "here\n")
            (init,) = filter(is_init, processes())
            os.kill(init, signal.SIGKILL)
            code, _, err = self.end(run)
            self.assertFailed(code, err)
            self.assertClean()

    def test_app_killed_from_outside(self):
        run = self.start("import os\nprint('here')\nos.kill(os.getpid(), 9)\n")
        self.assertEqual(self.end(run)[0], 128 + signal.SIGKILL)
        self.assertClean()

    def test_prompter_killed_while_it_is_asked(self):
        write(ORDER, "wait")
        run = self.start(f"try: open('{HOME}/data/test.txt')\nexcept OSError as e: print(e.errno)\n")
        self.wait_until(self.questions, "no question")
        asked = [pid for pid, words in processes().items() if b"order.py\0" in words and words.startswith(b"python3")]
        self.assertEqual(len(asked), 1)
        os.kill(asked[0], signal.SIGKILL)
        code, out, err = self.end(run)
        self.assertEqual((code, out), (0, "13\n"), err)
        self.assertIn("went away without an answer", err)
        self.assertEqual(self.stored(), [])
        self.assertClean()

    def test_runs_see_each_others_decisions(self):
        code = ("import sys\nprint('here')\nsys.stdin.readline()\n"
                f"print(open('{HOME}/data/test.txt').read(), end='')\n")
        first, second = self.start(code), self.start(code)
        self.assertEqual(first.stdout.readline() + second.stdout.readline(), "here\nhere\n")
        self.assertEqual(self.end_with(first)[:2], (0, "hello\n"))
        self.assertEqual(self.end_with(second)[:2], (0, "hello\n"))
        self.assertEqual(self.asked_paths(), [HOME + "/data/test.txt"])
        self.assertEqual(self.stored(), [HOME + "/data/test.txt"])
        self.assertClean()

    def test_a_hundred_at_once(self):
        """Each asks for a file of its own and for one of all; they share the store."""
        folder = HOME + "/many"
        for i in range(100):
            write(f"{folder}/f{i}", str(i))
        write(PLACE + "/order.sh", YES)
        runs = []
        for i in range(100):
            runs.append(subprocess.Popen(
                [APPSILO, "run", "--prompt", f"exec:exec sh {PLACE}/order.sh {LOG}", "--", "cat", f"{folder}/f{i}",
                 f"{folder}/f0"], cwd=HOME + "/work", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True))
            self.addCleanup(self.stop, runs[-1])
        for i, run in enumerate(runs):
            code, out, err = self.end(run)
            self.assertEqual((code, out), (0, f"{i}0"), err)
        self.assertEqual(self.stored(), sorted(f"{folder}/f{i}" for i in range(100)))
        asked = self.asked_paths()
        self.assertEqual(sorted(set(asked)), self.stored())
        self.assertEqual(len([p for p in asked if p != folder + "/f0"]), 99)
        self.assertClean()

    def test_many_in_a_row(self):
        fds = os.listdir("/proc/self/fd")
        for mode, runs, code, words in (
                ("never", RUNS, 0, ["true", PLACE]),
                ("agent:" + HOME + "/nobody", RUNS * 3 // 10, 1, ["cat", HOME + "/data/test.txt"])):
            for i in range(runs):
                done = self.run_app(*words, prompt=mode, options=("--quiet",))
                self.assertEqual(done.returncode, code, f"{mode} run {i}: {done.stderr}")
                self.assertEqual(done.stdout, "")
                if i % 100 == 99 or i == runs - 1:
                    self.assertClean()
                    self.assertEqual(self.stored(), [])
            self.assertEqual(os.listdir("/proc/self/fd"), fds)
        # One record a run with a broker, of which the newest stay.
        self.assertEqual(len(os.listdir(DATA + "/runs")), min(RUNS * 3 // 10, 100))


main()
