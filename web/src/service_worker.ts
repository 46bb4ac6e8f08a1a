/**
 * Keeps the page for when there is no network, and gives its answers the headers that threads need.
 *
 * `knuckle ar` puts a line before this script, `self.KNUCKLE = {...}`, with all files and the SHA-256 of each. A build
 * that differs in any file therefore is another service worker: the browser installs it beside the old one, it fetches
 * what has changed, and once no page uses the old one any more it takes over and removes the old files. Either all
 * files of a build are kept, or none.
 *
 * Threads: wasm gets them only in a page that is "cross-origin isolated", which two headers of the page and of its
 * workers make it. A host that cannot set headers (GitHub Pages) sends the first load without them; from the second
 * load on, answers come from here and have them. That is sound because every file is of this origin: the headers
 * forbid what the page does not do anyway, to load other origins' files and to share a process with other sites.
 */
/// <reference lib="webworker" />

export {};

interface Build {
  version: string;
  /** Path below the page's address -> SHA-256, hexadecimal. */
  files: Record<string, string>;
  /** Paths of files that are kept once a page has asked for them. */
  later: string[];
}

declare const self: ServiceWorkerGlobalScope & { KNUCKLE: Build };

const build = self.KNUCKLE;
const scope = self.registration.scope;
/** Several pages may share an origin and thereby its caches: those of this page begin so. */
const prefix = `knuckle ${scope} `;
const cacheName = prefix + build.version;
/** In which an answer tells the SHA-256 of its body. */
const HASH = "X-Knuckle-Sha256";
const ISOLATING = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("message", (event) => {
  if (event.data === "take over") event.waitUntil(self.skipWaiting());
  else if (Array.isArray(event.data?.keep)) event.waitUntil(keep(event.data.keep));
});
self.addEventListener("fetch", (event) => {
  const name = nameOf(event.request);
  if (name !== null) event.respondWith(answer(name, event.request));
});

/** The path below the scope that a request asks for; null where it is not for a file of this build. */
function nameOf(request: Request): string | null {
  if (request.method !== "GET" || !request.url.startsWith(scope)) return null;
  const path = request.url.slice(scope.length).replace(/[?#].*$/s, "");
  const name = path === "" || path.endsWith("/") ? `${path}index.html` : path;
  return name in build.files || build.later.includes(name) ? name : null;
}

async function install(): Promise<void> {
  const kept = await keptBefore();
  const cache = await caches.open(cacheName);
  try {
    // One after another leaves the network to the page, which loads at the same time.
    for (const [name, hash] of Object.entries(build.files)) {
      await cache.put(scope + name, kept.get(hash) ?? (await fetched(name, hash)));
    }
  } catch (error) {
    await caches.delete(cacheName);
    throw error;
  }
}

/** Answers of earlier builds by what they hold. */
async function keptBefore(): Promise<Map<string, Response>> {
  const kept = new Map<string, Response>();
  for (const name of await caches.keys()) {
    if (!name.startsWith(prefix)) continue;
    for (const response of await (await caches.open(name)).matchAll()) {
      kept.set(response.headers.get(HASH) ?? "", response);
    }
  }
  return kept;
}

async function fetched(name: string, hash: string): Promise<Response> {
  // What the page has just fetched comes from the browser's own cache, after the host said that it still holds.
  const response = await fetch(scope + name, { cache: "no-cache", credentials: "same-origin" });
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  const body = await response.arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
  const got = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (got !== hash) throw new Error(`${name}: expected SHA-256 ${hash}, got ${got}`);
  return isolated(response, body, { [HASH]: hash });
}

async function activate(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith(prefix) && name !== cacheName);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function answer(name: string, request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  const kept = await cache.match(scope + name);
  if (kept) return kept;
  const response = await fetch(request);
  if (!response.ok) return response;
  const body = await response.arrayBuffer();
  const answered = isolated(response, body, {});
  if (build.later.includes(name)) await cache.put(scope + name, answered.clone());
  return answered;
}

/** Keeps files of `later` that a page has used before it was answered from here. */
async function keep(names: string[]): Promise<void> {
  const cache = await caches.open(cacheName);
  for (const name of names) {
    if (!build.later.includes(name) || (await cache.match(scope + name))) continue;
    const response = await fetch(scope + name);
    if (response.ok) await cache.put(scope + name, isolated(response, await response.arrayBuffer(), {}));
  }
}

/** The same answer with the headers of isolation, and without those that tell how it came over the wire. */
function isolated(response: Response, body: ArrayBuffer, more: Record<string, string>): Response {
  const headers = new Headers(response.headers);
  for (const name of ["Content-Encoding", "Content-Length", "Vary"]) headers.delete(name);
  for (const [name, value] of Object.entries({ ...ISOLATING, ...more })) headers.set(name, value);
  return new Response(body, { status: response.status, statusText: response.statusText, headers });
}
