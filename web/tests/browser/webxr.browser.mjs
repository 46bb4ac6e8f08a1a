// A camera's hands as a WebXR page gets them, beside Python's OpenXR joints (tools/web_golden/exported.py).
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { browserTest, GOLDEN } from "./harness.mjs";

const FILE = join(GOLDEN, "exported/hands.json");
const skip = existsSync(FILE) ? false : "golden data are missing: make test-web makes them";
/** Of the recorded frames, every so many: a browser without a GPU draws each. */
const STEP = 6;
const MOST_M = 1e-3;
const MOST_DEG = 0.1;
const EYES_M = 1.6;

/** What is shown in the frame of that number: hands as the page has them, and their joints by Python. */
function shown(hands, number) {
  return hands
    .filter((hand) => hand.rows.includes(number))
    .map((hand) => {
      const row = hand.rows.indexOf(number);
      const { side, shape } = hand;
      const frame = { side, shape, confidence: 1, pose_rad: hand.pose_rad[row].flat(), joints_m: hand.joints_m[row].flat() };
      return { frame, openxr: hand.openxr[row] };
    });
}

/** Runs in the page: shows hands, and returns what XRFrame and three.js say of them one frame later. */
async function read(hands) {
  const { webxr } = window;
  webxr.hands.show({ hands });
  const { session, scene } = webxr;
  const space = await session.requestReferenceSpace("local-floor");
  // three reads the joints in its own callback of the frame, which comes first.
  await new Promise((done) => session.requestAnimationFrame(done));
  return new Promise((done) => {
    session.requestAnimationFrame((_, frame) => {
      const found = {};
      for (const source of session.inputSources) {
        if (!source.hand) continue;
        const joints = [];
        for (const [name, joint] of source.hand) {
          const { transform, radius } = frame.getJointPose(joint, space);
          const { position: p, orientation: q } = transform;
          joints.push({ name, place: [p.x, p.y, p.z], turn: [q.x, q.y, q.z, q.w], radius_m: radius });
        }
        found[source.handedness] = { joints, three: null };
      }
      for (const hand of scene.hands) {
        const side = Object.keys(found).find((one) => {
          const tip = hand.joints["wrist"];
          const wrist = found[one].joints[0].place;
          return tip && Math.hypot(...tip.position.toArray().map((x, n) => x - wrist[n])) < 0.02;
        });
        if (!side || !hand.visible) continue;
        found[side].three = found[side].joints.map(({ name }) => hand.joints[name].position.toArray());
      }
      done(found);
    });
  });
}

browserTest(
  "XRHand has our joints, of both sides",
  async ({ server, browser }) => {
    const { page } = await browser.open(`${server.url}webxr.html?camera=eye`);
    await page.waitForFunction(() => window.webxr);
    const { times_s, hands } = JSON.parse(readFileSync(FILE, "utf8"));
    const seen = { left: 0, right: 0 };
    let [worst_m, worst_three_m, worst_deg] = [0, 0, 0];
    for (let number = 0; number < times_s.length; number += STEP) {
      const expected = shown(hands, number);
      const found = await page.evaluate(read, expected.map(({ frame }) => frame));
      assert.deepEqual(Object.keys(found).sort(), expected.map(({ frame }) => frame.side).sort(), `frame ${number}`);
      for (const { frame, openxr } of expected) {
        seen[frame.side]++;
        const { joints, three } = found[frame.side];
        assert.equal(joints.length, 25);
        assert.ok(three, `frame ${number}: three.js has no ${frame.side} hand`);
        joints.forEach((joint, index) => {
          // OpenXR's first joint is the palm.
          const [x, y, z, ...rest] = openxr[index + 1];
          const place = [x, y + EYES_M, z];
          const off = (other) => Math.hypot(...place.map((value, axis) => value - other[axis]));
          worst_m = Math.max(worst_m, off(joint.place));
          worst_three_m = Math.max(worst_three_m, off(three[index]));
          const cosine = Math.abs(joint.turn.reduce((sum, value, n) => sum + value * rest[n], 0));
          worst_deg = Math.max(worst_deg, (360 / Math.PI) * Math.acos(Math.min(1, cosine)));
          assert.ok(Math.abs(joint.radius_m - rest[4]) < 1e-5, joint.name);
        });
      }
    }
    console.log(
      `XRHand from ours: ${(1e3 * worst_m).toFixed(4)} mm, by three.js ${(1e3 * worst_three_m).toFixed(4)} mm,` +
        ` ${worst_deg.toFixed(3)} deg at most; ${seen.left} left and ${seen.right} right hands`,
    );
    assert.ok(worst_m <= MOST_M && worst_three_m <= MOST_M, `${worst_m} m, ${worst_three_m} m`);
    assert.ok(worst_deg <= MOST_DEG, `${worst_deg} deg`);
    assert.ok(seen.left >= 10 && seen.right >= 10 && seen.left < seen.right);
  },
  { skip },
);

browserTest(
  "a page that knows XRHand alone carries a block with a pinch of a recorded hand",
  async ({ server, browser }) => {
    const { page } = await browser.open(`${server.url}webxr.html?camera=eye`);
    await page.waitForFunction(() => window.webxr);
    const { hands } = JSON.parse(readFileSync(FILE, "utf8"));
    const [{ frame }] = shown(hands, 0);
    const before = await page.evaluate(() => window.webxr.scene.blocks.map((block) => block.position.toArray()));
    // Thumb and index finger meet at the middle block, then the hand moves up.
    const at = [before[1][0], before[1][1] - EYES_M, before[1][2]];
    const moved = (up_m, gap_m) => {
      const joints_m = [...frame.joints_m];
      const place = (joint, [x, y, z]) => joints_m.splice(3 * joint, 3, x, -y, -z);
      place(4, [at[0] + gap_m, at[1] + up_m, at[2]]);
      place(8, [at[0], at[1] + up_m, at[2]]);
      return [{ ...frame, joints_m }];
    };
    for (const hand of [moved(0, 0.06), moved(0, 0.005), moved(0.05, 0.005), moved(0.1, 0.005), moved(0.1, 0.06)]) {
      await page.evaluate(read, hand);
      await page.evaluate(read, hand);
    }
    const after = await page.evaluate(() => window.webxr.scene.blocks.map((block) => block.position.toArray()));
    assert.ok(Math.abs(after[1][1] - before[1][1] - 0.1) < 0.01, `${after[1]}`);
    assert.deepEqual([after[0], after[2]], [before[0], before[2]]);
    await page.evaluate(read, []);
    assert.equal(await page.evaluate(() => window.webxr.session.inputSources.length), 0);
  },
  { skip },
);
