// SPDX-License-Identifier: Apache-2.0
// The official MCP client against `appsilo mcp`: node mcp_sdk.mjs URL [TOKEN], or -- COMMAND... over stdio.
// Prints a JSON object of what it saw; tests/e2e/test_mcp_sdk.py judges it.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema, LATEST_PROTOCOL_VERSION } from "@modelcontextprotocol/sdk/types.js";

const [where, ...rest] = process.argv.slice(2);
const secret = process.env.MCP_TEST_FILE;

function transport() {
  if (where === "--") return new StdioClientTransport({ command: rest[0], args: rest.slice(1), env: process.env, stderr: "inherit" });
  const headers = rest[0] ? { Authorization: `Bearer ${rest[0]}` } : {};
  return new StreamableHTTPClientTransport(new URL(where), { requestInit: { headers } });
}

const asked = [];
const client = new Client({ name: "test", version: "1" }, { capabilities: { elicitation: {} } });
client.setRequestHandler(ElicitRequestSchema, async (request) => {
  asked.push(request.params);
  return { action: "accept", content: { decision: "allow", scope: "once" } };
});
const link = transport();
await client.connect(link);

const { tools } = await client.listTools();
const call = (name, args, options) => client.callTool({ name, arguments: args }, undefined, options);
const python = await call("run_python", { code: "print(input() * 2)", stdin: "ab\n" });
const read = await call("read_file", { path: secret });
const wrong = await call("run_python", { source: "1" });
const grants = await call("list_grants", {});
const steps = [];
await call("run_python", { code: "import time; time.sleep(2.2)" }, { onprogress: (step) => steps.push(step) });

const abort = new AbortController();
const began = Date.now();
const endless = call("run_python", { code: "while True: pass" }, {
  signal: abort.signal,
  onprogress: () => abort.abort("enough"),
}).then(() => "ended", (error) => String(error.message ?? error));
const cancelled = await endless;
const after = await call("run_command", { argv: ["echo", "still here"] });
let unknown;
try {
  await client.request({ method: "no/such", params: {} }, ElicitRequestSchema);
} catch (error) {
  unknown = error.code;
}
await client.ping();
console.log(JSON.stringify({
  latest: LATEST_PROTOCOL_VERSION, server: client.getServerVersion(), instructions: client.getInstructions(), tools, python, read,
  wrong, grants, steps, cancelled, cancelled_ms: Date.now() - began, after, unknown, asked, session: link.sessionId ?? null,
  spoken: link.protocolVersion ?? link._protocolVersion ?? null,
}));
if (link.terminateSession) await link.terminateSession();
await client.close();
