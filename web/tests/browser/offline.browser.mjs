// How the page is loaded: how much is sent, from where, with which headers, and without a server at all.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { build } from "esbuild";
import { browserTest, kept, WEB } from "./harness.mjs";

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
    const site = await SmallSite.make();
    try {
      const { page } = await browser.open(site.url);
      assert.equal(await page.evaluate(() => crossOriginIsolated), false);
      await kept(page);
      await page.reload();
      assert.equal(await page.evaluate(() => crossOriginIsolated), true);
      const before = await page.evaluate(() => caches.keys());
      assert.equal(before.length, 1);

      site.write({ "index.html": smallPage("newer") });
      site.asked.length = 0;
      // The first load notices, a later one begins with the newer build.
      const isNewer = () => page.evaluate(() => document.title === "newer").catch(() => false);
      const isWaiting = () =>
        page.evaluate(async () => Boolean((await navigator.serviceWorker.getRegistration())?.waiting)).catch(() => false);
      for (let load = 0; load < 3 && !(await isNewer()); load++) {
        await page.reload().catch(() => undefined);
        const until = Date.now() + 30_000;
        while (Date.now() < until && !(await isNewer()) && !(await isWaiting())) {
          await new Promise((done) => setTimeout(done, 100));
        }
      }
      assert.equal(await isNewer(), true);
      await page.waitForFunction(async () => (await caches.keys()).length === 1);
      assert.notDeepEqual(await page.evaluate(() => caches.keys()), before);
      // Only what has changed was fetched.
      assert.deepEqual([...new Set(site.asked)].sort(), ["index.html", "service_worker.js"]);
    } finally {
      await site.close();
    }
  },
);

browserTest("what is not fetched ahead is kept once it was used", async ({ browser }) => {
  const site = await SmallSite.make();
  try {
    const { page } = await browser.open(site.url);
    await kept(page);
    assert.ok(!site.asked.includes("later.bin"));
    await page.evaluate(() => window.keepAlso(["later.bin", "data.bin", "../other"]));
    const keptNames = async () => {
      const cache = await caches.open((await caches.keys())[0]);
      return (await cache.keys()).map(({ url }) => url.slice(url.lastIndexOf("/") + 1)).sort().join();
    };
    await page.waitForFunction(async () => (await caches.match("later.bin")) !== undefined);
    assert.equal(await page.evaluate(keptNames), "data.bin,index.html,later.bin,offline.js");
    await site.shut();
    assert.equal(await page.evaluate(async () => (await fetch("later.bin")).text()), "later");
  } finally {
    await site.close();
  }
});

browserTest("of a build that is not whole nothing is kept", async ({ browser }) => {
  const site = await SmallSite.make();
  try {
    // As while somebody copies a new build over an old one.
    site.write({}, { "data.bin": "of another build" });
    const { page } = await browser.open(site.url);
    browser.expected.push(/data\.bin: expected SHA-256/);
    await page.waitForFunction(async () => {
      const registration = await navigator.serviceWorker.getRegistration();
      return !registration?.installing && !registration?.active && (await caches.keys()).length === 0;
    });
    assert.equal(await page.title(), "older");
  } finally {
    await site.close();
  }
});

function smallPage(title) {
  return `<!doctype html><meta charset="utf-8" /><title>${title}</title><link rel="icon" href="data:," />
    <script type="module">import { keepAlso, keepOffline } from "./offline.js"; window.keepAlso = keepAlso; await keepOffline();</script>`;
}

/** A page of three files with our service worker, on a host that sets no header but the type. */
class SmallSite {
  static async make() {
    const site = new SmallSite();
    site.folder = mkdtempSync(join(tmpdir(), "knuckle-site-"));
    const entry = join(WEB, "src/offline.ts");
    await build({ entryPoints: [entry], bundle: true, format: "esm", outfile: join(site.folder, "offline.js") });
    site.write({ "index.html": smallPage("older"), "data.bin": "data", "later.bin": "later" });
    Object.assign(site, await serveFolder(site.folder));
    return site;
  }

  /** Writes files and the service worker that names them; `wrong` ones get there after it has been told their hashes. */
  write(files, wrong = {}) {
    const put = ([name, text]) => writeFileSync(join(this.folder, name), text);
    Object.entries(files).forEach(put);
    const names = ["index.html", "offline.js", "data.bin"];
    const hash = (name) => createHash("sha256").update(readFileSync(join(this.folder, name))).digest("hex");
    const hashes = Object.fromEntries(names.map((name) => [name, hash(name)]));
    const version = createHash("sha256").update(JSON.stringify(hashes)).digest("hex").slice(0, 16);
    const told = JSON.stringify({ version, files: hashes, later: ["later.bin"] });
    const worker = readFileSync(join(WEB, "dist/service_worker.js"), "utf8");
    put(["service_worker.js", `self.KNUCKLE = ${told};\n${worker}`]);
    Object.entries(wrong).forEach(put);
  }

  async close() {
    await this.shut().catch(() => undefined);
    rmSync(this.folder, { recursive: true, force: true });
  }
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
    shut: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}
