/**
 * Things on a table, and hands that push, grab, carry, throw and press them; no drawing.
 *
 * A hand pushes what its capsules hit, with its own velocity (`grab_bodies.ts`). A thing between the thumb and another
 * finger is grabbed (`pinchOf`): it then follows the hand by its velocity, no longer collides with it, and once let go
 * flies on as fast as the hand was. The frame is the table's.
 */
import type RAPIER from "@dimforge/rapier3d-compat";
import { Matrix4, Vector3 } from "three";
import { TIPS } from "./bones";
import { boxDistance } from "./box";
import { isClear, type Rapier, SolidHand, STEP_S, tableWorld, ThingBody, type ThingOptions } from "./grab_bodies";
import { Latch } from "./latch";
import { palmAxes } from "./palm";

export interface SeenHand {
  /** The same as long as it is followed. */
  key: string;
  /** 21 on the table. */
  joints: Vector3[];
}

/** A hand that is farther from where it was than this has not moved there: it was lost meanwhile. */
const JUMP_M = 0.12;
/** Between a fingertip (a point of the skin's end) and what its pad touches. */
const PAD_M = 0.008;
const CLOSED_M = 0.004;
const OPEN_M = 0.018;
const OPEN_FRAMES = 2;
/** Thumb and finger push against one another: the cosine between their sides of the thing. */
const OPPOSED = -0.3;
const LOWEST_M = -0.5;
/** How near to a button's middle line a fingertip must be, beyond its edge. */
const BESIDE_M = 0.004;
const DEEPEST_M = 0.02;

/** Which hand has a thing, and where. */
interface Hold {
  key: string;
  finger: number;
  /** Where the thing is in the hand's frame. */
  thingFromHold: Matrix4;
}

/** A thing, and what hands do with it. */
export class Thing extends ThingBody {
  readonly latch = new Latch(CLOSED_M, OPEN_M, OPEN_FRAMES);
  holder: Hold | null = null;
  /** Was let go and is not yet clear of the hand. */
  leaving = false;
  /** How far its button is pressed, metres. */
  pressed_m = 0;
  presses = 0;
  readonly buttonLatch: Latch | null;

  constructor(options: ThingOptions, rapier: Rapier, world: RAPIER.World) {
    super(options, rapier, world);
    // Pressed from 70 % of its way on, let go below 35 %.
    const travel = options.button?.travel_m;
    this.buttonLatch = travel === undefined ? null : new Latch(-0.7 * travel, -0.35 * travel);
  }

  override goHome(): void {
    super.goHome();
    this.leaving = false;
  }
}

/** How wide open a pinch is about a box: the farther of thumb and best opposed finger from its faces, metres. */
function pinchOf(thing: Thing, joints: readonly Vector3[]): { gap_m: number; finger: number } {
  const thumb = boxDistance(thing.own(joints[TIPS[0]]), thing.half);
  let best = { gap_m: Infinity, finger: -1 };
  for (const finger of [1, 2, 3, 4]) {
    const tip = boxDistance(thing.own(joints[TIPS[finger]]), thing.half);
    if (tip.outward.dot(thumb.outward) > OPPOSED) continue;
    const gap_m = Math.max(tip.distance_m, thumb.distance_m) - PAD_M;
    if (gap_m < best.gap_m) best = { gap_m, finger };
  }
  return best;
}

/**
 * How wide open a hand is about what it holds, metres: about where the hand has it, as a thing lags behind a fast hand.
 */
function holdGap(thing: Thing, { finger, thingFromHold }: Hold, joints: readonly Vector3[]): number {
  const inThing = holdFrame(joints, finger).multiply(thingFromHold).invert();
  const far = (tip: number): number => boxDistance(joints[tip].clone().applyMatrix4(inThing), thing.half).distance_m;
  return Math.max(far(TIPS[0]), far(TIPS[finger])) - PAD_M;
}

/** The frame that a held thing moves with: between the two tips, turned as the palm is. */
function holdFrame(joints: readonly Vector3[], finger: number): Matrix4 {
  const { along, across } = palmAxes(joints);
  const middle = joints[TIPS[0]].clone().add(joints[TIPS[finger]]).multiplyScalar(0.5);
  return new Matrix4().makeBasis(along, across, along.clone().cross(across)).setPosition(middle);
}

export class GrabWorld {
  readonly things: Thing[];
  /** What happened since the start: "grabbed block 1", "dropped block 1", "pressed radio", "released radio". */
  readonly events: string[] = [];
  private readonly world: RAPIER.World;
  private readonly hands = new Map<string, SolidHand>();
  private owed_s = 0;

  constructor(
    private readonly rapier: Rapier,
    options: readonly ThingOptions[],
  ) {
    this.world = tableWorld(rapier);
    this.things = options.map((one) => new Thing(one, rapier, this.world));
  }

  /** A thing by its name. Throws where there is none. */
  thing(name: string): Thing {
    const found = this.things.find((thing) => thing.options.name === name);
    if (!found) throw new Error(`no thing is named ${name}`);
    return found;
  }

