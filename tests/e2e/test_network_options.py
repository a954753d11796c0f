# SPDX-License-Identifier: Apache-2.0
"""Hosts in options, decisions and packages: what is taken, kept, listed and handed to a run."""
import json
import os
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, PLACE, Case, main, write  # noqa: E402
from packaged import install_tree  # noqa: E402

APP = "Some.App_1234567890abc"
STORE = HOME + "/.local/share/appsilo/consent.db"
MANIFEST = """<?xml version="1.0" encoding="utf-8"?>
<Package xmlns="http://schemas.microsoft.com/appx/manifest/foundation/windows10"
 xmlns:appsilo="https://appsilo.org/manifest/1" IgnorableNamespaces="appsilo">
<Identity Name="Test.Net" Publisher="CN=Net" Version="1.0.0.0" ProcessorArchitecture="neutral"/>
<Properties><DisplayName>Net</DisplayName></Properties>
<Capabilities>{}</Capabilities>
<Applications><Application Id="Net" Executable="VFS\\usr\\bin\\net"/></Applications>
{}</Package>
"""


class Hosts(Case):
    def hosts(self, *words):
        return [(r["package"], r["host"], r["port"], r["decision"])
                for r in json.loads(self.tool("consents", "--json", *words).stdout)
                if r["kind"] == "network"]

    def sql(self, statement):
        database = sqlite3.connect(STORE)
        with database:
            row = database.execute(statement).fetchone()
        database.close()
        return row

    def install(self, capabilities=(), hosts=()):
        stage = PLACE + "/stage"
        settings = "".join(f'<appsilo:AllowHost Host="{host}"/>' for host in hosts)
        write(stage + "/AppxManifest.xml", MANIFEST.format(
            "".join(f'<Capability Name="{name}"/>' for name in capabilities),
            f"<appsilo:Settings>{settings}</appsilo:Settings>" if settings else ""))
        write(stage + "/VFS/usr/bin/net", "#!/bin/sh\n")
        os.chmod(stage + "/VFS/usr/bin/net", 0o755)
        return install_tree(stage, HOME + "/.local/share/appsilo", move=True)

    def test_only_one_spelling_of_a_host_is_taken(self):
        for host in ("0x7f.1", "2130706433", "0177.0.0.1", "127.1", "a%00.example", "fe80::1%lo", "a\nb",
                     "a\rb.example", "b\u00fccher.example", "*", "a:0", "a:65536", "10.0.0.1/8", "[::1",
                     "http://a", "a..b", " a"):
            for option in ("--allow-host", "--deny-host"):
                done = self.run_app("true", prompt="never", options=(option, host))
                self.one_line(done, 125, f"run: {option}: ")
            self.one_line(self.tool("grant", "-p", APP, "--host", host, check=False), 1, "grant: --host: ")
        for host in ("localhost", "127.0.0.1:80", "::1", "[::ffff:127.0.0.1]:80", "x.localhost"):
            done = self.run_app("true", prompt="never", options=("--allow-host", host))
            self.one_line(done, 125, "appsilo loopback add")
        done = self.run_app("true", prompt="never", options=("--allow-host", "169.254.169.254"))
        self.one_line(done, 125, "never reached")

    def test_modes_ports_and_proxies_are_checked(self):
        for words, said in ((["--net", "all"], "client-server"), (["--net", "client,none"], "none"),
                            (["--net", "client,"], "commas"), (["--publish", "80:80"], "--net client-server"),
                            (["--net", "private", "--publish", "80"], "[ADDRESS:]PORT:PORT"),
                            (["--proxy", "proxy:3128"], "http://HOST:PORT"),
                            (["--proxy", "http://a/b"], "without a path")):
            self.one_line(self.run_app("true", prompt="never", options=words), 125, said)
        done = self.run_app("true", prompt="never", options=("--proxy", "http://me:secret@x@y:1"))
        self.one_line(done, 125, "%40")
        self.assertNotIn("secret", done.stderr)

    def test_denied_hosts_and_none_open_nothing_and_need_nothing(self):
        for words in (["--net", "none"], ["--deny-host", "a.example"], ["--deny-host", "127.0.0.1"]):
            for prompt in ("never", self.prompter()):
                self.assertEqual(self.run_app("true", prompt=prompt, options=words).returncode, 0, words)

    def test_decisions_are_kept_listed_and_taken_back(self):
        self.tool("grant", "-p", APP, "--host", "Example.ORG.:443", "--host", "*.python.org")
        self.tool("grant", "-p", APP, "--deny", "--host", "10.0.0.0/8")
        done = self.tool("grant", "--all-packages", "--host", "[2606:4700::1]:80", "--json")
        self.assertEqual(json.loads(done.stdout), [
            {"package": "*", "kind": "network", "host": "2606:4700::1", "port": 80,
             "decision": "allow", "source": "grant", "done": True}])
        self.tool("grant", "-p", APP, HOME + "/data")
        self.assertEqual(self.hosts(), [("*", "2606:4700::1", 80, "allow"),
                                        (APP, "*.python.org", None, "allow"),
                                        (APP, "10.0.0.0/8", None, "deny"),
                                        (APP, "example.org", 443, "allow")])
        self.assertEqual(len(self.hosts("-p", APP)), 3)
        self.assertEqual(self.hosts(HOME), [])
        text = self.tool("consents").stdout
        self.assertIn(HOME + "/data", text)
        self.assertIn("example.org:443", text)
        self.tool("grant", "-p", APP, "--deny", "--host", "example.org:443")  # the newer counts
        self.assertIn((APP, "example.org", 443, "deny"), self.hosts())
        self.assertIn("would remove 1 rule", self.tool("revoke", "-p", APP, "--host", "EXAMPLE.org:443",
                                                       "--dry-run").stdout)
        done = self.tool("revoke", "-p", APP, "--host", "EXAMPLE.org:443", "--json")
        self.assertEqual([(r["host"], r["port"], r["removed"]) for r in json.loads(done.stdout)],
                         [("example.org", 443, 1)])
        self.one_line(self.tool("revoke", "-p", APP, "--host", "example.org:443", check=False), 1)
        self.tool("reset", "-p", APP, HOME)
        self.assertEqual(len(self.hosts("-p", APP)), 2)
        self.tool("reset", "-p", APP)
        self.assertEqual(self.hosts(), [("*", "2606:4700::1", 80, "allow")])
        self.tool("reset", "--all")
        self.assertEqual(self.hosts(), [])

    def test_nothing_is_half_done(self):
        done = self.tool("grant", "-p", APP, "--host", "a.example", "--host", "0x7f.1", check=False)
        self.one_line(done, 1, "0x7f.1")
        self.assertFalse(self.hosts())
        self.tool("grant", "-p", APP, "--host", "a.example", "--dry-run")
        self.assertFalse(self.hosts())
        for words in (["--host", "a", HOME], ["--host", "a", "--write"], ["--host", "a", "--file"],
                      ["--host", "a", "--override-never"], ["--host="]):
            self.one_line(self.tool("grant", "-p", APP, *words, check=False), 2)

    def test_ports_of_this_machine_are_opened_one_by_one(self):
        self.assertEqual(self.tool("loopback", "list", "--json").stdout, "[]\n")
        family = self.family("cat", "/dev/null")  # an ad-hoc one
        self.tool("loopback", "add", family, "5432")
        self.tool("loopback", "add", APP, "80")
        self.assertEqual(json.loads(self.tool("loopback", "list", "--json").stdout),
                         sorted([{"package": family, "port": 5432}, {"package": APP, "port": 80}],
                                key=lambda row: row["package"]))
        self.assertIn("5432", self.tool("loopback", "list").stdout)
        self.tool("loopback", "remove", APP, "80")
        self.one_line(self.tool("loopback", "remove", APP, "80", check=False), 1, "loopback list")
        self.tool("reset", "-p", family)
        self.assertEqual(json.loads(self.tool("loopback", "list", "--json").stdout), [])
        for words in (["add", APP], ["add", APP, "0"], ["add", APP, "65536"], ["add", "a b", "80"], [],
                      ["add", APP, "http"], ["list", APP], ["add", APP, "80", "--json"], ["frob"]):
            self.one_line(self.tool("loopback", *words, check=False), 2, "loopback")

    def test_an_older_store_is_extended_when_it_must_be(self):
        self.tool("grant", "-p", APP, HOME + "/data")
        self.assertEqual(self.sql("PRAGMA user_version"), (1,))
        self.tool("consents")
        self.tool("loopback", "list")
        self.tool("reset", "-p", "Other_x")
        self.assertEqual(self.sql("PRAGMA user_version"), (1,))
        self.tool("grant", "-p", APP, "--host", "a.example")
        self.assertEqual(self.sql("PRAGMA user_version"), (2,))
        rules = json.loads(self.tool("consents", "--json").stdout)
        self.assertEqual([r.get("path", r.get("host")) for r in rules], [HOME + "/data", "a.example"])
        self.sql("PRAGMA user_version = 3")
        self.one_line(self.tool("consents", check=False), 1, "damaged")

    def test_a_damaged_rule_about_a_host_ends_a_run_without_questions(self):
        self.tool("grant", "--all-packages", "--host", "a.example")
        self.assertEqual(self.run_app("true", prompt="never").returncode, 0)
        self.sql("UPDATE hosts SET host = 'A.example'")
        done = self.run_app("true", prompt="never")
        self.assertEqual(done.returncode, 125)
        self.assertIn("damaged", done.stderr)
        self.assertIn("damaged", self.tool("consents", check=False).stderr)

    def test_a_run_without_questions_gets_the_rules_about_hosts_each_time(self):
        family = self.family("true")
        self.tool("grant", "-p", family, "--host", "a.example:1")
        self.tool("grant", "--all-packages", "--deny", "--host", "b.example")
        self.tool("grant", "-p", APP, "--host", "other.example")
        self.tool("loopback", "add", family, "80")
        records = self.tool("rules", family).stdout.split("\0")
        self.assertEqual(records, ["ha.example:1", "hlocalhost:80", "Hb.example", ".", ""])
        for _ in range(2):
            self.assertEqual(self.run_app("true", prompt="never").returncode, 0)

    def test_why_tells_what_a_run_without_questions_could_reach(self):
        self.run_app("false", prompt="never", options=("--deny-host", "Evil.example:80"))
        self.assertIn("Network: --net none, denied Evil.example:80, and what appsilo consents lists",
                      self.tool("why").stdout)
        record = json.loads(self.tool("why", "--json").stdout)[0]
        self.assertEqual((record["net"], record["hosts"]), ("none", [{"host": "Evil.example:80", "access": "denied"}]))

    def test_a_proxy_is_in_the_environment(self):
        family = self.install()
        done = self.run_app("env", prompt="never",
                            options=("-p", family, "--proxy", "http://me:pw@proxy.example:3128/"),
                            env={"no_proxy": "*", "http_proxy": "http://other/"})
        self.assertEqual(done.returncode, 0, done.stderr)
        env = dict(line.split("=", 1) for line in done.stdout.splitlines())
        for name in ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy"):
            self.assertEqual(env[name], "http://me:pw@proxy.example:3128/")
            self.assertEqual(env[name.upper()], "http://me:pw@proxy.example:3128/")
        self.assertEqual(env["no_proxy"], "localhost,127.0.0.1,::1")
        self.assertEqual(env["NO_PROXY"], "localhost,127.0.0.1,::1")

    def test_a_package_brings_its_capabilities_and_hosts(self):
        family = self.install(("internetClient", "privateNetworkClientServer"),
                              ("*.example.org:443", "10.0.0.0/8"))
        done = self.run_app("echo", "runs", prompt="never", options=("-p", family))
        self.assertEqual((done.returncode, done.stdout), (0, "runs\n"), done.stderr)
        # what a person says comes after it: with its capability a port may be published
        done = self.run_app("true", prompt="never", options=("-p", family, "--publish", "8080:80"))
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.run_app("true", prompt="never", options=("-p", family, "--net", "none", "--publish", "8080:80"))
        self.one_line(done, 125, "--publish")

    def test_every_listed_host_that_is_bad_ends_the_run(self):
        """CVE-2025-66479: a list of invalid entries meant everything."""
        for hosts in (("0x7f.1",), ("a.example", "localhost")):
            family = self.install(("internetClient",), hosts)
            done = self.run_app("echo", "runs", prompt="never", options=("-p", family))
            self.one_line(done, 125, "--allow-host")
            self.assertEqual(done.stdout, "")

    def test_help_and_completion_know_them(self):
        for option in ("--deny-host", "--publish", "--proxy"):
            self.assertIn(option, self.tool("help", "run").stdout)
            self.assertIn(option, self.tool("completion", "bash").stdout)
        self.assertIn("loopback", self.tool("completion", "fish").stdout)
        done = subprocess.run([APPSILO, "python", "--net", "all"], capture_output=True, text=True, check=False)
        self.assertIn("client-server", done.stderr)


if __name__ == "__main__":
    main()
