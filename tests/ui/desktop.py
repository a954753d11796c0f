# SPDX-License-Identifier: Apache-2.0
"""A desktop of the tests' own (Xvfb, a window manager, a session bus with AT-SPI), and what a person
does there: look at windows as a screen reader does, press real keys and buttons, take pictures."""
import importlib.util
import os
import shutil
import subprocess
import time

PROGRAMS = ("Xvfb", "openbox", "dbus-daemon", "xdotool", "import")
SECONDS = 60
MARK = "\u200e"  # before each name: it cannot turn the line round


def missing():
    """What these tests need and is not there, or None."""
    ui = os.path.join(os.path.dirname(os.environ["APPSILO"]), "appsilo-ui")
    if not os.access(ui, os.X_OK):
        return "appsilo-ui was not built (GTK 4, libadwaita)"
    for name in PROGRAMS:
        if not shutil.which(name):
            return f"{name} is not installed"
    if not importlib.util.find_spec("gi"):
        return "python3-gi is not installed"
    if not os.path.exists("/usr/share/dbus-1/services/org.a11y.Bus.service"):
        return "at-spi2-core is not installed"
    return None


def until(find, message, seconds=SECONDS):
    """What @find returns, once it is true."""
    end = time.monotonic() + seconds
    while True:
        try:
            found = find()
        except Exception as error:
            if type(error).__name__ not in ("GError", "Error"):
                raise
            found = None  # a widget that has just gone, or a window that is too busy to answer
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(message() if callable(message) else message)
        time.sleep(0.05)  # to look costs the window more than the person


def soon(find):
    """Whether @find is true before a person would try again."""
    try:
        return until(find, "not soon", 5)
    except AssertionError:
        return False


class Desktop:
    def __init__(self, place, size="1280x1000"):
        self.processes = []
        self.runtime = place + "/runtime"
        os.makedirs(self.runtime, mode=0o700, exist_ok=True)
        os.environ["XDG_RUNTIME_DIR"] = self.runtime
        os.environ["GSK_RENDERER"] = "cairo"  # there is no graphics card
        read_fd, write_fd = os.pipe()
        self.start("Xvfb", "-displayfd", str(write_fd), "-screen", "0", size + "x24", "-nolisten", "tcp",
                   pass_fds=(write_fd,))
        os.close(write_fd)
        with os.fdopen(read_fd) as file:
            os.environ["DISPLAY"] = ":" + file.readline().strip()
        bus = self.start("dbus-daemon", "--session", "--nofork", "--print-address=1", stdout=subprocess.PIPE)
        os.environ["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().decode().strip()
        self.start("openbox", "--sm-disable")
        until(self.manager,
              "no window manager")
        import gi
        gi.require_version("Atspi", "2.0")
        from gi.repository import Atspi
        self.atspi = Atspi
        Atspi.init()
        Atspi.set_timeout(5000, 5000)

    def manager(self):
        done = subprocess.run(["xprop", "-root", "_NET_SUPPORTING_WM_CHECK"], capture_output=True, check=False)
        return b"window id" in done.stdout

    def start(self, *words, **more):
        more.setdefault("stdout", subprocess.DEVNULL)
        process = subprocess.Popen(("setpriv", "--pdeathsig", "TERM", *words), stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, **more)
        self.processes.append(process)
        return process

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait()
            if process.stdout:
                process.stdout.close()

    def xdotool(self, *words, check=True):
        done = subprocess.run(["xdotool", *map(str, words)], capture_output=True, text=True, check=False)
        if done.returncode != 0 and check:
            raise AssertionError(f"xdotool {words}: {done.stderr}")
        return done.stdout.strip() if done.returncode == 0 else None

    def keys(self, *names):
        self.xdotool("key", *names)

    def picture(self, name, window=None):
        """Keep a picture of the screen, or of the window with that X11 id."""
        os.makedirs(os.environ["TEST_PICTURES"], exist_ok=True)
        path = f"{os.environ['TEST_PICTURES']}/{name}.png"
        subprocess.run(["import", "-window", str(window or "root"), path], check=True)
        return path

    def frame(self, title):
        """The X11 id of the window with @title."""
        return until(lambda: (self.xdotool("search", "--onlyvisible", "--name", f"^{title}$", check=False) or "")
                     .split(), f"no window is titled {title}")[-1]

    def click(self, title, node):
        """With the mouse, in the middle of @node."""
        x, y, width, height = self.area(node)
        self.xdotool("mousemove", "--window", self.frame(title), x + width // 2, y + height // 2, "click", 1)

    # As a screen reader sees it.

    def windows(self, program="appsilo-ui"):
        desktop = self.atspi.get_desktop(0)
        found = []
        for i in range(desktop.get_child_count()):
            try:
                application = desktop.get_child_at_index(i)
                if application is None or application.get_name() != program:
                    continue
                for k in range(application.get_child_count()):
                    found.append(application.get_child_at_index(k))
            except Exception:  # it has just gone
                continue
        return [w for w in found if w is not None and is_showing(self.atspi, w)]

    def window(self, text=None):
        """The one window of ours, once it shows @text."""
        return until(lambda: next((w for w in self.windows() if text is None or self.shows(w, text)), None),
                     lambda: f"no window with {text}: {[self.texts(w) for w in self.windows()]}")

    def no_window(self):
        until(lambda: not self.windows(), "the window stays")

    def all(self, node):
        try:
            yield node
            for i in range(node.get_child_count()):
                child = node.get_child_at_index(i)
                if child is not None:
                    yield from self.all(child)
        except Exception:  # it has just gone
            return

    def texts(self, window):
        """Everything a screen reader could read there, as whole texts."""
        found = []
        for node in self.all(window):
            try:
                if node.get_name() and is_showing(self.atspi, node):
                    found.append(clean(node.get_name()))
            except Exception:  # it has just gone
                continue
        return found

    def shows(self, window, text):
        return any(text in t for t in self.texts(window))

    def find(self, window, name, role=None, wait=True):
        def look():
            for node in self.all(window):
                try:
                    if clean(node.get_name() or "") == name and (role is None or node.get_role_name() == role) \
                            and is_showing(self.atspi, node):
                        return node
                except Exception:
                    continue
            return None
        return until(look, lambda: f"no {role or 'widget'} {name!r} in {self.texts(window)}") if wait else look()

    def has(self, node, state):
        return node.get_state_set().contains(getattr(self.atspi.StateType, state))

    def is_live(self, node):
        try:
            return self.has(node, "SENSITIVE")
        except Exception:  # it has gone
            return False

    def press(self, node):
        """As assistive technology does."""
        until(lambda: self.has(node, "SENSITIVE"), "it never becomes live")
        assert node.get_action_iface().do_action(0)

    def type_into(self, title, node, text):
        """With the mouse and the keyboard."""
        self.click(title, node)
        until(lambda: self.has(node, "FOCUSED") or any(self.has(n, "FOCUSED") for n in self.all(node)), "no focus")
        self.xdotool("type", "--delay", 5, text)

    def area(self, node):
        e = node.get_component_iface().get_extents(self.atspi.CoordType.WINDOW)
        return e.x, e.y, e.width, e.height


def is_showing(atspi, node):
    return node.get_state_set().contains(atspi.StateType.VISIBLE)


def clean(text):
    """Without the mark; and GTK 4.8 calls a button of its own dialogs "_Cancel Cancel"."""
    text = text.replace(MARK, "")
    plain = text.replace("_", "", 1)
    half = len(plain) // 2
    return plain[:half] if len(plain) % 2 and plain[:half] == plain[half + 1:] and plain[half:half + 1] == " " else text
