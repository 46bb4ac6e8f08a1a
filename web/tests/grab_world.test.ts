import assert from "node:assert/strict";
import test from "node:test";
import rapier from "@dimforge/rapier3d-compat";
import { Vector3 } from "three";
import type { ThingOptions } from "../src/scenes/grab_bodies";
import { GrabWorld, type SeenHand } from "../src/scenes/grab_world";

await rapier.init();

const STEP_S = 1 / 30;
const BLOCK: ThingOptions = { name: "block", half_m: [0.02, 0.02, 0.02], home_m: [0, 0.02, 0], density_kg_m3: 500 };
const RADIO: ThingOptions = {
  name: "radio", half_m: [0.026, 0.014, 0.05], home_m: [-0.1, 0.014, 0], density_kg_m3: 900, docked: true,
  button: { top_m: [0, 0.018, 0.015], half_m: [0.009, 0.009], travel_m: 0.004 },
};

/** A hand from above whose thumb and middle finger are `gap_m` apart in x about a place; other fingertips are up. */
function pinching(place: readonly [number, number, number], gap_m: number, key = "0:right"): SeenHand {
  const [x, y, z] = place;
  const point = (dx: number, dy: number, dz: number): Vector3 => new Vector3(x + dx, y + dy, z + dz);
  const joints = [point(0.01, 0.17, 0.03)];
  const half = gap_m / 2;
  for (let joint = 1; joint <= 4; joint++) joints.push(point(-half - 0.02 + 0.005 * joint, 0.12 - 0.03 * joint, 0.01 - 0.0025 * joint));
  for (let finger = 1; finger <= 4; finger++) {
    const side = 0.02 * (finger - 2);
    const bent = finger === 2 ? 0 : 0.045;
    for (let level = 1; level <= 4; level++) {
      joints.push(point(half + 0.02 - 0.005 * level, 0.12 - 0.03 * level + (bent * level) / 4, -side));
    }
  }
  return { key, joints };
}

/** A hand whose index finger points down on a place. */
function pointing(tip: readonly [number, number, number]): SeenHand {
  const hand = pinching([tip[0] + 0.1, tip[1] + 0.1, tip[2]], 0.1);
  for (let level = 0; level < 4; level++) hand.joints[5 + level] = new Vector3(tip[0], tip[1] + 0.025 * (3 - level), tip[2]);
  return hand;
}

function settle(world: GrabWorld, frames: number, hands: SeenHand[] = []): void {
  for (let frame = 0; frame < frames; frame++) world.advance(STEP_S, hands);
}

test("a block is grabbed once, carried, and let go where the hand opens", () => {
  const world = new GrabWorld(rapier, [BLOCK]);
  settle(world, 5, [pinching([0, 0.02, 0], 0.09)]);
  assert.deepEqual(world.events, []);
  settle(world, 4, [pinching([0, 0.02, 0], 0.05)]);
  assert.deepEqual(world.events, ["grabbed block"]);
  for (let frame = 1; frame <= 30; frame++) world.advance(STEP_S, [pinching([0.004 * frame, 0.02 + 0.003 * frame, 0], 0.05)]);
  const carried = world.thing("block").place;
  assert.ok(carried.distanceTo(new Vector3(0.12, 0.11, 0)) < 0.012, `carried to ${carried.toArray()}`);
  // A finger that trembles by less than the hysteresis does not let go.
  for (const gap of [0.06, 0.052, 0.066, 0.05]) settle(world, 3, [pinching([0.12, 0.11, 0], gap)]);
  assert.deepEqual(world.events, ["grabbed block"]);
  settle(world, 40, [pinching([0.12, 0.11, 0], 0.11)]);
  assert.deepEqual(world.events, ["grabbed block", "dropped block"]);
  const dropped = world.thing("block").place;
  assert.ok(Math.abs(dropped.y - 0.02) < 0.003 && Math.abs(dropped.x - 0.12) < 0.03, `dropped at ${dropped.toArray()}`);
  world.dispose();
});

test("a block let go in motion flies on", () => {
  const world = new GrabWorld(rapier, [BLOCK]);
  settle(world, 4, [pinching([0, 0.02, 0], 0.05)]);
  let [x, y] = [0, 0.02];
  for (let frame = 0; frame < 12; frame++) world.advance(STEP_S, [pinching([0, (y += 0.008), 0], 0.05)]);
  for (let frame = 0; frame < 6; frame++) world.advance(STEP_S, [pinching([(x += 0.03), y, 0], 0.05)]);
  for (let frame = 0; frame < 2; frame++) world.advance(STEP_S, [pinching([(x += 0.03), y, 0], 0.13)]);
  assert.ok(world.events.includes("dropped block"));
  const before = world.thing("block").place.x;
  settle(world, 3);
  const speed = (world.thing("block").place.x - before) / (3 * STEP_S);
  assert.ok(speed > 0.5 && speed < 1.3, `${speed} m/s after a hand of 0.9 m/s`);
  world.dispose();
});

