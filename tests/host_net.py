# SPDX-License-Identifier: Apache-2.0
"""A host for network tests: a network namespace whose loopback has made-up public, private and
metadata addresses, with servers that note who called, a name server and a table of hosts. No
packet leaves it. enter() comes first: it executes the test again inside."""
import ctypes
import os
import socket
import subprocess
import sys
import threading

PUBLIC, OTHER, PRIVATE = "1.2.3.4", "1.2.3.5", "10.9.8.7"
METADATA = "169.254.169.254"
PUBLIC6 = "2a00:1:2:3::4"
ADDRESSES = (PUBLIC, OTHER, PRIVATE, METADATA, "100.100.100.200", "192.168.7.7")
ZONE = {  # name: (type, values)
    "allowed.example.org": {"A": [PUBLIC], "AAAA": [PUBLIC6]},
    "other.example.org": {"A": [OTHER]},
    "alias.example.org": {"CNAME": "allowed.example.org"},
    "rebind.example.org": {"A": ["127.0.0.1", PRIVATE, METADATA]},
    "mixed.example.org": {"A": [PRIVATE, PUBLIC]},
    "_http._tcp.example.org": {"SRV": [(1, 2, 80, "allowed.example.org"), (3, 4, 81, "secret.evil.org")]},
    "many.example.org": {"A": [f"1.2.4.{i}" for i in range(1, 31)]},
}
# Put before the code that runs inside.
TRY = """
import errno, socket, time, urllib.request
def tcp(address, port=80, family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.settimeout(20)
    try:
        s.connect((address, port))
        s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        return s.recv(100).split()[1].decode()
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e))
    finally:
        s.close()
def udp(address, port=7, data=b"x"):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(20)
    try:
        s.connect((address, port))
        s.send(data)
        return len(s.recv(70000))
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e))
def name(host, family=0):
    try:
        return ",".join(sorted({a[4][0] for a in socket.getaddrinfo(host, 80, family, socket.SOCK_STREAM)}))
    except socket.gaierror as e:
        return "no name" if e.errno == socket.EAI_NONAME else str(e)
"""


class Ends(int):
    """Bytes received on the fast path, where a peer's end may count as one: equal to up to @ends more."""
    def __new__(cls, number, ends=1):
        new = super().__new__(cls, number)
        new.ends = ends
        return new

    def __eq__(self, other):
        return self <= other <= int(self) + self.ends

    __hash__ = None


# A socket that the app has bound is not replaced by one of the host's: its packets are judged.
BY_PACKETS = """
class Bound(socket.socket):
    def __init__(self, family=-1, type=-1, proto=-1, fileno=None):
        super().__init__(family, type, proto, fileno)
        if fileno is None and self.type == socket.SOCK_STREAM:
            self.bind(('::' if self.family == socket.AF_INET6 else '0.0.0.0', 0))
socket.socket = Bound
"""
TYPES = {"A": 1, "CNAME": 5, "AAAA": 28, "SRV": 33}
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4


def enter():
    if os.environ.get("INSIDE_HOST_NET"):
        return
    # As an ordinary user too: its own user namespace, the same uid inside.
    who = () if os.geteuid() == 0 else ("--user", "--map-current-user", "--keep-caps")
    os.environ["INSIDE_HOST_NET"] = "1"
    os.execvp("unshare", ["unshare", *who, "--net", "--mount", sys.executable, "-B", *sys.argv])


def deaf(address, port):
    """A port that answers nobody: its queue is full. Returns what ends it."""
    sockets = [socket.create_server((address, port), backlog=0)] + [socket.socket() for _ in range(4)]
    for s in sockets[1:]:
        s.setblocking(False)
        s.connect_ex((address, port))
    return lambda: [s.close() for s in sockets]


def encode(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".") if part) + b"\0"


def record(name, kind, value):
    data = (socket.inet_aton(value) if kind == "A" else encode(value) if kind == "CNAME"
            else b"".join(n.to_bytes(2, "big") for n in value[:3]) + encode(value[3]) if kind == "SRV"
            else socket.inet_pton(socket.AF_INET6, value))
    return (encode(name) + TYPES[kind].to_bytes(2, "big") + b"\0\1" + (300).to_bytes(4, "big")
            + len(data).to_bytes(2, "big") + data)


