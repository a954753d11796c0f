# SPDX-License-Identifier: Apache-2.0
"""Real programs at real work in a granted folder; what they made is looked at from outside.

Each task runs in a server run, in a prompting run with the folder attached, and served by FUSE.
"""
import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import HOME, Case, main, read, write  # noqa: E402

WAYS = {
    "server": ("never", {}),
    "attached": ("exec:false", {}),
    "fuse": ("exec:false", {"APPSILO_ATTACH": "never"}),
}

BASH = r"""
set -euo pipefail
mkdir -p in out
for i in $(seq 1 50); do echo "line $i value $((i * i))" > in/$i.txt; done
cat in/*.txt | sort -t' ' -k4 -n | awk '{s += $4} END {print s}' > out/sum
diff <(ls in | sort) <(printf '%s\n' in/* | xargs -n1 basename | sort) && echo same > out/same
exec 3<> out/both; echo first >&3; echo second >&3; exec 3>&-
(echo sub; exit 3) > out/sub || echo "status $?" >> out/sub
while read -r a b; do echo "$b $a"; done <<< $'x y\nz w' > out/swapped
{ (exit 4) & wait $! || echo "waited $?"; } > out/wait
coproc CAT { cat; }; echo through >&"${CAT[1]}"; read -r back <&"${CAT[0]}"; echo "$back" > out/coproc
exec {CAT[1]}>&-; wait "$CAT_PID"
set -o noclobber; ! (echo x > out/sum) 2> out/clobber
mkfifo out/pipe; (echo piped > out/pipe) & cat out/pipe > out/frompipe; wait
trap 'echo trapped > out/trap' EXIT
find in -name '1*.txt' -newer in/1.txt -o -name '2.txt' | wc -l > out/found
tar -C in -cf - . | gzip | tar -C out -xzf - --one-top-level=copy
cp -a in out/in-copy; rm -r in; mv out/in-copy in
"""

NODE = r"""
const fs = require('fs'), path = require('path'), { execFileSync, spawn } = require('child_process');
fs.mkdirSync('tree/a/b', { recursive: true });
for (let i = 0; i < 100; i++) fs.writeFileSync(`tree/a/b/${i}`, `file ${i}`);
fs.renameSync('tree/a/b/1', 'tree/one');
fs.symlinkSync('one', 'tree/link');
const sum = fs.readdirSync('tree/a/b').map(n => fs.readFileSync('tree/a/b/' + n).length).reduce((a, b) => a + b);
const said = execFileSync('sh', ['-c', 'wc -l'], { input: 'a\nb\n' }).toString().trim();
const child = spawn(process.execPath, ['-e', 'process.stdin.pipe(process.stdout)']);
let back = '';
child.stdout.on('data', d => back += d);
child.on('close', async code => {
  const w = fs.watch('tree');
  const seen = new Promise(r => w.on('change', (e, n) => r(n)));
  await fs.promises.writeFile('tree/watched', 'x');
  const name = await seen;
  w.close();
  await fs.promises.cp('tree', 'copy', { recursive: true, verbatimSymlinks: true });
  await fs.promises.rm('tree/a', { recursive: true });
  fs.writeFileSync('result.json', JSON.stringify({ sum, said, back, code, name,
    link: fs.readlinkSync('copy/link'), left: fs.readdirSync('tree').sort(), copied: fs.readdirSync('copy/a/b').length }));
});
child.stdin.end('round trip');
"""

