# SPDX-License-Identifier: Apache-2.0
"""Rules that a program can check: options against man pages, include arrows, file lengths."""
import json
import os
import re
import subprocess
import sys
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = sys.argv.pop(1)
RANK = {"base": 0, "isolation": 1, "network": 2, "consent": 2, "manifest": 2, "transport": 3, "stacks": 3, "carry": 4, "broker": 5, "package": 6, "profile": 6,
        "cli": 7, "server": 7, "mcp": 7, "ui": 8}
# The layers that are not below but beside: the helper enters mount namespaces.

# Commands that share a page.
SHARED = {"python": "run", "revoke": "grant", "reset": "consents"}


def sources():
    for folder, _, names in os.walk(TOP + "/src"):
        for name in names:
            if name.endswith((".c", ".h")):
                yield os.path.join(folder, name)


class Docs(unittest.TestCase):
    def test_every_option_is_in_its_man_page(self):
        listing = subprocess.run([TOOL, "help", "--options-json"], capture_output=True, check=True).stdout
        for command, options in json.loads(listing).items():
            page = f"appsilo-{SHARED.get(command, command)}.1.scd"
            if not os.path.exists(f"{TOP}/docs/man/{page}"):
                page = "appsilo.1.scd"
            with open(f"{TOP}/docs/man/{page}") as file:
                text = file.read()
            for option in options:
                self.assertIn(option, text, f"{command} {option} in {page}")

    def test_every_check_of_doctor_is_in_its_man_page(self):
        # What is missing here is told with the rest, by exit code 1.
        done = subprocess.run([TOOL, "doctor", "--json"], capture_output=True, check=False)
        with open(TOP + "/docs/man/appsilo-doctor.1.scd") as file:
            text = file.read()
        # Only root's doctor has the last one.
        names = [check["name"] for check in json.loads(done.stdout)["checks"]] + ["uid-range"]
        for name in names:
            self.assertIn(f"|  *{name}*\n", text, name)

    def test_includes_point_downward(self):
        for path in sources():
            layer = os.path.relpath(path, TOP + "/src").split("/")[0]
            with open(path) as file:
                for used in re.findall(r'#include "(\w+)/', file.read()):
                    if used in RANK:
                        self.assertLessEqual(RANK[used], RANK[layer], f"{path} includes {used}/")

    def test_files_stay_small_and_carry_the_licence(self):
        for path in sources():
            with open(path) as file:
                lines = file.readlines()
            self.assertLessEqual(len(lines), 600, path)
            self.assertIn("SPDX-License-Identifier: Apache-2.0", lines[0], path)


unittest.main(argv=sys.argv[:1])
