#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The network of a sandbox side by side: throughput, round trip and connect, to a server on a
made-up public address in a network namespace of its own. No packet leaves this machine.

usage: net.py BUILD_DIR [ROUNDS]    (root; slirp4netns and pasta are optional)
"""
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading

ADDRESS, PORT = "1.2.3.4", 5001
LIMIT_S = 60  # for each way, each time
MEGABYTE = bytes(1 << 20)
CLIENT = f"""
import socket, time
def connect():
    return socket.create_connection(({ADDRESS!r}, {PORT}))
def timed(f):
    start = time.perf_counter(); f(); return time.perf_counter() - start
def median(n, f):
    return sorted(f() for _ in range(n))[n // 2] * 1e6
def down():
    c = connect(); c.send(b"d")
    while c.recv(1 << 20): pass
def up():
    c = connect(); c.send(b"u")
    for _ in range(64): c.sendall(bytes(1 << 20))
    c.shutdown(1); c.recv(1)
echo = connect(); echo.send(b"r")
def trip():
    echo.send(b"x"); echo.recv(1)
def first():
    start = time.perf_counter(); c = connect(); took = time.perf_counter() - start; c.close(); return took
print(67.1 / timed(down), 67.1 / timed(up), median(1000, lambda: timed(trip)), median(300, first))
"""


def serve(client):
    with client:
        kind = client.recv(1)
        try:
            if kind == b"d":
                for _ in range(64):
                    client.sendall(MEGABYTE)
            while kind in (b"u", b"r"):
                data = client.recv(1 << 20)
                if not data:
                    break
                if kind == b"r":
                    client.sendall(data)
        except OSError:
            pass


def start_server():
    for words in ("link set lo up", f"addr add {ADDRESS}/32 dev lo", "link add ext0 type veth peer name ext1",
                  "addr add 10.5.5.5/24 dev ext0", "link set ext1 up", "link set ext0 up", "route add default via 10.5.5.1"):
        subprocess.run(["ip", *words.split()], check=False, stderr=subprocess.DEVNULL)
    server = socket.socket()
    server.bind(("0.0.0.0", PORT))
    server.listen(128)

    def accept():
        while True:
            threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()


def why(status):
    return f"no result in {LIMIT_S} s" if status in (124, 137) else f"exit status {status}"


def slirp4netns(script):
    """The client starts once the interface is there."""
    wait = f"while ! ip route | grep -q default; do sleep 0.1; done; exec python3 {script}"
    app = subprocess.Popen(["timeout", "-k", "1", str(LIMIT_S), "unshare", "--net", "sh", "-c", f"echo $$; {wait}"],
                           stdout=subprocess.PIPE, text=True)
    net = subprocess.Popen(["slirp4netns", "--mtu=65520", "--configure", "--disable-host-loopback", app.stdout.readline().strip(), "tap0"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    out, _ = app.communicate()
    net.kill()
    net.wait()
    return out.split(), why(app.returncode)


def command(*words):
    """What it printed, and why if that is nothing."""
    def run(script):
        done = subprocess.run(["timeout", "-k", "1", str(LIMIT_S), *words, "python3", script], stdout=subprocess.PIPE,
                              text=True, check=False, stderr=subprocess.DEVNULL)
        return done.stdout.split(), why(done.returncode)
    return run


def main():
    if "INSIDE" not in os.environ:
        os.environ["INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    appsilo = os.path.abspath(sys.argv[1] + "/src/cli/appsilo")
    place = tempfile.mkdtemp(prefix="appsilo-bench-", dir="/srv")
    script = place + "/client.py"
    with open(script, "w") as file:
        file.write(CLIENT)
    os.chmod(place, 0o755)
    start_server()
    ways = {"native": command(),
            "appsilo": command(appsilo, "run", "--prompt", "never", "--net", "client", "--allow-read", place, "--")}
    if shutil.which("slirp4netns"):
        ways["slirp4netns"] = slirp4netns
    if shutil.which("pasta"):
        # As root it becomes "nobody", who has no rights in this namespace, and its command never starts.
        ways["pasta"] = command("pasta", "--runas", "0:0", "--netns-only", "--config-net", "--quiet", "--")
    rows, failed = {name: [] for name in ways}, {}
    for _ in range(rounds):
        for name, way in ways.items():
            values, reason = way(script)
            if len(values) == 4:
                rows[name].append([float(value) for value in values])
            else:
                failed[name] = reason
    shutil.rmtree(place)
    print(f"{platform.release()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {rounds} rounds, medians")
    print(f"{'':14}{'down MB/s':>12}{'up MB/s':>12}{'trip us':>12}{'connect us':>12}")
    for name, values in rows.items():
        if values:
            print(f"{name:14}" + "".join(f"{statistics.median(column):12.0f}" for column in zip(*values)))
        if name in failed:
            print(f"{name:14}{rounds - len(values)} of {rounds} rounds failed, the last with: {failed[name]}")


main()
