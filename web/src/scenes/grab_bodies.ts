/**
 * What the solver moves on a table: things, and hands as capsules.
 *
 * The frame is the table's: x right, y up, z towards the camera, metres, the table's top at y = 0.
 */
import type RAPIER from "@dimforge/rapier3d-compat";
import { type Matrix4, Quaternion, Vector3 } from "three";
import { axisOf, SOLID_BONES } from "./bones";
import { boxDistance } from "./box";

export type Rapier = typeof RAPIER;

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

/** Groups: who collides with whom. */
const GROUP = { table: 1, thing: 2, hand: 4, held: 8 } as const;
const groups = (mine: number, others: number): number => ((mine << 16) | others) >>> 0;
const TABLE_GROUPS = groups(GROUP.table, GROUP.thing | GROUP.held);
const HAND_GROUPS = groups(GROUP.hand, GROUP.thing);
const THING_GROUPS = groups(GROUP.thing, GROUP.table | GROUP.thing | GROUP.hand | GROUP.held);
const HELD_GROUPS = groups(GROUP.held, GROUP.table | GROUP.thing | GROUP.held);

export const TABLE_HALF_M: readonly [number, number, number] = [0.21, 0.01, 0.14];
/** Of the solver. */
export const STEP_S = 1 / 120;
const GRAVITY_M_S2 = 9.81;
const FASTEST_M_S = 4;
const FASTEST_RAD_S = 15;
/** Of the way to where it is held, what a thing goes in one step of the solver. */
const FOLLOWED = 0.5;
const KEPT_SPIN = 0.3;
/** A hand that is no nearer to a thing than this is clear of it. */
const CLEAR_M = 0.002;

/** A solver's world of a table alone. */
export function tableWorld(rapier: Rapier): RAPIER.World {
  const world = new rapier.World({ x: 0, y: -GRAVITY_M_S2, z: 0 });
  world.timestep = STEP_S;
  const [x, y, z] = TABLE_HALF_M;
  world.createCollider(
    rapier.ColliderDesc.cuboid(x, y, z).setTranslation(0, -y, 0).setFriction(0.9).setCollisionGroups(TABLE_GROUPS),
  );
  return world;
}

/** A box that lies, is held, or flies. */
export class ThingBody {
  readonly half: Vector3;
  readonly body: RAPIER.RigidBody;
  private readonly collider: RAPIER.Collider;

  constructor(
    readonly options: ThingOptions,
    private readonly rapier: Rapier,
    world: RAPIER.World,
  ) {
    this.half = new Vector3(...options.half_m);
    const description = options.docked ? rapier.RigidBodyDesc.fixed() : rapier.RigidBodyDesc.dynamic();
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

  /** Held from now on: it has no weight, and hands do not push it. */
  take(): void {
    if (this.body.isFixed()) this.body.setBodyType(this.rapier.RigidBodyType.Dynamic, true);
    this.body.setGravityScale(0, true);
    this.collider.setCollisionGroups(HELD_GROUPS);
  }

  /** A held thing's velocity leads it to where the hand has it. */
  follow(goal: Matrix4): void {
    const [place, turn] = [new Vector3(), new Quaternion()];
    goal.decompose(place, turn, new Vector3());
    const speed = place.sub(this.place).multiplyScalar(FOLLOWED / STEP_S).clampLength(0, FASTEST_M_S);
    const left = turn.multiply(this.turn.invert());
    if (left.w < 0) left.set(-left.x, -left.y, -left.z, -left.w);
    const axis = new Vector3(left.x, left.y, left.z);
    const sine = axis.length();
    const angle = 2 * Math.atan2(sine, left.w);
    const spin = sine > 1e-9 ? axis.multiplyScalar((angle * FOLLOWED) / (sine * STEP_S)) : axis;
    this.body.setLinvel(speed, true);
    this.body.setAngvel(spin.clampLength(0, FASTEST_RAD_S), true);
  }

  /** It flies on; hands do not push it before `touchable`. */
  letGo(): void {
    this.body.setGravityScale(1, true);
    // Fingers that open turn what they hold; of that little is meant.
    const { x, y, z } = this.body.angvel();
    this.body.setAngvel({ x: KEPT_SPIN * x, y: KEPT_SPIN * y, z: KEPT_SPIN * z }, true);
  }

  /** Hands push it again. */
  touchable(): void {
    this.collider.setCollisionGroups(THING_GROUPS);
  }

  /** As at the start. */
  goHome(): void {
    const [x, y, z] = this.options.home_m;
    const { Dynamic, Fixed } = this.rapier.RigidBodyType;
    this.body.setBodyType(this.options.docked ? Fixed : Dynamic, true);
    this.body.setGravityScale(1, true);
    this.body.setTranslation({ x, y, z }, true);
    this.body.setRotation({ x: 0, y: 0, z: 0, w: 1 }, true);
    this.body.setLinvel({ x: 0, y: 0, z: 0 }, true);
    this.body.setAngvel({ x: 0, y: 0, z: 0 }, true);
    this.touchable();
  }
}

/** A hand's bones as capsules that the solver moves from where they were to where they are. */
export class SolidHand {
  private readonly capsules: { body: RAPIER.RigidBody; collider: RAPIER.Collider }[];

  /** joints: 21 on the table, where it was seen last. */
  constructor(
    public joints: Vector3[],
    rapier: Rapier,
    private readonly world: RAPIER.World,
  ) {
    this.capsules = SOLID_BONES.map((bone) => {
      const [from, to] = axisOf(bone, joints);
      const pose = capsulePose(from, to);
      const body = world.createRigidBody(
        rapier.RigidBodyDesc.kinematicPositionBased()
          .setTranslation(pose.middle.x, pose.middle.y, pose.middle.z)
          .setRotation(pose.turn),
      );
      const shape = rapier.ColliderDesc.capsule(pose.half_m, bone.radius_m).setFriction(0.8);
      const collider = world.createCollider(shape.setCollisionGroups(HAND_GROUPS), body);
      return { body, collider };
    });
  }

  /** Where the bones are after the solver's next step. */
  moveTowards(joints: readonly Vector3[]): void {
    this.capsules.forEach(({ body, collider }, at) => {
      const [from, to] = axisOf(SOLID_BONES[at], joints);
      const pose = capsulePose(from, to);
      body.setNextKinematicTranslation(pose.middle);
      body.setNextKinematicRotation(pose.turn);
      if (Math.abs(collider.halfHeight() - pose.half_m) > 5e-4) collider.setHalfHeight(pose.half_m);
    });
  }

  remove(): void {
    for (const { body } of this.capsules) this.world.removeRigidBody(body);
  }
}

/** Whether no bone of a hand touches the thing. */
export function isClear(thing: ThingBody, joints: readonly Vector3[]): boolean {
  return SOLID_BONES.every((bone) => {
    const [from, to] = axisOf(bone, joints);
    return [0, 0.5, 1].every((share) => {
      const point = thing.own(from.clone().lerp(to, share));
      return boxDistance(point, thing.half).distance_m > bone.radius_m + CLEAR_M;
    });
  });
}

const UP = new Vector3(0, 1, 0);

function capsulePose(from: Vector3, to: Vector3): { middle: Vector3; turn: Quaternion; half_m: number } {
  const along = to.clone().sub(from);
  const length = along.length();
  const turn = new Quaternion();
  if (length > 1e-6) turn.setFromUnitVectors(UP, along.divideScalar(length));
  return { middle: from.clone().add(to).multiplyScalar(0.5), turn, half_m: Math.max(length / 2, 1e-4) };
}
