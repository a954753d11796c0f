# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and its like while a package is made: nothing is left, one line, 128+N."""
import glob
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import msix_maker as maker  # noqa: E402
from common import APPSILO, HOME, PLACE, Case, main, write  # noqa: E402

TEMPORARY = PLACE + "/tmp"
OUT = PLACE + "/out"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupt(Case):
    def setUp(self):
        super().setUp()
        for folder in (TEMPORARY, OUT):
            shutil.rmtree(folder, ignore_errors=True)
            os.mkdir(folder)

    def start(self, *words, ignored=()):
        def ignore():
            for number in SIGNALS:  # whatever those who started this test ignore
                signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
        # pylint: disable=subprocess-popen-preexec-fn
        return subprocess.Popen([APPSILO, *words], cwd=HOME, env={**os.environ, "TMPDIR": TEMPORARY},
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                preexec_fn=ignore, start_new_session=True)

    def interrupt(self, process, number, there, send=os.killpg):
        """When @there matches a name, send the signal; nothing may stay."""
        self.wait_until(lambda: glob.glob(there, recursive=True) or process.poll() is not None,
                        there, 120)
        self.assertIsNone(process.poll(), "ended before it could be interrupted")
        send(process.pid, number)  # a terminal sends it to what was started too
        out, said = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out), (128 + number, ""), said)
        self.assertEqual(said.count("\n"), 1, said)
        self.assertRegex(said, r"^appsilo: \S+: interrupted")
        self.assertEqual(os.listdir(TEMPORARY), [])
        self.assertEqual(os.listdir(OUT), [])

    def large_tree(self):
        tree = PLACE + "/large"
        write(tree + "/AppxManifest.xml", maker.MANIFEST, "wb")
        with open(tree + "/zeros", "wb") as file:
            file.truncate(1 << 30)
        return tree

    def test_pack(self):
        tree = self.large_tree()
        for number in SIGNALS:
            self.interrupt(self.start("pack", tree, "-o", OUT + "/x.msix"), number, OUT + "/x.msix.new-*")

    def test_unpack(self):
        self.tool("pack", self.large_tree(), "-o", PLACE + "/large.msix")
        for number in SIGNALS:
            process = self.start("unpack", "--max-size", "2000000000", PLACE + "/large.msix", OUT + "/x")
            self.interrupt(process, number, OUT + "/*/zeros")

    def test_a_package_that_was_there_stays(self):
        write(PLACE + "/kept/x.msix", "the one before")
        process = self.start("pack", self.large_tree(), "-o", PLACE + "/kept/x.msix")
        self.interrupt(process, signal.SIGINT, PLACE + "/kept/x.msix.new-*")
        self.assertEqual(os.listdir(PLACE + "/kept"), ["x.msix"])
        with open(PLACE + "/kept/x.msix") as file:
            self.assertEqual(file.read(), "the one before")

    def test_what_is_ignored_stays_ignored(self):
        process = self.start("pack", self.large_tree(), "-o", OUT + "/x.msix", ignored=[signal.SIGHUP])
        self.wait_until(lambda: glob.glob(OUT + "/*"), "no package begun")
        process.send_signal(signal.SIGHUP)
        _, said = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, said)
        self.assertEqual(os.listdir(OUT), ["x.msix"])

    def test_pack_python_while_it_copies(self):
        for number in SIGNALS:
            process = self.start("pack-python", "--from", "/usr", "-o", OUT + "/x.msix")
            self.interrupt(process, number, TEMPORARY + "/appsilo-pack-*/**/*.py")

    def test_pack_python_while_it_compiles(self):
        for number in SIGNALS:
            process = self.start("pack-python", "--from", "/usr", "-o", OUT + "/x.msix")
            self.interrupt(process, number, TEMPORARY + "/appsilo-pack-*/**/__pycache__")

    def test_pack_python_alone_gets_the_signal_while_it_compiles(self):
        process = self.start("pack-python", "--from", "/usr", "-o", OUT + "/x.msix")
        self.interrupt(process, signal.SIGTERM, TEMPORARY + "/appsilo-pack-*/**/__pycache__", os.kill)

    def test_pack_python_to_a_stage(self):
        process = self.start("pack-python", "--from", "/usr", "--stage", OUT + "/stage")
        self.interrupt(process, signal.SIGTERM, OUT + "/stage/**/*.py")

    def test_pack_command(self):
        library = "/usr/lib/python%d.%d" % sys.version_info[:2]
        for number in SIGNALS:
            process = self.start("pack-command", "/usr/bin/python3", "--add", library,
                                 "-o", OUT + "/x.msix")
            self.interrupt(process, number, TEMPORARY + "/appsilo-pack-*/**/*.py")


main()
