# SPDX-License-Identifier: Apache-2.0
"""data/appsilo-manifest.xsd against what the writer writes and against samples of both kinds."""
import os
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
WRITER = sys.argv.pop(1)
SCHEMA = TOP + "/data/appsilo-manifest.xsd"


class Schema(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = self.folder.name + "/AppxManifest.xml"
        subprocess.run([WRITER, self.path], check=True)
        with open(self.path, encoding="utf-8") as file:
            self.text = file.read()

    def validate(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)
        return subprocess.run(["xmllint", "--nonet", "--noout", "--schema", SCHEMA, self.path],
                              capture_output=True, text=True, check=False)

    def test_what_the_writer_writes_is_valid(self):
        done = self.validate(self.text)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_what_the_reader_refuses_is_invalid(self):
        for good, bad, named in (
                ('Version="3.11.2.65535"', 'Version="3.11.2"', "Version"),
                ('Name="Contoso.Python"', 'Name="Contoso Python"', "Name"),
                ('ProcessorArchitecture="x64"', 'ProcessorArchitecture="vax"', "vax"),
                ('Name="internetClient"', 'Name="flyToMoon"', "flyToMoon"),
                ('Executable="VFS', 'Executable="/VFS', "Executable"),
                ('Value="1GiB"', 'Value="plenty"', "plenty"),
                ('Host="10.0.0.0/8"', 'Host="a%b"', "a%b"),
                ('Path="/opt/data set"', 'Path="/home"', "/home"),
                ("<TargetDeviceFamily", "<PackageDependency", "PackageDependency"),
                ("<appsilo:Limit", "<appsilo:Wish", "Wish")):
            self.assertIn(good, self.text)
            done = self.validate(self.text.replace(good, bad, 1))
            self.assertEqual(done.returncode, 3, bad)
            self.assertIn(named, done.stderr)


unittest.main(argv=sys.argv[:1])
