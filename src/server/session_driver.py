# SPDX-License-Identifier: Apache-2.0
"""Runs in the sandbox of a session: one request after the other, in one namespace."""
import ast
import io
import json
import os
import sys
import traceback
import types

requests = os.fdopen(os.dup(0), "rb")
empty = os.open(os.devnull, os.O_RDONLY)
os.dup2(empty, 0)
os.close(empty)
main = types.ModuleType("__main__")
sys.modules["__main__"] = main
sys.path.insert(0, os.getcwd())


def run(request):
    """The exit code; as an interpreter does, and the value of a last expression is shown."""
    source, name = request["code"], request["name"]
    try:
        tree = ast.parse(source, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), main.__dict__)
        if last is not None:
            exec(compile(ast.Interactive([last]), name, "single"), main.__dict__)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 255
        print(end.code, file=sys.stderr)
        return 1
    except BaseException as error:
        trace = error.__traceback__
        while trace and trace.tb_frame.f_code.co_filename != name:
            trace = trace.tb_next  # ours, and the parser's
        traceback.print_exception(type(error), error, trace)
        return 1
    return 0


def one(request):
    sys.argv[:] = [request["name"], *request["argv"]]
    given = os.open(request["stdin"], os.O_RDONLY)
    os.dup2(given, 0)
    os.close(given)
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
    code = run(request)
    for stream in sys.stdout, sys.stderr:
        try:
            stream.flush()
        except (OSError, ValueError):
            pass
    return code


for line in requests:
    request = json.loads(line)
    code = one(request)
    os.write(2, f"\0{request['mark']}\n".encode())
    os.write(1, f"\0{request['mark']} {code}\n".encode())
