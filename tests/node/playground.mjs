// SPDX-License-Identifier: Apache-2.0
// A person in Chromium at the playground: node playground.mjs URL MODULES PICTURE-FOLDER. Prints a JSON object of what
// was seen; tests/e2e/test_playground.py judges it.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [url, modules, pictures] = process.argv.slice(2);
const require = createRequire(modules + "/");
const { chromium } = require("playwright-core");
const seen = { problems: [] };

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const context = await browser.newContext({ viewport: { width: 1100, height: 800 } });
const page = await context.newPage();
page.setDefaultTimeout(30000);
page.on("console", (message) => message.type() === "error" && seen.problems.push(message.text()));
page.on("pageerror", (error) => seen.problems.push(String(error)));
page.on("request", (request) => request.url().startsWith(url) || request.url().startsWith("data:") || seen.problems.push(request.url()));

const output = () => page.locator("#output").textContent();
const status = () => page.locator("#status").textContent();
const idle = () => page.locator("#run:enabled").waitFor();
// The code is whatever the page holds now; what is typed replaces it.
async function type(code) {
  await page.getByRole("textbox", { name: "Program" }).click();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete"); // Chromium gives what replaces a selection a style, which the policy blocks
  await page.keyboard.insertText(code);
}
async function runs(code) {
  await type(code);
  await page.keyboard.press("Control+Enter");
  await page.waitForFunction(() => !/running|^$/.test(document.getElementById("status").textContent));
  return { output: await output(), status: await status() };
}

await page.goto(url);
await page.locator("#limits:not(:empty)").waitFor();
seen.editor = await page.locator("#editor").count() === 1;
seen.limits = await page.locator("#limits").textContent();
seen.languages = await page.locator("#language option").evaluateAll((all) => all.map((one) => one.value));

// Typed key by key: a new line is indented, and Tab indents.
if (seen.editor) {
  await type("");
  await page.keyboard.type("def f():\nreturn 6 * 7\n");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.type("if f():\n");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.type("print(f())");
  seen.typed = await page.locator("#code").inputValue();
  seen.colours = await page.locator("#editor").evaluate((host) => new Set([...host.shadowRoot.querySelectorAll(".cm-line span")].map((part) => getComputedStyle(part).color)).size);
  // The way out of the editor by keyboard.
  await page.keyboard.press("Escape");
  seen.left = await page.evaluate(() => document.activeElement.id);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => /exit code/.test(document.getElementById("status").textContent));
  seen.first = { output: await output(), status: await status() };
}
await page.locator("#input").fill("ada\n");
seen.input = await runs("print('hello', input())");
// Without it, lines are typed while the program waits for them.
await page.locator("#input").fill("");
await type("name = input('name? ')\nprint('hello', name, flush=True)\nimport sys\nprint(len(sys.stdin.read()))");
await page.keyboard.press("Control+Enter");
await page.waitForFunction(() => document.getElementById("output").textContent.endsWith("name? "));
if (seen.editor) await page.keyboard.press("Escape");
else await page.getByLabel("Line").focus();
seen.line = await page.evaluate(() => document.activeElement.id);
await page.keyboard.type("ada <b>");
await page.keyboard.press("Enter");
await page.waitForFunction(() => document.getElementById("output").textContent.endsWith("hello ada <b>\n"));
await page.keyboard.type("rest");
await page.keyboard.press("Enter");
await page.getByRole("button", { name: "End of input" }).click();
await idle();
seen.talk = { output: await output(), status: await status(), line: await page.getByLabel("Line").isEnabled() };
seen.error = await runs("1/0");
seen.markup = await runs("print('<img src=x onerror=alert(1)><b>bold</b>')");
seen.elements = await page.locator("#output :not(span)").count();
// matplotlib by its interface: what saves figures asks these of it.
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
seen.figure = await runs(`
import base64, sys, types
plt = types.ModuleType("matplotlib.pyplot")
class Figure:
    def savefig(self, path): open(path, "wb").write(base64.b64decode("${png}"))
plt.get_fignums, plt.figure = lambda: [1], lambda n: Figure()
sys.modules["matplotlib"] = types.ModuleType("matplotlib"); sys.modules["matplotlib.pyplot"] = plt
print("drawn")`);
seen.image = await page.locator("#pictures img").evaluateAll((all) => all.map((one) => [one.alt, one.naturalWidth]));

// Output comes as it is printed; an endless loop is stopped by keyboard.
await type("import time\nn = 0\nwhile True:\n    print(n, flush=True); n += 1; time.sleep(.05)");
await page.keyboard.press("Control+Enter");
await page.waitForFunction(() => document.getElementById("output").textContent.includes("5\n"));
seen.while = await status();
await page.keyboard.press("Escape"); // in the editor: leaves it, and does not stop
seen.goes_on = await page.evaluate(() => [document.activeElement.id, document.getElementById("stop").disabled]);
await page.keyboard.press("Escape");
await idle();
seen.stopped = await status();

async function accessible() {
  await page.evaluate(readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"));
  const { violations } = await page.evaluate(() => axe.run());
  return violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.target).join(" ")}`);
}
seen.accessible = { light: await accessible() };
await page.emulateMedia({ colorScheme: "dark" });
seen.accessible.dark = await accessible();
await page.screenshot({ path: pictures + "/dark.png", fullPage: true });
await page.emulateMedia({ colorScheme: "light" });
await page.screenshot({ path: pictures + "/light.png", fullPage: true });
await page.setViewportSize({ width: 360, height: 740 });
await runs("for i in range(3):\n    print('line', i, 'x' * 60)");
seen.wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
seen.accessible.phone = await accessible();
await page.screenshot({ path: pictures + "/phone.png", fullPage: true });
await browser.close();
console.log(JSON.stringify(seen));
