// What tests in a real browser share: `knuckle ar` on a free port, a Chromium of their own, and what no page may do.
//
//   import { browserTest } from "./harness.mjs";
//   browserTest("the ring is hidden", async ({ server, browser }) => {
//     const { page } = await browser.open(`${server.url}?scene=try-on`);
//     ...
//   });
//
// A test fails when a page asks any other origin for anything, prints an error to its console, or throws. Where Chromium
// or the built page is missing the test is skipped and says so.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer, connect } from "node:net";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import test from "node:test";
import { build } from "esbuild";

// Before playwright is loaded: it then tells of the service worker's requests too.
process.env.PW_EXPERIMENTAL_SERVICE_WORKER_NETWORK_EVENTS = "1";
const { chromium } = await import("playwright-core");

export const WEB = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
export const GOLDEN = join(WEB, "golden");
export const PYTHON = process.env.KNUCKLE_PYTHON ?? resolve(WEB, "../.venv/bin/python");
const CHROMIUM = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser"].find(
  (path) => path && existsSync(path),
);
const FLAGS = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
  // Whatever a page or the browser itself tries, no name is looked up.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];
const START_S = 120;
/** For the page to do what a test waits for. */
const PATIENCE_MS = 120_000;
const children = new Set();
// Node leaves a test that took too long as it is.
process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")));

/** A sentence where tests in a browser cannot run here, else false. */
export function skipped() {
  if (!CHROMIUM) return "Chromium is not installed: apt install chromium, or name it in CHROMIUM";
  if (!existsSync(PYTHON)) return `${PYTHON} is missing: make .venv/dev, or name a Python with knuckle in KNUCKLE_PYTHON`;
  if (!existsSync(join(WEB, "dist/index.html"))) return "the page is not built: make web";
  return false;
}

/**
 * A test with a server and a browser, both ended after it.
 *
 * options: timeout in milliseconds, ample because machines that test are busy; `flags` more of Chromium's; `size` of the
 * window, small because it is drawn without a GPU; and those of Node's `test`.
 */
export function browserTest(name, body, options = {}) {
  const { timeout = 240_000, skip = false, flags = [], size = { width: 800, height: 500 }, ...more } = options;
  test(name, { timeout, skip: skipped() || skip, ...more }, async (context) => {
    const server = await startServer();
    const browser = new Browser({ flags, size });
    try {
      await body({ server, browser, context });
      browser.assertClean();
    } finally {
      await browser.close();
      await server.close();
    }
  });
}

