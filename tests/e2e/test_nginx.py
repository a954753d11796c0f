# SPDX-License-Identifier: Apache-2.0
"""TLS by nginx, with data/nginx/appsilo-serve.conf as it is but for names and places, and a CA of the test's own."""
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [HERE, os.path.dirname(HERE) + "/clients/python"]
import appsilo  # noqa: E402
from common import PLACE, main, read, write  # noqa: E402
from serving import ServeCase  # noqa: E402

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
TOKEN = "token-of-alice-0123456789"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def make_certificates(folder):
    """A CA, and a certificate of its for localhost."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)
    os.makedirs(folder)
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA", "-days", "2")
    openssl("req", *key, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=localhost")
    write(folder + "/names", "subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names",
            "-out", "certificate.pem")


@unittest.skipUnless(NGINX, "no nginx: tools/setup.sh web installs it")
class Nginx(ServeCase):
    @classmethod
    def setUpClass(cls):
        tokens = write(PLACE + "/tokens", f"alice {TOKEN}\n")
        os.chmod(tokens, 0o600)
        cls.options = ("--token-file", tokens)
        super().setUpClass()
        cls.addClassCleanup(super().tearDownClass)
        cls.port, tls = free_port(), PLACE + "/tls"
        make_certificates(tls)
        site = read(PLACE + "/data/nginx/appsilo-serve.conf")
        for old, new in (("127.0.0.1:8480", f"127.0.0.1:{cls.server.port}"), ("listen 443", f"listen 127.0.0.1:{cls.port}"),
                         ("run.example.org", "localhost"), ("/etc/appsilo/tls", tls)):
            assert old in site, old
            site = site.replace(old, new)
        places = "".join(f"{name}_temp_path {PLACE}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        write(PLACE + "/nginx.conf", f"daemon off; pid {PLACE}/nginx.pid; error_log stderr; worker_processes 1;\nevents {{}}\n"
              f"http {{\naccess_log off;\n{places}{site}}}\n")
        cls.nginx = subprocess.Popen([NGINX, "-p", PLACE, "-c", PLACE + "/nginx.conf"], stderr=subprocess.PIPE, text=True)
        cls.context = ssl.create_default_context(cafile=tls + "/ca.pem")
        end = time.monotonic() + 20
        while not listens(cls.port):
            assert cls.nginx.poll() is None and time.monotonic() < end, cls.nginx.stderr.read()
            time.sleep(0.05)

    @classmethod
    def tearDownClass(cls):
        cls.nginx.terminate()
        cls.nginx.wait(20)
        cls.nginx.stderr.close()

    def ask(self, method, path, body=None, token=TOKEN, **headers):
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=60, context=self.context)
        self.addCleanup(connection.close)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, path, None if body is None else json.dumps(body), {"Authorization": f"Bearer {token}", **headers})
        return connection, connection.getresponse()

    def test_a_run_over_tls_and_who_may_not(self):
        answer = self.ask("POST", "/v1/run", {"code": "print(6 * 7)"})[1]
        self.assertEqual((answer.status, json.loads(answer.read())["stdout"]), (200, "42\n"))
        self.assertEqual(self.ask("POST", "/v1/run", {"code": "1"}, token="x" * 20)[1].status, 401)
        self.assertEqual(self.ask("POST", "/v1/run", {"code": "#" * (9 << 20)})[1].status, 413)
        with self.assertRaises(ssl.SSLError):
            http.client.HTTPSConnection("localhost", self.port, context=ssl.create_default_context()).request("GET", "/")

    def test_the_page_asks_its_own_origin(self):
        self.assertEqual(self.ask("GET", "/")[1].status, 200)
        own = self.ask("POST", "/v1/run", {"code": "1"}, Origin=f"https://localhost:{self.port}")[1]
        self.assertEqual(own.status, 200)
        self.assertEqual(self.ask("POST", "/v1/run", {"code": "1"}, Origin="https://evil.example")[1].status, 403)

    def test_events_come_while_the_run_goes_on(self):
        connection, answer = self.ask("POST", "/v1/run", {"code": "import time\nprint('first', flush=True)\ntime.sleep(1000)",
                                                         "stream": True, "limits": {"wall_ms": 9000}})
        seen = b""
        while b"first" not in seen:
            line = answer.readline()
            self.assertTrue(line, seen)
            seen += line
        self.assertNotIn(b"event: result", seen)
        # And who breaks off ends the run, through the proxy too.
        head = {"Authorization": f"Bearer {TOKEN}"}
        self.assertEqual(self.server.metric("appsilo_runs_running", head), 1)
        connection.close()
        answer.close()
        self.wait_until(lambda: self.server.metric("appsilo_runs_running", head) == 0, "the run goes on", seconds=6)

    def test_a_program_is_talked_to(self):
        os.environ["SSL_CERT_FILE"] = PLACE + "/tls/ca.pem"
        self.addCleanup(os.environ.pop, "SSL_CERT_FILE")
        head = {"Authorization": f"Bearer {TOKEN}"}
        with appsilo.Client(f"https://localhost:{self.port}", TOKEN) as client:
            with client.interact("print('hello', input('name? ')); input()") as talk:
                self.assertEqual(talk.read_until("? "), b"name? ")
                talk.send("Ada\n")
                self.assertEqual(talk.read_until("\n"), b"hello Ada\n")
                self.assertEqual(self.server.metric("appsilo_runs_running", head), 1)
            self.wait_until(lambda: self.server.metric("appsilo_runs_running", head) == 0, "the run goes on", seconds=6)
        with self.assertRaises(appsilo.Refused) as caught:
            appsilo.Client(f"https://localhost:{self.port}", "x" * 20).interact("1")
        self.assertEqual(caught.exception.status, 401)


if __name__ == "__main__":
    main()
