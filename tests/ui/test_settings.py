# SPDX-License-Identifier: Apache-2.0
"""The settings window: what it shows is what the store says, whatever happens to the store, and what is
done there is done."""
import json
import os
import sqlite3
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]
import desktop as desk  # noqa: E402
from common import APPSILO, HOME, PLACE, Case, main, read, write  # noqa: E402

import time

import package_maker as maker  # noqa: E402

TITLE = "appsilo settings"
APP, OTHER = "tool_0123456789abc", "other_0123456789abc"
STORE = HOME + "/.local/share/appsilo/consent.db"
DATA, WORK = HOME + "/data", HOME + "/work"
ROWS = int(os.environ.get("APPSILO_SOAK_ROWS", "100000"))


def setUpModule():
    global screen
    screen = desk.Desktop(PLACE)


def tearDownModule():
    screen.stop()


class SettingsCase(Case):
    def setUp(self):
        super().setUp()
        self.app = None

    def tearDown(self):
        self.close()

    def close(self):
        if self.app:
            self.app.kill()
            self.app.communicate()
        self.app = None
        screen.no_window()

    def open(self, env=None):
        self.app = subprocess.Popen([APPSILO, "settings"], stderr=subprocess.PIPE, text=True,
                                    env={**os.environ, **(env or {})})
        return screen.window("Privacy & Security")

    def grant(self, *words, family=APP):
        self.tool("grant", "-p", family, *words)

    def rules(self):
        return [(r["package"], r.get("path") or r["host"], r["decision"], r.get("access"), r["source"])
                for r in json.loads(self.tool("consents", "--json").stdout)]

    def page(self, window, title):
        """What has just been granted may move the list under the pointer: then it is clicked again."""
        def opens():
            screen.click(TITLE, screen.find(window, title, "list item"))
            # In the list, as its row and its label, and as the title.
            return desk.soon(lambda: screen.texts(window).count(title) == 3)
        desk.until(opens, f"{title} does not open")

    def shows(self, window, text):
        desk.until(lambda: screen.shows(window, text), lambda: f"{text!r} is not in {screen.texts(window)}")

    def shows_not(self, window, text):
        desk.until(lambda: not screen.shows(window, text), lambda: f"{text!r} stays")

    def dialog(self, verb):
        def look():
            return next((w for w in screen.windows() if screen.find(w, verb, "push button", wait=False)), None)
        return desk.until(look, f"no dialog with {verb}")

    def say(self, verb):
        screen.press(screen.find(self.dialog(verb), verb, "push button"))

    def until_rules(self, want):
        desk.until(lambda: self.rules() == want, lambda: f"{self.rules()} and not {want}")