class Host:
    """Servers in threads of the test; `calls` and `queries` are what reached them."""

    def __init__(self, place):
        self.calls, self.queries, self.place = [], [], place
        for words in (("link", "set", "lo", "up"), *(("addr", "add", a + "/32", "dev", "lo") for a in ADDRESSES),
                      ("-6", "addr", "add", PUBLIC6 + "/128", "dev", "lo", "nodad")):
            subprocess.run(["ip", *words], check=True)
        self.bind("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        self.bind("/etc/hosts", f"127.0.0.1 localhost\n{OTHER} table.example.org\n")
        self.listen(socket.AF_INET, "0.0.0.0", 80, socket.SOCK_STREAM, self.serve_tcp)
        self.listen(socket.AF_INET, "127.0.0.1", 5432, socket.SOCK_STREAM, self.serve_tcp)
        self.listen(socket.AF_INET6, PUBLIC6, 80, socket.SOCK_STREAM, self.serve_tcp)
        self.listen(socket.AF_INET, "0.0.0.0", 7, socket.SOCK_DGRAM, self.serve_udp)
        self.listen(socket.AF_INET6, PUBLIC6, 7, socket.SOCK_DGRAM, self.serve_udp)
        self.listen(socket.AF_INET, "127.0.0.1", 53, socket.SOCK_DGRAM, self.serve_names)
        self.listen(socket.AF_INET, "127.0.0.1", 53, socket.SOCK_STREAM, self.serve_names_tcp)
        # A new namespace gives nobody echo requests. In a root run the app's uid sends them.
        with open("/proc/sys/net/ipv4/ping_group_range", "w") as file:
            file.write("0 2147483647" if os.geteuid() == 0 else f"{os.getgid()} {os.getgid()}")
        # What this process starts has no rights in the namespace.
        ctypes.CDLL(None).prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)

    def bind(self, path, text):
        own = self.place + "/" + path.replace("/", "_")
        with open(own, "w") as file:
            file.write(text)
        subprocess.run(["mount", "--bind", own, path], check=True)

    @staticmethod
    def listen(family, address, port, kind, serve):
        server = socket.socket(family, kind)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        if kind == socket.SOCK_STREAM:
            server.listen(64)
        threading.Thread(target=serve, args=(server,), daemon=True).start()

    def serve_tcp(self, server):
        while True:
            client, _ = server.accept()
            self.calls.append(("tcp", *client.getsockname()[:2]))
            threading.Thread(target=self.talk, args=(client,), daemon=True).start()

    @staticmethod
    def talk(client):
        """HTTP enough for urllib; a first line "echo" sends all back."""
        with client:
            try:
                head = client.recv(65536)
                if head.startswith(b"GET"):
                    client.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")
                data = head[4:] if head.startswith(b"echo") else None
                while data is not None:
                    client.sendall(data)
                    data = client.recv(65536) or None
            except OSError:
                pass

    def serve_udp(self, server):
        while True:
            data, sender = server.recvfrom(65536)
            self.calls.append(("udp", data))
            server.sendto(data, sender)

    def answer(self, query, limit):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += query[at] + 1
        name, kind = ".".join(labels), int.from_bytes(query[at + 1:at + 3], "big")
        self.queries.append((name, {v: k for k, v in TYPES.items()}.get(kind, kind)))
        entry, records, owner = ZONE.get(name), [], name
        while entry and "CNAME" in entry:
            records.append(record(owner, "CNAME", entry["CNAME"]))
            owner = entry["CNAME"]
            entry = ZONE.get(owner)
        for word, values in (entry or {}).items():
            if TYPES[word] == kind:
                records += [record(owner, word, value) for value in values]
        body = b"".join(records)
        flags = 0x8180 if name in ZONE else 0x8183
        if len(body) + at + 5 > limit:
            flags, body, records = flags | 0x0200, b"", []
        return (query[:2] + flags.to_bytes(2, "big") + b"\0\1" + len(records).to_bytes(2, "big") + b"\0\0\0\0"
                + query[12:at + 5] + body)

    def serve_names(self, server):
        while True:
            query, sender = server.recvfrom(4096)
            server.sendto(self.answer(query, 400), sender)

    def serve_names_tcp(self, server):
        while True:
            client, _ = server.accept()
            with client:
                query = client.recv(4096)
                answer = self.answer(query[2:], 65536)
                client.sendall(len(answer).to_bytes(2, "big") + answer)

    def clear(self):
        self.calls.clear()
        self.queries.clear()
