# SPDX-License-Identifier: Apache-2.0
"""Programs as people use them, unchanged, against real servers, in a server run and in one with
a broker. The servers are the test's own processes, on made-up addresses."""
import functools
import glob
import hashlib
import http.server
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import zipfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import host_net  # noqa: E402

host_net.enter()

from common import APPSILO, HOME, PLACE, Case, main, read, write  # noqa: E402
from host_net import OTHER, PUBLIC  # noqa: E402

HOST = host_net.Host(PLACE)
NAME = "other.example.org"  # at OTHER, and only there
WORK = HOME + "/work"
SITE = PLACE + "/site"
BIG = os.urandom(3 << 20)
WAYS = {"server run": "never", "with a broker": "exec:false"}
LOOK_IN = os.environ["PATH"] + ":/usr/sbin:" + ":".join(glob.glob("/usr/lib/postgresql/*/bin"))
# Servers that refuse to run as root get this account in a root run.
NOBODY = 65534


class Site(http.server.CGIHTTPRequestHandler):
    """Files below SITE, what is posted echoed, and git's own server."""
    protocol_version = "HTTP/1.1"
    have_fork = False  # else it would change to nobody, in a root run

    def do_POST(self):
        if self.is_cgi():
            self.run_cgi()
            return
        size = self.headers.get("Content-Length")
        data = self.rfile.read(int(size)) if size else self.read_chunks()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def run_cgi(self):
        self.close_connection = True  # what ends its answer
        super().run_cgi()

    def read_chunks(self):
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def log_message(self, *words):
        pass


