# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: running appsilo, scripted prompters, reading the store."""
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import unittest

APPSILO = os.environ["APPSILO"]
HOME = os.environ["HOME"]
PLACE = os.environ["TEST_PLACE"]
LOG = PLACE + "/questions.jsonl"
POLICY = PLACE + "/policy.json"

PROMPTER = """
import json, sys
for line in sys.stdin:
    policy = json.load(open(sys.argv[1]))
    question = json.loads(line)
    open(sys.argv[2], "a").write(line)
    answer = {"v": 1, "id": question["id"], "decision": "deny", "scope": "always"}
    longest = -1
    network = question["kind"] == "network"
    for rule in policy:
        if network and rule.get("host") == question["host"] and rule.get("port", question["port"]) == question["port"]:
            answer = {"v": 1, "id": question["id"], "decision": "allow", "scope": "always"}
            answer.update({k: v for k, v in rule.items() if k not in ("host", "port")})
        if network or "path" not in rule:
            continue
        path = rule["path"]
        inside = question["path"] == path or question["path"].startswith(path + "/")
        if inside and len(path) > longest and rule.get("for", question["access"]) == question["access"]:
            longest = len(path)
            answer = {"v": 1, "id": question["id"], "decision": "allow", "scope": "always"}
            answer.update({k: v for k, v in rule.items() if k not in ("path", "for")})
    print(json.dumps(answer), flush=True)
"""


def write(path, text, mode="w"):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, mode) as file:
        file.write(text)
    return path


def read(path, mode="r"):
    with open(path, mode) as file:
        return file.read()


def facts(path):
    """What must not change on the host when an access is denied."""
    st = os.stat(path)
    return st.st_ino, st.st_size, st.st_mtime_ns, st.st_mode, read(path)


def descendants(pid):
    """Every process below @pid, whichever of its threads started it."""
    below = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                below += [int(word) for word in file.read().split()]
    return below + [pid for child in below for pid in descendants(child)]


def named(pid, name):
    """Those of @pid's descendants whose program's name is @name; they come and go meanwhile."""
    found = []
    for below in descendants(pid):
        with contextlib.suppress(OSError):
            if read(f"/proc/{below}/comm") == name + "\n":
                found.append(below)
    return found


class Case(unittest.TestCase):
    """Each test starts with an empty store and no questions asked."""

    def setUp(self):
        shutil.rmtree(HOME + "/.local", ignore_errors=True)
        if os.path.exists(LOG):
            os.unlink(LOG)
        self.answers()
        write(PLACE + "/prompter.py", PROMPTER)
        os.makedirs(HOME + "/work", exist_ok=True)
        write(HOME + "/data/test.txt", "hello\n")

    def answers(self, *rules):
        """The prompter says yes below these paths and to these hosts, no elsewhere."""
        write(POLICY, json.dumps(list(rules)))

    def prompter(self):
        return f"exec:python3 {PLACE}/prompter.py {POLICY} {LOG}"

    def questions(self):
        if not os.path.exists(LOG):
            return []
        return [json.loads(line) for line in read(LOG).splitlines()]

    def asked(self):
        return [(q["operation"], q["path"], q["access"]) for q in self.questions()
                if q["kind"] == "file"]

    def run_app(self, *command, options=(), prompt=None, cwd=None, timeout=60, env=None, **more):
        """appsilo run; the prompter of this test unless another is named."""
        words = [APPSILO, "run", "--prompt", prompt or self.prompter(), *options, "--", *command]
        more.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(words, cwd=cwd or HOME + "/work", capture_output=True, text=True,
                              timeout=timeout, env={**os.environ, **(env or {})}, check=False,
                              **more)

    def python(self, code, **more):
        return self.run_app("python3", "-c", code, **more)

    def tool(self, *words, check=True, env=None, timeout=120):
        done = subprocess.run([APPSILO, *words], capture_output=True, text=True, timeout=timeout,
                              cwd=HOME, env={**os.environ, **(env or {})}, check=False)
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def family(self, *command):
        result = PLACE + "/result.json"
        self.run_app(*command, prompt="never", options=("--result", result))
        return json.loads(read(result))["package"]

    def one_line(self, done, code, *words):
        """An error of ours: its exit code and one line with @words in it."""
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("appsilo: "), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def wait_until(self, holds, message, seconds=30):
        """For what the kernel does a moment after the event that is waited for."""
        end = time.monotonic() + seconds
        while not holds():
            self.assertLess(time.monotonic(), end, message)
            time.sleep(0.01)

    def assertDenied(self, done, where=""):
        self.assertIn("PermissionError", done.stdout + done.stderr, where)


def main():
    words = [word for case in sys.argv[1:] for word in (("-k", case) if "." not in case else (case,))]
    program = unittest.main(exit=False, verbosity=1, argv=[sys.argv[0], *words])
    sys.exit(0 if program.result.wasSuccessful() else 1)