test("a hand that is lost lets go, and one that comes back elsewhere throws nothing", () => {
  const world = new GrabWorld(rapier, [BLOCK]);
  settle(world, 4, [pinching([0, 0.02, 0], 0.05)]);
  settle(world, 3, []);
  assert.deepEqual(world.events, ["grabbed block", "dropped block"]);
  world.reset();
  settle(world, 5, [pinching([-0.3, 0.1, 0], 0.09)]);
  world.advance(STEP_S, [pinching([0.3, 0.1, 0], 0.09)]);
  settle(world, 5, [pinching([0.3, 0.1, 0], 0.09)]);
  assert.ok(world.thing("block").place.distanceTo(new Vector3(0, 0.02, 0)) < 0.002);
  world.dispose();
});

test("what a hand hits moves on with its velocity", () => {
  const world = new GrabWorld(rapier, [BLOCK]);
  let x = -0.16;
  let speed = 0;
  for (let frame = 0; frame < 15; frame++) {
    world.advance(STEP_S, [pinching([(x += 0.01), 0.02, 0], 0.02)]);
    speed = Math.max(speed, world.thing("block").body.linvel().x);
  }
  assert.deepEqual(world.events, []);
  assert.ok(speed > 0.1 && speed < 1.2, `${speed} m/s, pushed by 0.3 m/s`);
  world.dispose();
});

test("fingers on one side of a block do not grab it", () => {
  const world = new GrabWorld(rapier, [BLOCK]);
  settle(world, 6, [pinching([-0.05, 0.02, 0], 0.012)]);
  assert.deepEqual(world.events, []);
  world.dispose();
});

test("blocks stack, stay, and come home after they fell off the table", () => {
  const world = new GrabWorld(rapier, [BLOCK, { ...BLOCK, name: "upper", home_m: [0.004, 0.061, 0.002] }]);
  settle(world, 90);
  assert.ok(world.thing("upper").place.distanceTo(new Vector3(0.004, 0.06, 0.002)) < 0.003);
  world.thing("upper").body.setTranslation({ x: 0.6, y: 0.2, z: 0 }, true);
  let lowest = 0;
  for (let frame = 0; frame < 60; frame++) {
    world.advance(STEP_S, []);
    lowest = Math.min(lowest, world.thing("upper").place.y);
  }
  assert.ok(lowest < -0.2);
  assert.ok(world.thing("upper").place.distanceTo(new Vector3(0.004, 0.06, 0.002)) < 0.01);
  world.dispose();
});

test("a button counts one press a press, however the finger trembles", () => {
  const world = new GrabWorld(rapier, [RADIO]);
  const top = 0.032;
  const press = (...depths_mm: number[]): void => {
    for (const depth of depths_mm) world.advance(STEP_S, [pointing([-0.1, top - depth / 1000, 0.015])]);
  };
  press(-20, -5, 1, 2.5, 2.6, 2.5, 1.5, 0, -20);
  assert.equal(world.thing("radio").presses, 0, "not deep enough");
  press(-20, 0, 3.2, 3, 2.2, 3.3, 1.8, 3, 3.5, 0.5, -20);
  assert.equal(world.thing("radio").presses, 1);
  press(2, 3, 3, 0, 3, 3, -20);
  assert.equal(world.thing("radio").presses, 3);
  assert.deepEqual(world.events, [1, 2, 3].flatMap(() => ["pressed radio", "released radio"]));
  assert.ok(world.thing("radio").place.distanceTo(new Vector3(-0.1, 0.014, 0)) < 1e-6, "it stands fast");
  world.dispose();
});

test("a finger beside the button, or far below it, does not press", () => {
  const world = new GrabWorld(rapier, [RADIO]);
  for (const [x, y, z] of [[-0.1, 0.0285, 0.04], [-0.06, 0.029, 0.015], [-0.1, -0.05, 0.015]] as const) {
    settle(world, 4, [pointing([x, y, z])]);
  }
  assert.equal(world.thing("radio").presses, 0);
  world.dispose();
});

test("the same hands move things in the same way, and a reset undoes it", () => {
  const run = (world: GrabWorld): number[] => {
    for (let frame = 0; frame < 25; frame++) world.advance(STEP_S, [pinching([-0.1 + 0.006 * frame, 0.02, 0], 0.03)]);
    return world.thing("block").place.toArray();
  };
  const [one, other] = [new GrabWorld(rapier, [BLOCK]), new GrabWorld(rapier, [BLOCK])];
  assert.deepEqual(run(one), run(other));
  one.reset();
  assert.deepEqual(one.thing("block").place.toArray().map((value) => Math.round(1e4 * value) + 0), [0, 200, 0]);
  assert.deepEqual(one.events, []);
});
