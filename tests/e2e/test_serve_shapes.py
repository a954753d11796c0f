# SPDX-License-Identifier: Apache-2.0
"""appsilo serve: what clients of Piston and snekbox send and expect, and batches for judges."""
import base64
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import main
from serving import ServeCase


class Piston(ServeCase):
    """The forms of docs/api-v2.md of engineer-man/piston."""

    def execute(self, **body):
        return self.server.json("POST", "/api/v2/execute", body)

    def refused_like_piston(self, answer):
        self.assertEqual((answer[0], set(answer[1])), (400, {"message"}), answer)

    def test_runtimes(self):
        status, rows = self.server.json("GET", "/api/v2/runtimes")
        self.assertEqual(status, 200)
        python = [row for row in rows if row["language"] == "python"][0]
        self.assertEqual(set(python), {"language", "version", "aliases"})
        self.assertTrue(python["version"].startswith("3."))
        self.assertIn("py", python["aliases"])

    def test_execute(self):
        status, answer = self.execute(
            language="py", version="3.x", files=[{"name": "my_code.py", "content": "import sys; print(sys.argv[1:], input()); print('e', file=sys.stderr); sys.exit(2)"}],
            stdin="in", args=["1", "2"], compile_timeout=10000, run_timeout=3000, compile_memory_limit=-1, run_memory_limit=-1)
        self.assertEqual((status, answer["language"]), (200, "python"))
        self.assertNotIn("compile", answer)
        run = answer["run"]
        self.assertEqual((run["stdout"], run["stderr"], run["code"], run["signal"]), ("['1', '2'] in\n", "e\n", 2, None))
        self.assertEqual(sorted(run["output"].splitlines()), ["['1', '2'] in", "e"])

    def test_output_is_in_the_order_it_came(self):
        code = "import sys, time\nfor i in range(4): print(i, file=(sys.stdout, sys.stderr)[i % 2], flush=True); time.sleep(0.1)"
        self.assertEqual(self.execute(language="python", version="*", files=[{"content": code}])[1]["run"]["output"], "0\n1\n2\n3\n")

    def test_files_without_names_and_encodings(self):
        code = "import os; print(open('a').read(), open('b').read(), len(os.listdir('.')))"
        files = [{"content": code}, {"name": "a", "content": "aGk=", "encoding": "base64"}, {"name": "b", "content": "6869", "encoding": "hex"}, {"content": "x"}]
        self.assertEqual(self.execute(language="python", version="3", files=files)[1]["run"]["stdout"], "hi hi 4\n")

    def test_a_compile_stage(self):
        status, answer = self.execute(language="c", version="*", files=[{"name": "a.c", "content": "#include <stdio.h>\nint main(void){puts(\"c\");return 0;}"}])
        self.assertEqual((status, answer["compile"]["code"], answer["run"]["stdout"]), (200, 0, "c\n"))
        answer = self.execute(language="c", version="*", files=[{"name": "a.c", "content": "int main("}])[1]
        self.assertNotEqual(answer["compile"]["code"], 0)
        self.assertIn("error", answer["compile"]["stderr"])

    def test_what_is_killed_has_a_signal_and_no_code(self):
        run = self.execute(language="python", version="*", files=[{"content": "while 1: pass"}], run_timeout=300)[1]["run"]
        self.assertEqual((run["code"], run["signal"], run["status"]), (None, "SIGKILL", "TO"))
        run = self.execute(language="python", version="*", files=[{"content": "import os; os.abort()"}])[1]["run"]
        self.assertEqual((run["code"], run["signal"], run["status"]), (None, "SIGABRT", "SG"))

    def test_bytes_that_are_no_text(self):
        run = self.execute(language="python", version="*", files=[{"content": "import os; os.write(1, b'a\\xffb')"}])[1]["run"]
        self.assertEqual(run["stdout"], "a\ufffdb")

    def test_errors_are_a_message(self):
        files = [{"content": "1"}]
        for body in ({"version": "*", "files": files}, {"language": "python", "files": files}, {"language": "python", "version": "*"},
                     {"language": "python", "version": "*", "files": []}, {"language": "python", "version": "2", "files": files},
                     {"language": "cobol", "version": "*", "files": files}, {"language": "python", "version": "x y", "files": files},
                     {"language": "python", "version": "*", "files": [{"name": "a"}]}, {"language": "python", "version": "*", "files": [{"name": "../a", "content": ""}]},
                     {"language": "python", "version": "*", "files": [{"content": "zz", "encoding": "hex"}]},
                     {"language": "python", "version": "*", "files": files, "run_timeout": 10 ** 9},
                     {"language": "python", "version": "*", "files": files, "run_timeout": "1"}):
            self.refused_like_piston(self.execute(**body))
        self.refused_like_piston(self.server.json("POST", "/api/v2/execute", raw="{"))
        self.assertEqual(self.execute(language="cobol", version="1.x", files=files), (400, {"message": "cobol-1.x runtime is unknown"}))
        self.assertEqual(self.execute(language="python", version="2", files=files), (400, {"message": "python-2 runtime is unknown"}))
        self.assertIn("at least", self.execute(language="python", version="3", files=files, run_memory_limit=1)[1]["message"])


