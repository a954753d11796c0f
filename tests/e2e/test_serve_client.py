# SPDX-License-Identifier: Apache-2.0
"""clients/python: the appsilo package against a real server."""
import asyncio
import collections
import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [HERE, os.path.dirname(HERE) + "/clients/python"]
import appsilo
from common import PLACE, Case, main, write
from serving import ServeCase, Server

TALK = ("import sys\nprint('hello', input('name? '), flush=True)\n"
        "data = sys.stdin.buffer.read(); print(len(data), data[0])")


class Threads(ServeCase):
    options = ("--workers", "2", "--wall-time", "60s")

    def setUp(self):
        super().setUp()
        self.client = appsilo.Client(f"http://127.0.0.1:{self.server.port}")
        self.addCleanup(self.client.close)

    def test_run(self):
        done = self.client.run("import sys; print(sys.argv[1:], input()); open('f', 'wb').write(b'\\xff')", argv=["a"], stdin="é", returns=["files"])
        self.assertEqual((done.ok, done.stdout, done.files), (True, "['a'] é\n", [appsilo.File("f", b"\xff")]))
        done = self.client.run("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()); sys.exit(1)", stdin=b"\xff\0")
        self.assertEqual((done.ok, done.stdout_bytes, done.exit_code), (False, b"\xff\0", 1))
        done = self.client.run(files={"m.py": "import a", "a.py": b"print('a')"}, entry="m.py")
        self.assertEqual(done.stdout, "a\n")

    def test_stream_and_leaving_it(self):
        got = list(self.client.stream("print('x', flush=True)"))
        self.assertEqual([e.name for e in got], ["start", "stdout", "result"])
        self.assertTrue(got[-1].result.ok)
        stream = self.client.stream("print('x', flush=True)\nwhile 1: pass")
        while next(stream).data != b"x\n":
            pass
        stream.close()
        self.wait_until(self.server.is_at_rest, "it goes on")
        stream = self.client.stream("while 1: pass")
        self.client.cancel(next(stream).run_id)
        self.assertEqual(list(stream)[-1].result.reason, "cancelled")

    def test_talking_to_a_program(self):
        with self.client.interact(TALK) as talk:
            self.assertEqual(talk.read_until("? "), b"name? ")
            talk.send("Adä\n")
            self.assertEqual(talk.read_until("\n"), "hello Adä\n".encode())
            talk.send(b"\xff\0" * 50000)
            talk.end_input()
            self.assertEqual(talk.read_until("\n"), b"100000 255\n")
            self.assertEqual([e.name for e in talk], ["result"])
            self.assertEqual((talk.result.ok, talk.result.stderr), (True, ""))
        with self.client.interact("print(len(input()), flush=True); input()") as talk:
            talk.send("x" * 70000 + "\n")
            self.assertEqual(talk.read_until("\n"), b"70000\n")
            with self.assertRaises(EOFError):
                talk.end_input()
                talk.read_until("never")
            self.assertEqual((talk.result.ok, talk.result.reason), (False, "exited"))

    def test_ends_of_a_talk(self):
        with self.client.interact("while 1: pass") as talk:
            talk.cancel()
            self.assertEqual(list(talk)[-1].result.reason, "cancelled")
        with self.client.interact("while 1: pass"):
            self.wait_until(self.server.is_running, "it has not started")
        self.wait_until(self.server.is_at_rest, "it goes on", 5)
        with self.client.interact("print(input())") as talk:
            talk.send("x\n")
            self.assertTrue(talk.finish().ok)
        with self.assertRaises(appsilo.Refused) as caught:
            self.client.interact("1", language="cobol")
        self.assertEqual(caught.exception.code, "unknown-language")
        with self.client.interact("import time; time.sleep(60)") as talk:
            talk.end_input()
            talk.send("x")
            with self.assertRaises(appsilo.Refused) as caught:
                list(talk)
        self.assertEqual(caught.exception.code, "bad-request")

    def test_a_talk_whose_server_goes(self):
        server = Server()
        self.addCleanup(server.stop, signal.SIGKILL)
        with appsilo.Client(f"http://127.0.0.1:{server.port}").interact("input()") as talk:
            server.stop(signal.SIGKILL)
            with self.assertRaises(ConnectionError):
                list(talk)

    def test_errors(self):
        with self.assertRaises(appsilo.Refused) as caught:
            self.client.run("1", language="cobol")
        self.assertEqual((caught.exception.status, caught.exception.code), (422, "unknown-language"))

    def test_batch(self):
        done = self.client.batch([{"stdin": "1", "expected": "2"}, {"stdin": b"2", "expected": "5"}], "print(int(input()) * 2)")
        self.assertEqual((done.verdict, done.accepted, [c.verdict for c in done.cases]), ("rejected", 1, ["accepted", "wrong-answer"]))

    def test_session(self):
        with self.client.session(state=True) as session:
            session.upload("in/ä b.txt", "hello")
            session.run("x = open('in/ä b.txt').read()")
            self.assertEqual(session.run("x.upper()").stdout, "'HELLO'\n")
            self.assertEqual(session.files()["in/ä b.txt"], 5)
            self.assertEqual(session.download("in/ä b.txt"), b"hello")
            session.remove("in/ä b.txt")
            session.reset()
            self.assertIn("NameError", session.run("x").stderr)
            self.assertEqual([e.data for e in session.stream("print(1)")][1], b"1\n")
        with self.assertRaises(appsilo.Refused):
            session.run("1")

    def test_talking_in_a_session(self):
        with self.client.session() as session:
            session.upload("f", "kept")
            with session.interact("print(open('f').read(), input()); open('g', 'w').close()") as talk:
                talk.send("Ada\n")
                self.assertEqual(talk.read_until("\n"), b"kept Ada\n")
                self.assertTrue(talk.finish().ok)
            self.assertIn("g", session.files())
            with session.interact("input()"):
                with self.assertRaises(appsilo.ServerError) as caught, session.interact("1") as second:
                    list(second)
                self.assertEqual(caught.exception.code, "busy")
            self.wait_until(self.server.is_at_rest, "it goes on", 5)
            with self.assertRaises(appsilo.Refused) as caught:
                session.interact("1", stdin="x")
            self.assertEqual(caught.exception.code, "bad-request")
        with self.client.session(state=True) as session:
            with self.assertRaises(appsilo.Refused) as caught:
                session.interact("1")
            self.assertEqual(caught.exception.code, "no-input")
        with self.assertRaises(appsilo.Refused) as caught:
            session.interact("1")
        self.assertEqual(caught.exception.code, "not-found")

    def test_executor(self):
        with appsilo.Executor(self.client) as executor:
            future = executor.submit("print(7)")
            self.assertEqual([r.stdout for r in executor.map([f"print({i})" for i in range(6)])], [f"{i}\n" for i in range(6)])
            self.assertEqual(future.result(60).stdout, "7\n")


