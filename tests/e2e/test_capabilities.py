# SPDX-License-Identifier: Apache-2.0
"""What each capability of an installed package opens, and what it does not."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import HOME, PLACE, Case, main, read, write  # noqa: E402
from packaged import install_tree, publisher_id  # noqa: E402

PROMPT = "isolatedWin32-promptForAccess"
DATA = HOME + "/.local/share"
MANIFEST = """<?xml version="1.0" encoding="utf-8"?>
<Package xmlns="http://schemas.microsoft.com/appx/manifest/foundation/windows10"
 xmlns:rescap="http://schemas.microsoft.com/appx/manifest/foundation/windows10/restrictedcapabilities">
<Identity Name="Test.Probe" Publisher="CN=Probe" Version="1.0.0.0" ProcessorArchitecture="neutral"/>
<Properties><DisplayName>Probe</DisplayName></Properties>
<Capabilities>{}</Capabilities>
<Applications><Application Id="Probe" Executable="VFS\\usr\\bin\\probe"/></Applications>
</Package>
"""
OURS = publisher_id("CN=Probe")
OTHER = publisher_id("CN=Other")


class Capabilities(Case):
    def install(self, *capabilities):
        stage = PLACE + "/stage"
        tags = "".join(f'<{"rescap:" if name.startswith("isolatedWin32") else ""}Capability '
                       f'Name="{name}"/>' for name in capabilities)
        write(stage + "/AppxManifest.xml", MANIFEST.format(tags))
        write(stage + "/VFS/usr/bin/probe", "#!/bin/sh\n")
        os.chmod(stage + "/VFS/usr/bin/probe", 0o755)
        self.family_name = install_tree(stage, DATA + "/appsilo", move=True)

    def probe(self, script, **more):
        return self.run_app("sh", "-c", script, options=("-p", self.family_name), **more)

    def outcome(self, script, **more):
        return self.probe(script, **more).stdout

    def test_without_one_nothing_is_listed(self):
        self.install()
        for folder in (HOME, HOME + "/data", os.path.dirname(HOME)):
            done = self.probe(f"ls {folder}")
            self.assertIn("Permission denied", done.stderr, folder)
            self.assertEqual(done.stdout, "")
        self.assertEqual(self.questions(), [])

    def only_names(self, folder, ask):
        """Each name of the folder is listed; nothing of what is behind it is told."""
        listed = set(self.outcome(f"ls -A {folder}", cwd="/usr").split("\n")) - {""}
        self.assertEqual(self.questions(), [])
        names = {name for name in os.listdir(folder)}
        self.assertTrue({"data", "work"} <= listed <= names, (listed, names))
        for script in ("cat data/test.txt", "ls data", "echo x >data/test.txt", "echo x >new",
                       "mkdir made", "rm -rf data", "mv data other", "cat file"):
            done = self.probe(f"cd {folder} && {script}", cwd="/usr")
            self.assertNotEqual(done.returncode, 0, script)
            self.assertNotIn("hello", done.stdout, script)
        if not ask:
            self.assertEqual(self.questions(), [])
        self.assertEqual(read(folder + "/data/test.txt"), "hello\n")
        self.assertEqual(set(os.listdir(folder)), names)
        size = self.outcome(f"stat -c '%s %Y' {folder}/file").split()
        self.assertNotEqual(size, [str(os.stat(folder + "/file").st_size),
                                   str(int(os.stat(folder + "/file").st_mtime))])

    def test_the_users_home_is_listed_only(self):
        write(HOME + "/file", "hello, world\n")
        for capabilities in ((), (PROMPT,)):
            self.install("isolatedWin32-userProfileMinimal", *capabilities)
            with self.subTest(capabilities=capabilities):
                self.only_names(HOME, bool(capabilities))
            done = self.probe(f"ls {os.path.dirname(HOME)}", cwd="/usr")
            self.assertIn("Permission denied", done.stderr)

    def test_home_is_listed_only(self):
        self.install("isolatedWin32-profilesRootMinimal")
        listed = self.outcome("ls -A /home", cwd="/usr").split()
        self.assertEqual(sorted(listed), sorted(os.listdir("/home")))
        for name in listed:
            done = self.probe(f"ls /home/{name}; ls -d /home/{name}/.[a-z]*", cwd="/usr")
            self.assertNotIn(".bashrc", done.stdout)
            self.assertIn("denied", done.stderr)

    def test_the_root_is_listed_only(self):
        self.install("isolatedWin32-volumeRootMinimal")
        listed = set(self.outcome("ls -A /", cwd="/usr").split())
        host = {name for name in os.listdir("/") if not os.path.islink("/" + name)} - {"sys"}
        self.assertTrue(host <= listed, host - listed)
        for name in ("boot", "opt", "mnt", "media", "root"):
            if name in host:
                done = self.probe(f"ls /{name}", cwd="/usr")
                self.assertIn("Permission denied", done.stderr, name)
                self.assertEqual(done.stdout, "")

    def publisher_folders(self, base):
        for name in (f"shared_{OURS}", f"theirs_{OTHER}", f"joined{OURS}", f"{OURS}",
                     f"x_{OURS}_more", f"y_{OURS.upper()}"):
            write(f"{base}/{name}/file", "theirs\n")
        write(HOME + "/secret/file", "secret\n")
        for link in (f"link_{OURS}", f"link_{OTHER}"):
            if not os.path.islink(f"{base}/{link}"):
                os.symlink(HOME + "/secret", f"{base}/{link}")

    def check_publisher(self, base):
        done = self.probe(f"cd {base}/shared_{OURS} && cat file && echo ours >file && mkdir -p sub && "
                          "echo new >sub/new && mv sub/new sub/newer && rm file")
        self.assertEqual((done.stdout, done.returncode), ("theirs\n", 0), done.stderr)
        self.assertEqual(read(f"{base}/shared_{OURS}/sub/newer"), "new\n")
        self.assertFalse(os.path.exists(f"{base}/shared_{OURS}/file"))
        for name in (f"theirs_{OTHER}", f"joined{OURS}", OURS, f"x_{OURS}_more",
                     f"y_{OURS.upper()}", f"link_{OURS}", f"link_{OTHER}"):
            done = self.probe(f"cat {base}/{name}/file; echo x >>{base}/{name}/file; "
                              f"echo x >{base}/{name}/new")
            self.assertEqual(done.stdout, "", name)
            self.assertIn(read(f"{base}/{name}/file"), ("theirs\n", "secret\n"), name)
            self.assertFalse(os.path.exists(f"{base}/{name}/new"), name)

    def test_publisher_folders_of_the_user(self):
        for capabilities in ((), (PROMPT,)):
            self.publisher_folders(DATA)
            self.install("isolatedWin32-accessToPublisherDirectory", *capabilities)
            with self.subTest(capabilities=capabilities):
                self.check_publisher(DATA)

    def test_publisher_folders_need_the_capability(self):
        self.publisher_folders(DATA)
        self.install(PROMPT)
        done = self.probe(f"cat {DATA}/shared_{OURS}/file")
        self.assertEqual(done.stdout, "")
        self.assertNotEqual(done.returncode, 0)

    def test_publisher_folders_of_the_machine(self):
        if os.geteuid() != 0:
            self.skipTest("needs root: /srv")
        base = "/srv"
        self.addCleanup(os.system, f"rm -rf /srv/*{OURS}* /srv/*{OTHER} /srv/*{OURS.upper()}")
        self.publisher_folders(base)
        self.install("isolatedWin32-accessToPublisherDirectory")
        self.check_publisher(base)
        # Somebody else's folder of the right name is a lure.
        os.chown(f"/srv/shared_{OURS}", 12345, 12345)
        done = self.probe(f"ls /srv/shared_{OURS}")
        self.assertEqual((done.stdout, done.returncode != 0), ("", True))

    def test_network_capabilities_give_a_way_out_of_its_own(self):
        """Which hosts it reaches then is test_network's."""
        devices = "tail -n +3 /proc/net/dev | cut -d: -f1"
        self.install("isolatedWin32-print")
        self.assertEqual(self.probe(devices).stdout.split(), ["lo"])
        self.install("internetClient", "privateNetworkClientServer")
        self.assertEqual(self.probe(devices).stdout.split(), ["lo", "net0"])

    def test_the_table_names_every_capability(self):
        rows = json.loads(self.tool("capabilities", "--json").stdout)
        self.assertEqual({row["name"] for row in rows}, {
            "isolatedWin32-" + name for name in (
                "promptForAccess", "accessToPublisherDirectory", "print", "sysTrayIcon",
                "shellExtensionContextMenu", "dotNetBreadcrumbStore", "profilesRootMinimal",
                "userProfileMinimal", "volumeRootMinimal")} | {
            "internetClient", "internetClientServer", "privateNetworkClientServer"})
        text = self.tool("capabilities").stdout
        for row in rows:
            self.assertIn(row["status"], ("works", "nothing"))
            self.assertIn(row["opens"], text)


if __name__ == "__main__":
    main()