class Decisions(SettingsCase):
    def test_what_is_shown(self):
        self.grant("--read", DATA)
        self.grant("--deny", "--file", DATA + "/test.txt", family=OTHER)
        self.grant("--host", "example.org:443")
        self.tool("grant", "--all-packages", "--write", WORK)
        window = self.open()
        today = time.strftime("%B %Y")
        for text in ("May read, with all in it · granted", "No access · granted", "every app", APP, OTHER, today):
            self.shows(window, text)
        self.assertFalse(screen.shows(window, "example.org"))
        self.page(window, "Network")
        self.shows(window, "example.org:443")
        self.shows(window, "May connect · granted")
        self.page(window, "tool")
        for text in ("Family name", APP, "Not a package", "example.org:443", "data"):
            self.shows(window, text)
        self.assertFalse(screen.shows(window, "test.txt"))
        screen.picture("settings-app")

    def test_remove_and_undo(self):
        self.grant("--read", DATA)
        self.grant("--read", WORK)
        window, before = self.open(), json.loads(self.tool("consents", "--json").stdout)
        screen.press(screen.find(window, f"Remove {DATA}", "push button"))
        self.until_rules([(APP, WORK, "allow", "read", "grant")])
        self.shows_not(window, f"Remove {DATA}")
        screen.press(screen.find(window, "Undo", "push button"))
        self.shows(window, f"Remove {DATA}")
        after = json.loads(self.tool("consents", "--json").stdout)
        self.assertEqual([{**r, "id": 0} for r in after], [{**r, "id": 0} for r in before])
        # What was decided since is not written over.
        screen.press(screen.find(window, f"Remove {DATA}", "push button"))
        self.shows_not(window, f"Remove {DATA}")
        self.grant("--deny", DATA)
        screen.press(screen.find(window, "Undo", "push button"))
        self.shows(window, "consent store: the decision was changed elsewhere meanwhile")
        self.until_rules([(APP, DATA, "deny", "read", "grant"), (APP, WORK, "allow", "read", "grant")])

    def test_change(self):
        self.grant("--read", DATA)
        self.grant("--host", "example.org")
        window = self.open()
        for verb, row, words in (("No Access", ("deny", "read"), "No access, "),
                                 ("Read and Change", ("allow", "write"), "May read and change, "),
                                 ("Read", ("allow", "read"), "May read, "),
                                 ("Cancel", ("allow", "read"), "May read, ")):
            screen.press(screen.find(window, f"Change {DATA}", "push button"))
            self.say(verb)
            self.until_rules([(APP, DATA, *row, "grant"), (APP, "example.org", "allow", None, "grant")])
            desk.until(lambda: len(screen.windows()) == 1, "the dialog stays")
            self.shows(window, words)
        self.page(window, "Network")
        screen.press(screen.find(window, "Change example.org", "push button"))
        self.say("Refuse")
        self.until_rules([(APP, DATA, "allow", "read", "grant"), (APP, "example.org", "deny", None, "grant")])
        self.shows(window, "May not connect")

    def test_what_changed_elsewhere_is_not_overwritten(self):
        self.grant("--read", DATA)
        window = self.open()
        screen.press(screen.find(window, f"Change {DATA}", "push button"))
        self.dialog("No Access")
        self.grant("--write", DATA)
        self.tool("revoke", "-p", APP, DATA)
        self.grant("--deny", DATA)
        self.say("Read and Change")
        self.shows(window, "changed elsewhere")
        self.assertEqual(self.rules(), [(APP, DATA, "deny", "read", "grant")])

    def test_reset(self):
        self.grant("--read", DATA)
        self.grant("--host", "example.org")
        self.grant("--read", WORK, family=OTHER)
        window = self.open()
        self.page(window, "tool")
        for verb, left in (("Cancel", 3), ("Reset", 1)):
            screen.press(screen.find(window, "Reset App…", "push button"))
            self.say(verb)
            desk.until(lambda left=left: len(self.rules()) == left, "not reset")
            desk.until(lambda: len(screen.windows()) == 1, "the dialog stays")
        self.assertEqual(self.rules(), [(OTHER, WORK, "allow", "read", "grant")])
        self.page(window, "File System")
        screen.press(screen.find(window, "Reset All…", "push button"))
        self.say("Reset")
        self.until_rules([])
        self.shows(window, "No Decisions")

    def test_search(self):
        for name in ("alpha", "beta"):
            os.makedirs(f"{DATA}/{name}", exist_ok=True)
            self.grant("--read", f"{DATA}/{name}")
        window = self.open()
        self.shows(window, f"Remove {DATA}/alpha")
        screen.type_into(TITLE, screen.find(window, "Search", "entry"), "BETA")
        self.shows_not(window, f"Remove {DATA}/alpha")
        self.shows(window, f"Remove {DATA}/beta")
        screen.xdotool("type", "zzz")
        self.shows(window, "Nothing Found")

    def test_grant_by_the_file_chooser(self):
        window = self.open()
        self.grant("--read", WORK)
        self.page(window, "tool")
        for button, name, target in (("Add Folder…", DATA, "folder"), ("Add File…", DATA + "/test.txt", "file")):
            screen.press(screen.find(window, button, "push button"))
            self.dialog("Allow")
            screen.keys("slash")
            screen.xdotool("type", "--delay", 5, name[1:])
            screen.keys("Return")
            desk.until(lambda name=name: any(r[1] == name for r in self.rules()), lambda: f"{self.rules()}")
            desk.until(lambda: len(screen.windows()) == 1, "the chooser stays")
            rule, = [r for r in json.loads(self.tool("consents", "--json").stdout) if r["path"] == name]
            self.assertEqual((rule["package"], rule["target"], rule["access"], rule["source"]),
                             (APP, target, "read", "grant"))


