# SPDX-License-Identifier: Apache-2.0
"""Runs with limits, and what --result says of them."""
import json
import os
import subprocess
import unittest

from common import APPSILO, HOME, PLACE, Case, read

RESULT = PLACE + "/result.json"
BIN = PLACE + "/bin"
BOTH = ("never", None)  # server mode; a prompting run
PATIENCE = int(os.environ.get("APPSILO_SOAK_PATIENCE", "1"))  # where a start takes seconds: tools/vm.sh


def has_cgroup():
    """As doctor found it by trying."""
    done = subprocess.run([APPSILO, "doctor", "--json"], capture_output=True, check=False)
    found = {c["name"]: c["found"] for c in json.loads(done.stdout)["checks"]}
    return {found[name].split(",")[0] for name in found if name.startswith("limit-")} == {"cgroup"}


CGROUP = has_cgroup()
needs_cgroup = unittest.skipUnless(CGROUP, "no cgroup for this user here")


class Limited(Case):
    def limited(self, *command, options=(), prompt="never", **more):
        """Returns the finished run and what --result says of it."""
        options = ("--quiet", "--result", RESULT, "--allow-read", HOME, "--allow-read", BIN, *options)
        done = self.run_app(*command, options=options, prompt=prompt, **more)
        return done, json.loads(read(RESULT))

    def code(self, text, **more):
        return self.limited("python3", "-c", text, **more)

    def ended(self, outcome, code, reason, signum=None):
        done, result = outcome
        self.assertEqual((done.returncode, result["exit_code"], result["reason"], result["signal"]),
                         (code, code, reason, signum), f"{done.stderr[-500:]} {result}")
        return done, result

    def start(self, text, options=(), prompt="never", **more):
        """A run that goes on. It is killed at the end, whatever happens."""
        words = [APPSILO, "run", "--quiet", "--prompt", prompt or self.prompter(), "--allow-read", HOME, *options,
                 "--", "python3", "-c", text]
        app = subprocess.Popen(words, cwd=HOME + "/work", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, **more)

        def stop():
            app.kill()
            app.communicate(timeout=30)

        self.addCleanup(stop)
        return app
