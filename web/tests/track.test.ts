/** The tracker's parts, each by itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { matchHands } from "../src/track/association";
import { Gate, SURE } from "../src/track/gate";
import { handLength, HandSize } from "../src/track/hand_size";
import { between, type HandPose, seenAt } from "../src/track/hand_pose";
import { Motion } from "../src/track/motion";
import { logit, probability, withPartners } from "../src/track/odds";
import { OneEuro, RotationOneEuro, SlowMean } from "../src/track/one_euro";
import { boxOf, onEachOther } from "../src/track/points";
import { Schedule } from "../src/track/schedule";
import { farthest, largestDifference, missing, readRig } from "./golden_files";

const skip = missing();
const rig = skip ? null! : readRig();

/** 21 joints in a square of that size, the knuckles above the wrist. */
function joints(u: number, v: number, size = 100): Float64Array {
  const places = Array.from({ length: 21 }, (_, n) => [((n % 5) / 4 - 0.5) * size, (0.5 - Math.floor(n / 5) / 4) * size]);
  return Float64Array.from(places.flatMap(([x, y]) => [u + x, v + y]));
}

function poseAt(x: number, angle = 0): HandPose {
  const pose_rad = new Float64Array(48);
  pose_rad[5] = angle;
  return { root_m: Float64Array.of(x, 0, 0.6), pose_rad, shape: new Float64Array(10) };
}

test("a filter at rest is steady and begins anew after a gap", () => {
  const cutoffs = { rest_hz: 1, beta: 0, speed_hz: 1, trend: 0 };
  const filter = new OneEuro(1, cutoffs, 0.5);
  assert.equal(filter.push(0, [1])[0], 1);
  // A step of 0.1 s at 1 Hz: 2 pi 0.1 / (1 + 2 pi 0.1) of the new value.
  const share = (0.2 * Math.PI) / (1 + 0.2 * Math.PI);
  assert.ok(Math.abs(filter.push(0.1, [2])[0] - (1 + share)) < 1e-12);
  assert.equal(filter.push(0.1, [50])[0], 1 + share, "the same time gives the same answer");
  assert.throws(() => filter.push(0.05, [2]), /^Error: time_s: expected times that run forward, got 0.05 after 0.1$/);
  assert.equal(filter.push(0.7, [5])[0], 5);
  assert.equal(filter.speed[0], 0);
});

test("a filter with a trend of 1 does not trail a steady motion", () => {
  const filter = new OneEuro(1, { rest_hz: 1, beta: 0, speed_hz: 30, trend: 1 }, 0.5);
  let value = 0;
  for (let n = 0; n < 60; n++) value = filter.push(n / 30, [n])[0];
  assert.ok(Math.abs(value - 59) < 0.05, `${value}`);
});

test("rotations are filtered along the shortest turn, whatever their sign", () => {
  const cutoffs = { rest_hz: 2, beta: 0, speed_hz: 1, trend: 0 };
  const turn = (angle: number, sign: number): number[] => [sign * Math.cos(angle / 2), 0, sign * Math.sin(angle / 2), 0];
  const [one, other] = [new RotationOneEuro([cutoffs], 0.5), new RotationOneEuro([cutoffs], 0.5)];
  for (let n = 0; n < 10; n++) {
    const plain = one.push(n / 30, turn(0.1 * n, 1)).slice();
    const flipped = other.push(n / 30, turn(0.1 * n, n % 2 ? -1 : 1));
    const dot = plain.reduce((sum, value, c) => sum + value * flipped[c], 0);
    assert.ok(Math.abs(Math.abs(dot) - 1) < 1e-12);
    assert.ok(Math.abs(Math.hypot(...plain) - 1) < 1e-12);
  }
});

test("a slow mean begins as the mean of what it was given", () => {
  const mean = new SlowMean(1, 1e-6);
  assert.deepEqual(
    [3, 5, 10].map((value, n) => mean.push(n, [value])[0]),
    [3, 4, 6],
  );
  mean.reset();
  assert.equal(mean.push(0, [7])[0], 7);
});

test("the gate holds, coasts, blends and loses", { skip }, () => {
  const gate = new Gate(rig.right, false);
  assert.equal(gate.push(0, poseAt(0), 0.9, SURE).state, "observed");
  const held = gate.push(0.1, null, 0, SURE);
  assert.equal(held.state, "held");
  assert.ok(farthest(held.pose!.root_m, [0, 0, 0.6]) < 1e-12, "a hand at rest stays where it was");
  // Back, but of little confidence: the held pose, in the direction where it is seen.
  const dim = gate.push(0.2, poseAt(0.05, 1), 0.3, SURE);
  assert.equal(dim.state, "held");
  assert.ok(Math.abs(dim.pose!.root_m[0] - 0.05) < 1e-9 && dim.pose!.pose_rad[5] === 0);
  const blended = gate.push(0.22, poseAt(0.05, 1), 0.9, SURE);
  assert.equal(blended.state, "doubtful");
  assert.ok(blended.pose!.pose_rad[5] > 0.1 && blended.pose!.pose_rad[5] < 0.9, `${blended.pose!.pose_rad[5]}`);
  assert.equal(gate.push(0.4, poseAt(0.05, 1), 0.9, SURE).state, "observed");
  assert.equal(gate.push(0.85, null, 0, SURE).state, "held");
  assert.deepEqual(gate.push(0.95, null, 0, SURE), { pose: null, state: null });
  assert.throws(() => {
    gate.push(2, poseAt(0), 0.9, SURE);
    gate.push(1, poseAt(0), 0.9, SURE);
  }, /^Error: time_s: expected times that run forward, got 1 after 2$/);
});