class Underneath(SettingsCase):
    """The store as others leave it."""

    def test_what_others_do_shows_by_itself(self):
        window = self.open()
        self.shows(window, "No Decisions")
        self.assertFalse(os.path.exists(STORE))
        self.grant("--read", DATA)
        self.shows(window, f"Remove {DATA}")
        # A program that tells nobody.
        db = sqlite3.connect(STORE)
        db.execute("UPDATE rules SET verdict = 'deny'")
        db.commit()
        self.shows(window, "No access")
        db.execute("DELETE FROM rules")
        db.commit()
        db.close()
        self.shows(window, "No Decisions")

    def test_a_prompt_that_is_answered(self):
        window = self.open()
        self.answers({"path": DATA})
        self.run_app("cat", DATA + "/test.txt", options=("--allow-read", WORK))
        self.shows(window, f"Remove {DATA}/test.txt")
        self.shows(window, "you were asked")

    def test_damaged(self):
        self.grant("--read", DATA)
        window = self.open()
        self.shows(window, f"Remove {DATA}")
        for name in ("-wal", "-shm", ""):
            if os.path.exists(STORE + name):
                os.unlink(STORE + name)
        write(STORE, b"this is no database" * 500, "wb")
        os.chmod(STORE, 0o600)
        self.shows(window, "is damaged; everything is denied")
        self.shows(window, "Not Known")
        self.shows_not(window, f"Remove {DATA}")
        screen.picture("settings-damaged")
        self.assertIsNone(self.app.poll())
        os.unlink(STORE)
        self.shows(window, "No Decisions")
        self.shows_not(window, "is damaged")

    def test_a_row_that_we_did_not_write(self):
        self.grant("--read", DATA)
        window = self.open()
        self.shows(window, f"Remove {DATA}")
        db = sqlite3.connect(STORE)
        db.execute("UPDATE rules SET path = CAST('relative' AS BLOB)")
        db.commit()
        self.shows(window, "is damaged")
        self.shows_not(window, f"Remove {DATA}")
        db.execute("DELETE FROM rules")
        db.commit()
        db.close()
        self.shows(window, "No Decisions")
        self.shows_not(window, "is damaged")

    def test_locked(self):
        self.grant("--read", DATA)
        db = sqlite3.connect(STORE, isolation_level=None)
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        window = self.open()
        self.shows(window, "is locked by another process")
        self.shows(window, "Not Known")
        db.execute("ROLLBACK")
        db.close()
        self.shows(window, f"Remove {DATA}")
        self.shows_not(window, "is locked")

    def test_locked_for_writing(self):
        self.grant("--read", DATA)
        window = self.open()
        db = sqlite3.connect(STORE, isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        screen.press(screen.find(window, f"Remove {DATA}", "push button"))
        self.shows(window, "is locked by another process")
        self.assertTrue(screen.shows(window, f"Remove {DATA}"))
        self.assertFalse(screen.find(window, "Undo", "push button", wait=False))
        db.execute("ROLLBACK")
        db.close()

    def test_writable_by_others(self):
        self.grant("--read", DATA)
        window = self.open()
        self.shows(window, f"Remove {DATA}")
        os.chmod(STORE, 0o666)
        self.shows(window, "must be yours")
        self.shows_not(window, f"Remove {DATA}")
        os.chmod(STORE, 0o600)
        self.shows(window, f"Remove {DATA}")

    def test_another_store_in_its_place(self):
        self.grant("--read", DATA)
        window = self.open()
        self.shows(window, f"Remove {DATA}")
        os.rename(STORE, STORE + ".away")
        self.grant("--read", WORK)
        self.shows(window, f"Remove {WORK}")
        self.shows_not(window, f"Remove {DATA}")


class Many(SettingsCase):
    """A hundred thousand decisions. Not read through AT-SPI, which takes minutes for a few hundred rows."""

    def fill(self):
        self.grant("--read", WORK)
        db = sqlite3.connect(STORE)
        db.executemany("INSERT INTO rules (family, path, target, access, verdict, source, time_ms)"
                       " VALUES (?, CAST(? AS BLOB), 'file', 'read', 'allow', 'prompt', ?)",
                       ((APP, f"/many/folder-{i // 100:05}/file-{i:06}.txt", 1760000000000 + i) for i in range(ROWS)))
        db.commit()
        db.close()

    def begin(self):
        self.app = subprocess.Popen([APPSILO, "settings"])
        self.frame = screen.frame(TITLE)
        return self.idle()

    def test_one_is_found_and_removed(self):
        self.fill()
        start = self.begin()
        window, name = screen.window(), f"/many/folder-{(ROWS - 7) // 100:05}/file-{ROWS - 7:06}.txt"
        screen.type_into(TITLE, screen.find(window, "Search", "entry"), f"file-{ROWS - 7:06}")
        search = self.idle() - start
        screen.press(screen.find(window, "Remove " + name, "push button"))
        self.shows(window, "Nothing Found")
        db = sqlite3.connect(STORE)
        left, = db.execute("SELECT count(*) FROM rules").fetchone()
        gone, = db.execute("SELECT count(*) FROM rules WHERE path = CAST(? AS BLOB)", (name,)).fetchone()
        db.close()
        self.assertEqual((left, gone), (ROWS, 0))
        status = read(f"/proc/{self.app.pid}/status")
        memory = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
        print(f"{ROWS} decisions: start {start:.0f} ms of CPU, search {search:.0f} ms, {memory} kB")

    def test_pages_cost_the_same(self):
        """What scrolling by one page costs is printed: a time is no test."""
        self.fill()
        for rows in (ROWS, 200):
            db = sqlite3.connect(STORE)
            db.execute("DELETE FROM rules WHERE id > ?", (rows,))
            db.commit()
            db.close()
            before = self.begin()
            screen.xdotool("mousemove", "--window", self.frame, 600, 300, "click", 1)
            for _ in range(5):
                screen.keys(*["Next"] * 10, *["Prior"] * 10)
            print(f"a page of {rows} decisions: {(self.idle() - before) / 100:.1f} ms of CPU")
            self.close()

    def idle(self):
        """The CPU time that the window has used, once it has nothing to do."""
        last = [-1000]

        def rests():
            time.sleep(0.3)
            now = self.cpu()
            last.append(now)
            return now - last[-2] <= 30
        desk.until(rests, "it is always busy")
        return last[-1]

    def cpu(self):
        words = read(f"/proc/{self.app.pid}/stat").rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) * 1000 / os.sysconf("SC_CLK_TCK")


