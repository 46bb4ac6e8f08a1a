// A camera: Chromium's fake one shows a clip; none, a forbidden one and one that is held give a sentence.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { browserTest, GOLDEN, kept, ready } from "./harness.mjs";

const CLIP = join(GOLDEN, "camera.mjpeg");
const skip = existsSync(CLIP) ? false : "golden data are missing: make test-web makes them";
const DEVICE = ["--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${CLIP}`];

/** What the page says once somebody has asked for the camera. */
async function askForCamera(browser, server, before) {
  const { page } = await browser.open(server.url, before);
  await ready(page);
  await page.click("#camera");
  await page.waitForFunction(() => window.knuckle.notice().kind === "error");
  return page.evaluate(() => window.knuckle.notice().text);
}

browserTest(
  "a camera that is not allowed is one sentence, and the page goes on",
  async ({ server, browser }) => {
    const said = await askForCamera(browser, server);
    assert.match(said, /^No camera is allowed here: .*\.$/);
  },
  { skip, flags: [...DEVICE, "--deny-permission-prompts"] },
);

// Allowed, so that the answer is not that of a question that nobody answers.
browserTest(
  "no camera at all is one sentence",
  async ({ server, browser }) => {
    const said = await askForCamera(browser, server);
    assert.match(said, /^There is no camera: .*\.$/);
  },
  { flags: ["--use-fake-device-for-media-stream=device-count=0", "--use-fake-ui-for-media-stream"] },
);

browserTest(
  "a camera that another program holds is one sentence",
  async ({ server, browser }) => {
    const said = await askForCamera(browser, server, () => {
      const taken = () => Promise.reject(new DOMException("Could not start video source", "NotReadableError"));
      MediaDevices.prototype.getUserMedia = taken;
    });
    assert.match(said, /^The camera is held by another tab or program: .*\.$/);
  },
);

browserTest(
  "the fake camera's two hands are found, in a later load that has no server",
  async ({ server, browser }) => {
    const { page } = await browser.open(`${server.url}?scene=plain`);
    await ready(page);
    await kept(page);
    await server.stop();
    server.takeBytes();
    browser.expected.push(/ERR_CONNECTION_REFUSED.*service_worker\.js/, /script resource.*service_worker/);
    await page.reload();
    await ready(page);
    await page.click("#camera");
    const found = await page.waitForFunction(() => {
      if (window.knuckle.notice().kind === "error") return { error: window.knuckle.notice().text };
      const { hands } = window.knuckle.state();
      const seen = (hands ?? []).filter((hand) => hand.state === "observed");
      return seen.length === 2 ? { hands: seen } : null;
    });
    const { error, hands } = await found.jsonValue();
    assert.equal(error, undefined);
    assert.deepEqual(hands.map(({ side }) => side).sort(), ["left", "right"]);
    // It goes on, with the same hands.
    const first_s = await page.evaluate(() => window.knuckle.state().time_s);
    await page.waitForFunction((since_s) => window.knuckle.state().time_s > since_s + 1, first_s);
    const later = await page.evaluate(() => window.knuckle.state().hands);
    assert.deepEqual(new Set(later.map(({ identity }) => identity)), new Set(hands.map(({ identity }) => identity)));
    assert.equal(server.takeBytes(), 0);
    console.log(`fake camera: ${(await page.locator("#hands").innerText()).replaceAll(/\s+/g, " ")}`);
  },
  { skip, flags: [...DEVICE, "--use-fake-ui-for-media-stream"], timeout: 400_000 },
);
