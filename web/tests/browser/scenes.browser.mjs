// The scenes on recorded tracks with a fixed clock, in a real browser: what is grabbed, pressed, hidden, and where waves
// start; and how the page tells of what is missing.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { browserTest, GOLDEN, WEB } from "./harness.mjs";
import { overlap } from "./masks.mjs";

// Small: without a GPU every pixel counts.
const LONG = { timeout: 300_000, size: { width: 900, height: 600 } };
const SAMPLES = join(WEB, "dist/tracks/grab.jsonl");
const skip = existsSync(SAMPLES) ? false : `${SAMPLES} is missing: make web`;

/** A page at a scene, ready, its clock moved by hand. */
async function opened(browser, server, query) {
  const { page } = await browser.open(`${server.url}?clock=fixed&${query}`);
  await page.waitForFunction(() => window.knuckle !== undefined, null, { timeout: 120_000 });
  await page.evaluate(() => window.knuckle.ready);
  return page;
}

/** Another scene, another track, from its first frame on. */
async function turnTo(page, scene, track) {
  await page.evaluate(
    async ([scene, track]) => {
      await window.knuckle.scene(scene);
      await window.knuckle.load(await (await fetch(`tracks/${track}.jsonl`)).text(), track);
    },
    [scene, track],
  );
}

const step = (page, count) => page.evaluate((count) => window.knuckle.step(count), count);
const state = (page) => page.evaluate(() => window.knuckle.state());
const visible = (page, part) => page.evaluate((part) => window.knuckle.visible(part), part);
const share = ({ shown, whole }) => shown / whole;

browserTest(
  "things are grabbed, carried, dropped, pressed, moved, hidden and worn as the hands of recorded tracks do it",
  async ({ server, browser, context }) => {
    const page = await opened(browser, server, "scene=grab&track=tracks/grab.jsonl");

    await context.test("a block is grabbed, carried and dropped", async () => {
      assert.equal(await step(page, 36), 36);
      assert.deepEqual((await state(page)).events, []);
      await step(page, 12);
      assert.deepEqual((await state(page)).events, ["grabbed block 1"]);
      await step(page, 45);
      const carried = await state(page);
      assert.equal(carried.things["block 1"].held_by, "0:right");
      const [x, y] = carried.things["block 1"].place_m;
      assert.ok(x > 0.08 && y > 0.08, `${x}, ${y}: 10 cm to the right and 7 cm up`);
      await step(page, 200);
      const end = await state(page);
      assert.deepEqual(end.events, ["grabbed block 1", "dropped block 1"]);
      const [endX, endY, endZ] = end.things["block 1"].place_m;
      assert.ok(endX > 0.05 && endX < 0.15 && endY < 0.03 && Math.abs(endZ - 0.04) < 0.05, `${[endX, endY, endZ]}`);
      for (const name of ["block 2", "block 3", "block 4", "block 5", "radio"]) {
        assert.equal(end.things[name].held_by, null);
      }
    });

    await context.test("the button presses once a press, and each press sounds", async () => {
      await turnTo(page, "grab", "press");
      const downs = [];
      for (let frame = 0; frame < 120; frame += 3) {
        await step(page, 3);
        const { presses, button_down } = await state(page);
        downs.push([presses, button_down]);
      }
      const end = await state(page);
      assert.equal(end.presses, 3);
      assert.equal(end.sounds, 3);
      assert.deepEqual(end.events, [1, 2, 3].flatMap(() => ["pressed radio", "released radio"]));
      assert.ok(downs.some(([, down]) => down) && !downs.at(-1)[1]);
    });

    await context.test("a wave starts where the finger is", async () => {
      await turnTo(page, "water", "water");
      await step(page, 18);
      assert.ok((await state(page)).restlessness_m2 < 1e-14, "calm before the finger is in");
      let seen = null;
      for (let frame = 0; frame < 8 && !seen; frame++) {
        await step(page, 1);
        const now = await state(page);
        if (Math.abs(now.wave.height_m) > 1e-4) seen = now;
      }
      assert.ok(seen, "there is a wave");
      const away = Math.hypot(seen.middle.x - seen.lowest.x, seen.middle.z - seen.lowest.z);
      console.log(`wave: ${(1000 * away).toFixed(1)} mm from the finger`);
      assert.ok(away < 0.006, `${(1000 * away).toFixed(1)} mm from the finger`);
      assert.ok(Math.hypot(seen.lowest.x + 0.06, seen.lowest.z - 0.02) < 0.01, "and the finger is where the track has it");
      await step(page, 6);
      const later = await state(page);
      assert.ok(later.splashes > 0 && later.restlessness_m2 > seen.restlessness_m2);
    });

    await context.test("ring and watch are hidden when the hand turns, and seen again", async () => {
      await turnTo(page, "try_on", "turn");
      const seen = [];
      for (const count of [1, 59, 61]) {
        await step(page, count);
        seen.push([share(await visible(page, "gem")), share(await visible(page, "dial")), share(await visible(page, "ring"))]);
      }
      console.log(`gem, dial, ring seen, back, palm, back: ${JSON.stringify(seen)}`);
      const [back, palm, again] = seen;
      for (const [gem, dial, ring] of [back, again]) {
        assert.ok(gem > 0.95 && dial > 0.95, `${gem}, ${dial}`);
        // Its far side is behind the finger.
        assert.ok(ring > 0.4 && ring < 0.95, `${ring}`);
      }
      assert.ok(palm[0] < 0.05 && palm[1] < 0.05, `${palm}`);
    });

    await context.test("the hoop's near half is seen, its far half is hidden by the hand in it", async () => {
      await turnTo(page, "occlusion", "turn");
      await step(page, 8);
      const [near, far] = [share(await visible(page, "near")), share(await visible(page, "far"))];
      console.log(`hoop seen: near ${near.toFixed(3)}, far ${far.toFixed(3)}`);
      assert.ok(near > 0.95 && far < 0.75, `${near}, ${far}`);
      const rod = share(await visible(page, "rod"));
      assert.ok(rod > 0.1 && rod < 0.9, `between the fingers, in part hidden: ${rod}`);
    });

    await context.test("what the occluder covers is what Python's rasteriser says", async () => {
      const { tracks } = JSON.parse(readFileSync(join(GOLDEN, "silhouettes.json"), "utf8"));
      const scores = [];
      for (const [name, frames] of Object.entries(tracks)) {
        await turnTo(page, "occlusion", name);
        let at = -1;
        for (const [frame, wanted] of Object.entries(frames)) {
          await step(page, Number(frame) - at);
          at = Number(frame);
          const got = await page.evaluate(() => window.knuckle.silhouette());
          assert.deepEqual([got.width, got.height], [wanted.width, wanted.height]);
          scores.push(overlap(got.bits, wanted.bits));
        }
      }
      const mean = scores.reduce((sum, one) => sum + one, 0) / scores.length;
      console.log(`silhouettes: mIoU ${mean.toFixed(5)} with Python's, least ${Math.min(...scores).toFixed(5)}`);
      assert.ok(mean >= 0.98, String(scores));
    });

    await context.test("hands that are doubtful are told of, and two hands keep their names", async () => {
      await turnTo(page, "plain", "cross");
      await step(page, 50);
      const { hands } = await state(page);
      assert.deepEqual(hands.map(({ identity, side, state }) => [identity, side, state]), [[0, "right", "observed"], [1, "left", "doubtful"]]);
      const labels = await page.locator("#labels span").allTextContents();
      assert.deepEqual(labels, ["right 0, 97 %", "left 1, 42 %, doubtful"]);
    });
  },
  { ...LONG, skip },
);