def serve_site(port, context=None):
    server = http.server.ThreadingHTTPServer((OTHER, port), functools.partial(Site, directory=SITE))
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def make_certificates():
    """An own authority, and a certificate of it for NAME."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=PLACE)

    new_key = ("-newkey", "rsa:2048", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test CA",
            "-addext", "keyUsage=critical,keyCertSign")
    openssl("req", *new_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=" + NAME)
    write(PLACE + "/server.ext", f"subjectAltName=DNS:{NAME}\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", "server.pem", "-days", "2", "-extfile", "server.ext")


class Clients(Case):
    @classmethod
    def setUpClass(cls):
        write(SITE + "/index.html", "hello\n")
        write(SITE + "/big", BIG, "wb")
        make_certificates()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PLACE + "/server.pem", PLACE + "/server.key")
        serve_site(8080)
        serve_site(8443, context)

    def setUp(self):
        super().setUp()
        shutil.rmtree(WORK)
        os.makedirs(WORK)
        shutil.copy(PLACE + "/ca.pem", WORK)

    def need(self, program, package):
        path = program if os.path.exists(program) else shutil.which(program, path=LOOK_IN)
        if not path:
            self.skipTest(f"{program} is not installed (Debian: {package})")
        return path

    def start(self, port, *command, is_ready=(), **more):
        """A server of the test's, until the test ends; returns once it listens and the command @is_ready says yes."""
        log = open(PLACE + f"/server-{port}.log", "w+")
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **more)
        self.addCleanup(log.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)

        def listens():
            self.assertIsNone(server.poll(), read(log.name))
            with socket.socket() as s:
                if s.connect_ex((OTHER, port)) != 0:
                    return False
            return not is_ready or subprocess.run(is_ready, capture_output=True, check=False).returncode == 0

        self.wait_until(listens, f"{command[0]} does not listen")
        return log.name

    def both(self, expected, *command, options=(), net=("--net", "client")):
        """What the command prints, in each way to run it."""
        for way, prompt in WAYS.items():
            done = self.run_app(*command, prompt=prompt, options=(*net, "--allow-write", WORK, *options))
            self.assertEqual((done.returncode, done.stdout.strip()), (0, expected), f"{way}: {done.stderr}")

    def code(self, expected, code):
        self.both(expected, "python3", "-c", code)

    def test_urllib(self):
        self.code("b'hello\\n' 404", "import urllib.request as r, urllib.error\n"
                  f"print(r.urlopen('http://{NAME}:8080/index.html').read(), end=' ')\n"
                  f"try: r.urlopen('http://{NAME}:8080/missing')\n"
                  "except urllib.error.HTTPError as e: print(e.code)")

    def test_http_client_keeps_its_connection(self):
        self.code("65 [200, 200, 200]", "import http.client\n"
                  f"c = http.client.HTTPConnection('{NAME}', 8080); said = []; socks = set()\n"
                  "c.request('POST', '/echo', body=iter([b'a' * 60, b'bcdef']), encode_chunked=True)\n"
                  "print(len(c.getresponse().read()), end=' '); socks.add(c.sock.getsockname())\n"
                  "for _ in range(3):\n"
                  "    c.request('GET', '/index.html'); r = c.getresponse(); r.read(); said.append(r.status)\n"
                  "    socks.add(c.sock.getsockname())\n"
                  "assert len(socks) == 1, socks\n"
                  "print(said)")

    def test_asyncio_streams(self):
        self.code("100 True", "import asyncio, os\n"
                  "async def one(n):\n"
                  f"    r, w = await asyncio.open_connection('{NAME}', 80)\n"
                  "    data = os.urandom(20000); w.write(b'echo' + data); await w.drain()\n"
                  "    back = await r.readexactly(len(data)); w.write_eof(); end = await r.read(); w.close()\n"
                  "    await w.wait_closed(); return back == data and end == b''\n"
                  "async def all():\n"
                  "    got = await asyncio.gather(*map(one, range(100))); print(len(got), *set(got))\n"
                  "asyncio.run(all())")

    def test_asyncio_datagrams(self):
        self.code("[b'0', b'1', b'2']", "import asyncio\n"
                  "class P(asyncio.DatagramProtocol):\n"
                  "    def __init__(self): self.q = asyncio.Queue()\n"
                  "    def datagram_received(self, data, who): self.q.put_nowait(data)\n"
                  "async def go():\n"
                  f"    t, p = await asyncio.get_running_loop().create_datagram_endpoint(P, remote_addr=('{NAME}', 7))\n"
                  "    for i in range(3): t.sendto(b'%d' % i)\n"
                  "    print(sorted([await asyncio.wait_for(p.q.get(), 20) for _ in range(3)])); t.close()\n"
                  "asyncio.run(go())")

    def test_ssl(self):
        """The certificate is checked as anywhere: one of an unknown authority is refused."""
        self.code("TLSv1.3 b'hello\\n' CERTIFICATE_VERIFY_FAILED", "import ssl, urllib.request as r, urllib.error, socket\n"
                  f"c = ssl.create_default_context(cafile='{WORK}/ca.pem')\n"
                  f"with c.wrap_socket(socket.create_connection(('{NAME}', 8443)), server_hostname='{NAME}') as s:\n"
                  "    print(s.version(), end=' ')\n"
                  f"print(r.urlopen('https://{NAME}:8443/index.html', context=c).read(), end=' ')\n"
                  f"try: r.urlopen('https://{NAME}:8443/index.html')\n"
                  "except urllib.error.URLError as e: print(e.reason.reason)")

    def test_ftplib(self):
        self.need("/usr/lib/python3/dist-packages/pyftpdlib/__main__.py", "python3-pyftpdlib")
        files = PLACE + "/ftp"
        write(files + "/there.txt", "by ftp\n")
        self.start(2121, "/usr/bin/python3", "-m", "pyftpdlib", "-i", OTHER, "-p", "2121", "-w", "-d", files)
        self.code("b'by ftp\\n' 3145728 ['there.txt', 'up']", "import ftplib, io\n"
                  f"f = ftplib.FTP(); f.connect('{NAME}', 2121); f.login()\n"
                  "b = io.BytesIO(); f.retrbinary('RETR there.txt', b.write); print(b.getvalue(), end=' ')\n"
                  "f.storbinary('STOR up', io.BytesIO(bytes(3 << 20))); print(f.size('up'), sorted(f.nlst()))\n"
                  "f.quit()")

    def test_smtplib(self):
        log = self.start(2525, "/usr/bin/python3", "-u", "-W", "ignore", "-m", "smtpd", "-n",
                         "-c", "DebuggingServer", f"{OTHER}:2525")
        self.code("{}", "import smtplib\n"
                  f"with smtplib.SMTP('{NAME}', 2525) as s:\n"
                  "    print(s.sendmail('a@example.org', ['b@example.org'], 'Subject: hi\\r\\n\\r\\nknock knock\\r\\n'))")
        self.assertEqual(read(log).count("knock knock"), len(WAYS))

    def test_curl(self):
        curl = self.need("curl", "curl")
        words = (curl, "-sS", "--fail", "-o", "/dev/null",
                 "-w", "%{http_code} %{http_version} %{remote_ip} %{size_download}")
        self.both(f"200 1.1 {OTHER} {len(BIG)}", *words, f"http://{NAME}:8080/big")
        self.both(f"200 1.1 {OTHER} 6", *words, "--cacert", WORK + "/ca.pem", f"https://{NAME}:8443/index.html")

    def test_curl_http_2(self):
        curl = self.need("curl", "curl")
        nghttpd = self.need("nghttpd", "nghttp2-server")
        self.start(8444, nghttpd, "-a", OTHER, "-d", SITE, "8444", PLACE + "/server.key", PLACE + "/server.pem")
        self.both((f"2 {len(BIG)} " * 4).strip(), curl, "-sS", "--fail", "--parallel", "--cacert", WORK + "/ca.pem",
                  *("-o", "/dev/null", f"https://{NAME}:8444/big") * 4, "-w", "%{http_version} %{size_download} ")

    def test_wget(self):
        self.need("wget", "wget")
        self.both(hashlib.sha256(BIG).hexdigest() + "  -", "sh", "-c",
                  f"wget -q -O - http://{NAME}:8080/big | sha256sum")

    def test_git_clone(self):
        """Both protocols: files as they lie there, and git's own server, pushed to as well."""
        self.need("git", "git")
        bare = SITE + "/repo.git"
        shutil.rmtree(bare, ignore_errors=True)
        write(SITE + "/cgi-bin/git", "#!/bin/sh\nexec git http-backend\n")
        os.chmod(SITE + "/cgi-bin/git", 0o755)
        os.environ.update({"GIT_PROJECT_ROOT": SITE, "GIT_HTTP_EXPORT_ALL": "1"})
        subprocess.run(["sh", "-ec", f"git init -q -b main --bare {bare}; git -C {bare} config http.receivepack true\n"
                        f"git clone -q {bare} seed 2>/dev/null; cd seed; seq 1 50000 > numbers; git add .\n"
                        "git -c user.name=T -c user.email=t@example.org commit -qm one; git push -q origin main\n"
                        f"git -C {bare} update-server-info"], check=True, cwd=PLACE)
        self.both("50000 50000 pushed", "sh", "-ec",
                  f"cd {WORK}; rm -rf dumb smart; git clone -q http://{NAME}:8080/repo.git dumb\n"
                  f"git clone -q http://{NAME}:8080/cgi-bin/git/repo.git smart\n"
                  "echo $(wc -l < dumb/numbers) $(wc -l < smart/numbers) pushed\n"
                  "cd smart; date +%N > at; git add .\n"
                  "git -c user.name=T -c user.email=t@example.org commit -qm two; git push -q origin main")
        log = subprocess.run(["git", "-C", bare, "log", "--format=%s", "main"], capture_output=True, text=True, check=True)
        self.assertEqual(log.stdout.split(), ["two"] * len(WAYS) + ["one"])

    def test_ssh(self):
        sshd, ssh = self.need("sshd", "openssh-server"), self.need("ssh", "openssh-client")
        user = pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:  # where it wants its folder, in this test's own view
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
            os.mkdir("/run/sshd", 0o755)
        for key in (PLACE + "/host_key", WORK + "/key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        host_key = read(PLACE + "/host_key.pub")
        write(WORK + "/known_hosts", f"[{NAME}]:2222 {host_key}")
        os.rename(WORK + "/key.pub", PLACE + "/authorized")
        write(PLACE + "/sshd_config",
              f"ListenAddress {OTHER}:2222\nHostKey {PLACE}/host_key\nAuthorizedKeysFile {PLACE}/authorized\n"
              "PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
              "PermitRootLogin prohibit-password\n")
        self.start(2222, sshd, "-D", "-e", "-f", PLACE + "/sshd_config")
        words = (ssh, "-T", "-F", "/dev/null", "-p", "2222", "-i", WORK + "/key", "-o", "BatchMode=yes",
                 "-o", f"UserKnownHostsFile={WORK}/known_hosts", f"{user}@{NAME}")
        self.both("3145728", "sh", "-c", 'head -c 3M /dev/zero | "$@" cat | wc -c', "sh", *words)

    def test_node_fetch(self):
        node = self.need("node", "nodejs")
        code = (f"fetch('http://{NAME}:8080/big').then(async r => {{ const b = await r.arrayBuffer();\n"
                f"  const p = await fetch('http://{NAME}:8080/echo', {{method: 'POST', body: 'posted'}});\n"
                "  console.log(r.status, b.byteLength, await p.text()); });")
        self.both(f"200 {len(BIG)} posted", node, "--no-warnings", "-e", code)

    def test_pip_install(self):
        self.need("/usr/lib/python3/dist-packages/pip/__main__.py", "python3-pip")
        wheel = SITE + "/simple/knock/knock-1.0-py3-none-any.whl"
        os.makedirs(os.path.dirname(wheel), exist_ok=True)
        with zipfile.ZipFile(wheel, "w") as z:
            z.writestr("knock.py", "print('who is there')\n")
            z.writestr("knock-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: knock\nVersion: 1.0\n")
            z.writestr("knock-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            z.writestr("knock-1.0.dist-info/RECORD", "knock.py,,\nknock-1.0.dist-info/METADATA,,\n"
                       "knock-1.0.dist-info/WHEEL,,\nknock-1.0.dist-info/RECORD,,\n")
        self.both("who is there", "sh", "-ec",
                  f"cd {WORK}; rm -rf t; /usr/bin/python3 -m pip install -q --no-cache-dir --disable-pip-version-check "
                  f"--cert ca.pem --index-url https://{NAME}:8443/simple/ --target t knock\n"
                  "PYTHONPATH=t /usr/bin/python3 -c 'import knock'")

    def test_psql(self):
        initdb, postgres = self.need("initdb", "postgresql"), self.need("postgres", "postgresql")
        psql = os.path.dirname(os.path.realpath(initdb)) + "/psql"  # the one in /usr/bin looks for the system's servers
        data, who = PLACE + "/postgres", ()
        os.mkdir(data, 0o700)
        if os.geteuid() == 0:
            who = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
            os.chmod(PLACE, 0o711)
            os.chown(data, NOBODY, NOBODY)
        subprocess.run([*who, initdb, "-D", data, "-U", "tester", "-A", "trust", "-N", "--no-locale"],
                       check=True, capture_output=True, cwd="/")
        write(data + "/pg_hba.conf", "host all all 0.0.0.0/0 trust\n")
        self.start(5433, *who, postgres, "-D", data, "-h", OTHER, "-p", "5433", "-k", "", "-F", cwd="/",
                   is_ready=(os.path.dirname(psql) + "/pg_isready", "-h", OTHER, "-p", "5433"))  # it listens long before
        self.both("5000050000", psql, "-X", "-h", NAME, "-p", "5433", "-U", "tester", "-At", "-d", "postgres", "-c",
                  "select sum(n) from generate_series(1, 100000) n")

    def test_redis_cli(self):
        """Debian's check program is the server, under another name."""
        check, cli = self.need("redis-check-rdb", "redis-tools"), self.need("redis-cli", "redis-tools")
        self.start(6380, "redis-server", "--bind", OTHER, "--port", "6380", "--save", "", "--protected-mode", "no",
                   executable=check, cwd=PLACE)
        self.both("OK\n2500\nvalue", "sh", "-ec", f'r="{cli} -h {NAME} -p 6380"; $r set key value\n'
                  "seq 1 2499 | sed 's/.*/set k& &/' | $r > /dev/null; $r dbsize; $r get key")

    def test_python_server_is_published(self):
        curl = self.need("curl", "curl")
        code = ("import http.server\n"
                "class H(http.server.BaseHTTPRequestHandler):\n"
                "    def do_GET(self):\n"
                "        self.send_response(200); self.end_headers(); self.wfile.write(b'from inside ' + self.path.encode())\n"
                "    def log_message(self, *w): pass\n"
                "http.server.HTTPServer.request_queue_size = 64\n"
                "s = http.server.ThreadingHTTPServer(('0.0.0.0', 8000), H); print('ready', flush=True); s.serve_forever()\n")
        for way, prompt in WAYS.items():
            words = [APPSILO, "run", "--quiet", "--prompt", prompt, "--net", "client-server",
                     "--publish", f"{PUBLIC}:8001:8000", "--", "python3", "-c", code]
            app = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=WORK)
            self.addCleanup(app.wait)
            self.addCleanup(app.kill)
            with app.stdout:
                self.assertEqual(app.stdout.readline(), "ready\n", way)
                many = [f"http://{PUBLIC}:8001/{n}" for n in range(30)]
                done = subprocess.run([curl, "-sS", "--fail", "-Z", *many], capture_output=True, text=True,
                                      timeout=60, check=False)
                self.assertEqual(done.stdout.count("from inside /"), 30, done.stderr)
            app.kill()
            app.wait()


main()