class Snekbox(ServeCase):
    options = ("--wall-time", "3s", "--output", "20K")

    def eval(self, **body):
        return self.server.json("POST", "/eval", body)

    def test_input(self):
        status, answer = self.eval(input="import sys; print('out'); print('err', file=sys.stderr, flush=True); sys.exit(3)")
        self.assertEqual((status, set(answer)), (200, {"stdout", "returncode", "files"}))
        self.assertEqual((sorted(answer["stdout"].split()), answer["returncode"], answer["files"]), (["err", "out"], 3, []))

    def test_arguments(self):
        self.assertEqual(self.eval(args=["-c", "print(1)"])[1]["stdout"], "1\n")
        self.assertEqual(self.eval(args=["-c"], input="print(2)")[1]["stdout"], "2\n")
        self.assertIn("loop", self.eval(args=["-m", "timeit", "-n", "1", "-r", "1", "1"])[1]["stdout"])

    def test_files_go_in_and_out(self):
        sent = base64.b64encode(b"print(6 * 7); open('new.bin', 'wb').write(b'\\xff')").decode()
        answer = self.eval(args=["main.py"], files=[{"path": "main.py", "content": sent}])[1]
        self.assertEqual((answer["stdout"], answer["returncode"]), ("42\n", 0))
        self.assertEqual(answer["files"], [{"path": "new.bin", "size": 1, "content": "/w=="}])

    def test_what_is_killed(self):
        self.assertEqual(self.eval(input="import os; os.kill(os.getpid(), 9)")[1]["returncode"], 137)
        self.assertEqual(self.eval(input="import os; os.write(1, b'\\xff')")[1]["stdout"], "Unicode decoding error")

    def test_limits_end_it_as_nsjail_does(self):
        """By SIGKILL, and for its output by SIGTERM."""
        self.assertEqual(self.eval(input="print('so far', flush=True)\nimport time; time.sleep(60)")[1], {"stdout": "so far\n", "returncode": 137, "files": []})
        answer = self.eval(input="while True: print('x' * 100)")[1]
        self.assertEqual((answer["returncode"], len(answer["stdout"])), (143, 20 << 10))

    def test_wrong_bodies(self):
        for body in ({}, {"input": 1}, {"args": "x"}, {"input": "1", "files": [{"path": "a"}, 1]}, {"input": "1", "files": [{"path": "a", "content": "!"}]}):
            self.refused(400, "bad-request", self.eval(**body))
        self.refused(400, "bad-file-name", self.eval(input="1", files=[{"path": "/etc/x", "content": ""}]))
        self.refused(400, "unknown-field", self.eval(input="1", executable_path="/bin/sh"))


