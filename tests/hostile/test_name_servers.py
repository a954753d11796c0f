# SPDX-License-Identifier: Apache-2.0
"""Name servers that lie, race, loop, cut, drip or say nothing (N14): nothing of it opens an
address, every look-up comes back, and the honest answer beside it is still found."""
import os
import socket
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import host_net  # noqa: E402

host_net.enter()

from host_net import OTHER, PUBLIC, TRY, TYPES, encode, record  # noqa: E402
from lab import CALL, PLACE, Attack, main, write  # noqa: E402

HOST = host_net.Host(PLACE)
SERVER, STRANGER = "127.0.0.2", "127.0.0.3"
EVIL = OTHER
CUT = 0x0200
ADDRESSES_MAX = 32  # src/transport/dns_message.h


def read_query(query):
    """The name, its type, and the question as it stands in the message."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
        at += query[at] + 1
    return ".".join(labels), int.from_bytes(query[at + 1:at + 3], "big"), query[12:at + 5]


def answer(query, *records, flags=0x8180, question=None, number=None):
    _, _, own = read_query(query)
    head = (number or query[:2]) + flags.to_bytes(2, "big") + b"\0\1" + len(records).to_bytes(2, "big") + bytes(4)
    return head + (question or own) + b"".join(records)


class Liar:
    """Answers by UDP and TCP, each name in its own way."""

    def __init__(self):
        self.asked = []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((SERVER, 53))
        self.stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.stranger.bind((STRANGER, 53))
        self.tcp = socket.create_server((SERVER, 53), backlog=64)
        self.held = []
        for serve in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def serve_udp(self):
        while True:
            query, who = self.udp.recvfrom(4096)
            name, kind, _ = read_query(query)
            self.asked.append(name)
            if kind != TYPES["A"]:
                self.udp.sendto(answer(query), who)
                continue
            way = getattr(self, name.split(".")[0], None)
            if way:
                way(query, name, who)

    def serve_tcp(self):
        while True:
            client, _ = self.tcp.accept()
            client.settimeout(20)
            query = client.recv(4096)[2:]
            name, _, _ = read_query(query)
            self.held.append(client)
            getattr(self, name.split(".")[0] + "_tcp")(query, name, client)

    def good(self, query, name, who):
        self.udp.sendto(answer(query, record(name, "A", PUBLIC)), who)

    def wrongid(self, query, name, who):
        """Not so many that a socket's buffer is full before the honest one."""
        for n in range(64):
            number = bytes([query[0] ^ 1, n])
            self.udp.sendto(answer(query, record(name, "A", EVIL), number=number), who)
        self.good(query, name, who)

    def elsewhere(self, query, name, who):
        self.stranger.sendto(answer(query, record(name, "A", EVIL)), who)
        self.good(query, name, who)

    def otherquestion(self, query, name, who):
        question = encode("evil.example.org") + b"\0\1\0\1"
        self.udp.sendto(answer(query, record("evil.example.org", "A", EVIL), question=question), who)
        self.good(query, name, who)

    def isquery(self, query, name, who):
        self.udp.sendto(answer(query, record(name, "A", EVIL), flags=0x0100), who)
        self.good(query, name, who)

    def extra(self, query, name, who):
        """Records of other names beside its own."""
        self.udp.sendto(answer(query, record("good.example.org", "A", EVIL), record(name, "A", PUBLIC),
                               record("bank.example.org", "A", EVIL)), who)

    def late(self, query, name, who):
        """The second try gets an answer."""
        if self.asked.count(name) > 1:
            self.good(query, name, who)

    def loop(self, query, name, who):
        self.udp.sendto(answer(query, *[record(a, "CNAME", b) for a, b in ((name, "b.org"), ("b.org", name)) * 10],
                               record(name, "A", EVIL)), who)

    def itself(self, query, name, who):
        self.udp.sendto(answer(query, record(name, "CNAME", name)), who)

    def pointer(self, query, name, who):
        """Its owner is a pointer to itself."""
        at = len(answer(query))
        self.udp.sendto(answer(query, bytes([0xc0 | at >> 8, at & 255]) + record("", "A", EVIL)[1:]), who)

    def short(self, query, name, who):
        """Less than it says, everywhere."""
        whole = answer(query, record(name, "A", EVIL))
        for size in range(len(whole)):
            self.udp.sendto(whole[:size], who)

    def servfail(self, query, name, who):
        self.udp.sendto(answer(query, flags=0x8182), who)

    def silent(self, query, name, who):
        pass

    def cut(self, query, name, who):
        self.udp.sendto(answer(query, flags=0x8180 | CUT), who)

    drip = hangup = unsaid = cutagain = huge = many = cut

    def cut_tcp(self, query, name, client):
        whole = answer(query, record(name, "A", PUBLIC))
        client.sendall(len(whole).to_bytes(2, "big") + whole)

    def cutagain_tcp(self, query, name, client):
        whole = answer(query, flags=0x8180 | CUT)
        client.sendall(len(whole).to_bytes(2, "big") + whole)

    def drip_tcp(self, query, name, client):
        client.sendall(b"\1\0" + query[:2])

    def hangup_tcp(self, query, name, client):
        client.sendall(b"\1\0\0")
        client.close()

    def unsaid_tcp(self, query, name, client):
        """More than it said."""
        whole = answer(query, record(name, "A", EVIL))
        client.sendall((len(whole) - 4).to_bytes(2, "big") + whole)

    def many_tcp(self, query, name, client):
        whole = answer(query, *[record(name, "A", f"1.2.4.{i}") for i in range(250)])
        client.sendall(len(whole).to_bytes(2, "big") + whole)

    def huge_tcp(self, query, name, client):
        threading.Thread(target=self.pour, args=(client,), daemon=True).start()

    @staticmethod
    def pour(client):
        try:
            client.sendall(b"\xff\xff" + bytes(1 << 20))
        except OSError:
            pass