  reset(): void {
    for (const thing of this.things) {
      thing.holder = null;
      thing.latch.release();
      thing.buttonLatch?.release();
      thing.pressed_m = 0;
      thing.presses = 0;
      thing.goHome();
    }
    for (const key of [...this.hands.keys()]) this.forget(key);
    this.events.length = 0;
    this.owed_s = 0;
  }

  /** Time passes; `hands` is where they are at its end. */
  advance(step_s: number, hands: readonly SeenHand[]): void {
    const present = new Set(hands.map((hand) => hand.key));
    for (const key of [...this.hands.keys()]) if (!present.has(key)) this.forget(key);
    const before = new Map<string, Vector3[]>();
    for (const hand of hands) {
      const known = this.hands.get(hand.key);
      if (known && known.joints[9].distanceTo(hand.joints[9]) < JUMP_M) before.set(hand.key, known.joints);
      else this.appear(hand);
    }
    for (const thing of this.things) this.decide(thing, hands);
    this.owed_s += step_s;
    const count = Math.floor(this.owed_s / STEP_S + 1e-6);
    this.owed_s -= count * STEP_S;
    for (let part = 1; part <= count; part++) {
      const now = hands.map(({ key, joints }) => {
        const from = before.get(key) ?? joints;
        return { key, joints: joints.map((joint, at) => from[at].clone().lerp(joint, part / count)) };
      });
      for (const { key, joints } of now) this.hands.get(key)?.moveTowards(joints);
      for (const thing of this.things) this.carry(thing, now);
      this.world.step();
    }
    for (const { key, joints } of hands) {
      const solid = this.hands.get(key);
      if (solid) solid.joints = joints;
    }
    for (const thing of this.things) {
      if (thing.place.y < LOWEST_M && thing.holder === null) thing.goHome();
      if (thing.leaving && hands.every(({ joints }) => isClear(thing, joints))) {
        thing.leaving = false;
        thing.touchable();
      }
    }
  }

  dispose(): void {
    this.world.free();
  }

  /** Grab, let go, press. */
  private decide(thing: Thing, hands: readonly SeenHand[]): void {
    this.decideButton(thing, hands);
    if (thing.holder) {
      const hand = hands.find(({ key }) => key === thing.holder?.key);
      const gap_m = hand ? holdGap(thing, thing.holder, hand.joints) : Infinity;
      // A hand that is lost lets go at once.
      if (!hand || thing.latch.take(gap_m) === "off") this.drop(thing);
      return;
    }
    const busy = new Set(this.things.flatMap(({ holder }) => (holder ? [holder.key] : [])));
    let best: { gap_m: number; finger: number; hand: SeenHand | null } = { gap_m: Infinity, finger: -1, hand: null };
    for (const hand of hands) {
      if (busy.has(hand.key)) continue;
      const pinch = pinchOf(thing, hand.joints);
      if (pinch.gap_m < best.gap_m) best = { ...pinch, hand };
    }
    if (thing.latch.take(best.gap_m) === "on" && best.hand) this.grab(thing, best.hand, best.finger);
  }

  private grab(thing: Thing, hand: SeenHand, finger: number): void {
    const placed = new Matrix4().compose(thing.place, thing.turn, new Vector3(1, 1, 1));
    const frame = holdFrame(hand.joints, finger);
    thing.holder = { key: hand.key, finger, thingFromHold: frame.invert().multiply(placed) };
    thing.leaving = false;
    thing.take();
    this.events.push(`grabbed ${thing.options.name}`);
  }

  private drop(thing: Thing): void {
    thing.holder = null;
    thing.latch.release();
    thing.leaving = true;
    thing.letGo();
    this.events.push(`dropped ${thing.options.name}`);
  }

  private carry(thing: Thing, hands: readonly SeenHand[]): void {
    const hand = hands.find(({ key }) => key === thing.holder?.key);
    if (!thing.holder || !hand) return;
    thing.follow(holdFrame(hand.joints, thing.holder.finger).multiply(thing.holder.thingFromHold));
  }

  private decideButton(thing: Thing, hands: readonly SeenHand[]): void {
    const { button } = thing.options;
    if (!button || !thing.buttonLatch) return;
    let depth_m = -Infinity;
    for (const hand of hands) {
      if (thing.holder?.key === hand.key) continue;
      for (const tip of TIPS) {
        const at = thing.own(hand.joints[tip]).sub(new Vector3(...button.top_m));
        const beside = Math.abs(at.x) > button.half_m[0] + BESIDE_M || Math.abs(at.z) > button.half_m[1] + BESIDE_M;
        if (!beside && -at.y < DEEPEST_M) depth_m = Math.max(depth_m, -at.y);
      }
    }
    thing.pressed_m = Math.min(Math.max(depth_m, 0), button.travel_m);
    const change = thing.buttonLatch.take(-thing.pressed_m);
    if (change === "on") thing.presses++;
    if (change) this.events.push(`${change === "on" ? "pressed" : "released"} ${thing.options.name}`);
  }

  private appear(hand: SeenHand): void {
    this.forget(hand.key);
    this.hands.set(hand.key, new SolidHand(hand.joints, this.rapier, this.world));
  }

  private forget(key: string): void {
    this.hands.get(key)?.remove();
    this.hands.delete(key);
  }
}
