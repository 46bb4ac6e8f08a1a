// A page of our own files in headless Chromium, from a server on loopback: shared by the scripts beside it.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";

const TYPES = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };

/**
 * Runs `use(tab)` with a tab that shows an empty page.
 *
 * texts: scripts by name, as {"page.js": code}, beside the page. folders: where files below a path lie, as {"/wasm/": folder}; the longest
 * path that fits counts. isolated: send the headers that threads need.
 */
export async function inChromium({ texts, folders, executablePath = "/usr/bin/chromium", isolated = false }, use) {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://x").pathname);
    const headers = isolated
      ? { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" }
      : {};
    const send = (type, body) => response.writeHead(200, { "Content-Type": type, ...headers }).end(body);
    if (path === "/") return send("text/html", "<!doctype html><title>benchmark</title>");
    const script = texts[path.slice(1)];
    if (script !== undefined) return send("text/javascript", script);
    const below = Object.keys(folders).filter((name) => path.startsWith(name)).sort((a, b) => b.length - a.length)[0];
    try {
      const file = join(folders[below], normalize(path.slice(below.length)));
      send(TYPES[extname(file)] ?? "application/octet-stream", await readFile(file));
    } catch {
      response.writeHead(404).end();
    }
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const browser = await chromium.launch({
    executablePath,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  try {
    const tab = await browser.newPage();
    tab.on("pageerror", (error) => console.error(`  [page] ${error}`));
    await tab.goto(`http://127.0.0.1:${server.address().port}/`);
    return await use(tab, browser.version());
  } finally {
    await browser.close();
    server.close();
  }
}
