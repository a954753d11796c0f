# SPDX-License-Identifier: Apache-2.0
"""Hosts in words: a list that holds nothing good (C7), spellings that two would read
differently (C8). What packets and look-ups may do is judged by the same policy; its decisions
are in tests/unit/network, and on the wire where the transport is tested."""
import json
import sqlite3

from lab import HOME, Attack, main

STORE = HOME + "/.local/share/appsilo/consent.db"


class Words(Attack):
    def refused(self, option, host, *words):
        done = self.run_app("echo", "runs", prompt="never", options=(option, host))
        self.assertEqual((done.returncode, done.stdout), (125, ""), host)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        for word in (option, *words):
            self.assertIn(word, done.stderr, host)
        self.assertTrue(done.stderr.isascii() and done.stderr[:-1].isprintable(), done.stderr)

    def test_c7_a_list_of_bad_entries_is_no_list(self):
        """CVE-2025-66479: an empty list meant everything."""
        for host in ("", ",", " ", "0x7f.1", "*"):
            for option in ("--allow-host", "--net", "--proxy"):
                self.refused(option, host)

    def test_c8_other_spellings_of_an_address_are_no_hosts(self):
        for host in ("2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.01", "a.0x10",
                     "1.2.3.4.", "[fe80::1%25lo]:80", "fe80::1%lo"):
            for option in ("--allow-host", "--deny-host"):
                self.refused(option, host, host)

    def test_c8_no_byte_hides_a_part_of_a_host(self):
        for host in ("evil.example\r.allowed.example", "evil.example\n.allowed.example", "evil.example%00.allowed.example",
                     "evil.example .allowed.example", "evil\u3002example", "ex\u0430mple.org", "\u200bexample.org"):
            for option in ("--allow-host", "--deny-host"):
                self.refused(option, host)
        self.refused("--allow-host", "ex\u0430mple.org", "punycode", "ex\\xd0\\xb0mple.org")

    def test_c8_this_machine_and_metadata_cannot_be_allowed(self):
        for host in ("127.0.0.1", "[::ffff:127.0.0.1]:80", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::1",
                     "0.0.0.0", "LOCALHOST.", "x.localhost"):
            self.refused("--allow-host", host, "loopback add")
        for host in ("169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "100.100.100.200"):
            self.refused("--allow-host", host, "never reached")

    def test_c8_a_stored_host_has_one_spelling(self):
        """Whoever writes into the store cannot make it say two things."""
        self.tool("grant", "--all-packages", "--host", "Example.ORG.:443")
        self.assertEqual([(r["host"], r["port"]) for r in json.loads(self.tool("consents", "--json").stdout)],
                         [("example.org", 443)])
        for host in ("EXAMPLE.org:443", "example.org.:443", "example.org:0443", "a\\0.example"):
            database = sqlite3.connect(STORE)
            with database:
                database.execute("UPDATE hosts SET host = ?", (host.replace("\\0", "\0"),))
            database.close()
            done = self.run_app("echo", "runs", prompt="never")
            self.assertEqual((done.returncode, done.stdout), (125, ""), host)
            self.assertIn("damaged", done.stderr)


main()
