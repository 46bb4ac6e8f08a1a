// A camera: Chromium's fake one shows a clip; none, a forbidden one and one that is held give a sentence.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { browserTest, GOLDEN, ready } from "./harness.mjs";

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

browserTest("no camera at all is one sentence", async ({ server, browser }) => {
  const said = await askForCamera(browser, server);
  assert.match(said, /^(There is no camera|No camera is allowed here): .*\.$/);
});

browserTest(
  "a camera that another program holds is one sentence",
  async ({ server, browser }) => {
    const said = await askForCamera(browser, server, () => {
      const taken = () => Promise.reject(new DOMException("Could not start video source", "NotReadableError"));
      MediaDevices.prototype.getUserMedia = taken;
    });
    assert.match(said, /^The camera is held by another tab or program: .*\.$/);
  },
  { skip },
);
