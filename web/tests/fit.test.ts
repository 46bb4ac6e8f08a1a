import assert from "node:assert/strict";
import { test } from "node:test";
import { fitJoints, rayWeights, type FitOptions } from "../src/hand/fit";
import type { Side } from "../src/hand/frame";
import { nearestRotation } from "../src/hand/linear";
import { farthest, largestDifference, missing, readGolden, readRig } from "./golden_files";

interface GoldenFit {
  pose_rad: number[];
  shape: number[];
  translation_m: number[];
  residual_m: number;
  joints_m: number[];
}

interface Golden {
  across: number;
  along: number;
  python_ms: { cold: number; warm: number };
  cases: {
    side: Side;
    weighted: boolean;
    joints_m: number[];
    start: { pose_rad: number[]; shape: number[] };
    cold: GoldenFit;
    warm: GoldenFit;
    /** From a start that is NaN; of some. */
    unknown?: GoldenFit;
  }[];
}

const skip = missing("golden/fit.json");
const rig = skip ? null! : readRig();
const golden = skip ? null! : readGolden<Golden>("fit.json");
const cases = skip ? [] : golden.cases;

function optionsOf(each: Golden["cases"][number], warm: boolean): FitOptions {
  const { pose_rad, shape } = each.start;
  return {
    side: each.side,
    weights: each.weighted ? rayWeights(each.joints_m, golden.across, golden.along) : undefined,
    start: warm ? { pose_rad: Float64Array.from(pose_rad), shape: Float64Array.from(shape) } : null,
  };
}

for (const kind of ["cold", "warm"] as const) {
  test(`${kind} fits are Python's to 0.1 mm`, { skip }, () => {
    const joints: number[] = [];
    const surface: number[] = [];
    const milliseconds: number[] = [];
    for (const each of cases) {
      const options = optionsOf(each, kind === "warm");
      const began = performance.now();
      const fit = fitJoints(rig, each.joints_m, options);
      milliseconds.push(performance.now() - began);
      const wanted = each[kind];
      joints.push(farthest(fit.joints_m, wanted.joints_m));
      const own = rig.pose(each.side, fit.pose_rad, fit.shape, fit.translation_m);
      const python = rig.pose(each.side, wanted.pose_rad, wanted.shape, wanted.translation_m);
      surface.push(farthest(own.vertices_m, python.vertices_m));
      assert.ok(Math.abs(fit.residual_m - wanted.residual_m) < 1e-5);
      assert.ok(farthest(own.joints_m, fit.joints_m) < 1e-6, "the joints are those of the pose");
    }
    assert.equal(cases.length, 200);
    const told = [joints, surface].map(
      (all) => `largest ${(1e3 * Math.max(...all)).toFixed(6)} mm, mean ${(1e3 * all.reduce((a, b) => a + b) / all.length).toFixed(6)} mm`,
    );
    const median = milliseconds.sort((a, b) => a - b)[100];
    console.log(`${kind}, ${cases.length} hands: joints ${told[0]}; surface ${told[1]}`);
    console.log(`${kind}: ${median.toFixed(2)} ms a hand (median), Python ${golden.python_ms[kind].toFixed(2)} ms`);
    assert.ok(Math.max(...joints) <= 1e-4);
    assert.ok(Math.max(...surface) <= 1e-4);
  });
}

test("a hand's fit does not depend on those before it", { skip }, () => {
  const first = fitJoints(rig, cases[0].joints_m, optionsOf(cases[0], false));
  fitJoints(rig, cases[1].joints_m, optionsOf(cases[1], true));
  const again = fitJoints(rig, cases[0].joints_m, optionsOf(cases[0], false));
  assert.deepEqual(again, first);
});

test("finds the hand that it is given", { skip: skip || missing("golden/rig.json") }, () => {
  // Of hands within their limits little is left but what the soft priors take.
  const { hands } = readGolden<{ hands: { side: Side; joints_m: number[] }[] }>("rig.json");
  for (const { side, joints_m } of hands) {
    const fit = fitJoints(rig, joints_m, { side });
    assert.ok(fit.residual_m < 1e-3, `${fit.residual_m} m`);
    assert.ok(farthest(fit.joints_m, joints_m) < 4e-3);
  }
});

