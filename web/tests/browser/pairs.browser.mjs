// Two hands together in the page: the network for them beside Python's answers, and when it is fetched, kept and used.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { browserTest, GOLDEN, kept, program, ready, WEB } from "./harness.mjs";

const PICTURE = join(WEB, "../src/knuckle/assets/two_hands.jpg");
const NETWORK = "models/weights/dfl-lite.onnx";
const skip = existsSync(join(GOLDEN, "pairs.json")) ? false : "golden data are missing: make test-web makes them";

browserTest(
  "the network for two hands answers as in Python, and hands that meet are Python's to 0.5 mm",
  async ({ server, browser }) => {
    const { page } = await browser.open(server.url);
    await ready(page);
    const golden = JSON.parse(readFileSync(join(GOLDEN, "pairs.json"), "utf8"));
    const packed = `data:application/octet-stream;base64,${readFileSync(join(GOLDEN, "pairs.bin")).toString("base64")}`;
    const { off, most_mm, alone_mm } = await page.evaluate(
      async ([text, golden, packed]) => {
        const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
        return (await import(address)).compare(golden, packed);
      },
      [await program("pairs"), { network: golden.network, frames: golden.frames }, packed],
    );
    console.log(
      `two-hand network: ${off.toExponential(1)} off; ${golden.frames.length} frames within ${most_mm.toFixed(3)} mm of Python's, ` +
        `which lie up to ${alone_mm.toFixed(0)} mm from one hand at a time`,
    );
    assert.ok(off > 0 && off < 1e-3, String(off));
    assert.ok(most_mm > 0 && most_mm < 0.5, `${most_mm} mm`);
    assert.ok(alone_mm > 10, `${alone_mm} mm`);
  },
  { timeout: 400_000, skip },
);

/** Resolves once the times beside the picture have those of the network for two hands, or have not. */
const seenTogether = (page, wanted) =>
  page.waitForFunction((wanted) => {
    const text = document.getElementById("hands").textContent;
    const ms = Number(text.match(/pairs([\d.]+) ms/)?.[1] ?? 0);
    return /right hand.*left hand|left hand.*right hand/.test(text) && (wanted ? ms > 1 : ms === 0);
  }, wanted);

browserTest(
  "the network for two hands comes when they first meet, is kept for loads without a server, and can be left out",
  async ({ server, browser }) => {
    const { page } = await browser.open(`${server.url}?scene=plain`);
    const asked = [];
    page.context().on("request", (request) => asked.push(request.url().slice(server.url.length)));
    await ready(page);
    await kept(page);
    await page.waitForLoadState("networkidle");
    assert.ok(!asked.includes(NETWORK));
    await page.setInputFiles("#file", PICTURE);
    await seenTogether(page, true);
    assert.ok(asked.includes(NETWORK));
    await page.waitForFunction(async (name) => (await caches.match(name)) !== undefined, NETWORK);

    await server.stop();
    browser.expected.push(/ERR_CONNECTION_REFUSED.*service_worker\.js/, /script resource.*service_worker/);
    await page.reload();
    await ready(page);
    await page.setInputFiles("#file", PICTURE);
    await seenTogether(page, true);
    assert.equal(await page.locator("#notes").textContent().then((text) => /one by one/.test(text)), false);

    // Left out, and so it stays in later loads.
    const tick = page.getByLabel("Two hands together");
    assert.equal(await tick.isChecked(), true);
    await tick.uncheck();
    await page.reload();
    await ready(page);
    assert.equal(await page.getByLabel("Two hands together").isChecked(), false);
    await page.setInputFiles("#file", PICTURE);
    await seenTogether(page, false);
  },
  { timeout: 400_000 },
);

browserTest(
  "where the network for two hands does not come, hands go on one by one, and the page says so",
  async ({ server, browser }) => {
    const { page } = await browser.open(`${server.url}?scene=plain`);
    await ready(page);
    await kept(page);
    await server.stop();
    browser.expected.push(/ERR_CONNECTION_REFUSED/, /Failed to load resource/, /dfl-lite/);
    await page.setInputFiles("#file", PICTURE);
    await page.waitForFunction(() => /one by one, as the network for two did not come/.test(document.getElementById("notes").textContent));
    await page.waitForFunction(() => window.knuckle.state().hands?.length === 2);
    assert.deepEqual(await page.evaluate(() => window.knuckle.notice()), { kind: null, text: "" });
  },
  { timeout: 400_000 },
);
