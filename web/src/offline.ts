/** Has the page kept for later loads without a network: registers the service worker and lets a newer one in. */

/**
 * Call it once, before anything else is loaded: where a newer build waits, the page is loaded anew at once and the
 * promise never resolves, so that no page is made of two builds. Otherwise resolves at once; the files are kept in the
 * background. Does nothing where there are no service workers (http from another computer, private windows).
 */
export async function keepOffline(script = "service_worker.js"): Promise<void> {
  const container = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  if (!container || !isSecureContext) return;
  let waiting: ServiceWorker | null = null;
  try {
    waiting = (await container.getRegistration())?.waiting ?? null;
    // Where the host is not reached this fails, and the kept page goes on.
    container.register(script, { updateViaCache: "none" }).catch(() => undefined);
  } catch {
    return;
  }
  if (!waiting || !container.controller) return;
  await new Promise<void>((resolve) => {
    container.addEventListener("controllerchange", () => resolve(), { once: true });
    waiting.postMessage("take over");
  });
  location.reload();
  await new Promise(() => undefined);
}

/** Whether later loads need no network: all files of this build are kept. */
export async function isKept(): Promise<boolean> {
  const container = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  return Boolean(container && isSecureContext && (await container.getRegistration())?.active);
}
