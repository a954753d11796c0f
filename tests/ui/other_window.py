# SPDX-License-Identifier: Apache-2.0
"""A window of another program, which takes the focus."""
import gi

gi.require_version("Gtk", "4.0")
from gi.repository import GLib, Gtk  # noqa: E402

Gtk.init()
window = Gtk.Window(title="another")
window.present()
GLib.MainLoop().run()
