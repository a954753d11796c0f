// SPDX-License-Identifier: Apache-2.0
"use strict";
const at = (id) => document.getElementById(id);
const SHOWN_MAX = 500000; // characters; more would make the page slow
let running = null;
let shown = 0;

function headers() {
  const token = at("token").value;
  return { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) };
}

function show(text, kind) {
  const room = SHOWN_MAX - shown;
  if (room <= 0) return;
  const part = document.createElement("span");
  part.textContent = text.slice(0, room);
  part.className = kind;
  at("output").append(part);
  at("output").scrollTop = at("output").scrollHeight;
  shown += text.length;
  if (shown >= SHOWN_MAX) at("output").append("\n[more is not shown]");
}

// Bytes that are no text come as base64.
function text(event) {
  return event.data_base64 ? new TextDecoder().decode(Uint8Array.from(atob(event.data), (c) => c.charCodeAt(0))) : event.data;
}

function finish(result) {
  const how = result.reason === "exited" ? `exit code ${result.exit_code}` : result.reason;
  const memory = (result.memory_bytes / 1048576).toFixed(1);
  if (result.stage === "compile") show(result.stdout + result.stderr, "stderr");
  if (result.error) show(result.error + "\n", "stderr");
  at("status").textContent = `${how} · ${result.wall_ms} ms · ${result.cpu_ms} ms of processor · ${memory} MiB`;
  for (const picture of result.pictures || []) {
    if (!picture.content_base64 || !picture.name.endsWith(".png")) continue;
    const image = document.createElement("img");
    image.src = `data:image/png;base64,${picture.content}`;
    image.alt = picture.name.split("/").pop();
    at("pictures").append(image);
  }
}

function take(name, event) {
  if (name === "stdout" || name === "stderr") show(text(event), name);
  else if (name === "result") finish(event);
  else if (name === "error") at("status").textContent = event.error.message;
}

function end(status) {
  if (status) at("status").textContent = status;
  running = null;
  at("run").disabled = false;
  at("stop").disabled = at("line").disabled = at("enter").disabled = at("eof").disabled = true;
}

function tell(message) {
  running.send(JSON.stringify(message));
}

// A page may not set headers of a websocket: the token is one of the protocols that it offers.
function connect() {
  const token = at("token").value;
  const url = new URL("/v1/run/ws", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return new WebSocket(url, token ? ["appsilo", `bearer.${encodeURIComponent(token)}`] : ["appsilo"]);
}

function begin() {
  const body = { language: at("language").value, code: at("code").value };
  const input = at("input").value;
  if (body.language === "python") body.return = ["pictures"];
  tell(body);
  if (input) tell({ stdin: input, eof: true });
  else at("line").disabled = at("enter").disabled = at("eof").disabled = false;
}

function run() {
  if (running) return;
  let answered = false;
  shown = 0;
  at("output").replaceChildren();
  at("pictures").replaceChildren();
  at("status").textContent = "running";
  at("run").disabled = true;
  at("stop").disabled = false;
  const socket = running = connect();
  socket.onopen = begin;
  socket.onmessage = (message) => {
    const { event, ...data } = JSON.parse(message.data);
    answered ||= event === "result" || event === "error";
    if (socket === running) take(event, data);
  };
  socket.onclose = () => {
    if (socket === running) end(answered ? "" : "no connection: the server has gone, or wants another token");
  };
}

// Breaking off ends the run.
function stop() {
  if (!running) return;
  running.close();
  end("stopped");
}

// A pipe has no echo as a terminal has.
function enter() {
  if (at("line").disabled) return;
  show(at("line").value + "\n", "typed");
  tell({ stdin: at("line").value + "\n" });
  at("line").value = "";
}

function endInput() {
  tell({ eof: true });
  at("line").disabled = at("enter").disabled = at("eof").disabled = true;
}

async function languages() {
  const response = await fetch("/api/v2/runtimes", { headers: headers() });
  const rows = response.ok ? await response.json() : [{ language: "python", version: "" }];
  at("language").replaceChildren(...rows.map((row) => new Option(`${row.language} ${row.version}`, row.language)));
}

async function limits() {
  const response = await fetch("/v1/limits");
  if (!response.ok) return;
  const most = await response.json();
  const mib = (bytes) => `${Math.round(bytes / 1048576)} MiB`;
  at("limits").textContent = "A run has at most " + [
    most.wall_ms && `${most.wall_ms / 1000} s`, most.memory_bytes && `${mib(most.memory_bytes)} of memory`, most.disk_bytes && `${mib(most.disk_bytes)} of files`,
    most.output_bytes && `${mib(most.output_bytes)} of output`, most.pids && `${most.pids} processes`,
    most.network === "none" ? "no network" : `network ${most.network}`].filter(Boolean).join(", ") + ".";
}

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
at("talk").addEventListener("submit", (event) => {
  event.preventDefault();
  enter();
});
at("stop").addEventListener("click", stop);
at("eof").addEventListener("click", endInput);
at("token").addEventListener("change", languages);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
  // In the program it is the way out of the editor.
  else if (event.key === "Escape" && !event.composedPath().some((place) => place.id === "editor")) stop();
});
languages();
limits();
