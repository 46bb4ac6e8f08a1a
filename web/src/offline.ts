/** Has the page kept for later loads without a network: registers the service worker and lets a newer one in. */

/** How long a newer build may take to come in before the page goes on with the older one. */
const TAKE_OVER_MS = 3000;

/**
 * Call it once, before anything else is loaded. Where a newer build waits it is let in and the page is loaded anew, so
 * that no page is made of two builds; the promise then does not resolve. Otherwise resolves at once, and the files are
 * kept in the background. Does nothing where there are no service workers (http from another computer, some private
 * windows).
 */
export async function keepOffline(script = "service_worker.js"): Promise<void> {
  const container = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  if (!container || !isSecureContext) return;
  const kept = container.controller !== null;
  // Another tab may let the newer build in, too.
  if (kept) container.addEventListener("controllerchange", () => location.reload(), { once: true });
  const waiting = (await container.getRegistration().catch(() => undefined))?.waiting;
  // Where the host is not reached this fails, and the kept page goes on.
  container.register(script, { updateViaCache: "none" }).catch(() => undefined);
  if (!kept || !waiting) return;
  waiting.postMessage("take over");
  await new Promise((resolve) => setTimeout(resolve, TAKE_OVER_MS));
}

/**
 * Has files kept too that are not fetched ahead, because a page used them: paths below the page's address, as
 * "wasm/ort-wasm-simd-threaded.asyncify.wasm".
 */
export async function keepAlso(names: readonly string[]): Promise<void> {
  const container = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  if (container && isSecureContext) (await container.ready).active?.postMessage({ keep: [...names] });
}