class Asyncio(ServeCase):
    options = ("--workers", "2")

    def client(self):
        return appsilo.AsyncClient(f"http://127.0.0.1:{self.server.port}")

    def test_runs_beside_each_other(self):
        async def go():
            async with self.client() as client:
                done = await asyncio.gather(*(client.run(f"print({i})") for i in range(5)))
                events = [e async for e in client.stream("print('é')")]
                batch = await client.batch([{"expected": "1"}], "print(1)")
                with self.assertRaises(appsilo.Refused):
                    await client.run(None)
                return [r.stdout for r in done], events, batch
        done, events, batch = asyncio.run(go())
        self.assertEqual(done, [f"{i}\n" for i in range(5)])
        self.assertEqual([(e.name, e.data) for e in events[1:-1]], [("stdout", "é\n".encode())])
        self.assertEqual(batch.verdict, "accepted")

    def test_talking_to_a_program(self):
        async def go():
            async with self.client().interact(TALK) as talk:
                seen = [await talk.read_until("? ")]
                await talk.send("Ada\n")
                seen.append(await talk.read_until("\n"))
                await talk.send(b"\xff\0")
                self.assertTrue((await talk.finish()).ok)
            with self.assertRaises(appsilo.Refused):
                async with self.client().interact(None):
                    pass
            async with self.client().interact("while 1: pass") as talk:
                await talk.cancel()
                self.assertEqual([e async for e in talk][-1].result.reason, "cancelled")
            return seen
        self.assertEqual(asyncio.run(go()), [b"name? ", b"hello Ada\n"])
        self.wait_until(self.server.is_at_rest, "it goes on", 5)

    def test_a_cancelled_task_ends_its_run(self):
        async def go():
            task = asyncio.create_task(self.client().run("while 1: pass"))
            while not self.server.is_running():
                await asyncio.sleep(0.02)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
        asyncio.run(go())
        self.wait_until(self.server.is_at_rest, "it goes on")