LIAR = Liar()
TAKEN = ("good", "wrongid", "elsewhere", "otherquestion", "isquery", "extra", "late", "cut")
REFUSED = ("loop", "itself", "pointer", "short", "servfail", "silent", "drip", "hangup", "unsaid", "cutagain", "huge")


class NameServers(Attack):
    def setUp(self):
        super().setUp()
        LIAR.asked.clear()
        HOST.clear()
        write(PLACE + "/_etc_resolv.conf", f"nameserver {SERVER}\n")  # bound where the host's was

    def say(self, code, *options):
        done = self.run_app("python3", "-c", CALL + TRY + "import concurrent.futures as f\n" + code, prompt="never",
                            options=("--allow-host", "*.example.org", *options), timeout=90)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def test_every_look_up_comes_back_with_what_is_true_or_nothing(self):
        code = (f"names = {TAKEN + REFUSED!r}\n"
                "with f.ThreadPoolExecutor(40) as pool:\n"
                "    for n, got in zip(names, pool.map(lambda n: name(n + '.example.org', socket.AF_INET), names)):\n"
                "        print(n, got)\n"
                f"print(tcp('{PUBLIC}'), tcp('{EVIL}'))\n")
        *said, last = self.say(code)
        got = dict(line.split(" ", 1) for line in said)
        self.assertEqual({n: got[n] for n in TAKEN}, {n: PUBLIC for n in TAKEN})
        self.assertFalse([n for n in REFUSED if got[n][:1].isdigit()], got)
        self.assertEqual(last, "200 EACCES")
        self.assertNotIn(EVIL, {call[1] for call in HOST.calls})

    def test_of_too_many_addresses_some_are_used(self):
        code = ("got = name('many.example.org', socket.AF_INET).split(',')\n"
                "print(len(got), {a.rpartition('.')[0] for a in got})\n")
        self.assertEqual(self.say(code), [f"{ADDRESSES_MAX} {{'1.2.4'}}"])

    def test_silence_is_kept_apart(self):
        """Look-ups that wait do not keep others out, but for so many at once; then they are free."""
        code = ("with f.ThreadPoolExecutor(80) as pool:\n"
                "    all = [pool.submit(name, f'silent.n{i}.example.org', socket.AF_INET) for i in range(40)]\n"
                "    print(name('good.example.org', socket.AF_INET))\n"
                "    all += [pool.submit(name, f'silent.m{i}.example.org', socket.AF_INET) for i in range(40)]\n"
                "    print({a.result()[:1].isdigit() for a in all})\n"
                "print(name('good.example.org', socket.AF_INET))\n")
        self.assertEqual(self.say(code, "--env", "RES_OPTIONS=attempts:1 timeout:20"), [PUBLIC, "{False}", PUBLIC])


main()