class Batches(ServeCase):
    options = ("--wall-time", "60s")
    double = "n = int(input()); print(n * 2)"

    def batch(self, **body):
        status, answer = self.server.json("POST", "/v1/batch", body)
        self.assertEqual(status, 200, answer)
        return answer

    def verdicts(self, **body):
        answer = self.batch(**body)
        return answer["verdict"], [case["verdict"] for case in answer["cases"]], answer

    def test_a_verdict_for_each_case(self):
        code = ("n = int(input())\n"
                "if n == 3: raise SystemExit(1)\n"
                "if n == 4:\n    while 1: pass\n"
                "if n == 5:\n    while 1: print('x' * 9999)\n"
                "print(n * 2, ' ')\nprint()")
        cases = [{"stdin": "1", "expected": "2"}, {"stdin": "2", "expected": "5"}, {"stdin": "3", "expected": "6"}, {"stdin": "4"}, {"stdin": "5"}, {"stdin": "6"}]
        verdict, each, answer = self.verdicts(code=code, cases=cases, limits={"wall_ms": 2500})
        self.assertEqual((verdict, each), ("rejected", ["accepted", "wrong-answer", "runtime-error", "time-limit", "output-limit", "accepted"]))
        self.assertEqual((answer["accepted"], answer["cases"][1]["stdout"]), (2, "4  \n\n"))
        self.assertTrue(answer["cases"][4]["stdout_cut"])

    def test_all_accepted(self):
        cases = [{"stdin": f"{n}\n", "expected": f"{2 * n}\n"} for n in range(8)]
        verdict, each, answer = self.verdicts(code=self.double, cases=cases)
        self.assertEqual((verdict, set(each), answer["accepted"]), ("accepted", {"accepted"}, 8))

    def test_cases_are_strangers(self):
        code = "import os, pathlib; print(sorted(os.listdir('.')), (pathlib.Path.home() / 'm').exists()); open('left', 'w').close(); (pathlib.Path.home() / 'm').touch()"
        self.assertEqual(self.verdicts(code=code, cases=[{"expected": "['main.py'] False"}] * 3)[0], "accepted")

    def test_it_stops_at_the_first_failure(self):
        cases = [{"stdin": "1", "expected": "2"}, {"stdin": "1", "expected": "3"}, {"stdin": "1", "expected": "2"}]
        self.assertEqual(self.verdicts(code=self.double, cases=cases, stop_on_failure=True)[1], ["accepted", "wrong-answer", "skipped"])

    def test_compiled_once_run_often(self):
        code = "#include <stdio.h>\nint main(void){int n; scanf(\"%d\", &n); printf(\"%d\\n\", n * 2); return 0;}"
        cases = [{"stdin": str(n), "expected": str(2 * n)} for n in range(5)]
        self.assertEqual(self.verdicts(language="c", code=code, cases=cases)[0], "accepted")
        answer = self.batch(language="c", code="int main(", cases=cases)
        self.assertEqual((answer["verdict"], answer["cases"]), ("compile-error", []))
        self.assertIn("error", answer["compile"]["stderr"])

    def test_a_checker_judges(self):
        checker = {"code": "import sys\ngiven, out, want = (open(p).read() for p in sys.argv[1:4])\nprint('seen', given.strip())\n"
                           "if out.strip() == 'break': sys.exit(7)\nsys.exit(0 if abs(float(out) - float(want)) < 0.01 else 1)"}
        code = "n = input(); print('break' if n == 'b' else n)"
        cases = [{"stdin": "1.001", "expected": "1"}, {"stdin": "2", "expected": "1"}, {"stdin": "b", "expected": "1"}]
        verdict, each, answer = self.verdicts(code=code, cases=cases, checker=checker)
        self.assertEqual(each, ["accepted", "wrong-answer", "checker-failed"])
        self.assertEqual(answer["cases"][0]["checker"], "seen 1.001\n")

    def test_wrong_bodies(self):
        for body in ({"code": "1"}, {"code": "1", "cases": []}, {"code": "1", "cases": [1]}, {"code": "1", "cases": [{}] * 600}, {"cases": [{}]},
                     {"code": "1", "cases": [{"stdin": 1}]}, {"code": "1", "cases": [{}], "checker": 1}, {"code": "1", "cases": [{}], "checker": {}},
                     {"code": "1", "cases": [{}], "stop_on_failure": 1}):
            self.refused(400, "bad-request", self.server.json("POST", "/v1/batch", body))
        self.refused(400, "unknown-field", self.server.json("POST", "/v1/batch", {"code": "1", "cases": [{"input": "x"}]}))


class Playground(ServeCase):
    def test_the_page_needs_nothing_from_elsewhere_and_has_nothing_inline(self):
        status, headers, data = self.server.send("GET", "/")
        page = data.decode()
        policy = headers["Content-Security-Policy"]
        self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertNotRegex(page, r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|https?://")
        for path in re.findall(r'(?:src|href)="([^"]+)"', page):
            status, headers, _ = self.server.send("GET", path)
            self.assertEqual((status, headers["X-Content-Type-Options"]), (200, "nosniff"), path)

    def test_every_field_has_a_label(self):
        page = self.server.send("GET", "/")[2].decode()
        for kind, name in re.findall(r"<(select|textarea|input)[^>]* ?id=\"(\w+)\"", page):
            self.assertRegex(page, rf'for="{name}"|<label>[^<]*<{kind} id="{name}"', name)

    def test_what_the_page_uses_is_there(self):
        script = self.server.send("GET", "/playground.js")[2].decode()
        page = self.server.send("GET", "/")[2].decode()
        for name in set(re.findall(r'at\("(\w+)"\)', script)):
            self.assertIn(f'id="{name}"', page)
        self.assertEqual(self.server.send("HEAD", "/")[2], b"")


main()
