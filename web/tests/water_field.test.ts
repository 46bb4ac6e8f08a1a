import assert from "node:assert/strict";
import test from "node:test";
import { WaterField, type Ball } from "../src/scenes/water_field";

const STEP_S = 1 / 30;
const above = (x: number, z: number): Ball[] => [{ x, y: 0.05, z, radius_m: 0.008 }];
const at = (x: number, y: number, z: number): Ball[] => [{ x, y, z, radius_m: 0.008 }];
const sum = (field: WaterField): number => field.heights.reduce((total, height) => total + height, 0);

test("water at rest stays at rest", () => {
  const field = new WaterField();
  for (let frame = 0; frame < 30; frame++) field.advance(STEP_S, []);
  assert.equal(field.restlessness, 0);
  assert.equal(field.middle(), null);
});

test("a wave starts where the finger goes in, and nowhere else yet", () => {
  for (const [x, z] of [[-0.08, 0.03], [0.05, -0.06], [0, 0]]) {
    const field = new WaterField();
    field.advance(STEP_S, above(x, z));
    field.advance(STEP_S / 4, at(x, -0.006, z));
    const { x: waveX, z: waveZ, height_m } = field.highest();
    assert.ok(Math.hypot(waveX - x, waveZ - z) < 0.01, `the wave is at ${waveX}, ${waveZ}`);
    const middle = field.middle();
    assert.ok(middle && Math.hypot(middle.x - x, middle.z - z) < 0.002);
    assert.ok(height_m < -0.001, `the surface goes down, got ${height_m}`);
    // A wave goes half a metre a second: nothing has come 6 cm far in a hundredth.
    assert.ok(Math.abs(field.heightAt(x > 0 ? x - 0.06 : x + 0.06, z)) < 1e-4);
  }
});

test("rings travel as fast as waves in shallow water do", () => {
  const field = new WaterField({ width_m: 0.6, length_m: 0.2, depth_m: 0.03, cell_m: 0.004 });
  field.advance(STEP_S, above(-0.2, 0));
  const step = 1 / 240;
  const arrivals = [0.1, 0.3].map((away_m) => {
    const fresh = new WaterField(field.options);
    fresh.advance(step, above(-0.2, 0));
    let time_s = 0;
    let best = { height: 0, time_s: 0 };
    while (time_s < 1) {
      fresh.advance(step, at(-0.2, -0.006, 0));
      time_s += step;
      const height = fresh.heightAt(-0.2 + away_m, 0);
      // The crest that runs ahead of everything that the walls send back.
      if (height > best.height) best = { height, time_s };
      if (best.height > 2e-5 && height < 0.5 * best.height) break;
    }
    return best.time_s;
  });
  const speed = 0.2 / (arrivals[1] - arrivals[0]);
  assert.ok(Math.abs(speed / field.speed_m_s - 1) < 0.12, `${speed} against ${field.speed_m_s} m/s`);
});

test("no water is made or lost, and it comes to rest again", () => {
  const field = new WaterField();
  field.advance(STEP_S, above(0, 0));
  for (let frame = 0; frame < 20; frame++) field.advance(STEP_S, at(0.003 * frame, -0.01, 0));
  const restless = field.restlessness;
  assert.ok(restless > 1e-8);
  assert.ok(Math.abs(sum(field)) < 1e-6);
  for (let frame = 0; frame < 240; frame++) field.advance(STEP_S, []);
  assert.ok(field.restlessness < restless / 100);
  assert.ok(Math.abs(sum(field)) < 1e-6);
});

test("fast fingers splash, slow ones do not", () => {
  const dip = (frames: number): WaterField => {
    const field = new WaterField();
    for (let frame = 0; frame <= frames; frame++) field.advance(STEP_S, at(0, 0.02 - (0.03 * frame) / frames, 0));
    return field;
  };
  const [slow, fast] = [dip(60), dip(2)];
  assert.equal(slow.splashes, 0);
  assert.equal(slow.drops.length, 0);
  assert.ok(fast.splashes >= 1 && fast.drops.length > 3);
  // All fall back, and make rings of their own.
  for (let frame = 0; frame < 60; frame++) fast.advance(STEP_S, at(0, -0.01, 0));
  assert.equal(fast.drops.length, 0);
});

test("a hand that is there at the first sight makes no wave, and hands beside the pool none ever", () => {
  const field = new WaterField();
  field.advance(STEP_S, at(0, -0.01, 0));
  assert.ok(field.restlessness < 1e-14);
  for (let frame = 0; frame < 5; frame++) field.advance(STEP_S, at(0.4, -0.01 * frame, 0));
  field.reset();
  for (let frame = 0; frame < 5; frame++) field.advance(STEP_S, at(0.4, -0.01 * frame, 0));
  assert.equal(field.restlessness, 0);
});

test("it stays finite and low whatever hands do", () => {
  const field = new WaterField();
  for (let frame = 0; frame < 120; frame++) {
    const balls = Array.from({ length: 40 }, (_, n) => at(0.14 * Math.sin(n + 5 * frame), 0.03 * Math.cos(frame + n), 0.09 * Math.cos(3 * n))[0]);
    field.advance(frame % 7 === 0 ? 0.1 : STEP_S, balls);
  }
  assert.ok(field.heights.every((height) => Number.isFinite(height) && Math.abs(height) < 0.03));
});

test("the same hands make the same water", () => {
  const run = (): number[] => {
    const field = new WaterField();
    for (let frame = 0; frame < 20; frame++) field.advance(STEP_S, at(0, 0.02 - 0.004 * (frame % 10), 0));
    return [...field.heights];
  };
  assert.deepEqual(run(), run());
});
