# SPDX-License-Identifier: Apache-2.0
"""Installing packages: who may, what is left, what a kill or a full disk leaves."""
import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import package_maker as maker  # noqa: E402
from common import APPSILO, HOME, PLACE, Case, main, read, write  # noqa: E402

DATA = HOME + "/.local/share/appsilo"
PACKAGES = DATA + "/packages"
ALIASES = DATA + "/aliases"
DESKTOP = HOME + "/.local/share/applications"
FILE = PLACE + "/p.msix"


class Install(Case):
    def setUp(self):
        super().setUp()
        maker.trust()

    def installed(self):
        return json.loads(self.tool("list", "--json").stdout)

    def only(self):
        (one,) = self.installed()
        return one

    def names(self, folder):
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def start(self, *words, family=None, prompt="never", **more):
        words = [APPSILO, "run", "-p", family or self.only()["family"], "--prompt", prompt, *words]
        return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False,
                              stdin=subprocess.DEVNULL, cwd=HOME + "/work", **more)

    def refused(self, path, *words, options=()):
        before = self.names(PACKAGES), self.names(ALIASES), self.names(DESKTOP)
        done = self.tool("install", *options, path, check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual((self.names(PACKAGES), self.names(ALIASES), self.names(DESKTOP)), before)

    def test_from_install_to_uninstall(self):
        maker.make(FILE)
        said = self.tool("install", FILE).stdout
        self.assertIn(f'export PATH="{ALIASES}:$PATH"', said)
        again = self.tool("install", FILE, env={"PATH": f"/usr/bin:{ALIASES}:/bin"}).stdout
        self.assertIn("already installed", again)
        self.assertNotIn("PATH", again)
        one = self.only()
        self.assertEqual((one["name"], one["version"], one["signer"], one["aliases"], one["problem"]),
                         ("Contoso.Tool", "1.0.0.0", "CN=Contoso", ["contoso-tool"], None))
        self.assertEqual(one["path"], f"{PACKAGES}/{one['full_name']}")
        self.assertEqual(self.names(PACKAGES), [one["full_name"]])
        self.assertEqual(json.loads(self.tool("show", "--json", "Contoso.Tool").stdout), one)
        self.assertIn("as it was installed", self.tool("show", one["family"]).stdout)
        self.assertEqual(self.start().stdout, "version 1.0.0.0\n")
        entry = read(f"{DESKTOP}/appsilo-{one['family']}-App.desktop")
        self.assertIn("MimeType=text/plain;", entry)
        self.assertIn(f"open --app App -- {one['family']} %F", entry)
        self.tool("grant", "-p", one["family"], "--read", HOME + "/data")
        self.assertTrue(os.path.isdir(f"{DATA}/profiles/{one['family']}"))
        write(f"{DATA}/rules/{one['family']}", "")
        gone = json.loads(self.tool("uninstall", "--json", one["family"]).stdout)
        self.assertEqual(subprocess.run(["find", DATA, "-name", f"*{one['family']}*"], capture_output=True, text=True, check=True).stdout, "")
        self.assertEqual((gone["outcome"], gone["decisions"]), ("uninstalled", 1))
        self.assertEqual(self.installed(), [])
        self.assertEqual((self.names(PACKAGES), self.names(ALIASES), self.names(DESKTOP)), ([], [], []))
        self.assertEqual(self.names(DATA + "/profiles"), [])
        self.assertEqual(json.loads(self.tool("consents", "--json").stdout), [])
        self.assertIn("no such package", self.tool("uninstall", one["family"], check=False).stderr)

    def test_the_alias_starts_the_app_and_keeps_what_is_there(self):
        write(ALIASES + "/contoso-tool", "mine")
        maker.make(FILE)
        done = self.tool("install", FILE)
        self.assertIn("something else has this name", done.stderr)
        self.assertEqual(read(ALIASES + "/contoso-tool"), "mine")
        self.tool("uninstall", "Contoso.Tool")
        self.assertEqual(read(ALIASES + "/contoso-tool"), "mine")
        os.unlink(ALIASES + "/contoso-tool")
        self.tool("install", FILE)
        done = subprocess.run([ALIASES + "/contoso-tool"], capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, check=False, cwd=HOME + "/work")
        self.assertEqual(done.stdout, "version 1.0.0.0\n", done.stderr)

    def test_who_signed_it(self):
        maker.make(FILE, signed=False)
        self.refused(FILE, "is not signed", "appsilo sign")
        maker.make(FILE, publisher="CN=Stranger")
        self.refused(FILE, "CN=Stranger", "appsilo trust add")

    def test_damage_is_named(self):
        """Which block of which file, though all that the signature tells is that something differs."""
        maker.make(FILE, extra={"data.bin": random.Random(1).randbytes(200_000)})
        whole = read(FILE, "rb")
        begin = zipfile.ZipFile(FILE).getinfo("data.bin").header_offset + 40
        for at, block in ((0, 0), (70_000, 1), (199_000, 3)):
            write(FILE, whole[:begin + at] + bytes([whole[begin + at] ^ 1]) + whole[begin + at + 1:], "wb")
            self.refused(FILE, f"appsilo: {FILE}: data.bin: block {block} ")
            self.assertEqual(self.tool("verify", FILE, check=False).stderr, self.tool("install", FILE, check=False).stderr)

    def test_a_file_is_named_as_it_is_named(self):
        path = PLACE + "/my dir%20/ö.msix"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        maker.make(path, signed=False, capabilities='<Capability Name="frobnicate"/>')
        self.refused(path, f"appsilo: {path}: AppxManifest.xml:", "frobnicate")

    def test_what_it_is(self):
        maker.make(FILE, arch="arm")
        self.refused(FILE, "is for arm")
        maker.make(FILE, signed=False, capabilities='<rescap:Capability Name="isolatedWin32-flyToTheMoon"/>')
        self.refused(FILE, "isolatedWin32-flyToTheMoon")
        maker.make(FILE, executable="bin/none")
        self.refused(FILE, "bin/none")
        maker.make(FILE, executable="version")
        self.refused(FILE, "not executable")
        maker.make(FILE, extra={".appsilo/launch": "appsilo package 1\ncapability\tall\n"})
        self.refused(FILE, ".appsilo")
        maker.make(FILE)
        with open(FILE, "r+b") as file:
            file.seek(200)
            byte = file.read(1)
            file.seek(200)
            file.write(bytes([byte[0] ^ 1]))
        self.refused(FILE, FILE)

    def test_versions(self):
        maker.make(FILE)
        self.tool("install", FILE)
        family = self.only()["family"]
        self.tool("grant", "-p", family, "--read", HOME + "/data")
        write(f"{DATA}/profiles/{family}/settings", "kept")
        maker.make(PLACE + "/v2.msix", version="1.0.10.0")
        self.assertIn("upgraded", self.tool("install", PLACE + "/v2.msix").stdout)
        self.assertEqual(self.only()["version"], "1.0.10.0")
        self.assertEqual(self.start().stdout, "version 1.0.10.0\n")
        self.assertEqual(read(f"{DATA}/profiles/{family}/settings"), "kept")
        self.assertEqual(len(json.loads(self.tool("consents", "--json").stdout)), 1)
        self.assertEqual(len(self.names(PACKAGES)), 1)
        self.refused(FILE, "1.0.10.0", "newer", "--allow-downgrade")
        maker.make(PLACE + "/v2b.msix", version="1.0.10.0", extra={"more": "x"})
        self.refused(PLACE + "/v2b.msix", "other content")
        maker.make(PLACE + "/v2c.msix", version="1.0.10.0", arch={"x86_64": "x64", "aarch64": "arm64"}[os.uname().machine])
        for options in ((), ("--allow-downgrade",)):
            self.refused(PLACE + "/v2c.msix", "1.0.10.0_neutral", "same Version", "uninstall", options=options)
        done = json.loads(self.tool("install", "--json", "--allow-downgrade", FILE).stdout)
        self.assertEqual((done["outcome"], self.only()["version"]), ("downgraded", "1.0.0.0"))
        self.assertEqual(read(f"{DATA}/profiles/{family}/settings"), "kept")
        self.tool("uninstall", "--keep-profile", family)
        self.assertEqual(read(f"{DATA}/profiles/{family}/settings"), "kept")

    def test_the_same_name_by_another_publisher_is_another_family(self):
        maker.trust("CN=Fabrikam")
        maker.make(FILE)
        maker.make(PLACE + "/other.msix", publisher="CN=Fabrikam", version="9.0.0.0")
        self.tool("install", FILE)
        done = self.tool("install", PLACE + "/other.msix")
        self.assertIn("something else has this name", done.stderr)
        self.assertEqual({p["version"] for p in self.installed()}, {"1.0.0.0", "9.0.0.0"})
        self.assertIn("several packages", self.tool("uninstall", "Contoso.Tool", check=False).stderr)
        first = [p for p in self.installed() if p["publisher"] == "CN=Contoso"][0]
        self.tool("uninstall", first["family"])
        self.assertEqual(self.only()["publisher"], "CN=Fabrikam")
        self.assertEqual(self.start().stdout, "version 9.0.0.0\n")

    def test_a_package_changed_on_disk_does_not_start(self):
        maker.make(FILE)
        self.tool("install", FILE)
        path = self.only()["path"]
        with open(path + "/version", "a") as file:
            file.write("and more\n")
        for prompt in "never", self.prompter():
            done = self.start(prompt=prompt)
            self.assertEqual((done.returncode, done.stdout), (125, ""), done.stderr)
            self.assertIn("version was changed after", done.stderr)
        self.assertIn("version was changed", self.only()["problem"])
        self.assertIn("damaged", self.tool("list").stdout)
        self.assertIn("repaired", self.tool("install", FILE).stdout)
        self.assertEqual(self.start().stdout, "version 1.0.0.0\n")
        self.assertEqual(len(self.names(PACKAGES)), 1)

    def test_open_is_consent_for_just_those_files(self):
        maker.make(FILE)
        self.tool("install", FILE)
        family = self.only()["family"]
        mine = write(HOME + "/docs/mine.txt", "mine\n")
        write(HOME + "/docs/other.txt", "other\n")
        for prompt in "never", self.prompter():
            done = self.tool("open", "--prompt", prompt, family, mine, check=False)
            self.assertEqual(done.stdout, "version 1.0.0.0\nmine\n", done.stderr)
        self.assertEqual([q for q in self.asked() if "mine" in q[1]], [])
        remembered = json.loads(self.tool("consents", "--json").stdout)
        self.assertEqual([r for r in remembered if "docs" in r["path"]], [])
        done = self.start("--allow-read", mine, "--app", "App", "--", HOME + "/docs/other.txt")
        self.assertIn("Permission denied", done.stderr)
        self.assertIn("is a folder", self.tool("open", family, HOME + "/docs", check=False).stderr)
        self.assertIn("No such file", self.tool("open", family, HOME + "/nothing", check=False).stderr)

    def large(self, path, version):
        noise = random.Random(version)
        extra = {f"lib/{i}": noise.randbytes(10000) for i in range(100)}
        return maker.make(path, version=version, extra={**extra, "noise": noise.randbytes(2000000)})

    def kill_at(self, moment_s, *words):
        """Start, wait so long, kill; True when it was still running."""
        process = subprocess.Popen([APPSILO, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=moment_s)
            return False
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True

    def settled(self, *allowed):
        """All of one of these versions, or (None) nothing; no leftovers after the next command."""
        found = self.installed()
        version = found[0]["version"] if found else None
        self.assertIn(version, allowed)
        self.assertLessEqual(len(found), 1)
        self.assertEqual(self.names(PACKAGES), [p["full_name"] for p in found])
        self.assertEqual(self.names(ALIASES), ["contoso-tool"] if found else [])
        if found:
            self.assertIsNone(found[0]["problem"])
            self.assertEqual(self.start().stdout, f"version {version}\n")
        return version

    def test_killed_at_any_moment_it_leaves_nothing_or_all(self):
        """50 moments over the time that an install takes. Which are hit does not matter."""
        first, second = self.large(FILE, "1.0.0.0"), self.large(PLACE + "/v2.msix", "2.0.0.0")
        began = time.monotonic()
        self.tool("install", first)
        length = time.monotonic() - began
        moments, seen, killed = random.Random(11), set(), 0
        for i in range(50):
            if i < 25:
                if self.installed():
                    self.tool("uninstall", "Contoso.Tool")
                words, allowed = ("install", first), (None, "1.0.0.0")
            elif i < 40:
                self.tool("install", "--allow-downgrade", first)
                words, allowed = ("install", second), ("1.0.0.0", "2.0.0.0")
            else:
                self.tool("install", second)
                words, allowed = ("install", "--allow-downgrade", first), ("1.0.0.0", "2.0.0.0")
            killed += self.kill_at(moments.uniform(0, 1.1 * length), *words)
            seen.add(self.settled(*allowed))
        self.assertGreater(killed, 10)
        self.assertEqual(seen, {None, "1.0.0.0", "2.0.0.0"})

    def test_a_full_disk_leaves_nothing(self):
        self.large(FILE, "1.0.0.0")
        script = f'trap "" XFSZ; ulimit -f 1000; "{APPSILO}" install "{FILE}"'
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("File too large", done.stderr)
        self.assertEqual((self.names(PACKAGES), self.names(ALIASES)), ([], []))

    def test_two_at_once(self):
        self.large(FILE, "1.0.0.0")
        both = [subprocess.Popen([APPSILO, "install", FILE], stdout=subprocess.PIPE, text=True) for _ in range(2)]
        said = sorted(p.communicate(timeout=120)[0].split(": ")[1].split("\n")[0] for p in both)
        self.assertEqual(said, ["already installed", "installed"])
        self.settled("1.0.0.0")

    def test_for_all_users(self):
        maker.make(FILE)
        if os.geteuid() != 0:
            self.assertIn("only root", self.tool("install", "--machine", FILE, check=False).stderr)
            return
        # In a mount namespace of its own: the host's /var/lib and /etc stay as they are.
        certificate = maker.key() + "/certificate.pem"
        script = (f'set -e; mount -t tmpfs -o mode=755 none /var/lib; mkdir -p /etc/appsilo; '
                  f'mount -t tmpfs -o mode=755 none /etc/appsilo; mount -t tmpfs -o mode=755 none /usr/share/applications; '
                  f'"{APPSILO}" install --machine "{FILE}" && exit 9; '
                  f'"{APPSILO}" trust add --machine "{certificate}" >&2; "{APPSILO}" install --machine "{FILE}" >&2; '
                  f'ls /var/lib/appsilo/packages /var/lib/appsilo/aliases /usr/share/applications >&2; '
                  f'HOME={HOME} "{APPSILO}" list --json; "{APPSILO}" run -p Contoso.Tool_h91ms92gdsmmt --prompt never >&2; '
                  f'"{APPSILO}" uninstall Contoso.Tool && exit 8; "{APPSILO}" uninstall --machine Contoso.Tool >&2; '
                  f'ls -A /var/lib/appsilo/packages /var/lib/appsilo/aliases /usr/share/applications >&2')
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        (one,) = json.loads(done.stdout)
        self.assertTrue(one["machine"])
        self.assertIn("version 1.0.0.0", done.stderr)


main()
