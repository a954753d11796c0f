# SPDX-License-Identifier: Apache-2.0
"""Packages signed and verified, with keys, certificates and time stamps made by openssl."""
import json
import os
import shutil
import subprocess
import sys
import zipfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, PLACE, main, read, write  # noqa: E402
from signed import AUTHORITY, DIR, KEYS, PUBLISHER, SIGNER, Packages, issue, openssl, put_signature, read_bytes, with_token  # noqa: E402


class Signed(Packages):
    def test_a_signed_package_is_good_for_who_trusts_its_signer(self):
        self.assertEqual(self.verify()[0]["signature"], "none")
        self.sign()
        signature, said = self.verify()
        self.assertEqual((signature["signature"], signature["signer"]), ("untrusted", PUBLISHER))
        self.assertIn("appsilo trust add", said)
        self.assertIn(signature["thumbprint"], said)
        self.trust()
        self.assertEqual(self.tool("verify", self.package).returncode, 0)
        self.assertEqual(self.verify()[0]["signature"], "trusted")

    def test_signing_changes_only_the_signature(self):
        before = zipfile.ZipFile(self.package)
        self.sign()
        after = zipfile.ZipFile(self.package)
        self.assertEqual(after.namelist(), before.namelist() + ["AppxSignature.p7x"])
        for name in before.namelist():
            self.assertEqual(before.read(name), after.read(name), name)
        self.assertEqual(after.read("AppxSignature.p7x")[:4], b"PKCX")

    def test_a_second_signature_takes_the_place_of_the_first(self):
        self.sign()
        first = read_bytes(self.package)
        done = json.loads(self.sign("--json").stdout)
        self.assertTrue(done["replaced"])
        self.assertEqual(read_bytes(self.package), first)
        os.makedirs(DIR + "/k")
        self.tool("cert", "new", "--subject", PUBLISHER, "-o", DIR + "/k")
        self.tool("sign", "--key", DIR + "/k/key.pem", self.package)
        self.assertEqual(zipfile.ZipFile(self.package).namelist().count("AppxSignature.p7x"), 1)
        self.tool("trust", "add", DIR + "/k/certificate.pem")
        self.assertEqual(self.verify()[0]["signature"], "trusted")

    def test_a_key_in_pkcs12_signs(self):
        openssl("pkcs12", "-export", "-inkey", "leaf.key", "-in", "leaf.pem", "-certfile", "middle.pem", "-out",
                DIR + "/leaf.pfx", "-passout", "pass:horse")
        reader, writer = os.pipe()
        os.write(writer, b"horse\n")
        os.close(writer)
        subprocess.run([APPSILO, "sign", "--key", DIR + "/leaf.pfx", "--pass-fd", str(reader), self.package],
                       pass_fds=[reader], check=True, capture_output=True, timeout=60)
        os.close(reader)
        self.trust()
        self.assertEqual(self.verify()[0]["signature"], "trusted")

    def assertNotSigned(self, done, because):
        self.assertEqual(done.returncode, 1)
        self.assertIn(because, done.stderr)
        self.assertEqual(read_bytes(self.package), read_bytes(PLACE + "/unsigned.msix"))
        self.assertEqual([n for n in os.listdir(DIR) if "a.msix" in n], ["a.msix"])

    def test_another_publisher_is_refused_with_what_to_do(self):
        os.makedirs(DIR + "/k")
        self.tool("cert", "new", "--subject", "CN=Somebody", "-o", DIR + "/k")
        done = self.tool("sign", "--key", DIR + "/k/key.pem", self.package, check=False)
        self.assertNotSigned(done, "Publisher=" + PUBLISHER)
        self.assertIn("CN=Somebody", done.stderr)
        self.assertIn("appsilo cert new --subject", done.stderr)

    def test_certificates_that_will_not_do_are_refused(self):
        issue("web", "/C=DE/O=Example Works/CN=Example", "middle", SIGNER.replace("codeSigning", "serverAuth"))
        issue("ca", "/C=DE/O=Example Works/CN=Example", "root", AUTHORITY.replace("=critical,key", "=critical,digitalSignature,key") +
              "extendedKeyUsage=codeSigning\n")
        for name, because in (("web", "not for code signing"), ("ca", "an authority's"), ("root", "no certificate in")):
            done = self.tool("sign", "--key", KEYS + "/web.key" if name == "root" else f"{KEYS}/{name}.key", "--cert",
                             f"{KEYS}/{name}.pem", self.package, check=False)
            self.assertNotSigned(done, because)

    def test_a_chain_with_a_stranger_in_it_is_refused(self):
        write(DIR + "/odd.pem", read(KEYS + "/leaf.pem") + read(KEYS + "/clock.pem"))
        done = self.tool("sign", "--key", KEYS + "/leaf.key", "--cert", DIR + "/odd.pem", self.package, check=False)
        self.assertNotSigned(done, "has no part in the signature")

    def test_a_damaged_package_is_not_signed(self):
        with open(self.package, "r+b") as file:
            file.seek(60_000)
            byte = file.read(1)[0]
            file.seek(60_000)
            file.write(bytes([byte ^ 1]))
        damaged = read_bytes(self.package)
        done = self.sign(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(read_bytes(self.package), damaged)
        self.assertEqual(os.listdir(DIR), ["a.msix"])

    def test_a_link_stays_one_and_modes_stay(self):
        os.chmod(self.package, 0o640)
        os.symlink("a.msix", DIR + "/link.msix")
        self.sign(package=DIR + "/link.msix")
        self.assertTrue(os.path.islink(DIR + "/link.msix"))
        self.assertEqual(os.stat(self.package).st_mode & 0o777, 0o640)
        self.assertNotEqual(self.verify()[0]["signature"], "none")

    def test_a_folder_that_cannot_be_written_is_an_error_and_changes_nothing(self):
        if os.geteuid() == 0:
            self.skipTest("root may write everywhere")
        os.chmod(DIR, 0o555)
        try:
            self.assertNotSigned(self.sign(check=False), "not signed")
        finally:
            os.chmod(DIR, 0o755)

    def test_a_key_that_others_can_read_is_pointed_out(self):
        shutil.copy(KEYS + "/leaf.key", DIR + "/open.key")
        os.chmod(DIR + "/open.key", 0o644)
        done = self.tool("sign", "--key", DIR + "/open.key", "--cert", KEYS + "/chain.pem", self.package)
        self.assertIn("chmod 600", done.stderr)

    def test_a_signature_of_another_package_is_refused(self):
        tree = DIR + "/tree"
        shutil.copytree(PLACE + "/tree", tree)
        write(tree + "/more.txt", "more")
        self.tool("pack", tree, "-o", DIR + "/b.msix")
        self.sign(package=DIR + "/b.msix")
        self.sign()
        foreign = zipfile.ZipFile(DIR + "/b.msix").read("AppxSignature.p7x")
        own = zipfile.ZipFile(self.package).read("AppxSignature.p7x")
        self.assertEqual(len(foreign), len(own))
        whole = read_bytes(self.package)
        packed = zipfile.ZipFile(self.package).getinfo("AppxSignature.p7x")
        self.assertEqual(packed.filename, "AppxSignature.p7x")
        with zipfile.ZipFile(self.package) as old, zipfile.ZipFile(DIR + "/c.msix", "w") as new:
            for info in old.infolist():
                new.writestr(info, foreign if info.filename == "AppxSignature.p7x" else old.read(info))
        signature, said = self.verify(DIR + "/c.msix")
        self.assertIsNone(signature, said)
        self.assertEqual(read_bytes(self.package), whole)

    def test_a_time_stamp_by_openssl_is_verified(self):
        """The token is made by `openssl ts` over the signature value and put in by the test."""
        self.sign()
        der = zipfile.ZipFile(self.package).read("AppxSignature.p7x")[4:]
        write(DIR + "/signature.bin", der[-256:], "wb")
        write(KEYS + "/ts.cnf", "[ts]\nserial=" + DIR + "/serial\nsigner_digest=sha256\ndefault_policy=1.2.3\n"
              "digests=sha256\ness_cert_id_alg=sha256\n")
        write(DIR + "/serial", "01\n")
        openssl("ts", "-query", "-data", DIR + "/signature.bin", "-sha256", "-cert", "-out", DIR + "/q.tsq")
        openssl("ts", "-reply", "-config", KEYS + "/ts.cnf", "-section", "ts", "-queryfile", DIR + "/q.tsq", "-signer",
                "clock.pem", "-inkey", "clock.key", "-token_out", "-out", DIR + "/token")
        stamped = with_token(der, read_bytes(DIR + "/token"))
        signature, said = self.verify(self.with_signature(b"PKCX" + stamped))
        self.assertIsNotNone(signature, said)
        self.assertEqual(signature["timestamper"], "CN=Example Clock")
        self.assertFalse(signature["timestamp_trusted"])
        self.trust("root", "--timestamp")
        self.assertTrue(self.verify(DIR + "/stamped.msix")[0]["timestamp_trusted"])
        # A stamp of another signature.
        write(DIR + "/signature.bin", b"x" * 256, "wb")
        openssl("ts", "-query", "-data", DIR + "/signature.bin", "-sha256", "-cert", "-out", DIR + "/q.tsq")
        openssl("ts", "-reply", "-config", KEYS + "/ts.cnf", "-section", "ts", "-queryfile", DIR + "/q.tsq", "-signer",
                "clock.pem", "-inkey", "clock.key", "-token_out", "-out", DIR + "/token")
        signature, said = self.verify(self.with_signature(b"PKCX" + with_token(der, read_bytes(DIR + "/token"))))
        self.assertIsNone(signature)
        self.assertIn("it is of another signature", said)

    def assertNotInstalled(self, package, *because):
        done = self.tool("install", package, check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        for words in because:
            self.assertIn(words, done.stderr)
        self.assertEqual(json.loads(self.tool("list", "--json").stdout), [])
        folder = HOME + "/.local/share/appsilo/packages"
        self.assertEqual(os.listdir(folder) if os.path.exists(folder) else [], [])

    def test_only_a_package_of_a_trusted_signer_is_installed(self):
        self.assertNotInstalled(self.package, "is not signed", "appsilo sign")
        self.sign()
        self.assertNotInstalled(self.package, PUBLISHER, "not trusted", "appsilo trust add")
        self.trust()
        self.tool("install", self.package)
        (one,) = json.loads(self.tool("list", "--json").stdout)
        self.assertEqual(one["publisher"] if "publisher" in one else PUBLISHER, PUBLISHER)

    def test_a_package_of_another_publisher_is_not_installed(self):
        """Signed by a tool that does not compare: a signature made for this package by a stranger to it."""
        issue("other", "/C=DE/O=Example Works/CN=Other", "middle", SIGNER)
        tree = DIR + "/tree"
        shutil.copytree(PLACE + "/tree", tree)
        manifest = read(tree + "/AppxManifest.xml")
        write(tree + "/AppxManifest.xml", manifest.replace("CN=Example,", "CN=Other,"))
        write(DIR + "/chain.pem", read(KEYS + "/other.pem") + read(KEYS + "/middle.pem"))
        self.tool("pack", tree, "-o", DIR + "/b.msix")
        self.tool("sign", "--key", KEYS + "/other.key", "--cert", DIR + "/chain.pem", DIR + "/b.msix")
        self.sign()
        self.trust()
        mixed = put_signature(self.package, DIR + "/c.msix", zipfile.ZipFile(DIR + "/b.msix").read("AppxSignature.p7x"))
        self.assertNotInstalled(mixed, "signed for a package with other content")

    def test_the_names_that_are_not_given_agree(self):
        os.makedirs(DIR + "/k")
        self.tool("pack-command", "/usr/bin/true", "-o", DIR + "/true.msix")
        self.tool("cert", "new", "-o", DIR + "/k")
        self.tool("sign", "--key", DIR + "/k/key.pem", DIR + "/true.msix")
        self.tool("trust", "add", DIR + "/k/certificate.pem")
        self.tool("install", DIR + "/true.msix")

    def test_bytes_after_the_signature_are_refused(self):
        self.sign()
        p7x = zipfile.ZipFile(self.package).read("AppxSignature.p7x")
        signature, said = self.verify(self.with_signature(p7x + b"\0"))
        self.assertIsNone(signature)
        self.assertIn("bytes after the end", said)
        self.trust()
        self.assertNotInstalled(DIR + "/stamped.msix", "bytes after the end")

    def with_signature(self, p7x):
        """The package with another signature in it, written by this test's own zip code."""
        return put_signature(self.package, DIR + "/stamped.msix", p7x)


main()
