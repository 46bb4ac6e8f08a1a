/** The table that things stand on: its frame is x right, y up, z towards the camera, metres, its middle the origin. */
import { Matrix4, Vector3 } from "three";
import type { Hand } from "../hand/frame";
import type { StagePlace } from "../input/source";

export class Table {
  readonly cameraFromTable = new Matrix4();
  readonly tableFromCamera = new Matrix4();

  constructor(readonly place: StagePlace) {
    const tilt = (place.tilt_deg * Math.PI) / 180;
    const right = new Vector3(1, 0, 0);
    const up = new Vector3(0, -Math.cos(tilt), -Math.sin(tilt));
    this.cameraFromTable.makeBasis(right, up, right.clone().cross(up)).setPosition(...place.anchor_m);
    this.tableFromCamera.copy(this.cameraFromTable).invert();
  }

  /** A hand's 21 joints on the table. */
  joints(hand: Hand): Vector3[] {
    return jointsOf(hand).map((joint) => joint.applyMatrix4(this.tableFromCamera));
  }
}

/** A hand's 21 joints in the camera's frame, metres. */
export function jointsOf(hand: Hand): Vector3[] {
  return Array.from({ length: 21 }, (_, joint) => new Vector3().fromArray(hand.joints_m, 3 * joint));
}
