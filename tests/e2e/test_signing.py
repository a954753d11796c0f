# SPDX-License-Identifier: Apache-2.0
"""Certificates, keys and trust by the commands."""
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import common
from common import APPSILO, HOME, PLACE, Case

DIR = HOME + "/keys"
TRUST = HOME + "/.local/share/appsilo/trust"


def openssl(*words, **more):
    return subprocess.run(["openssl", *words], check=True, capture_output=True, **more).stdout


class Signing(Case):
    def setUp(self):
        super().setUp()
        subprocess.run(["rm", "-rf", DIR], check=True)
        os.makedirs(DIR)

    def new(self, name="a", *options):
        """A certificate in a folder of this name. Keys are slow to make: one without options is made once."""
        kept = f"{PLACE}/kept-{name}"
        if options or not os.path.exists(kept):
            os.makedirs(f"{DIR}/{name}")
            made = self.tool("cert", "new", "-o", f"{DIR}/{name}", "--json", *options).stdout
            if not options:
                shutil.copytree(f"{DIR}/{name}", kept)
                common.write(kept + ".json", made)
            return json.loads(made)
        shutil.copytree(kept, f"{DIR}/{name}")
        return json.loads(common.read(kept + ".json"))

    def with_pass(self, phrase, *words, check=True):
        """Run a command with the pass phrase on a descriptor of its own."""
        reader, writer = os.pipe()
        os.write(writer, phrase.encode() + b"\n")
        os.close(writer)
        done = subprocess.run([APPSILO, *words, "--pass-fd", str(reader)], pass_fds=[reader], check=False,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
        os.close(reader)
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def test_a_new_certificate_is_for_code_signing_and_its_key_is_private(self):
        made = self.new("a", "--subject", 'CN="Contoso, Ltd.", O=Contoso, C=DE', "--days", "30")
        self.assertEqual(made["subject"], 'CN="Contoso, Ltd.", O=Contoso, C=DE')
        self.assertTrue(made["code_signing"] and made["self_signed"])
        self.assertFalse(made["authority"])
        self.assertEqual(os.stat(made["key"]).st_mode & 0o777, 0o600)
        text = openssl("x509", "-in", made["certificate"], "-noout", "-text", text=True)
        self.assertIn("Code Signing", text)
        self.assertIn("CA:FALSE", text)
        self.assertRegex(text, r"Subject: C = DE, O = Contoso, CN = \"Contoso, Ltd.\"")
        print_ = openssl("x509", "-in", made["certificate"], "-noout", "-fingerprint", "-sha256", text=True)
        self.assertEqual(print_.split("=")[1].strip().replace(":", "").lower(), made["thumbprint"])
        openssl("verify", "-CAfile", made["certificate"], "-partial_chain", made["certificate"])

    def test_nothing_that_exists_is_overwritten(self):
        made = self.new()
        before = common.facts(made["key"])
        done = self.tool("cert", "new", "-o", f"{DIR}/a", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("stays as it is", done.stderr)
        self.assertEqual(common.facts(made["key"]), before)
        # The certificate alone is enough to refuse, and no key is left then.
        os.unlink(made["key"])
        self.assertEqual(self.tool("cert", "new", "-o", f"{DIR}/a", check=False).returncode, 1)
        self.assertFalse(os.path.exists(made["key"]))

    def test_a_pass_phrase_protects_the_key(self):
        os.makedirs(DIR + "/p")
        self.with_pass("horse", "cert", "new", "-o", DIR + "/p")
        self.assertIn("BEGIN ENCRYPTED PRIVATE KEY", common.read(DIR + "/p/key.pem"))
        openssl("pkey", "-in", DIR + "/p/key.pem", "-passin", "pass:horse", "-noout")
        os.makedirs(DIR + "/q")
        self.with_pass("horse", "cert", "new", "--pkcs12", "-o", DIR + "/q")
        openssl("pkcs12", "-in", DIR + "/q/key.pfx", "-passin", "pass:horse", "-nodes")
        self.assertFalse(os.path.exists(DIR + "/q/key.pem"))
        shown = self.with_pass("horse", "cert", "show", DIR + "/q/key.pfx")
        self.assertIn("CN=appsilo", shown.stdout)
        wrong = self.with_pass("cow", "cert", "show", DIR + "/q/key.pfx", check=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("pass phrase is wrong", wrong.stderr)
        short = self.with_pass("", "cert", "new", "-o", DIR, check=False)
        self.assertEqual(short.returncode, 1)
        self.assertEqual(sorted(os.listdir(DIR)), ["p", "q"])

    def test_a_descriptor_that_is_not_open_is_refused(self):
        for number in ("77", "x", "-1", "1x"):
            done = self.tool("cert", "new", "-o", DIR, "--pass-fd", number, check=False)
            self.assertEqual(done.returncode, 2, number)
        self.assertEqual(os.listdir(DIR), [])

    def test_without_a_terminal_the_pass_phrase_is_missed_not_read_from_input(self):
        self.with_pass("horse", "cert", "new", "--pkcs12", "-o", DIR)
        done = subprocess.run(["setsid", "-w", APPSILO, "cert", "show", DIR + "/key.pfx"], input="horse\n",
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no terminal; use --pass-fd", done.stderr)

    def on_terminal(self, words, *answers):
        """Run on a terminal of its own; give each answer when its question has come."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execv(APPSILO, [APPSILO, *words])
        text, left = b"", list(answers)
        while True:
            ready, _, _ = select.select([fd], [], [], 60)
            self.assertTrue(ready, text)
            try:
                piece = os.read(fd, 4096)
            except OSError:
                break
            if not piece:
                break
            text += piece
            if left and re.search(left[0][0], text):
                os.write(fd, left.pop(0)[1])
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()

    def test_on_a_terminal_it_is_asked_for_twice_and_not_shown(self):
        ask = ["cert", "new", "--ask-pass", "-o", DIR]
        code, text = self.on_terminal(ask, (b"Pass phrase", b"horse\n"), (b"Verifying", b"cows!\n"))
        self.assertEqual(code, 1, text)
        self.assertEqual(os.listdir(DIR), [])
        code, text = self.on_terminal(ask, (b"Pass phrase", b"horse\n"), (b"Verifying", b"horse\n"))
        self.assertEqual(code, 0, text)
        self.assertNotIn("horse", text)
        openssl("pkey", "-in", DIR + "/key.pem", "-passin", "pass:horse", "-noout")

    def test_bad_subjects_and_days_are_refused(self):
        for subject in ("Contoso", "CN=a+b", "CN=", "XX=y", "C=Germany"):
            done = self.tool("cert", "new", "-o", DIR, "--subject", subject, check=False)
            self.assertEqual(done.returncode, 1, subject)
            self.assertIn("cannot be a Publisher", done.stderr)
        for days in ("0", "-3", "3651", "ten", "99999999999"):
            self.assertNotEqual(self.tool("cert", "new", "-o", DIR, "--days", days, check=False).returncode, 0)
        self.assertEqual(os.listdir(DIR), [])

    def test_trust_is_added_listed_and_removed(self):
        made = self.new()
        self.assertIn("nobody is trusted", self.tool("trust", "list").stdout)
        self.tool("trust", "add", made["certificate"])
        self.assertEqual(os.stat(TRUST).st_mode & 0o777, 0o700)
        self.assertEqual(os.listdir(TRUST), [made["thumbprint"] + ".pem"])
        (one,) = json.loads(self.tool("trust", "list", "--json").stdout)
        self.assertEqual((one["thumbprint"], one["trusted_for"], one["scope"]),
                         (made["thumbprint"], "packages", "user"))
        again = self.tool("trust", "add", made["certificate"], check=False)
        self.assertEqual(again.returncode, 1)
        self.assertIn("trusted already", again.stderr)
        self.tool("trust", "remove", made["thumbprint"][:8])
        self.assertEqual(json.loads(self.tool("trust", "list", "--json").stdout), [])
        gone = self.tool("trust", "remove", made["thumbprint"], check=False)
        self.assertEqual(gone.returncode, 1)
        self.assertIn("is not trusted", gone.stderr)

    def test_what_can_make_nothing_trusted_is_refused(self):
        rows = {
            "weak": (["-newkey", "rsa:1024", "-addext", "extendedKeyUsage=codeSigning",
                      "-addext", "basicConstraints=CA:FALSE"], "too weak"),
            "web": (["-newkey", "rsa:2048", "-addext", "extendedKeyUsage=serverAuth",
                     "-addext", "basicConstraints=CA:FALSE"], "not for code signing"),
        }
        for name, (options, because) in rows.items():
            path = f"{DIR}/{name}.pem"
            openssl("req", "-x509", "-nodes", "-keyout", "/dev/null", "-out", path, "-subj", f"/CN={name}", *options)
            done = self.tool("trust", "add", path, check=False)
            self.assertEqual(done.returncode, 1, name)
            self.assertIn(because, done.stderr, name)
        self.assertFalse(os.path.exists(TRUST) and os.listdir(TRUST))

    def test_a_maker_of_time_stamps_is_trusted_with_them_alone(self):
        openssl("req", "-x509", "-nodes", "-newkey", "rsa:2048", "-keyout", "/dev/null", "-out", DIR + "/clock.pem",
                "-subj", "/CN=clock", "-addext", "extendedKeyUsage=critical,timeStamping",
                "-addext", "basicConstraints=CA:FALSE")
        self.assertEqual(self.tool("trust", "add", DIR + "/clock.pem", check=False).returncode, 1)
        self.tool("trust", "add", "--timestamp", DIR + "/clock.pem")
        (one,) = json.loads(self.tool("trust", "list", "--json").stdout)
        self.assertEqual(one["trusted_for"], "timestamps")
        self.tool("trust", "remove", DIR + "/clock.pem")
        self.assertEqual(json.loads(self.tool("trust", "list", "--json").stdout), [])

    def test_a_damaged_store_trusts_nobody_and_says_so(self):
        made = self.new()
        self.tool("trust", "add", made["certificate"])
        other = self.new("b")
        path = f"{TRUST}/{made['thumbprint']}.pem"
        with open(path, "w") as file:
            file.write(common.read(other["certificate"]))
        done = self.tool("trust", "list", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is not the certificate its name says", done.stderr)
        # It can be removed without reading it.
        self.tool("trust", "remove", made["thumbprint"])
        self.assertEqual(self.tool("trust", "list").returncode, 0)

    def test_a_store_that_others_can_write_is_refused(self):
        made = self.new()
        self.tool("trust", "add", made["certificate"])
        os.chmod(TRUST, 0o777)
        done = self.tool("trust", "list", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("writable by nobody else", done.stderr)
        os.chmod(TRUST, 0o700)
        # A link to a folder elsewhere is no store.
        os.rename(TRUST, HOME + "/elsewhere")
        os.symlink(HOME + "/elsewhere", TRUST)
        self.assertEqual(self.tool("trust", "list", check=False).returncode, 1)
        os.unlink(TRUST)
        subprocess.run(["rm", "-rf", HOME + "/elsewhere"], check=True)

    def test_only_root_trusts_for_all_users(self):
        if os.geteuid() == 0:
            self.skipTest("root may")
        made = self.new()
        done = self.tool("trust", "add", "--machine", made["certificate"], check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("only root", done.stderr)

    def test_the_store_cannot_be_seen_from_inside(self):
        made = self.new()
        self.tool("trust", "add", made["certificate"])
        self.answers({"path": "/", "access": "write"})
        done = self.python(f"import os; print(os.path.exists({TRUST!r})); os.listdir({TRUST!r})")
        self.assertIn("False", done.stdout)
        self.assertRegex(done.stderr, "FileNotFoundError|PermissionError")
        self.assertEqual(os.listdir(TRUST), [made["thumbprint"] + ".pem"])


common.main()
