// How the page is loaded: how much is sent, from where, with which headers, and without a server at all.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { browserTest, Gate, kept, PYTHON } from "./harness.mjs";

const MOST_MB = 25;

browserTest("the first load fits, and the second needs no server", async ({ server, browser }) => {
  const { page, response } = await browser.open(server.url);
  assert.equal(response.status(), 200);
  assert.equal(await page.evaluate(() => crossOriginIsolated), true);
  await kept(page);
  await page.waitForLoadState("networkidle");
  const sent_mb = server.takeBytes() / 1e6;
  console.log(`first load: ${sent_mb.toFixed(1)} MB sent, service worker's share included`);
  assert.ok(sent_mb <= MOST_MB, `${sent_mb} MB`);

  // A later load asks for little: each file is asked for at most by its tag.
  await page.reload({ waitUntil: "networkidle" });
  const again_mb = server.takeBytes() / 1e6;
  console.log(`second load: ${(1000 * again_mb).toFixed(0)} kB sent`);
  assert.ok(again_mb < 0.1, `${again_mb} MB`);

  await server.stop();
  browser.expected.push(/ERR_CONNECTION_REFUSED.*service_worker\.js/, /script resource.*service_worker/);
  const offline = await page.reload({ waitUntil: "load" });
  assert.equal(offline.status(), 200);
  assert.equal(offline.fromServiceWorker(), true);
  assert.equal(await page.evaluate(() => crossOriginIsolated), true);
  for (const name of await page.evaluate(keptNames)) {
    const [status, length] = await page.evaluate(async (url) => {
      const answer = await fetch(url);
      return [answer.status, (await answer.arrayBuffer()).byteLength];
    }, name);
    assert.ok(status === 200 && length > 0, name);
  }
  assert.equal(server.takeBytes(), 0);
});

/** Runs in the page: the addresses that are kept. */
async function keptNames() {
  const found = [];
  for (const name of await caches.keys()) {
    for (const request of await (await caches.open(name)).keys()) found.push(request.url);
  }
  return found;
}

browserTest(
  "a host without headers gets threads from the second load on, and a changed build replaces the old one",
  async ({ browser }) => {
    const folder = mkdtempSync(join(tmpdir(), "knuckle-site-"));
    const site = join(folder, "site");
    const plain = await serveFolder(site);
    try {
      write(site);
      const { page } = await browser.open(plain.url);
      assert.equal(await page.evaluate(() => crossOriginIsolated), false);
      await kept(page);
      await page.reload();
      assert.equal(await page.evaluate(() => crossOriginIsolated), true);
      const before = await page.evaluate(() => caches.keys());
      assert.equal(before.length, 1);
      assert.equal(await page.evaluate(() => document.title.endsWith("(newer)")), false);

      // Another build: the service worker says so by other hashes.
      appendFileSync(join(site, "index.html"), "<script>document.title += ' (newer)';</script>");
      rewriteHashes(site);
      plain.asked.length = 0;
      // The first load notices, a later one begins with the newer build.
      const isNewer = () => page.evaluate(() => document.title.endsWith("(newer)")).catch(() => false);
      for (let load = 0; load < 3 && !(await isNewer()); load++) {
        await page.reload().catch(() => undefined);
        for (let wait = 0; wait < 20 && !(await isNewer()); wait++) {
          const isWaiting = async () => (await navigator.serviceWorker.getRegistration())?.waiting?.state === "installed";
          if (await page.evaluate(isWaiting).catch(() => false)) break;
          await new Promise((done) => setTimeout(done, 250));
        }
      }
      assert.equal(await isNewer(), true);
      await page.waitForFunction(async () => (await caches.keys()).length === 1);
      assert.notDeepEqual(await page.evaluate(() => caches.keys()), before);
      // Only what has changed was fetched.
      assert.deepEqual([...new Set(plain.asked)].sort(), ["index.html", "service_worker.js"]);
    } finally {
      await plain.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

browserTest("a file that is not the build's own is not kept", async ({ browser }) => {
  const folder = mkdtempSync(join(tmpdir(), "knuckle-site-"));
  const site = join(folder, "site");
  const plain = await serveFolder(site);
  try {
    write(site);
    appendFileSync(join(site, "licences.txt"), "half of another build");
    browser.expected.push(/licences\.txt: expected SHA-256/);
    const { page } = await browser.open(plain.url);
    await page.waitForFunction(async () => {
      const registration = await navigator.serviceWorker.getRegistration();
      return !registration?.installing && !registration?.active;
    });
    await page.waitForFunction(async () => (await caches.keys()).length === 0);
  } finally {
    await plain.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

function write(site) {
  const done = spawnSync(PYTHON, ["-m", "knuckle", "ar", "--write", site], { encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
}

function rewriteHashes(site) {
  const script = `
import hashlib, json, sys
from pathlib import Path
path = Path(sys.argv[1], "service_worker.js")
first, rest = path.read_text().split("\\n", 1)
told = json.loads(first.removeprefix("self.KNUCKLE = ").removesuffix(";"))
told["files"]["index.html"] = hashlib.sha256(path.with_name("index.html").read_bytes()).hexdigest()
told["version"] = "another"
path.write_text(f"self.KNUCKLE = {json.dumps(told)};\\n{rest}")
`;
  const done = spawnSync(PYTHON, ["-c", script, site], { encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
}

/** A host of files that sets no header but the type. */
async function serveFolder(folder) {
  const types = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".wasm": "application/wasm", ".json": "application/json" };
  const asked = [];
  const server = createServer((request, response) => {
    const name = decodeURIComponent(new URL(request.url, "http://a").pathname).slice(1) || "index.html";
    asked.push(name);
    try {
      const data = readFileSync(join(folder, name));
      response.writeHead(200, { "Content-Type": types[extname(name)] ?? "application/octet-stream" }).end(data);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    asked,
    close: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}
