# SPDX-License-Identifier: Apache-2.0
"""Bad answers, from a program and from an agent: each denies its one question with one line and
is not remembered, and the next question works. What waits for a time-out is tested in
tests/unit/consent/test_prompter_line.c."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import HOME, PLACE, Case, main, write  # noqa: E402

# usage: bad.py BEHAVIOUR MARK [SOCKET]; the first question ever is answered badly, others with yes.
PROMPTER = """
import json, os, socket, sys
behaviour, mark, *place = sys.argv[1:]

def good(q, **more):
    return json.dumps({"v": 1, "id": q["id"], "decision": "allow", "scope": "always", **more}).encode() + b"\\n"

BAD = {
    "twice at once": lambda q: good(q) * 2,
    "once with a blank line": lambda q: good(q) + b"\\n",
    "a blank line": lambda q: b"\\n",
    "a huge line": lambda q: b"x" * 200000 + b"\\n",
    "a huge answer": lambda q: good(q, more="x" * 70000),
    "wrong id": lambda q: good({"id": q["id"] + 1}),
    "earlier id": lambda q: good({"id": q["id"] - 1}),
    "id as text": lambda q: good({"id": str(q["id"])}),
    "id as fraction": lambda q: good({"id": float(q["id"])}),
    "id without end": lambda q: good(q).replace(b'"id": 1', b'"id": 18446744073709551617'),
    "wrong v": lambda q: good(q, v=2),
    "v as text": lambda q: good(q, v="1"),
    "v as truth": lambda q: good(q, v=True),
    "no v": lambda q: good(q).replace(b'"v"', b'"w"'),
    "binary": lambda q: bytes(b for b in range(256) if b != 10) + b"\\n",
    "NUL in it": lambda q: good(q).replace(b"always", b"always\\0"),
    "not UTF-8": lambda q: good(q).replace(b"always", b"always\\xff"),
    "a list": lambda q: b"[" + good(q).strip() + b"]\\n",
    "a number": lambda q: b"1\\n",
    "a text": lambda q: b'"allow"\\n',
    "null": lambda q: b"null\\n",
    "nothing": lambda q: b"{}\\n",
    "a deep nest": lambda q: b"[" * 60000 + b"\\n",
    "an answer in an answer": lambda q: good(q, decision={"decision": "allow"}),
    "decision as truth": lambda q: good(q, decision=True),
    "decision in capitals": lambda q: good(q, decision="ALLOW"),
    "no decision": lambda q: good(q).replace(b"decision", b"decided"),
    "unknown scope": lambda q: good(q, scope="forever"),
    "scope as null": lambda q: good(q, scope=None),
    "unknown target": lambda q: good(q, target="disk"),
    "unknown access": lambda q: good(q, access="all"),
    "two decisions": lambda q: good(q).replace(b'"v"', b'"decision": "deny", "v"'),
    "something behind it": lambda q: good(q).strip() + b" {}\\n",
    "half of it, then gone": lambda q: good(q)[:-10],
    "all but the newline, then gone": lambda q: good(q).strip(),
    "gone after reading": lambda q: b"",
}

def serve(receive, send, leave, is_first):
    if is_first and behaviour == "gone before reading":
        return leave()
    for line in receive:
        q = json.loads(line)
        if not is_first:
            send(good(q))
            continue
        is_first = False
        if behaviour == "mute but there":
            leave()
            receive.read()
            return
        try:
            send(BAD[behaviour](q))
        except BrokenPipeError:
            return
        if behaviour.startswith("gone") or behaviour.endswith("gone"):
            return leave()

def first():
    if os.path.exists(mark):
        return False
    open(mark, "w").close()
    return True

if not place:
    def say(data):
        while data:
            data = data[os.write(1, data):]
    serve(sys.stdin, say, lambda: os.close(1), first())
    sys.exit()
server = socket.socket(socket.AF_UNIX)
server.bind(place[0])
server.listen()
print("listening", flush=True)
while True:
    peer = server.accept()[0]
    with peer, peer.makefile() as receive:
        try:
            serve(receive, peer.sendall, lambda: peer.shutdown(socket.SHUT_WR), first())
        except ConnectionResetError:
            pass
"""
SCRIPT, MARK, AGENT = PLACE + "/bad.py", PLACE + "/mark", HOME + "/agent"
FIRST, SECOND = HOME + "/data/first", HOME + "/data/second"


# The rest is about JSON, which both speak.
OF_THE_LINE = ("twice at once", "a blank line", "a huge line", "wrong id", "binary", "half of it, then gone",
               "all but the newline, then gone", "gone after reading", "gone before reading", "mute but there")


def behaviours():
    names = [line.split('"')[1] for line in PROMPTER.splitlines() if line.startswith('    "')]
    return names + ["gone before reading", "mute but there"]


class Prompters(Case):
    def setUp(self):
        super().setUp()
        write(SCRIPT, PROMPTER)
        write(FIRST, "first\n")
        write(SECOND, "second\n")

    def check(self, behaviour, prompt):
        if os.path.exists(MARK):
            os.unlink(MARK)
        self.tool("reset", "--all")
        done = self.run_app("sh", "-c", f"cat {FIRST} 2>/dev/null || echo $?; cat {SECOND}", prompt=prompt,
                            options=("--allow-read", HOME + "/work"), timeout=30)
        self.assertEqual(done.stdout, "1\nsecond\n", done.stderr)
        self.assertRegex(done.stderr, r"^appsilo: warning: the prompter[^\n]*; denied, not remembered\n$")
        rules = json.loads(self.tool("consents", "--json").stdout)
        self.assertEqual([(r["path"], r["decision"]) for r in rules], [(SECOND, "allow")])

    def test_program(self):
        for behaviour in behaviours():
            with self.subTest(behaviour):
                self.check(behaviour, f"exec:exec python3 {SCRIPT} '{behaviour}' {MARK}")

    def test_agent(self):
        for behaviour in OF_THE_LINE:
            with self.subTest(behaviour):
                agent = subprocess.Popen([sys.executable, SCRIPT, behaviour, MARK, AGENT],
                                         stdout=subprocess.PIPE)
                try:
                    self.assertEqual(agent.stdout.readline(), b"listening\n")
                    self.check(behaviour, "agent:" + AGENT)
                finally:
                    agent.kill()
                    agent.communicate()
                    os.unlink(AGENT)


main()
