# SPDX-License-Identifier: Apache-2.0
"""What a tool of `appsilo mcp` does, in the sandbox: the request is a JSON object on stdin."""
import base64
import json
import os
import sys
import tempfile

MORE = 3  # exit code of a read that did not come to the file's end


def data_of(item):
    return base64.b64decode(item["content"], validate=True) if item.get("encoding") == "base64" else item["content"].encode()


def give_input(text):
    with tempfile.TemporaryFile() as file:
        file.write(text.encode())
        file.seek(0)
        os.dup2(file.fileno(), 0)


def start(argv):
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        print(f"{argv[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


def run_python(request):
    folder = tempfile.mkdtemp(prefix="run-", dir="/tmp")
    for item in [{"name": "main.py", "content": request["code"]}, *request.get("files", [])]:
        name = os.path.normpath(item["name"])
        if os.path.isabs(name) or name.split("/")[0] == "..":
            raise ValueError(f"{item['name']}: a name below the program's folder is needed")
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data_of(item))
    start([sys.executable, "-u", folder + "/main.py", *request.get("argv", [])])


def run_command(request):
    start(request.get("argv") or ["/bin/sh", "-c", request["command"]])


def read_file(request):
    with open(request["path"], "rb") as file:
        if request["offset"]:
            file.seek(request["offset"])
        data = file.read(request["length"])
        more = file.read(1)
    sys.stdout.buffer.write(data)
    sys.stdout.flush()
    sys.exit(MORE if more else 0)


def write_file(request):
    with open(request["path"], "ab" if request.get("append") else "wb") as file:
        print(file.write(data_of(request)))


request = json.loads(sys.stdin.buffer.read())
try:
    if "cwd" in request:
        os.chdir(os.path.expanduser(request["cwd"]))
        os.environ["PWD"] = os.getcwd()
    give_input(request.get("stdin", ""))
    globals()[request["tool"]](request)
except (OSError, ValueError) as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(1)
