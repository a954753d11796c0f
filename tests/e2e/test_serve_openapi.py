# SPDX-License-Identifier: Apache-2.0
"""/openapi.json against what the server really takes and answers."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import main
from serving import ServeCase

KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


class Schema:
    """As much of JSON Schema as the description uses; an unknown word is an error, not passed over."""

    def __init__(self, document):
        self.named = document["components"]["schemas"]

    def is_kind(self, value, kind):
        if kind == "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        return isinstance(value, KINDS[kind])

    def problem(self, value, schema, where="$"):
        """What is wrong, or None."""
        if "$ref" in schema:
            return self.problem(value, self.named[schema["$ref"].rsplit("/", 1)[1]], where)
        if "oneOf" in schema:
            return None if any(not self.problem(value, one, where) for one in schema["oneOf"]) else where + ": none of them"
        unknown = set(schema) - {"type", "properties", "required", "additionalProperties", "items", "enum", "minimum", "format", "description"}
        if unknown:
            return f"{where}: words {unknown}"
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(self.is_kind(value, kind) for kind in kinds):
            return f"{where}: {value!r:.80} is no {kinds}"
        if "enum" in schema and value not in schema["enum"]:
            return f"{where}: {value!r:.80}"
        if isinstance(value, list):
            return next(filter(None, (self.problem(one, schema["items"], f"{where}[{i}]") for i, one in enumerate(value))), None)
        if not isinstance(value, dict):
            return None
        missing = set(schema.get("required", ())) - set(value)
        if missing:
            return f"{where}: without {missing}"
        for key, one in value.items():
            inner = schema.get("properties", {}).get(key, schema.get("additionalProperties", True))
            if inner is False:
                return f"{where}.{key}: not described"
            found = inner is not True and self.problem(one, inner, f"{where}.{key}")
            if found:
                return found
        return None


class OpenApi(ServeCase):
    options = ("--max-body", "200K", "--wall-time", "60s")

    def setUp(self):
        super().setUp()
        self.document = self.server.json("GET", "/openapi.json")[1]
        self.schema = Schema(self.document)

    def described(self, method, path):
        """The row of a path, and its operation."""
        for pattern, row in self.document["paths"].items():
            if re.fullmatch(re.sub(r"\{name\}", ".+", re.sub(r"\{id\}", "[^/]+", pattern)), path):
                return row[method.lower()]
        raise AssertionError(path)

    def check(self, method, path, body=None, status=None, raw=None):
        operation = self.described(method, path)
        if body is not None:
            wanted = operation["requestBody"]["content"]["application/json"]["schema"]
            problem = self.schema.problem(body, wanted)
            self.assertEqual(bool(problem), status == 400, problem)
        got, answer = self.server.json(method, path, body, raw=raw)
        answers = operation["responses"]
        if status:
            self.assertEqual(got, status, answer)
        else:
            self.assertIn(str(got), answers, answer)
        schema = answers.get(str(got), answers["default"])["content"]["application/json"]["schema"]
        self.assertIsNone(self.schema.problem(answer, schema), (path, answer))
        return answer

    def test_every_answer_is_as_described(self):
        for path in ("/healthz", "/readyz", "/v1/limits", "/openapi.json", "/v1/sessions", "/api/v2/runtimes"):
            self.check("GET", path)
        run = {"code": "import os, sys; os.write(1, b'\\xff'); open('f', 'wb').write(b'\\xff'); print(sys.stdin.read())", "argv": ["a"],
               "stdin": "QQ==", "stdin_base64": True, "env": {"A": "b"}, "limits": {"wall_ms": 30000}, "network": "none", "return": ["files", "pictures"]}
        self.check("POST", "/v1/run", run)
        self.check("POST", "/v1/run", {"files": [{"name": "a.c", "content": "int main("}], "entry": "a.c", "language": "c"})
        self.check("POST", "/v1/run", {"code": "while 1: pass", "limits": {"wall_ms": 200}})
        self.check("POST", "/v1/batch", {"code": "print(input())\nopen('/x')", "cases": [{"stdin": "1", "expected": "1", "argv": []}, {}],
                                         "checker": {"code": "print('x' * 9999)"}, "stop_on_failure": True})
        self.check("POST", "/v1/batch", {"code": "print('x' * 9999)", "cases": [{}], "checker": {"code": "print('x' * 9999)"}})
        self.check("POST", "/v1/batch", {"code": "int main(", "language": "c", "cases": [{}]})
        self.check("POST", "/api/v2/execute", {"language": "c", "version": "*", "files": [{"content": "int main(void){return 1;}"}], "run_timeout": -1})
        self.check("POST", "/eval", {"input": "open('f', 'w').write('x')", "files": [{"path": "a", "content": "QQ=="}]})
        session = "/v1/sessions/" + self.check("POST", "/v1/sessions", {"state": True}, 201)["id"]
        self.check("GET", "/v1/sessions")
        self.check("POST", session + "/run", {"code": "x = 1", "return": ["files"]})
        self.check("PUT", session + "/files/a/b", raw="x")
        self.check("GET", session + "/files")
        self.check("DELETE", session + "/files/a/b")
        self.check("POST", session + "/reset")
        self.check("DELETE", session)

    def test_every_refusal_is_as_described(self):
        self.check("POST", "/v1/run", {"code": 1}, 400)
        self.check("POST", "/v1/run", {"code": "1", "x": 1}, 400)
        self.check("POST", "/v1/run", {"code": "1", "limits": {"pids": 10 ** 9}}, 422)
        self.check("POST", "/v1/run", {"code": "#" * 300000}, 413)
        self.check("POST", "/v1/batch", {"code": "1"}, 400)
        self.check("POST", "/api/v2/execute", {"language": "x"}, 400)
        self.check("POST", "/eval", {"x": 1}, 400)
        self.check("GET", "/v1/run/ws", status=426)
        session = "/v1/sessions/" + self.check("POST", "/v1/sessions", {}, 201)["id"]
        self.check("GET", session + "/run/ws", status=426)
        self.check("GET", "/v1/sessions/none/run/ws", status=404)
        self.check("DELETE", "/v1/runs/none", status=404)
        self.check("DELETE", "/v1/sessions/none", status=404)

    def test_every_field_that_is_described_is_known(self):
        """A request of each kind with every field, wrong only in its type, is not an unknown field."""
        for path, kind in (("/v1/run", "RunRequest"), ("/v1/batch", "BatchRequest"), ("/v1/sessions", "SessionRequest"), ("/eval", "SnekboxRequest")):
            for field in self.schema.named[kind]["properties"]:
                answer = self.server.json("POST", path, {field: None})
                self.assertNotEqual(answer[1]["error"]["code"], "unknown-field", (path, field, answer))


main()
