# SPDX-License-Identifier: Apache-2.0
"""A code executor for an LLM agent, on a server of `appsilo serve`: copy it, or subclass it.

An agent framework wants one of three things, and this has all of them:

- execute(code): a kept interpreter, as in a notebook; what is defined in one call is there in the next;
- TOOL and call(arguments): a function that a model calls by name, with a JSON schema;
- execute_code_blocks(blocks): blocks with `language` and `code`, as a model writes them into its answers; gives an
  object with `exit_code` and `output`.

Nothing of the agent's machine is within reach of the code: it has a folder of its own, on the server, until close().

    python3 code_executor.py http://127.0.0.1:8480     # a conversation with a model that is made up
"""
from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import Any, Iterable, List, Mapping, Optional

from appsilo import Client, File, RunResult, ServerError

LANGUAGES = {"python": "python", "py": "python", "sh": "bash", "bash": "bash", "shell": "bash", "javascript": "javascript", "js": "javascript"}
TEXT_MAX = 20000  # characters that a model is given to read


@dataclass
class Execution:
    """What came of it: `output` is for the model, the rest for the program."""

    output: str
    exit_code: int
    pictures: List[File] = field(default_factory=list)


class CodeExecutor:
    TOOL = {
        "name": "execute_python",
        "description": "Run Python in an isolated interpreter that is kept between calls. Returns what it prints, the value of a last "
                       "expression, and errors.",
        "parameters": {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]},
    }

    def __init__(self, url: str = "http://127.0.0.1:8480", token: Optional[str] = None, **options: Any):
        """@options are those of Client.session: limits, env, package, network."""
        self._client = Client(url, token)
        self._session = self._client.session(state=True, **options)

    def __enter__(self) -> "CodeExecutor":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        self._session.delete()
        self._client.close()

    def execute(self, code: str) -> Execution:
        return self._carry_out(lambda: self._session.run(code, returns=["pictures"]))

    def call(self, arguments: str) -> str:
        """The function of TOOL: @arguments is the JSON text that a model wrote, so anything."""
        try:
            code = json.loads(arguments)["code"]
        except (ValueError, KeyError, TypeError):
            return 'error: the arguments must be {"code": "..."}'
        return self.execute(code).output if isinstance(code, str) else "error: code must be a text"

    def execute_code_blocks(self, blocks: Iterable[Any]) -> Execution:
        """One after the other in the session's folder, up to the first that fails."""
        said, done = [], Execution("", 0)
        for block in blocks:
            language = LANGUAGES.get(str(block.language).lower())
            if language is None:
                done = Execution(f"error: there is no {block.language} here", 1)
            elif language == "python":
                done = self.execute(block.code)
            else:
                done = self._carry_out(lambda: self._client.run(block.code, language=language))
            said.append(done.output)
            if done.exit_code:
                break
        return Execution("".join(said), done.exit_code, done.pictures)

    def upload(self, files: Mapping[str, Any]) -> None:
        for name, content in files.items():
            self._session.upload(name, content)

    def download(self, name: str) -> bytes:
        return self._session.download(name)

    def restart(self) -> None:
        self._session.reset()

    @staticmethod
    def _carry_out(run: Any) -> Execution:
        try:
            result: RunResult = run()
        except ServerError as error:
            return Execution(f"error: {error}\n", 1)
        output = result.stdout + result.stderr
        if len(output) > TEXT_MAX:
            output = output[:TEXT_MAX // 2] + "\n[...]\n" + output[-TEXT_MAX // 2:]
        if result.reason != "exited":
            output += f"[{result.reason}]\n"
        if result.state_lost:
            output += "[the interpreter has ended: names are gone, files are kept]\n"
        return Execution(output, result.exit_code if result.reason == "exited" else result.exit_code or 1, result.pictures)


def main() -> None:
    """The loop of an agent, with a model that has learnt its part by heart."""
    url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8480"
    lines = ["import math\nradius = 3", "math.pi * radius ** 2", "open('/etc/shadow')", "print('area', round(math.pi * radius ** 2, 2))"]
    with CodeExecutor(url) as executor:
        for line in lines:
            print(">>>", line.replace("\n", "\n... "))
            print(executor.call(json.dumps({"code": line})), end="")


if __name__ == "__main__":
    main()