GIT = r"""
set -eu
git init -q -b main repo && cd repo
git config user.email t@example.org && git config user.name T
mkdir src docs && for i in $(seq 1 60); do echo "int f$i;" > src/f$i.c; done
git add . && git commit -qm one
git checkout -qb side && echo side > docs/side && git add . && git commit -qm side
git checkout -q main && echo main > main.txt && git add . && git commit -qm main
git merge -q --no-edit side
git worktree add -q ../tree side && (cd ../tree && echo more >> docs/side && git commit -qam more)
git merge -q --no-edit side
# Renames across folders and back, as refactorings do.
for round in 1 2; do
  git mv src lib && mkdir src && git mv lib/f{1..20}.c src/ && git commit -qm "half $round"
  git mv src/f{1..20}.c lib/ && rm -rf src && git mv lib src && git commit -qm "back $round"
done
git stash list && echo dirty > src/f1.c && git stash -q && git stash pop -q && git checkout -q -- src/f1.c
git rebase -q HEAD~1 && git tag v1 && git gc -q --prune=now && git fsck --strict
git clone -q . ../clone && git worktree remove ../tree
git status --porcelain > ../status && git log --oneline | wc -l > ../count
cp /bin/true .git/hooks/post-commit && echo x >> main.txt && git commit -qam hooked
"""

SQLITE = r"""
import os, sqlite3, subprocess, sys
db = sqlite3.connect('data.db', isolation_level=None, timeout=60)
print(db.execute('pragma journal_mode=wal').fetchone()[0])
db.execute('create table t (who, n)')
code = '''
import sqlite3, sys
db = sqlite3.connect('data.db', isolation_level=None, timeout=60)
for n in range(40):
    db.execute('begin immediate'); db.execute('insert into t values (?, ?)', (sys.argv[1], n)); db.execute('commit')
'''
writers = [subprocess.Popen([sys.executable, '-c', code, w]) for w in 'ab']
reader = sqlite3.connect('data.db', timeout=60)
last = 0
while any(w.poll() is None for w in writers):
    now = reader.execute('select count(*) from t').fetchone()[0]
    assert now >= last; last = now
print([w.returncode for w in writers], reader.execute('pragma integrity_check').fetchone()[0])
print(subprocess.run(['sqlite3', 'data.db', 'select count(*), count(distinct who) from t'], capture_output=True, text=True, check=True).stdout.strip())
"""

MAKEFILE = """
CFLAGS = -O1 -g -Wall
program: main.o sum.o libtwice.so
	$(CC) -o $@ main.o sum.o -L. -ltwice -Wl,-rpath,'$$ORIGIN'
libtwice.so: twice.c
	$(CC) -shared -fPIC -o $@ $<
main.o sum.o: sum.h
clean:
	rm -f *.o *.so program
"""


