# SPDX-License-Identifier: Apache-2.0
"""What make run does after the build, without a terminal: tools/run.sh in a fresh home."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import HOME, PLACE, Case, main, read, write  # noqa: E402

SCRIPT = PLACE + "/tools/run.sh"
BUILD = PLACE + "/build"
DATA = HOME + "/.local/share/appsilo"
NAME = "python%d.%d" % sys.version_info[:2]
ALIAS = f"{DATA}/aliases/{NAME}"


class MakeRun(Case):
    def setUp(self):
        super().setUp()
        os.makedirs(BUILD + "/src")
        os.symlink(PLACE + "/bin", BUILD + "/src/cli")

    def tearDown(self):
        shutil.rmtree(BUILD)

    def run_script(self, code):
        """The commands that were shown, the lines of the program itself, and all that was said."""
        done = subprocess.run([SCRIPT, BUILD], input=code, capture_output=True, text=True, timeout=300,
                              cwd=HOME + "/work", check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        shown = [line.strip()[2:].split()[1:] for line in done.stdout.splitlines() if line.startswith("   $ ")]
        return [words[0] for words in shown if words], done.stdout.split("\n\n")[-1].splitlines(), done

    def package(self):
        (one,) = json.loads(self.tool("list", "--json").stdout)
        return one

    def test_from_nothing_then_at_once_then_repaired(self):
        write(HOME + "/work/secret.txt", "secret")
        code = "import os, sys; print(os.getcwd(), sys.executable)\nos.listdir()\n"
        done = subprocess.run([SCRIPT, BUILD], input=code, capture_output=True, text=True, timeout=300,
                              cwd=HOME + "/work", check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(f"{HOME}/work /usr/bin/{NAME}\n", done.stdout)
        self.assertIn("PermissionError", done.stderr)
        for command in ("pack-python --from /usr", "cert new", "sign --key", "trust add", "install"):
            self.assertIn(f"   $ {BUILD}/src/cli/appsilo {command}", done.stdout)
        self.assertIn(f"   $ {ALIAS}\n", done.stdout)
        one, (trusted,) = self.package(), json.loads(self.tool("trust", "list", "--json").stdout)
        self.assertEqual((one["aliases"], one["problem"], one["publisher"]), ([NAME], None, "CN=appsilo development"))
        self.assertEqual(trusted["thumbprint"], one["fingerprint"])
        self.assertEqual(sorted(os.listdir(HOME + "/work")), ["secret.txt"])
        self.assertEqual(sorted(os.listdir(BUILD)), ["python", "src"])
        self.assertEqual(os.stat(DATA + "/development/key.pem").st_mode & 0o777, 0o600)

        commands, said, _ = self.run_script("print(6 * 7)\n")
        self.assertEqual((commands, said), (["uninstall", "trust", "-r"], ["42"]))

        with open(f"{one['path']}/VFS/usr/bin/{NAME}", "ab") as file:
            file.write(b"x")
        commands, said, done = self.run_script("print(6 * 7)\n")
        self.assertEqual((commands, said), (["sign", "install", "uninstall", "trust", "-r"], ["42"]))
        self.assertIn(": repaired\n", done.stdout)
        self.assertIsNone(self.package()["problem"])

        write(ALIAS, read(ALIAS).replace(PLACE, PLACE + "/moved"))
        commands, said, done = self.run_script("print(6 * 7)\n")
        self.assertEqual((commands, said), (["sign", "install", "uninstall", "trust", "-r"], ["42"]))
        self.assertIn(": already installed\n", done.stdout)
        self.assertEqual(len(json.loads(self.tool("trust", "list", "--json").stdout)), 1)


main()