test("a start that is not known is none, but sets the pace, as in Python", { skip }, () => {
  let told = 0;
  for (const each of cases) {
    if (!each.unknown) continue;
    const unknown = { pose_rad: new Float64Array(48).fill(NaN), shape: new Float64Array(10) };
    const fit = fitJoints(rig, each.joints_m, { ...optionsOf(each, false), start: unknown });
    assert.ok(farthest(fit.joints_m, each.unknown.joints_m) < 1e-5);
    told++;
  }
  assert.equal(told, 20);
});

test("degenerate joints give finite hands", { skip }, () => {
  const point = Array.from({ length: 63 }, (_, n) => [0.1, -0.2, 0.5][n % 3]);
  const line = Array.from({ length: 63 }, (_, n) => (n % 3 === 0 ? Math.floor(n / 3) * 0.005 : 0.5));
  const plane = Array.from({ length: 63 }, (_, n) => (n % 3 === 2 ? 0.5 : Math.sin(n) * 0.1));
  for (const joints of [point, line, plane]) {
    for (const weights of [undefined, rayWeights(joints, 0.1, 0.01)]) {
      const fit = fitJoints(rig, joints, { weights });
      for (const values of [fit.pose_rad, fit.shape, fit.translation_m, fit.joints_m, [fit.residual_m]]) {
        assert.ok(Array.from(values).every(Number.isFinite));
      }
    }
  }
});

test("refuses joints and weights that are none", { skip }, () => {
  const joints = cases[0].joints_m;
  const broken = joints.map((value, n) => (n === 7 ? NaN : value));
  assert.throws(() => fitJoints(rig, broken), /^Error: joints_m: expected finite numbers in metres, got NaN or infinity$/);
  assert.throws(() => fitJoints(rig, joints.slice(1)), /^Error: joints_m: expected 63 numbers, got 62$/);
  assert.throws(() => fitJoints(rig, joints.map((value) => 1000 * value)), /^Error: joints_m: expected a hand in metres, got one of extent /);
  assert.throws(() => fitJoints(rig, joints, { weights: new Float64Array(21) }), /^Error: weights: expected positive/);
  assert.throws(() => fitJoints(rig, joints, { weights: new Float64Array(21).fill(NaN) }), /^Error: weights: expected finite/);
  assert.throws(() => fitJoints(rig, joints, { weights: [1] }), /^Error: weights: expected 21 numbers/);
  const start = { pose_rad: new Float64Array(3), shape: new Float64Array(10) };
  assert.throws(() => fitJoints(rig, joints, { start }), /^Error: start: expected 48 numbers, got 3$/);
});

test("the nearest rotation is a rotation, of anything", () => {
  const out = new Float64Array(9);
  const of = (...entries: number[]): Float64Array => {
    nearestRotation(Float64Array.from(entries), out, 0);
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        const dot = out[3 * i] * out[3 * j] + out[3 * i + 1] * out[3 * j + 1] + out[3 * i + 2] * out[3 * j + 2];
        assert.ok(Math.abs(dot - (i === j ? 1 : 0)) < 1e-9);
      }
    }
    const [a, b, c, d, e, f, g, h, k] = out;
    assert.ok(Math.abs(a * (e * k - f * h) - b * (d * k - f * g) + c * (d * h - e * g) - 1) < 1e-9);
    return out;
  };
  assert.ok(largestDifference(of(2, 0, 0, 0, 3, 0, 0, 0, 1), [1, 0, 0, 0, 1, 0, 0, 0, 1]) < 1e-12);
  assert.ok(largestDifference(of(0, -2, 0, 3, 0, 0, 0, 0, 1), [0, -1, 0, 1, 0, 0, 0, 0, 1]) < 1e-12);
  // A reflection: the axis that counts least is turned.
  assert.ok(largestDifference(of(2, 0, 0, 0, 3, 0, 0, 0, -1), [1, 0, 0, 0, 1, 0, 0, 0, 1]) < 1e-12);
  // Of rank 2, 1 and 0.
  assert.ok(largestDifference(of(2, 0, 0, 0, 3, 0, 0, 0, 0), [1, 0, 0, 0, 1, 0, 0, 0, 1]) < 1e-12);
  of(1, 2, 3, 2, 4, 6, -1, -2, -3);
  of(0, 0, 0, 0, 0, 0, 0, 0, 0);
});
