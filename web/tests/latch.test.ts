import assert from "node:assert/strict";
import test from "node:test";
import { Vector3 } from "three";
import { boxDistance } from "../src/scenes/box";
import { Latch } from "../src/scenes/latch";

test("a value that trembles between the limits switches nothing", () => {
  const latch = new Latch(0.004, 0.018);
  assert.equal(latch.take(0.003), "on");
  for (const value of [0.005, 0.012, 0.017, 0.002, 0.0179]) assert.equal(latch.take(value), null);
  assert.equal(latch.take(0.019), "off");
  for (const value of [0.017, 0.005, 0.0041, 1]) assert.equal(latch.take(value), null);
});

test("one frame alone does not switch where more are asked for", () => {
  const latch = new Latch(1, 2, 2);
  assert.deepEqual([0, 3, 0, 0].map((value) => latch.take(value)), [null, null, null, "on"]);
  assert.deepEqual([3, 0, 3, 3].map((value) => latch.take(value)), [null, null, null, "off"]);
});

test("what is not known counts as far away", () => {
  const latch = new Latch(1, 2);
  assert.equal(latch.take(NaN), null);
  latch.take(0);
  assert.equal(latch.take(Infinity), "off");
  assert.throws(() => new Latch(2, 1), /goes off above/);
});

test("distances to a box are those of its nearest face, edge or corner", () => {
  const half = new Vector3(1, 2, 3);
  const far = (x: number, y: number, z: number): number => boxDistance(new Vector3(x, y, z), half).distance_m;
  assert.equal(far(1.5, 0, 0), 0.5);
  assert.ok(Math.abs(far(4, 6, 0) - 5) < 1e-12);
  assert.ok(Math.abs(far(-2, -3, -4) - Math.sqrt(3)) < 1e-12);
  assert.equal(far(0.75, 0, 0), -0.25);
  assert.deepEqual(boxDistance(new Vector3(0, -1.9, 0), half).outward.toArray().map(Math.round), [0, -1, 0]);
  assert.deepEqual(boxDistance(new Vector3(-9, 0, 0), half).outward.toArray().map((one) => one + 0), [-1, 0, 0]);
});
