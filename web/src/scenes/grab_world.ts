/**
 * Things on a table, and hands that push, grab, carry, throw and press them; no drawing.
 *
 * Every bone of a hand is a capsule that the solver moves from where it was to where it is, so that what it hits gets the
 * hand's velocity. A thing between the thumb and another finger is grabbed (`pinchOf`): it then follows the hand by its
 * velocity, no longer collides with it, and once let go flies on as fast as the hand was.
 *
 * The frame is the table's: x right, y up, z towards the camera, metres, the table's top at y = 0.
 */
import type RAPIER from "@dimforge/rapier3d-compat";
import { Matrix4, Quaternion, Vector3 } from "three";
import { axisOf, SOLID_BONES, TIPS } from "./bones";
import { boxDistance } from "./box";
import { Latch } from "./latch";

type Rapier = typeof RAPIER;

export interface ThingOptions {
  name: string;
  /** Half its sides, metres. */
  half_m: [number, number, number];
  home_m: [number, number, number];
  density_kg_m3: number;
  /** Stands fast until it is grabbed. */
  docked?: boolean;
  /** A button on its top, in its own frame. */
  button?: ButtonOptions;
}

export interface ButtonOptions {
  /** Middle of its top, not pressed, metres. */
  top_m: [number, number, number];
  half_m: [number, number];
  travel_m: number;
}

export interface SeenHand {
  /** The same as long as it is followed. */
  key: string;
  /** 21 on the table. */
  joints: Vector3[];
}

/** Groups: who collides with whom. */
const GROUP = { table: 1, thing: 2, hand: 4, held: 8 } as const;
const groups = (mine: number, others: number): number => ((mine << 16) | others) >>> 0;
const HAND_GROUPS = groups(GROUP.hand, GROUP.thing);
const THING_GROUPS = groups(GROUP.thing, GROUP.table | GROUP.thing | GROUP.hand | GROUP.held);
const HELD_GROUPS = groups(GROUP.held, GROUP.table | GROUP.thing | GROUP.held);

export const TABLE_HALF_M: readonly [number, number, number] = [0.21, 0.01, 0.14];
const STEP_S = 1 / 120;
const GRAVITY_M_S2 = 9.81;
/** A hand that is farther from where it was than this has not moved there: it was lost meanwhile. */
const JUMP_M = 0.12;
/** Between a fingertip (a point of the skin's end) and what its pad touches. */
const PAD_M = 0.008;
const CLOSED_M = 0.004;
const OPEN_M = 0.018;
const OPEN_FRAMES = 2;
/** Thumb and finger push against one another: the cosine between their sides of the thing. */
const OPPOSED = -0.3;
const FASTEST_M_S = 4;
const FASTEST_RAD_S = 15;
/** Of the way to where it is held, what a thing goes in one step of the solver. */
const FOLLOWED = 0.5;
const KEPT_SPIN = 0.3;
const LOWEST_M = -0.5;
/** How near to a button's middle line a fingertip must be, beyond its edge. */
const BESIDE_M = 0.004;
const DEEPEST_M = 0.02;

export class Thing {
  readonly body: RAPIER.RigidBody;
  readonly collider: RAPIER.Collider;
  readonly half: Vector3;
  readonly latch: Latch;
  holder: Hold | null = null;
  /** Was let go and is not yet clear of the hand. */
  leaving = false;
  docked: boolean;
  /** How far its button is pressed, metres. */
  pressed_m = 0;
  presses = 0;
  readonly buttonLatch: Latch | null;

  constructor(
    readonly options: ThingOptions,
    rapier: Rapier,
    world: RAPIER.World,
  ) {
    this.half = new Vector3(...options.half_m);
    this.docked = options.docked ?? false;
    const description = this.docked ? rapier.RigidBodyDesc.fixed() : rapier.RigidBodyDesc.dynamic();
    this.body = world.createRigidBody(
      description.setTranslation(...options.home_m).setCcdEnabled(true).setLinearDamping(0.1).setAngularDamping(0.6),
    );
    this.collider = world.createCollider(
      rapier.ColliderDesc.cuboid(...options.half_m)
        .setDensity(options.density_kg_m3)
        .setFriction(0.9)
        .setRestitution(0.05)
        .setCollisionGroups(THING_GROUPS),
      this.body,
    );
    this.latch = new Latch(CLOSED_M, OPEN_M, OPEN_FRAMES);
    // Pressed from 70 % of its way on, let go below 35 %.
    const travel = options.button?.travel_m;
    this.buttonLatch = travel === undefined ? null : new Latch(-0.7 * travel, -0.35 * travel);
  }

