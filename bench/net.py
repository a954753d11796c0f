#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The network of a sandbox side by side: throughput, round trips, connections, to a server on a
made-up public address in a network namespace of its own. No packet leaves this machine.

usage: net.py BUILD_DIR [ROUNDS]    (root; slirp4netns and pasta are optional, and so is SRT, the path of
the program of npm's @anthropic-ai/sandbox-runtime, which has an HTTP proxy and therefore no UDP)
"""
import json
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile

ADDRESS, PORT, CONNECTIONS = "1.2.3.4", 5001, 10000
COLUMNS = ("down MB/s", "up MB/s", "trip us", "connect us", "udp trip us", "opened/s")
SRT_CONNECTIONS = "200"
LIMIT_S = 150
LOAD = os.path.abspath(sys.argv[1] + "/bench/bench-net-load")


def start_server():
    for words in ("link set lo up", f"addr add {ADDRESS}/32 dev lo", "link add ext0 type veth peer name ext1",
                  "addr add 10.5.5.5/24 dev ext0", "link set ext1 up", "link set ext0 up", "route add default via 10.5.5.1"):
        subprocess.run(["ip", *words.split()], check=False, stderr=subprocess.DEVNULL)
    # Of this namespace: ports of ended connections are free at once, so that no way pays for the one before.
    for name, value in (("tcp_max_tw_buckets", "0"), ("ip_local_port_range", "1024 65535")):
        with open("/proc/sys/net/ipv4/" + name, "w") as file:
            file.write(value)
    server = subprocess.Popen([LOAD, "serve", str(PORT)], stdout=subprocess.PIPE, text=True)
    server.stdout.readline()
    return server


def why(status):
    return f"no result in {LIMIT_S} s" if status in (124, 137) else f"exit status {status}"


def slirp4netns(client):
    """The client starts once the interface is there."""
    wait = f"while ! ip route | grep -q default; do sleep 0.1; done; exec {shlex.join(client)}"
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
    def run(client):
        done = subprocess.run(["timeout", "-k", "1", str(LIMIT_S), *words, *client], stdout=subprocess.PIPE,
                              text=True, check=False, stderr=subprocess.DEVNULL)
        return done.stdout.split(), why(done.returncode)
    return run


# What the client needs of a proxy's address in the environment.
SRT_CLIENT = """
import base64, os, sys, urllib.parse
proxy = urllib.parse.urlsplit(os.environ["http_proxy"])
user = f"{urllib.parse.unquote(proxy.username)}:{urllib.parse.unquote(proxy.password)}"
os.execv(sys.argv[1], [*sys.argv[1:], str(proxy.port), base64.b64encode(user.encode()).decode()])
"""


def srt(program, place):
    """With two processes for each connection 10,000 at once are not tried."""
    settings = place + "/srt.json"
    with open(settings, "w") as file:
        json.dump({"network": {"allowedDomains": [ADDRESS], "deniedDomains": []},
                   "filesystem": {"denyRead": [], "allowWrite": [], "denyWrite": []}}, file)
    run = command(program, "--settings", settings, "-c")
    return lambda client: run([shlex.join(["python3", "-c", SRT_CLIENT, *client[:-1], SRT_CONNECTIONS])])


def main():
    if "INSIDE" not in os.environ:
        os.environ["INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    appsilo = os.path.abspath(sys.argv[1] + "/src/cli/appsilo")
    # Where the sandbox's user may read it, in a root run too.
    place = tempfile.mkdtemp(prefix="appsilo-bench-", dir="/srv")
    os.chmod(place, 0o755)
    client = [shutil.copy(LOAD, place), ADDRESS, str(PORT), str(CONNECTIONS)]
    server = start_server()
    options = ("--net", "client", "--allow-read", place, "--cwd", place, "--quiet", "--")
    ways = {"native": command(),
            "appsilo": command(appsilo, "run", "--prompt", "never", *options),
            "with broker": command(appsilo, "run", "--prompt", "exec:false", *options)}
    if shutil.which("slirp4netns"):
        ways["slirp4netns"] = slirp4netns
    if shutil.which("pasta"):
        # As root it becomes "nobody", who has no rights in this namespace, and its command never starts.
        ways["pasta"] = command("pasta", "--runas", "0:0", "--netns-only", "--config-net", "--quiet", "--")
    if "SRT" in os.environ:
        ways["srt"] = srt(os.environ["SRT"], place)
    rows, failed = {name: [] for name in ways}, {}
    for _ in range(rounds):
        for name, way in ways.items():
            values, reason = way(client)
            if len(values) < len(COLUMNS):
                failed[name] = reason
            if values:
                rows[name].append([float(value) for value in values])
    server.kill()
    server.wait()
    shutil.rmtree(place)
    print(f"{platform.release()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {rounds} rounds, medians; "
          f"{CONNECTIONS} connections at once")
    print(f"{'':14}" + "".join(f"{column:>13}" for column in COLUMNS))
    for name, values in rows.items():
        columns = [[row[i] for row in values if i < len(row)] for i in range(len(COLUMNS))]
        print(f"{name:14}" + "".join(f"{statistics.median(column):13.0f}" if column and column[0] == column[0] else f"{'-':>13}" for column in columns))
        if name in failed:
            print(f"{'':14}{name}: not all of it in each round, the last time: {failed[name]}")


main()
