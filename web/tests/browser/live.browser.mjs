// Pictures that people open, through the worker to the screen: the package's own picture of two hands, then another one.
import assert from "node:assert/strict";
import { join } from "node:path";
import { browserTest, ready, WEB } from "./harness.mjs";

const PICTURE = join(WEB, "../src/knuckle/assets/two_hands.jpg");

/** Open a picture and wait until that many hands are followed in it, or the page says what is wrong. */
async function open(page, file, hands) {
  await page.setInputFiles("#file", file);
  await page.waitForFunction(
    (hands) =>
      document.getElementById("notice").dataset.kind === "error" ||
      (document.getElementById("notice").textContent === "" && window.knuckle.state().hands?.length === hands),
    hands,
    { timeout: 150_000 },
  );
  assert.deepEqual(await page.evaluate(() => window.knuckle.notice()), { kind: null, text: "" });
  return page.evaluate(() => window.knuckle.state().hands);
}

browserTest(
  "hands of a picture are found and drawn, and those of the next one too",
  async ({ server, browser }) => {
    const { page } = await browser.open(`${server.url}?scene=plain`);
    await ready(page);
    const hands = await open(page, PICTURE, 2);
    assert.deepEqual(hands.map(({ side }) => side).sort(), ["left", "right"]);
    assert.ok(hands.every(({ confidence, state }) => confidence > 0.8 && state === "observed"), JSON.stringify(hands));

    // Nothing of the picture before is left: a grey one has no hands.
    const grey = await page.evaluate(async () => {
      const canvas = new OffscreenCanvas(320, 240);
      const context = canvas.getContext("2d");
      context.fillStyle = "#777";
      context.fillRect(0, 0, 320, 240);
      return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
    });
    await open(page, { name: "grey.png", mimeType: "image/png", buffer: Buffer.from(grey) }, 0);
    assert.match(await page.locator("#hands").textContent(), /No hand in the picture.*picture to screen/);
  },
  { timeout: 300_000, size: { width: 700, height: 500 } },
);