  get place(): Vector3 {
    const { x, y, z } = this.body.translation();
    return new Vector3(x, y, z);
  }

  get turn(): Quaternion {
    const { x, y, z, w } = this.body.rotation();
    return new Quaternion(x, y, z, w);
  }

  /** A point of the table's frame in the thing's own. */
  own(point: Vector3): Vector3 {
    return point.clone().sub(this.place).applyQuaternion(this.turn.invert());
  }
}

interface Hold {
  key: string;
  finger: number;
  /** Where the thing is in the hand's frame. */
  thingFromHold: Matrix4;
}

interface SolidHand {
  joints: Vector3[];
  capsules: { body: RAPIER.RigidBody; collider: RAPIER.Collider }[];
}

/** How wide open a pinch is about a box: the farther of thumb and best opposed finger from its faces, metres. */
export function pinchOf(thing: Thing, joints: readonly Vector3[]): { gap_m: number; finger: number } {
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
export function holdFrame(joints: readonly Vector3[], finger: number): Matrix4 {
  const along = joints[9].clone().sub(joints[0]).normalize();
  const across = joints[5].clone().sub(joints[17]);
  across.addScaledVector(along, -across.dot(along)).normalize();
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
    this.world = new rapier.World({ x: 0, y: -GRAVITY_M_S2, z: 0 });
    this.world.timestep = STEP_S;
    const [x, y, z] = TABLE_HALF_M;
    this.world.createCollider(
      rapier.ColliderDesc.cuboid(x, y, z)
        .setTranslation(0, -y, 0)
        .setFriction(0.9)
        .setCollisionGroups(groups(GROUP.table, GROUP.thing | GROUP.held)),
    );
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
      this.sendHome(thing);
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
      for (const hand of now) this.moveTowards(hand);
      for (const thing of this.things) this.carry(thing, now);
      this.world.step();
    }
    for (const { key, joints } of hands) {
      const solid = this.hands.get(key);
      if (solid) solid.joints = joints;
    }
    for (const thing of this.things) {
      if (thing.place.y < LOWEST_M && thing.holder === null) this.sendHome(thing);
      if (thing.leaving && this.clear(thing, hands)) {
        thing.leaving = false;
        thing.collider.setCollisionGroups(THING_GROUPS);
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
    if (thing.docked) {
      thing.docked = false;
      thing.body.setBodyType(this.rapier.RigidBodyType.Dynamic, true);
    }
    const placed = new Matrix4().compose(thing.place, thing.turn, new Vector3(1, 1, 1));
    const frame = holdFrame(hand.joints, finger);
    thing.holder = { key: hand.key, finger, thingFromHold: frame.invert().multiply(placed) };
    thing.leaving = false;
    thing.body.setGravityScale(0, true);
    thing.collider.setCollisionGroups(HELD_GROUPS);
    this.events.push(`grabbed ${thing.options.name}`);
  }

  private drop(thing: Thing): void {
    thing.holder = null;
    thing.latch.release();
    thing.leaving = true;
    thing.body.setGravityScale(1, true);
    // Fingers that open turn what they hold; of that little is meant.
    const { x, y, z } = thing.body.angvel();
    thing.body.setAngvel({ x: KEPT_SPIN * x, y: KEPT_SPIN * y, z: KEPT_SPIN * z }, true);
    this.events.push(`dropped ${thing.options.name}`);
  }

  /** A held thing's velocity leads it to where the hand has it. */
  private carry(thing: Thing, hands: readonly SeenHand[]): void {
    const hand = hands.find(({ key }) => key === thing.holder?.key);
    if (!thing.holder || !hand) return;
    const goal = holdFrame(hand.joints, thing.holder.finger).multiply(thing.holder.thingFromHold);
    const [place, turn] = [new Vector3(), new Quaternion()];
    goal.decompose(place, turn, new Vector3());
    const speed = place.sub(thing.place).multiplyScalar(FOLLOWED / STEP_S).clampLength(0, FASTEST_M_S);
    const left = turn.multiply(thing.turn.invert());
    if (left.w < 0) left.set(-left.x, -left.y, -left.z, -left.w);
    const axis = new Vector3(left.x, left.y, left.z);
    const sine = axis.length();
    const angle = 2 * Math.atan2(sine, left.w);
    const spin = sine > 1e-9 ? axis.multiplyScalar((angle * FOLLOWED) / (sine * STEP_S)) : axis;
    thing.body.setLinvel(speed, true);
    thing.body.setAngvel(spin.clampLength(0, FASTEST_RAD_S), true);
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
    const capsules = SOLID_BONES.map((bone) => {
      const [from, to] = axisOf(bone, hand.joints);
      const pose = capsulePose(from, to);
      const body = this.world.createRigidBody(
        this.rapier.RigidBodyDesc.kinematicPositionBased()
          .setTranslation(pose.middle.x, pose.middle.y, pose.middle.z)
          .setRotation(pose.turn),
      );
      const shape = this.rapier.ColliderDesc.capsule(pose.half_m, bone.radius_m).setFriction(0.8);
      const collider = this.world.createCollider(shape.setCollisionGroups(HAND_GROUPS), body);
      return { body, collider };
    });
    this.hands.set(hand.key, { joints: hand.joints, capsules });
  }

  private forget(key: string): void {
    for (const { body } of this.hands.get(key)?.capsules ?? []) this.world.removeRigidBody(body);
    this.hands.delete(key);
  }

  private moveTowards(hand: SeenHand): void {
    this.hands.get(hand.key)?.capsules.forEach(({ body, collider }, at) => {
      const [from, to] = axisOf(SOLID_BONES[at], hand.joints);
      const pose = capsulePose(from, to);
      body.setNextKinematicTranslation(pose.middle);
      body.setNextKinematicRotation(pose.turn);
      if (Math.abs(collider.halfHeight() - pose.half_m) > 5e-4) collider.setHalfHeight(pose.half_m);
    });
  }

  /** No bone of a hand touches the thing. */
  private clear(thing: Thing, hands: readonly SeenHand[]): boolean {
    return hands.every(({ joints }) =>
      SOLID_BONES.every((bone) => {
        const [from, to] = axisOf(bone, joints);
        return [0, 0.5, 1].every((share) => {
          const point = thing.own(from.clone().lerp(to, share));
          return boxDistance(point, thing.half).distance_m > bone.radius_m + 0.002;
        });
      }),
    );
  }

  private sendHome(thing: Thing): void {
    const [x, y, z] = thing.options.home_m;
    thing.leaving = false;
    thing.docked = thing.options.docked ?? false;
    const { Dynamic, Fixed } = this.rapier.RigidBodyType;
    thing.body.setBodyType(thing.docked ? Fixed : Dynamic, true);
    thing.body.setGravityScale(1, true);
    thing.body.setTranslation({ x, y, z }, true);
    thing.body.setRotation({ x: 0, y: 0, z: 0, w: 1 }, true);
    thing.body.setLinvel({ x: 0, y: 0, z: 0 }, true);
    thing.body.setAngvel({ x: 0, y: 0, z: 0 }, true);
    thing.collider.setCollisionGroups(THING_GROUPS);
  }
}

const UP = new Vector3(0, 1, 0);

function capsulePose(from: Vector3, to: Vector3): { middle: Vector3; turn: Quaternion; half_m: number } {
  const along = to.clone().sub(from);
  const length = along.length();
  const turn = new Quaternion();
  if (length > 1e-6) turn.setFromUnitVectors(UP, along.divideScalar(length));
  return { middle: from.clone().add(to).multiplyScalar(0.5), turn, half_m: Math.max(length / 2, 1e-4) };
}