browserTest(
  "what is missing or wrong is said in one sentence, and settings are remembered",
  async ({ server, browser, context }) => {
    const page = await opened(browser, server, "scene=plain&track=tracks/nothing.jsonl");
    browser.expected.push(/404/);
    await context.test("a track that is not there", async () => {
      const { kind, text } = await page.evaluate(() => window.knuckle.notice());
      assert.equal(kind, "error");
      assert.match(text, /nothing\.jsonl: expected a track, got the status 404\.$/);
    });
    await context.test("a file that is no track, and one that is nothing at all", async () => {
      const open = async (name, mimeType, content, words) => {
        await page.setInputFiles("#file", { name, mimeType, buffer: Buffer.from(content) });
        await page.waitForFunction((name) => document.getElementById("notice").textContent.includes(name), name);
        await page.waitForFunction(() => document.getElementById("notice").dataset.kind === "error");
        assert.match(await page.locator("#notice").textContent(), words);
      };
      await open("a.jsonl", "", "{}\n", /a\.jsonl, line 1: expected the header/);
      await open("b.pdf", "application/pdf", "%PDF", /b\.pdf: expected a video, a picture or a track/);
      await open("c.png", "image/png", "no picture", /c\.png: this browser cannot read the picture/);
      await open("d.mp4", "video/mp4", "no video", /d\.mp4: this browser cannot play the video/);
    });
    await context.test("a camera that is refused, absent, or held by another", async () => {
      for (const [name, words] of [
        ["NotAllowedError", /No camera is allowed here/],
        ["NotFoundError", /There is no camera/],
        ["NotReadableError", /held by another tab or program/],
      ]) {
        await page.evaluate((name) => {
          navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("x", name));
        }, name);
        await page.locator("#camera").click();
        await page.waitForFunction(() => document.getElementById("notice").dataset.kind === "error");
        assert.match(await page.locator("#notice").textContent(), words);
      }
      // Nothing is held back from what can still be done.
      await page.locator("#sample").click();
      await page.waitForFunction(() => document.getElementById("notice").textContent === "");
    });
    await context.test("keys turn to scenes and change settings, which the next visit finds", async () => {
      await page.locator("#view").focus();
      await page.keyboard.press("4");
      await page.waitForFunction(() => window.knuckle.state().scene === "try_on");
      assert.equal(await page.locator('#scenes [aria-checked="true"]').textContent(), "Try on");
      await page.keyboard.press("m");
      const mirror = page.getByLabel("Mirror the camera");
      assert.equal(await mirror.isChecked(), false);
      await page.goto(server.url);
      await page.waitForFunction(() => window.knuckle !== undefined, null, { timeout: 120_000 });
      await page.evaluate(() => window.knuckle.ready);
      assert.equal(await page.evaluate(() => window.knuckle.state().scene), "try_on");
      assert.equal(await mirror.isChecked(), false);
    });
    await context.test("at 375 px nothing is cut off, and all can be reached", async () => {
      await page.setViewportSize({ width: 375, height: 667 });
      await page.waitForFunction(() => document.getElementById("view").getBoundingClientRect().width <= 375);
      const { wide, canvas } = await page.evaluate(() => ({
        wide: document.documentElement.scrollWidth,
        canvas: document.getElementById("view").getBoundingClientRect().width,
      }));
      assert.ok(wide <= 375, `${wide} px wide`);
      assert.ok(canvas > 370 && canvas <= 375, `${canvas} px`);
      for (const button of await page.locator("aside button, aside .button").all()) {
        const box = await button.boundingBox();
        assert.ok(box.height >= 36 && box.x >= 0 && box.x + box.width <= 375, await button.textContent());
      }
    });
  },
  { ...LONG, skip },
);