class Token(Case):
    def test_tokens_and_quotas(self):
        tokens = write(PLACE + "/tokens", "a token-a-0123456789 per-minute=1\n")
        os.chmod(tokens, 0o600)
        server = Server("--token-file", tokens)
        self.addCleanup(server.stop)
        url = f"http://127.0.0.1:{server.port}"
        with appsilo.Client(url) as client:
            for method in (client.run, client.interact):
                with self.assertRaises(appsilo.Refused) as caught:
                    method("1")
                self.assertEqual((caught.exception.status, caught.exception.code), (401, "unauthorized"))
        with appsilo.Client(url, "token-a-0123456789") as client:
            self.assertTrue(client.run("1").ok)
            with self.assertRaises(appsilo.Overloaded) as caught:
                client.run("1")
            self.assertGreater(caught.exception.retry_after, 0)


class Example(ServeCase):
    """clients/python/examples/code_executor.py, in the three shapes that agents want."""

    def setUp(self):
        super().setUp()
        sys.path.append(os.path.dirname(HERE) + "/clients/python/examples")
        import code_executor
        self.url = f"http://127.0.0.1:{self.server.port}"
        self.executor = code_executor.CodeExecutor(self.url, limits={"wall_ms": 10000})
        self.addCleanup(self.executor.close)

    def test_a_kept_interpreter(self):
        self.assertEqual(self.executor.execute("x = 6").exit_code, 0)
        self.assertEqual(self.executor.execute("x * 7").output, "42\n")
        failed = self.executor.execute("open('/etc/shadow')")
        self.assertEqual((failed.exit_code, "Error: " in failed.output), (1, True))
        ended = self.executor.execute("import os; os._exit(0)")
        self.assertIn("the interpreter has ended", ended.output)
        self.executor.upload({"a.txt": "given"})
        self.assertEqual(self.executor.execute("open('b.txt', 'w').write(open('a.txt').read())").exit_code, 0)
        self.assertEqual(self.executor.download("b.txt"), b"given")

    def test_a_function_that_a_model_calls(self):
        self.assertEqual(self.executor.call('{"code": "print(1)"}'), "1\n")
        for wrong in ("", "[]", "{}", '{"code": 1}', "null"):
            self.assertTrue(self.executor.call(wrong).startswith("error: "), wrong)
        self.assertIn("code", self.executor.TOOL["parameters"]["required"])

    def test_blocks_of_an_answer(self):
        block = collections.namedtuple("Block", "language code")
        done = self.executor.execute_code_blocks([block("python", "print('a')"), block("sh", "echo b"), block("py", "1/0"), block("py", "print('never')")])
        self.assertTrue(done.output.startswith("a\nb\nTraceback"), done)
        self.assertEqual((done.exit_code, "never" in done.output), (1, False))
        self.assertEqual(self.executor.execute_code_blocks([block("cobol", "")]).exit_code, 1)

    def test_it_runs_as_a_program(self):
        done = subprocess.run([sys.executable, os.path.dirname(HERE) + "/clients/python/examples/code_executor.py", self.url], capture_output=True,
                              text=True, check=True, env={**os.environ, "PYTHONPATH": os.path.dirname(HERE) + "/clients/python"})
        self.assertTrue(done.stdout.endswith("area 28.27\n"), done.stdout)


main()