test("half way between two poses is half the turn", () => {
  const half = between(poseAt(0, 0.2), poseAt(0.1, 1), 0.5);
  assert.ok(largestDifference(half.pose_rad, poseAt(0, 0.6).pose_rad) < 1e-12);
  assert.ok(farthest(half.root_m, [0.05, 0, 0.6]) < 1e-12);
});

test("a hand behind the camera has no direction", () => {
  const behind = { ...poseAt(0), root_m: Float64Array.of(0, 0, -0.5) };
  assert.equal(seenAt(poseAt(0), behind, new Float64Array(3), Infinity), null);
  assert.equal(seenAt(poseAt(0), poseAt(0.2), new Float64Array(3), 0.1), null, "too far away");
});

test("a motion goes on, ever slower where it is not seen", () => {
  let motion = new Motion(joints(100, 100), 0);
  for (let n = 1; n < 10; n++) motion = motion.seen(joints(100 + 10 * n, 100, 100 * 1.02 ** n), n / 30);
  const [left, , width] = boxOf(motion.predicted(10 / 30));
  assert.ok(Math.abs(left + width / 2 - 200) < 0.5);
  assert.ok(Math.abs(width / 100 - 1.02 ** 10) < 0.01);
  const [late, , lateWidth] = boxOf(motion.predicted(5));
  assert.ok(late + lateWidth / 2 < 190 + 300 * 0.1, "at most 90 ms of its speed");
  // Joints that are all one have no size; nothing becomes infinite.
  const point = new Float64Array(42).fill(3);
  assert.ok(new Motion(point, 0).seen(point, 1).predicted(2).every(Number.isFinite));
});

test("matches the nearest hands of about the same size, sides considered", () => {
  const known = [
    { joints_px: joints(100, 100), odds: 5 },
    { joints_px: joints(300, 100), odds: -5 },
  ];
  const found = [
    { joints_px: joints(290, 100), odds: -5 },
    { joints_px: joints(130, 100), odds: 5 },
    { joints_px: joints(100, 100, 250), odds: 5 },
  ];
  assert.deepEqual(matchHands(known, found), [
    [1, 0],
    [0, 1],
  ]);
  assert.deepEqual(matchHands(known, []), []);
  // A hand of surely the other side is the worse match, though it is nearer.
  const sides = [
    { joints_px: joints(100, 100), odds: -5 },
    { joints_px: joints(140, 100), odds: 5 },
  ];
  assert.deepEqual(matchHands(known.slice(0, 1), sides), [[0, 1]]);
  // What was lost may have gone farther.
  const away = [{ joints_px: joints(300, 100), odds: 5 }];
  assert.deepEqual(matchHands(known.slice(0, 1), away), []);
  assert.deepEqual(matchHands([{ ...known[0], slack: 1 }], away), [[0, 0]]);
});

test("a near hand of the other side makes a side surer", () => {
  const hands = [joints(100, 100), joints(250, 100)];
  const [left, right] = withPartners([-0.2, 3], hands, 2);
  assert.ok(left < -0.2 && right > 3);
  assert.deepEqual(withPartners([-0.2, 3], [hands[0], joints(900, 100)], 2), [-0.2, 3], "too far away");
  assert.deepEqual(withPartners([-0.2, 3], [hands[0], joints(250, 100, 170)], 2), [-0.2, 3], "of another size");
  assert.deepEqual(withPartners([], [], 2), []);
});

test("logits and probabilities are inverse, and kept finite", () => {
  assert.ok(Math.abs(probability(logit(0.3)) - 0.3) < 1e-12);
  assert.ok(Number.isFinite(logit(0)) && logit(0) === -logit(1));
});

test("two findings of one hand lie on each other", () => {
  assert.ok(onEachOther(joints(100, 100), joints(120, 100)));
  assert.ok(!onEachOther(joints(100, 100), joints(130, 100)));
});

test("searches twice a second, sooner while a hand is missing, never in every frame", () => {
  const times = (step_s: number, missing: boolean): number[] => {
    const schedule = new Schedule();
    return Array.from({ length: 40 }, (_, n) => n).filter((n) => schedule.due(n * step_s, missing));
  };
  assert.deepEqual(times(1 / 30, false), [0, 15, 30]);
  assert.deepEqual(times(1 / 30, true), [0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39]);
  assert.deepEqual(times(1, true), Array.from({ length: 14 }, (_, n) => 3 * n));
});

test("a hand's length is learnt a little, and not from what is no hand", { skip }, () => {
  const figures = { ...rig.tracking.size, slope: 1, offset: 0 };
  const size = new HandSize(figures, null);
  assert.equal(size.length_m, figures.mean_m);
  for (const length_m of [NaN, 0, 5]) size.observe(length_m, 0);
  assert.equal(size.length_m, figures.mean_m);
  size.observe(0.2, 0);
  assert.ok(size.length_m > 0.19 && size.length_m < 0.2);
  assert.ok(Math.abs(size.ratio(0.1) * 0.1 - size.length_m) < 1e-12);
  assert.equal(size.ratio(NaN), 1);
  const given = new HandSize(figures, 0.17);
  given.observe(0.2, 0);
  assert.equal(given.length_m, 0.17);
  const straight = Float64Array.from({ length: 63 }, (_, n) => (n % 3 === 1 ? 0.01 * Math.floor(n / 3) : 0));
  assert.ok(Math.abs(handLength(straight) - 0.12) < 1e-12);
});
