# SPDX-License-Identifier: Apache-2.0
"""Limits of time, and what a run is said to have used. It measures: nothing else may run beside it."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import PLACE, descendants, main, read  # noqa: E402
from limited import BOTH, CGROUP, PATIENCE, Limited, needs_cgroup  # noqa: E402

BURN = "import os, time\ndef burn(s):\n    end = time.process_time() + s\n    while time.process_time() < end: pass\n"


class Time(Limited):
    def test_one_process(self):
        for prompt in BOTH:
            for before in ("", "import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)\n"):
                done, result = self.code(before + "while True: pass", options=("--time", "1s"), prompt=prompt)
                self.assertEqual((done.returncode, result["exit_code"], result["reason"]), (124, 124, "timeout"))
                # An rlimit is counted in ticks, roughly: a process that shares its processor may have less.
                self.assertGreaterEqual(result["cpu_ms"], 1000 if CGROUP else 300)
                self.assertLess(result["cpu_ms"], 2000 if CGROUP else 2600)

    @needs_cgroup
    def test_all_processes_together(self):
        text = "import os\nfor i in range(3): os.fork()\nwhile True: pass\n"
        for prompt in BOTH:
            _, result = self.ended(self.code(text, options=("--time", "1s"), prompt=prompt), 124, "timeout")
            self.assertGreaterEqual(result["cpu_ms"], 1000)
            self.assertLess(result["cpu_ms"], 2000)

    @needs_cgroup
    def test_half_a_processor(self):
        """Two busy processes; what they get in two seconds, as the kernel counted it."""
        for prompt in BOTH:
            _, result = self.ended(self.code("import os\nos.fork()\nwhile True: pass\n",
                                             options=("--cpus", "0.5", "--wall-time", "2s"), prompt=prompt), 124, "timeout")
            self.assertLess(result["cpu_ms"], 0.6 * result["wall_ms"])
            self.assertGreater(result["cpu_ms"], 0.1 * result["wall_ms"])

    def test_wall_time_and_a_daemon(self):
        """It ignores what would end it politely, and leaves its session and its parent."""
        text = ("import os, signal, time\n"
                "for s in range(1, 65):\n"
                "    if s not in (9, 19, 32, 33): signal.signal(s, signal.SIG_IGN)\n"
                "if os.fork() == 0:\n"
                "    os.setsid()\n"
                "    if os.fork() == 0:\n"
                "        print('up', flush=True)\n"
                "        while True: time.sleep(10)\n"
                "    os._exit(0)\n"
                "while True: time.sleep(10)\n")
        for prompt in BOTH:
            app = self.start(text, options=("--wall-time", f"{2 * PATIENCE}s"), prompt=prompt)
            self.assertEqual(app.stdout.readline(), "up\n")
            inside = descendants(app.pid)
            app.communicate(timeout=30)
            self.assertEqual(app.returncode, 124)
            self.wait_until(lambda: not any(os.path.exists(f"/proc/{pid}/exe") for pid in inside), "processes are left")


class Figures(Limited):
    """What the run used: within a fifth, and 100 ms or 16 MiB, of what it was made to use."""

    def start_ms(self):
        """Of an interpreter that does nothing."""
        return self.code(BURN)[1]["cpu_ms"]

    def near(self, value, expected, slack):
        self.assertLess(abs(value - expected), expected / 5 + slack, f"{value}, not {expected}")

    def test_as_time_measures_it(self):
        text = BURN + ("x = b'x' * (150 << 20)\nburn(0.4)\n"
                       "if not os.fork(): burn(0.4); os._exit(0)\nos.wait()\n")
        subprocess.run(["/usr/bin/time", "-f", "%U %S %M", "-o", PLACE + "/time", "python3", "-c", text], check=True)
        user, system, kib = read(PLACE + "/time").split()
        for prompt in BOTH:
            for options in ((), ("--memory", "1G")) if CGROUP else ((),):
                _, result = self.ended(self.code(text, options=options, prompt=prompt), 0, "exited")
                self.near(result["cpu_ms"], (float(user) + float(system)) * 1000, 100)
                self.near(result["memory_bytes"], int(kib) << 10, 16 << 20)

    def test_processes_that_nobody_waited_for(self):
        """An orphan that has ended, and one that is killed with the program."""
        text = BURN + ("r, w = os.pipe()\n"
                       "if not os.fork():\n"
                       "    if not os.fork(): burn(0.3); os._exit(0)\n"
                       "    if not os.fork(): burn(0.3); os.write(w, b'1'); time.sleep(1000)\n"
                       "    os._exit(0)\n"
                       "os.wait(); os.read(r, 1)\n")
        for prompt in BOTH:
            _, result = self.ended(self.code(text, prompt=prompt), 0, "exited")
            self.assertGreaterEqual(result["cpu_ms"], 300)
            _, result = self.ended(self.code(text + "time.sleep(1000)", options=("--wall-time", f"{3 * PATIENCE}s"), prompt=prompt),
                                   124, "timeout")
            self.near(result["cpu_ms"], self.start_ms() + 600, 100)

    @needs_cgroup
    def test_processes_that_are_not_counted_otherwise(self):
        text = BURN + ("import signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
                       "if not os.fork(): burn(0.5); os._exit(0)\n"
                       "try: os.wait()\nexcept ChildProcessError: pass\n")
        _, result = self.ended(self.code(text, options=("--time", "20s")), 0, "exited")
        self.near(result["cpu_ms"], self.start_ms() + 500, 100)


main()