/** `knuckle ar` behind a gate that counts what goes through it, and that can be shut. */
export async function startServer() {
  const child = spawn(PYTHON, ["-m", "knuckle", "ar", "--no-browser", "--port", "0"], { stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  const port = await new Promise((done, failed) => {
    let printed = "";
    const timer = setTimeout(() => failed(new Error(`no address within ${START_S} s: ${printed}`)), START_S * 1000);
    const read = (data) => {
      printed += data;
      const found = printed.match(/http:\/\/127\.0\.0\.1:(\d+)\//);
      if (found) {
        clearTimeout(timer);
        done(Number(found[1]));
      }
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("exit", (code) => failed(new Error(`ended with ${code}: ${printed}`)));
  });
  const gate = new Gate(port);
  const url = `http://127.0.0.1:${await gate.open()}/`;
  return {
    url,
    /** Bytes that browsers were sent since the last call, headers included. */
    takeBytes: () => gate.take(),
    /** Ends the server; pages then reach nothing at its address. */
    stop: () => gate.shut(),
    close: async () => {
      await gate.shut();
      if (child.exitCode === null) {
        const ended = new Promise((done) => child.once("exit", done));
        child.removeAllListeners("exit");
        children.delete(child);
        child.kill("SIGKILL");
        await Promise.race([ended, new Promise((done) => setTimeout(done, 2000))]);
      }
    },
  };
}

/** Passes connections on to a port of this computer. */
export class Gate {
  constructor(port) {
    this.port = port;
    this.sent = 0;
    this.clients = new Set();
    this.server = createServer((client) => {
      const upstream = connect(this.port, "127.0.0.1");
      this.clients.add(client);
      const end = () => {
        client.destroy();
        upstream.destroy();
        this.clients.delete(client);
      };
      for (const socket of [client, upstream]) socket.on("error", end).on("close", end);
      client.pipe(upstream);
      upstream.on("data", (data) => {
        this.sent += data.length;
        if (!client.write(data)) upstream.pause();
      });
      client.on("drain", () => upstream.resume());
      upstream.on("end", () => client.end());
    });
  }

  open() {
    return new Promise((done, failed) => {
      this.server.once("error", failed);
      this.server.listen(0, "127.0.0.1", () => done(this.server.address().port));
    });
  }

  take() {
    const sent = this.sent;
    this.sent = 0;
    return sent;
  }

  shut() {
    for (const client of this.clients) client.destroy();
    return new Promise((done) => this.server.close(() => done()));
  }
}

/** A Chromium with a profile of its own, and the list of what its pages did that they must not. */
export class Browser {
  constructor({ flags, size }) {
    this.flags = flags;
    this.size = size;
    this.wrongs = [];
    /** Patterns of console errors that a test expects. */
    this.expected = [];
  }

  async start() {
    if (this.context) return this.context;
    this.profile = mkdtempSync(join(tmpdir(), "knuckle-web-"));
    this.context = await chromium.launchPersistentContext(this.profile, {
      executablePath: CHROMIUM,
      headless: true,
      args: [...FLAGS, ...this.flags],
      viewport: this.size,
      serviceWorkers: "allow",
    });
    this.context.setDefaultTimeout(PATIENCE_MS);
    // Those of service workers too.
    this.context.on("request", (request) => this.checkRequest(request.url()));
    this.context.on("console", (message) => {
      if (message.type() === "error") this.wrongs.push(`console: ${message.text()} (${message.location().url})`);
    });
    this.context.on("weberror", (error) => this.wrongs.push(`thrown: ${error.error().stack ?? error.error()}`));
    return this.context;
  }

  /** A page at an address, whose origin is the only one that pages may ask. before: runs in it before its own scripts. */
  async open(url, before) {
    const context = await this.start();
    this.origin = new URL(url).origin;
    const page = await context.newPage();
    if (before) await page.addInitScript(before);
    const response = await page.goto(url, { waitUntil: "load" });
    return { page, response };
  }

  checkRequest(url) {
    const { protocol, origin } = new URL(url);
    if (["data:", "blob:", "about:", "chrome-extension:"].includes(protocol)) return;
    if (origin !== this.origin) this.wrongs.push(`asked another origin: ${url}`);
  }

  assertClean() {
    const wrongs = this.wrongs.filter((wrong) => !this.expected.some((pattern) => pattern.test(wrong)));
    assert.deepEqual(wrongs, []);
  }

  async close() {
    await this.context?.close();
    if (this.profile) rmSync(this.profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** A program of in_page/ as text; Node's own modules are ours there. */
export async function program(name) {
  const { outputFiles } = await build({
    entryPoints: [join(WEB, `tests/browser/in_page/${name}.ts`)],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    conditions: ["onnxruntime-web-use-extern-wasm"],
    alias: { "node:assert/strict": join(WEB, "tests/browser/in_page/assert.ts") },
    logLevel: "warning",
  });
  return outputFiles[0].text;
}

/** Resolves once the AR page has loaded its hand and shows a scene. */
export async function ready(page) {
  await page.waitForFunction(() => window.knuckle);
  await page.evaluate(() => window.knuckle.ready);
}

/** The service worker keeps all files of the page. */
export function kept(page) {
  return page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    const worker = registration.active;
    while (worker.state !== "activated") await new Promise((done) => setTimeout(done, 50));
  });
}
