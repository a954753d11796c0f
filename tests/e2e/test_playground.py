# SPDX-License-Identifier: Apache-2.0
"""The playground, used in Chromium as a person does: tests/node/playground.mjs types, this judges what was seen."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import PLACE, main  # noqa: E402
from serving import ServeCase  # noqa: E402

MODULES = PLACE + "/tests/node/node_modules"
PICTURES = os.environ.get("APPSILO_PICTURES", PLACE)


@unittest.skipUnless(os.path.exists("/usr/bin/chromium"), "no Chromium: tools/setup.sh web installs it")
@unittest.skipUnless(os.path.exists(MODULES + "/playwright-core"), "no npm modules: tools/setup.sh installs them where npm is")
class Playground(ServeCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        done = subprocess.run(["node", PLACE + "/tests/node/playground.mjs", f"http://127.0.0.1:{cls.server.port}/", MODULES, PICTURES],
                              capture_output=True, text=True, timeout=240, check=False)
        if done.returncode:
            raise AssertionError(done.stderr)
        cls.seen = json.loads(done.stdout)

    def test_nothing_from_elsewhere_and_no_error(self):
        self.assertEqual(self.seen["problems"], [])

    def test_the_editor_indents_colours_and_lets_go(self):
        if not self.seen["editor"]:
            self.skipTest("built without npm modules")
        self.assertEqual(self.seen["typed"], "def f():\n    return 6 * 7\nif f():\n    print(f())")
        self.assertGreater(self.seen["colours"], 3)
        self.assertEqual(self.seen["left"], "run")
        self.assertEqual(self.seen["first"]["output"], "42\n")

    def test_input_output_errors_and_how_it_ended(self):
        self.assertEqual(self.seen["input"]["output"], "hello ada\n")
        self.assertRegex(self.seen["input"]["status"], r"^exit code 0 · \d+ ms · \d+ ms of processor · [\d.]+ MiB$")
        self.assertIn("ZeroDivisionError", self.seen["error"]["output"])
        self.assertIn("exit code 1", self.seen["error"]["status"])
        self.assertIn("10 s, 512 MiB of memory", self.seen["limits"])
        self.assertIn("python", self.seen["languages"])

    def test_lines_are_typed_while_the_program_waits(self):
        self.assertEqual(self.seen["line"], "line")
        self.assertEqual(self.seen["talk"]["output"], "name? ada <b>\nhello ada <b>\nrest\n5\n")
        self.assertRegex(self.seen["talk"]["status"], "^exit code 0 ")
        self.assertFalse(self.seen["talk"]["line"])

    def test_what_is_printed_is_text(self):
        self.assertEqual(self.seen["markup"]["output"], "<img src=x onerror=alert(1)><b>bold</b>\n")
        self.assertEqual(self.seen["elements"], 0)

    def test_a_figure_is_shown(self):
        self.assertEqual(self.seen["image"], [["figure-1.png", 1]])

    def test_an_endless_loop_is_shown_as_it_runs_and_stopped(self):
        self.assertEqual(self.seen["while"], "running")
        self.assertEqual(self.seen["goes_on"][1], False)
        self.assertEqual(self.seen["stopped"], "stopped")
        self.wait_until(lambda: self.server.metric("appsilo_runs_running") == 0, "the run goes on")

    def test_accessible_and_no_wider_than_a_phone(self):
        self.assertEqual(self.seen["accessible"], {"light": [], "dark": [], "phone": []})
        self.assertEqual(self.seen["wide"], 0)


if __name__ == "__main__":
    main()