class Others(SettingsCase):
    def test_denials(self):
        self.run_app("cat", DATA + "/test.txt", options=("--allow-read", WORK))
        self.run_app("cat", HOME + "/.ssh/id", options=("--allow-read", WORK))
        self.tool("reset", "--all")
        window = self.open()
        self.page(window, "Recent Denials")
        self.shows(window, DATA + "/test.txt")
        screen.picture("settings-denials")
        screen.press(screen.find(window, f"Allow {DATA}/test.txt from now on", "push button"))
        desk.until(lambda: [r[1:] for r in self.rules()] == [(DATA + "/test.txt", "allow", "read", "grant")], self.rules)
        self.assertEqual(self.run_app("cat", DATA + "/test.txt", options=("--allow-read", WORK)).stdout, "hello\n")

    def test_package_and_signer(self):
        maker.trust()
        maker.make(PLACE + "/p.msix")
        self.tool("install", PLACE + "/p.msix")
        family = json.loads(self.tool("list", "--json").stdout)[0]
        self.grant("--read", DATA, family=family["family"])
        window = self.open()
        self.page(window, family["display_name"])
        for text in ("Verified package, signed by", "CN=Contoso", "Size of the package", family["fingerprint"], "1.0.0.0"):
            self.shows(window, text)
        screen.picture("settings-package")
        self.uninstall(window, "Cancel")
        # A store that is locked holds it up, and then it is said.
        db = sqlite3.connect(STORE, isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        self.uninstall(window, "Uninstall")
        self.shows(window, "locked")
        db.execute("ROLLBACK")
        db.close()
        self.page(window, family["display_name"])
        self.uninstall(window, "Uninstall")
        desk.until(lambda: self.tool("list", "--json").stdout.split() == ["[]"], "it is still installed")
        self.assertEqual(self.rules(), [])
        self.shows_not(window, family["family"])
        self.page(window, "Trusted Signers")
        self.shows(window, "CN=Contoso")
        screen.press(screen.find(window, "Remove CN=Contoso", "push button"))
        self.say("Remove")
        self.shows(window, "Nobody is trusted")
        self.assertIn("nobody is trusted", self.tool("trust", "list").stdout)

    def uninstall(self, window, verb):
        screen.press(screen.find(window, "Uninstall…", "push button"))
        self.say(verb)
        desk.until(lambda: len(screen.windows()) == 1, "the dialog stays")

    def test_names_that_imitate(self):
        name = DATA + "/<b>bold</b>\nEvery app \u202e"
        os.makedirs(name)
        self.grant("--read", name)
        window = self.open()
        self.shows(window, r"<b>bold</b>\x0aEvery app \xe2\x80\xae".split("/")[0])
        self.shows(window, r"b>\x0aEvery app \xe2\x80\xae")

    def test_without_a_display(self):
        env = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
        done = subprocess.run([APPSILO, "settings"], env=env, capture_output=True, text=True, check=False)
        self.one_line(done, 1, "neither a display nor a terminal", "appsilo consents")
        done = subprocess.run([APPSILO, "settings"], env={**env, "DISPLAY": ":9999"}, capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("display does not answer", done.stderr)


class Pictures(SettingsCase):
    def test_pictures(self):
        python, node = "python3.11_nz4784gt26e88", "node_8wekyb3d8bbwe"
        self.grant("--host", "*.example.org", family=python)
        self.grant("--read", DATA, family=python)
        db = sqlite3.connect(STORE)
        db.execute("DELETE FROM rules")
        db.executemany("INSERT INTO rules (family, path, target, access, verdict, source, time_ms)"
                       " VALUES (?, CAST(? AS BLOB), ?, ?, ?, ?, 1795000000000)",
                       ((python, "/home/ada/data", "folder", "read", "allow", "prompt"),
                        (python, "/home/ada/data/todo.txt", "file", "write", "allow", "prompt"),
                        (python, "/home/ada/photos", "folder", "read", "deny", "prompt"),
                        (node, "/home/ada/work/site", "folder", "write", "allow", "grant"),
                        ("*", "/srv/models", "folder", "read", "allow", "grant")))
        db.commit()
        db.close()
        for scheme in ("light", "dark"):
            window = self.open({"ADW_DEBUG_COLOR_SCHEME": "prefer-" + scheme})
            self.shows(window, "Remove /home/ada/photos")
            screen.picture("settings-files-" + scheme, screen.frame(TITLE))
            self.page(window, "python3.11")
            screen.picture("settings-app-" + scheme, screen.frame(TITLE))
            self.close()


if __name__ == "__main__":
    lacking = desk.missing()
    if lacking:
        print("skipped:", lacking)
        sys.exit(77)
    main()
