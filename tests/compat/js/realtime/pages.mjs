// Opens pages in Chromium and does in them what it is told, a line of JSON for each order.
//
// Order: {"id", "page", "run"}, where `run` is JavaScript for that page; it is opened when it is
// first named, and {"id", "page"} closes it. Answer: {"id", "result"} or {"id", "error"}.
// `node pages.mjs <path of Chromium>`.
import { once } from "node:events";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { chromium } from "playwright-core";

const here = dirname(fileURLToPath(import.meta.url));
const bundling = build({
  entryPoints: [join(here, "page.mjs")],
  bundle: true,
  minify: true,
  format: "iife",
  platform: "browser",
  write: false,
  logLevel: "error",
});
const launching = chromium.launch({
  executablePath: process.argv[2],
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server"],
});
const [bundled, browser] = await Promise.all([bundling, launching]);
const files = {
  "/": ["text/html", '<!doctype html><meta charset="utf-8"><script src="page.js"></script>'],
  "/page.js": ["text/javascript", bundled.outputFiles[0].contents],
};
const site = createServer((request, response) => {
  const [type, body] = files[request.url] ?? ["text/plain", ""];
  response.writeHead(body ? 200 : 404, { "content-type": type }).end(body);
}).listen(0, "127.0.0.1");
await once(site, "listening");

const pages = new Map();

function opened(name) {
  if (!pages.has(name)) {
    pages.set(name, open(name));
  }
  return pages.get(name);
}

async function open(name) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  page.on("console", (message) => console.error(`${name}: ${message.text()}`));
  page.on("pageerror", (error) => console.error(`${name}: ${error}`));
  await page.goto(`http://127.0.0.1:${site.address().port}/`);
  return page;
}

async function close(name) {
  const page = await pages.get(name);
  pages.delete(name);
  await page?.context().close();
  return null;
}

async function run(name, script) {
  const text = `(async () => JSON.stringify((await (${script})) ?? null))()`;
  return JSON.parse(await (await opened(name)).evaluate(text));
}

async function answer({ id, page, run: script }) {
  try {
    return { id, result: await (script === undefined ? close(page) : run(page, script)) };
  } catch (error) {
    return { id, error: String(error) };
  }
}

console.log(JSON.stringify({ ready: true }));
// Orders do not wait for each other: one may wait for what another causes.
for await (const line of createInterface({ input: process.stdin })) {
  answer(JSON.parse(line)).then((answered) => console.log(JSON.stringify(answered)));
}
await browser.close();
site.close();
