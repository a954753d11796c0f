# SPDX-License-Identifier: Apache-2.0
"""Packages signed here and verified by osslsigncode, and the other way round."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import main  # noqa: E402
from signed import DIR, KEYS, PUBLISHER, SIGNER, Packages, issue  # noqa: E402


def capable_osslsigncode():
    """Support of MSIX came after 2.5. Returns why it cannot be used, or None."""
    path = shutil.which("osslsigncode")
    if not path:
        return "there is no osslsigncode"
    text = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    words = text.split()
    version = words[1].rstrip(",") if len(words) > 1 else "0"
    parts = [int(p) for p in version.split(".")[:2] if p.isdigit()]
    return None if parts >= [2, 6] else f"osslsigncode {version} knows no MSIX (2.6 does)"


class Interop(Packages):
    def osslsigncode(self, *words):
        done = subprocess.run(["osslsigncode", *words], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_osslsigncode_verifies_what_appsilo_signs(self):
        self.sign()
        said = self.osslsigncode("verify", "-CAfile", KEYS + "/root.pem", "-in", self.package)
        self.assertIn("Signature verification: ok", said)

    def test_osslsigncode_verifies_a_self_made_certificate(self):
        os.makedirs(DIR + "/k")
        self.tool("cert", "new", "--subject", PUBLISHER, "-o", DIR + "/k")
        self.tool("sign", "--key", DIR + "/k/key.pem", self.package)
        said = self.osslsigncode("verify", "-CAfile", DIR + "/k/certificate.pem", "-in", self.package)
        self.assertIn("Signature verification: ok", said)

    def test_appsilo_verifies_what_osslsigncode_signs(self):
        out = DIR + "/o.msix"
        self.osslsigncode("sign", "-certs", KEYS + "/chain.pem", "-key", KEYS + "/leaf.key", "-in", self.package, "-out", out)
        self.assertEqual(self.verify(out)[0]["signature"], "untrusted")
        self.trust()
        self.assertEqual(self.verify(out)[0]["signature"], "trusted")

    def test_a_signer_who_is_not_the_publisher_is_refused_by_install(self):
        """osslsigncode does not compare the two."""
        issue("other", "/C=DE/O=Example Works/CN=Other", "root", SIGNER)
        out = DIR + "/o.msix"
        self.osslsigncode("sign", "-certs", KEYS + "/other.pem", "-key", KEYS + "/other.key", "-in", self.package, "-out", out)
        self.trust()
        done = self.tool("install", out, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("signed by CN=Other, O=Example Works, C=DE, but its manifest says Publisher=" + PUBLISHER, done.stderr)
        said = json.loads(self.tool("verify", "--json", out).stdout)
        self.assertIn("Publisher=" + PUBLISHER, said["signature_problem"])

    def test_each_replaces_the_signature_of_the_other(self):
        out = DIR + "/o.msix"
        self.osslsigncode("sign", "-certs", KEYS + "/chain.pem", "-key", KEYS + "/leaf.key", "-in", self.package, "-out", out)
        self.sign(package=out)
        self.osslsigncode("verify", "-CAfile", KEYS + "/root.pem", "-in", out)
        again = DIR + "/p.msix"
        self.osslsigncode("remove-signature", "-in", out, "-out", again)
        self.assertEqual(self.verify(again)[0]["signature"], "none")
        self.sign(package=again)
        self.trust()
        self.assertEqual(self.verify(again)[0]["signature"], "trusted")

    def test_a_stamp_by_osslsigncode_is_verified(self):
        out = DIR + "/o.msix"
        words = subprocess.run(["osslsigncode", "sign", "-certs", KEYS + "/chain.pem", "-key", KEYS + "/leaf.key",
                                "-TSA-certs", KEYS + "/clock.pem", "-TSA-key", KEYS + "/clock.key", "-in", self.package,
                                "-out", out], capture_output=True, text=True, timeout=60, check=False)
        if words.returncode != 0:
            self.skipTest("this osslsigncode makes no time stamps itself")
        self.trust("root", "--timestamp")
        self.trust()
        signature, said = self.verify(out)
        self.assertIsNotNone(signature, said)
        self.assertTrue(signature["timestamp_trusted"])
        self.assertEqual(signature["signature"], "trusted")


WITHOUT = capable_osslsigncode()
if WITHOUT:
    print("skipped: " + WITHOUT)
    sys.exit(77)
main()
