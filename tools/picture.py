#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Record a real session on a pseudo-terminal and draw what its screen shows as an SVG.

usage: picture.py BUILD_DIR OUTPUT.svg

Started by root, the session is that of a made-up home, /home/ada, which must not exist and
is removed again; else it is that of the caller's own home, in a folder of its own.
"""
import html
import os
import shutil
import sys
import tempfile
import unicodedata

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COLUMNS, ROWS = 80, 44
WIDTH, HEIGHT, PAD, TITLE = 8.4, 18, 16, 30  # of a cell, around all, above
BACK, FRONT, FAINT = "#1e2127", "#d7dae0", "#8b919d"
COLOURS = {"default": FRONT, "red": "#f07178", "green": "#a5d46a", "brown": "#ffcb6b",
           "blue": "#82aaff", "magenta": "#c792ea", "cyan": "#89ddff", "white": "#ffffff",
           "black": "#5c6370"}
FAINT_MARK = "\x1b[3m"  # the screen model knows no faint letters: carried as italics


def make_home():
    if os.geteuid() != 0:
        return tempfile.mkdtemp(prefix="ada-", dir=os.path.expanduser("~"))
    os.mkdir("/home/ada")
    return "/home/ada"


def record(build, home):
    os.makedirs(home + "/notes")
    os.makedirs(home + "/photos")
    with open(home + "/notes/todo.txt", "w") as file:
        file.write("buy milk\n")
    os.environ.update(HOME=home, TEST_PLACE=home, APPSILO=os.path.abspath(build) + "/src/cli/appsilo",
                      TERM="xterm-256color", LANG="C.UTF-8", PS1="$ ", HISTFILE="")
    os.environ["PATH"] = os.path.dirname(os.environ["APPSILO"]) + ":/usr/bin:/bin"
    sys.path.insert(0, TOP + "/tests")
    import screen  # needs the environment above
    t = screen.Terminal("bash", "--norc", "--noprofile", "-i", cwd=home + "/notes", rows=ROWS, columns=COLUMNS)
    t.filter = lambda data: data.replace(b"\x1b[2m", FAINT_MARK.encode())
    t.wait_for("$ ")
    t.type("appsilo python -q\n")
    t.answer("n")
    t.wait_for(">>> ")
    t.type("open('todo.txt').read()\n")
    t.answer("y")
    t.wait_for(">>> ")
    t.type("open('../photos/me.jpg', 'w')\n")
    t.answer("n")
    t.wait_for(">>> ")
    picture = [[t.screen.buffer[y][x] for x in range(COLUMNS)] for y in range(ROWS)]
    t.type("\x04")
    t.wait_prompt()
    t.type("exit\n")
    t.end()
    return picture


def look(cell):
    fill = FAINT if cell.italics else COLOURS.get(cell.fg, FRONT if cell.fg == "default" else "#" + cell.fg)
    return fill, "bold" if cell.bold else "normal"


def runs(line):
    """(column, text, look) for each stretch of equal looks."""
    start = 0
    while start < len(line):
        end = start + 1
        while end < len(line) and look(line[end]) == look(line[start]):
            end += 1
        text = "".join(cell.data for cell in line[start:end])
        if text.strip():
            yield start + len(text) - len(text.lstrip()), text.strip(), look(line[start])
        start = end


def draw(picture):
    while picture and not "".join(cell.data for cell in picture[-1]).strip():
        picture.pop()
    while picture and not "".join(cell.data for cell in picture[0]).strip():
        picture.pop(0)
    width = COLUMNS * WIDTH + 2 * PAD
    height = len(picture) * HEIGHT + 2 * PAD + TITLE
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
           f'viewBox="0 0 {width:g} {height:g}" role="img" aria-label="appsilo asks on a terminal">',
           f'<rect width="100%" height="100%" rx="9" fill="{BACK}"/>']
    for i, colour in enumerate(("#ff5f56", "#ffbd2e", "#27c93f")):
        out.append(f'<circle cx="{PAD + 6 + 20 * i}" cy="18" r="6" fill="{colour}"/>')
    out.append(f'<g font-family="ui-monospace,Menlo,Consolas,\'DejaVu Sans Mono\',monospace" '
               f'font-size="14" xml:space="preserve">')
    for y, line in enumerate(picture):
        for x, text, (fill, weight) in runs(line):
            cells = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
            out.append(f'<text x="{PAD + x * WIDTH:g}" y="{TITLE + PAD + (y + 0.75) * HEIGHT:g}" '
                       f'textLength="{cells * WIDTH:g}" fill="{fill}" font-weight="{weight}">'
                       f'{html.escape(text)}</text>')
    out += ["</g>", "</svg>", ""]
    return "\n".join(out)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    home = make_home()
    try:
        picture = record(sys.argv[1], home)
    finally:
        shutil.rmtree(home)
    with open(sys.argv[2], "w") as file:
        file.write(draw(picture))


main()
