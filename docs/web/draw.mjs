// Draws the pictures of docs/web.md: each scene on its recorded track. First `make test-web`, which builds the page; then
//   KNUCKLE_PYTHON=.venv/bin/python node docs/web/draw.mjs
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Browser, startServer } from "../../web/tests/browser/harness.mjs";

const FOLDER = dirname(fileURLToPath(import.meta.url));
// Scene, track, frames.
const PICTURES = [
  ["occlusion", "turn", 14],
  ["water", "water", 60],
  ["grab", "grab", 88],
  ["try_on", "turn", 12],
  ["plain", "cross", 48],
];

const server = await startServer();
const browser = new Browser({ flags: [], size: { width: 1010, height: 640 } });
try {
  const { page } = await browser.open(`${server.url}?clock=fixed&light=full&scene=plain`);
  await page.waitForFunction(() => window.knuckle !== undefined, null, { timeout: 120_000 });
  await page.evaluate(() => window.knuckle.ready);
  for (const [scene, track, frames] of PICTURES) {
    await page.evaluate(
      async ([scene, track, frames]) => {
        await window.knuckle.scene(scene);
        await window.knuckle.load(await (await fetch(`tracks/${track}.jsonl`)).text(), track);
        window.knuckle.step(frames);
      },
      [scene, track, frames],
    );
    const path = join(FOLDER, `${scene}.jpg`);
    await page.locator("#view").screenshot({ path, type: "jpeg", quality: 86, timeout: 120_000 });
    console.log(path);
  }
} finally {
  await browser.close();
  await server.close();
}