class Tasks(Case):
    def each_way(self, task):
        """@task(folder, run) in each way to reach the folder; run(words...) is inside."""
        for way, (prompt, env) in WAYS.items():
            with self.subTest(way):
                folder = f"{HOME}/tasks/{way}"
                shutil.rmtree(folder, ignore_errors=True)
                os.makedirs(folder)

                def run(*words, code=0, options=()):
                    done = self.run_app(*words, prompt=prompt, env=env, cwd=folder, timeout=240,
                                        options=("--allow-write", folder, *options))
                    self.assertEqual(done.returncode, code, f"{way}: {done.stdout}{done.stderr}")
                    return done.stdout

                task(folder, run)

    def test_bash(self):
        def task(folder, run):
            write(folder + "/script", BASH)
            run("bash", "script")
            made = {name: read(f"{folder}/out/{name}").strip()
                    for name in ("sum", "same", "both", "sub", "swapped", "wait", "coproc", "frompipe",
                                 "trap", "found")}
            self.assertEqual(made, {
                "sum": "42925", "same": "same", "both": "first\nsecond", "sub": "sub\nstatus 3",
                "swapped": "y x\nw z", "wait": "waited 4", "coproc": "through", "frompipe": "piped",
                "trap": "trapped", "found": made["found"]})
            self.assertIn("cannot overwrite", read(folder + "/out/clobber"))
            self.assertEqual(len(os.listdir(folder + "/in")), 50)
            self.assertEqual(read(folder + "/out/copy/7.txt"), "line 7 value 49\n")
        self.each_way(task)

    def test_node(self):
        def task(folder, run):
            write(folder + "/script.js", NODE)
            run("node", "script.js")
            import json
            self.assertEqual(json.loads(read(folder + "/result.json")), {
                "sum": 684, "said": "2", "back": "round trip", "code": 0, "name": "watched",
                "link": "one", "left": ["link", "one", "watched"], "copied": 99})
            self.assertEqual(read(folder + "/tree/one"), "file 1")
        self.each_way(task)

    def test_git(self):
        def task(folder, run):
            write(folder + "/script", GIT)
            run("bash", "script")
            self.assertEqual(read(folder + "/status"), "")
            self.assertEqual(read(folder + "/count").strip(), "10")

            def git(*words):
                return subprocess.run(["git", "-c", "safe.directory=*", "-C", folder + "/repo", *words],
                                      capture_output=True, text=True, check=True).stdout
            self.assertEqual(git("status", "--porcelain"), "")
            self.assertEqual(git("fsck", "--strict"), "")
            self.assertEqual(read(folder + "/clone/docs/side"), "side\nmore\n")
        self.each_way(task)

    def test_sqlite(self):
        def task(folder, run):
            write(folder + "/script.py", SQLITE)
            self.assertEqual(run("python3", "script.py"), "wal\n[0, 0] ok\n80|2\n")
            out = subprocess.run(["sqlite3", folder + "/data.db", "select who, sum(n) from t group by who"],
                                 capture_output=True, text=True, check=True).stdout
            self.assertEqual(out, "a|780\nb|780\n")
        self.each_way(task)

    def test_gcc_and_make(self):
        def task(folder, run):
            write(folder + "/Makefile", MAKEFILE)
            write(folder + "/sum.h", "int sum(int a, int b);\nint twice(int a);\n")
            write(folder + "/sum.c", '#include "sum.h"\nint sum(int a, int b) { return a + b; }\n')
            write(folder + "/twice.c", "int twice(int a) { return 2 * a; }\n")
            write(folder + "/main.c", '#include "sum.h"\n#include <stdio.h>\nint main(void)\n'
                                      '{ printf("%d\\n", twice(sum(20, 1))); return 5; }\n')
            run("make", "-j2", "-s")
            self.assertEqual(run("./program", code=5), "42\n")
            stamp = os.stat(folder + "/program").st_mtime_ns
            self.assertIn("up to date", run("make"))
            self.assertEqual(os.stat(folder + "/program").st_mtime_ns, stamp)
            done = subprocess.run([folder + "/program"], capture_output=True, text=True, check=False)
            self.assertEqual((done.stdout, done.returncode), ("42\n", 5))
            run("make", "-s", "clean")
            self.assertEqual(sorted(os.listdir(folder)), ["Makefile", "main.c", "sum.c", "sum.h", "twice.c"])
        self.each_way(task)

    def test_pip(self):
        def task(folder, run):
            make_wheel(folder + "/wheels")
            pip = ("python3", "-m", "pip", "--python", "venv/bin/python")
            run("python3", "-m", "venv", "--without-pip", "venv")
            run(*pip, "install", "--quiet", "--no-index", "--find-links", "wheels", "greeting")
            self.assertEqual(run("venv/bin/greet", "you"), "hello you\n")
            self.assertIn("greeting", run(*pip, "list", "--format=freeze"))
            done = subprocess.run([folder + "/venv/bin/greet", "host"], capture_output=True, text=True,
                                  check=False)
            self.assertEqual(done.stdout, "hello host\n", done.stderr)
            run(*pip, "uninstall", "--quiet", "--yes", "greeting")
            self.assertFalse(os.path.exists(folder + "/venv/bin/greet"))
        self.each_way(task)


def make_wheel(folder):
    """A wheel by hand: a module, a command, and the record of their hashes."""
    info = "greeting-1.0.dist-info"
    files = {
        "greeting.py": "import sys\n\ndef main():\n    print('hello', sys.argv[1])\n",
        info + "/METADATA": "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n",
        info + "/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        info + "/entry_points.txt": "[console_scripts]\ngreet = greeting:main\n",
    }
    record = ""
    os.makedirs(folder)
    with zipfile.ZipFile(folder + "/greeting-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{name},sha256={digest},{len(text)}\n"
            wheel.writestr(name, text)
        wheel.writestr(info + "/RECORD", record + info + "/RECORD,,\n")


main()
