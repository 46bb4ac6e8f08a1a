/** WebXR's joints beside Python's (`knuckle.animation.openxr`). Golden data: tools/web_golden/exported.py. */
import assert from "node:assert/strict";
import test from "node:test";
import { Matrix4, Quaternion } from "three";
import type { Side } from "../src/hand/frame";
import { JointPlacer, OPENXR_COUNT, WEBXR_JOINTS } from "../src/webxr/joints";
import { missing, readGolden, readRig } from "./golden_files";

const skip = missing("golden/exported/hands.json");

interface Exported {
  side: Side;
  pose_rad: number[][][];
  shape: number[];
  joints_m: number[][][];
  openxr: number[][][];
}

function hands(): Exported[] {
  return readGolden<{ hands: Exported[] }>("exported/hands.json").hands;
}

function frameOf(hand: Exported, row: number) {
  return {
    side: hand.side,
    shape: Float32Array.from(hand.shape),
    pose_rad: Float32Array.from(hand.pose_rad[row].flat()),
    joints_m: Float32Array.from(hand.joints_m[row].flat()),
  };
}

/** Of a rotation given in rows. */
function quaternionOf(rows: Float64Array, from: number): Quaternion {
  const [xx, xy, xz, yx, yy, yz, zx, zy, zz] = rows.subarray(from, from + 9);
  return new Quaternion().setFromRotationMatrix(
    new Matrix4().set(xx, xy, xz, 0, yx, yy, yz, 0, zx, zy, zz, 0, 0, 0, 0, 1),
  );
}

test("places, axes and radii are those of Python, for both sides", { skip }, () => {
  const made = new JointPlacer(readRig());
  const sides = new Set<Side>();
  let [worst_m, worst_deg, worst_radius_m] = [0, 0, 0];
  for (const hand of hands()) {
    sides.add(hand.side);
    hand.openxr.forEach((expected, row) => {
      const placed = made.place(frameOf(hand, row));
      assert.equal(expected.length, OPENXR_COUNT);
      expected.forEach(([x, y, z, qx, qy, qz, qw, radius_m], joint) => {
        const [px, py, pz] = placed.positions_m.subarray(3 * joint, 3 * joint + 3);
        worst_m = Math.max(worst_m, Math.hypot(px - x, py - y, pz - z));
        const angle = quaternionOf(placed.rotations, 9 * joint).angleTo(new Quaternion(qx, qy, qz, qw));
        worst_deg = Math.max(worst_deg, (180 / Math.PI) * angle);
        worst_radius_m = Math.max(worst_radius_m, Math.abs(placed.radii_m[joint] - radius_m));
      });
    });
  }
  console.log(
    `WebXR joints from Python's: at most ${(1e3 * worst_m).toFixed(5)} mm, ${worst_deg.toFixed(4)} deg,` +
      ` radii ${(1e3 * worst_radius_m).toFixed(5)} mm`,
  );
  assert.deepEqual(sides, new Set(["left", "right"]));
  assert.ok(worst_m < 1e-6 && worst_radius_m < 1e-6, `${worst_m} m, ${worst_radius_m} m`);
  assert.ok(worst_deg < 0.05, `${worst_deg} deg`);
});

test("names are WebXR's, in its order", () => {
  assert.equal(WEBXR_JOINTS.length, 25);
  assert.deepEqual(WEBXR_JOINTS.slice(0, 7), [
    ...["wrist", "thumb-metacarpal", "thumb-phalanx-proximal", "thumb-phalanx-distal", "thumb-tip"],
    ...["index-finger-metacarpal", "index-finger-phalanx-proximal"],
  ]);
  assert.equal(WEBXR_JOINTS[24], "pinky-finger-tip");
});

test("-Z points to the tip and +Y out of the back of a flat hand, whichever side", { skip }, () => {
  const rig = readRig();
  const made = new JointPlacer(rig);
  const pose_rad = new Float32Array(48);
  const shape = new Float32Array(10);
  for (const side of ["left", "right"] as const) {
    const { joints_m } = rig.pose(side, pose_rad, shape, [0, 0, 0.5]);
    const { positions_m, rotations } = made.place({ side, joints_m, pose_rad, shape });
    const place = (joint: number) => Array.from(positions_m.subarray(3 * joint, 3 * joint + 3));
    const column = (joint: number, axis: number) => [0, 3, 6].map((row) => rotations[9 * joint + row + axis]);
    const dot = (a: number[], b: number[]) => a.reduce((sum, x, n) => sum + x * b[n], 0);
    const from = (a: number[], b: number[]) => b.map((x, n) => x - a[n]);
    const dorsal = column(1, 1);
    for (let joint = 1; joint < OPENXR_COUNT; joint++) {
      if (joint === 5 || (joint > 5 && joint % 5 === 0)) continue; // tips: nothing comes after them
      const bone = from(place(joint), place(joint === 1 ? 11 : joint + 1));
      assert.ok(-dot(column(joint, 2), bone) > 0.999 * Math.hypot(...bone), `${side} ${joint}`);
      // A thumb's nail looks aside.
      if (joint > 5) assert.ok(dot(column(joint, 1), dorsal) > 0.6, `${side} ${joint}`);
    }
    // Seen from the back with fingers up, a right hand's thumb is on the left.
    const thumb = dot(from(place(1), place(3)), column(1, 0));
    assert.ok(side === "right" ? thumb < 0 : thumb > 0, side);
  }
});
