// Golden frames as PNG, frame by frame: hands beside Python's (tools/web_golden/video.py), and what they cover beside
// Python's and the truth (tools/web_golden/rendered.py).
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { browserTest, GOLDEN, program, ready } from "./harness.mjs";
import { overlap } from "./masks.mjs";

const read = (name) => JSON.parse(readFileSync(join(GOLDEN, name), "utf8"));
const png = (name) => `data:image/png;base64,${readFileSync(join(GOLDEN, name)).toString("base64")}`;
const missing = ["video.json", "rendered.json"].filter((name) => !existsSync(join(GOLDEN, name)));
const skip = missing.length > 0 ? `golden data are missing (${missing}): make test-web makes them` : false;
const LONG = { timeout: 400_000, size: { width: 500, height: 400 }, skip };

/** Show a picture to the page, frame by frame. */
const show = (page, address, time_s) =>
  page.evaluate(
    async ([address, time_s]) => window.knuckle.picture(await (await fetch(address)).blob(), time_s),
    [address, time_s],
  );

const farthest_mm = (one, other) =>
  Math.max(...Array.from({ length: 21 }, (_, n) => 1000 * Math.hypot(...[0, 1, 2].map((axis) => one[3 * n + axis] - other[3 * n + axis]))));
const mean = (values) => values.reduce((sum, one) => sum + one, 0) / values.length;

browserTest(
  "from Python's hands of the frame before, each golden frame's joints are Python's to 0.5 mm",
  async ({ server, browser }) => {
    const { page } = await browser.open(server.url);
    await ready(page);
    const clip = read("video.json");
    const pictures = clip.frames.map((_, n) => png(`video/${String(n).padStart(2, "0")}.png`));
    const { found_px, followed_mm } = await page.evaluate(
      async ([text, clip, pictures]) => {
        const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
        return (await import(address)).compare(clip, pictures);
      },
      [await program("beside"), clip, pictures],
    );
    console.log(`${pictures.length} frames: found within ${found_px.toFixed(3)} px, followed within ${followed_mm.toFixed(3)} mm of Python's`);
    assert.ok(found_px > 0 && found_px < 0.2, `${found_px} px`);
    assert.ok(followed_mm > 0 && followed_mm < 0.5, `${followed_mm} mm`);
  },
  LONG,
);

browserTest(
  "golden frames and rendered hands give Python's hands, and cover what Python's cover",
  async ({ server, browser, context }) => {
    const { page } = await browser.open(`${server.url}?scene=plain`);
    await ready(page);

    await page.evaluate(() => window.knuckle.pairs(true));
    await context.test("left to itself the page ends as near to Python as Python comes to itself", async () => {
      const { frames, shaken_mm } = read("video.json");
      const [off_mm, stages] = [[], {}];
      for (const [n, { time_s, hands }] of frames.entries()) {
        const seen = await show(page, png(`video/${String(n).padStart(2, "0")}.png`), time_s);
        const names = (all) => all.map(({ identity, side, state }) => `${identity} ${side} ${state}`);
        assert.deepEqual(names(seen.hands), names(hands), `${time_s} s`);
        seen.hands.forEach(({ joints_m }, i) => off_mm.push(farthest_mm(joints_m, hands[i].joints_m)));
        for (const [name, ms] of Object.entries(seen.stages_ms)) stages[name] = (stages[name] ?? 0) + ms / frames.length;
      }
      console.log(
        `${off_mm.length} hands: ${mean(off_mm).toFixed(2)} mm from Python's, largest ${Math.max(...off_mm).toFixed(2)}; ` +
          `Python from itself, shaken: ${shaken_mm.mean.toFixed(2)}, largest ${shaken_mm.largest.toFixed(2)}`,
      );
      console.log(`ms a frame: ${Object.entries(stages).map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(", ")}`);
      assert.ok(off_mm.length > 20);
      assert.ok(mean(off_mm) < 1.5 * shaken_mm.mean && Math.max(...off_mm) < 1.5 * shaken_mm.largest);
    });

    await context.test("of rendered hands the occluder covers what Python's mesh covers, as well as Python's", async () => {
      const { pictures } = read("rendered.json");
      const [same, ours, theirs] = [[], [], []];
      for (const [n, picture] of pictures.entries()) {
        let seen;
        for (const time_s of picture.times_s) seen = await show(page, png(`rendered/${n}.png`), time_s);
        assert.deepEqual(seen.hands.map(({ side }) => side), [picture.side], `picture ${n}`);
        const { width, height, bits } = await page.evaluate(() => window.knuckle.silhouette());
        assert.deepEqual([width, height], [picture.width, picture.height]);
        same.push(overlap(bits, picture.python));
        ours.push(overlap(bits, picture.truth));
        theirs.push(overlap(picture.python, picture.truth));
      }
      console.log(
        `rendered hands: mIoU ${mean(same).toFixed(4)} with Python's mesh, least ${Math.min(...same).toFixed(4)}; ` +
          `with the truth ${mean(ours).toFixed(4)}, Python's ${mean(theirs).toFixed(4)}`,
      );
      assert.ok(mean(same) >= 0.98, String(same));
      assert.ok(Math.abs(mean(ours) - mean(theirs)) <= 0.01, `${mean(ours)}, ${mean(theirs)}`);
      assert.ok(mean(theirs) > 0.8, String(theirs));
    });
  },
  LONG,
);
