/** The hands themselves: skeleton, mesh, and how far off each joint may be. */
import {
  CylinderGeometry,
  Group,
  Mesh,
  MeshBasicMaterial,
  MeshStandardMaterial,
  Object3D,
  SphereGeometry,
  TorusGeometry,
  Vector3,
} from "three";
import type { Hand } from "../hand/frame";
import { BONES } from "../hand/skeleton";
import { FINGERS } from "./bones";
import type { ArScene, Moment } from "./scene";
import { jointsOf } from "./table";

/** Thumb, index, middle, ring, pinky, as Python's pictures have them. */
const FINGER_COLOURS = [0xff5852, 0xffaa28, 0x60d668, 0x40b6ff, 0xc07aff];
const WRIST_COLOUR = 0xf2f4f7;
const HELD_COLOUR = 0xffc846;
/** Joints known better than the first are green, worse than the last red, metres. */
const SURE_M = 0.006;
const UNSURE_M = 0.02;

/** From green by yellow to red, how far off a joint may be; grey where that is not known. */
export function errorColour(error_m: number): number {
  if (!Number.isFinite(error_m)) return 0x9aa4b2;
  const share = Math.min(Math.max((error_m - SURE_M) / (UNSURE_M - SURE_M), 0), 1);
  const [red, green] = share < 0.5 ? [2 * share, 1] : [1, 2 - 2 * share];
  return (Math.round(235 * red + 20) << 16) | (Math.round(200 * green + 20) << 8) | 0x46;
}

/** The finger that a joint belongs to, -1 for the wrist. */
export function fingerOf(joint: number): number {
  return FINGERS.findIndex((finger) => finger.includes(joint));
}

class Skeleton {
  readonly object = new Group();
  private readonly joints: Mesh[] = [];
  private readonly halos: Mesh[] = [];
  private readonly bones: Mesh[] = [];

  constructor() {
    const ball = new SphereGeometry(1, 16, 12);
    const circle = new TorusGeometry(1, 0.045, 6, 48);
    const rod = new CylinderGeometry(1, 1, 1, 10).translate(0, 0.5, 0);
    for (let joint = 0; joint < 21; joint++) {
      const finger = fingerOf(joint);
      const colour = finger < 0 ? WRIST_COLOUR : FINGER_COLOURS[finger];
      // Drawn over the hand: bones are inside it.
      const dot = new Mesh(ball, new MeshBasicMaterial({ color: colour, depthTest: false, toneMapped: false }));
      dot.renderOrder = 22;
      // A circle that faces the camera, as wide as the joint may be off.
      const halo = new Mesh(
        circle,
        new MeshBasicMaterial({ transparent: true, opacity: 0.75, depthTest: false, depthWrite: false, toneMapped: false }),
      );
      halo.renderOrder = 20;
      this.joints.push(dot);
      this.halos.push(halo);
    }
    for (const [, to] of BONES) {
      const bone = new Mesh(
        rod,
        new MeshBasicMaterial({ color: FINGER_COLOURS[fingerOf(to)], depthTest: false, toneMapped: false }),
      );
      bone.renderOrder = 21;
      this.bones.push(bone);
    }
    this.object.add(...this.halos, ...this.bones, ...this.joints);
  }

  update(hand: Hand): void {
    const places = jointsOf(hand);
    const held = hand.state !== "observed";
    for (let joint = 0; joint < 21; joint++) {
      this.joints[joint].position.copy(places[joint]);
      this.joints[joint].scale.setScalar(0.0032);
      const error_m = hand.joint_error_m[joint];
      const halo = this.halos[joint];
      halo.visible = error_m > 0;
      halo.position.copy(places[joint]);
      halo.scale.setScalar(Math.max(error_m || 0, 1e-4));
      (halo.material as MeshBasicMaterial).color.setHex(errorColour(error_m));
    }
    const up = new Vector3(0, 1, 0);
    BONES.forEach(([from, to], index) => {
      const along = places[to].clone().sub(places[from]);
      const bone = this.bones[index];
      bone.position.copy(places[from]);
      bone.scale.set(0.0018, Math.max(along.length(), 1e-5), 0.0018);
      bone.quaternion.setFromUnitVectors(up, along.normalize());
      const colour = held ? HELD_COLOUR : FINGER_COLOURS[fingerOf(to)];
      (bone.material as MeshBasicMaterial).color.setHex(colour);
    });
  }

  dispose(): void {
    for (const mesh of [...this.joints, ...this.halos, ...this.bones]) {
      (mesh.material as MeshStandardMaterial).dispose();
      mesh.geometry.dispose();
    }
  }
}

export class PlainScene implements ArScene {
  readonly name = "plain";
  readonly object = new Group();
  readonly parts: Record<string, Object3D> = { skeletons: this.object };
  readonly handsShown = false;
  private readonly skeletons = new Map<number, Skeleton>();
  private hands: Hand[] = [];

  update({ frame }: Moment): void {
    this.hands = frame.hands;
    const present = new Set(frame.hands.map((hand) => hand.identity));
    for (const hand of frame.hands) {
      let skeleton = this.skeletons.get(hand.identity);
      if (!skeleton) {
        skeleton = new Skeleton();
        this.skeletons.set(hand.identity, skeleton);
        this.object.add(skeleton.object);
      }
      skeleton.update(hand);
    }
    for (const [identity, skeleton] of this.skeletons) {
      if (present.has(identity)) continue;
      this.object.remove(skeleton.object);
      skeleton.dispose();
      this.skeletons.delete(identity);
    }
  }

  reset(): void {
    return;
  }

  state(): Record<string, unknown> {
    return {
      hands: this.hands.map((hand) => ({
        identity: hand.identity,
        side: hand.side,
        state: hand.state,
        confidence: hand.confidence,
        worst_error_m: hand.joint_error_m.reduce((worst, one) => (one > worst ? one : worst), 0),
      })),
    };
  }
}
