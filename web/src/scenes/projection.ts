/**
 * From knuckle's camera to three's.
 *
 * The world of the page is the camera's frame: x right, y down, z forward, metres. three's camera looks along its own
 * -z with y up, so it stands at the origin, turned about x by half a turn.
 */
import { Camera, Matrix4, Vector3, type Matrix4Tuple } from "three";
import type { Camera as Lens } from "../hand/frame";

/** Nearer and farther than hands are, metres. */
export const NEAR_M = 0.02;
export const FAR_M = 20;

/** The projection that draws a point exactly where `u = fx x / z + cx`, `v = fy y / z + cy` has it, pixel centres on whole numbers. */
export function projectionOf(lens: Lens, width: number, height: number): Matrix4 {
  const { fx, fy, cx, cy } = lens;
  const depth = FAR_M - NEAR_M;
  // prettier-ignore
  const rows: Matrix4Tuple = [
    (2 * fx) / width, 0, 1 - (2 * (cx + 0.5)) / width, 0,
    0, (2 * fy) / height, (2 * (cy + 0.5)) / height - 1, 0,
    0, 0, -(FAR_M + NEAR_M) / depth, (-2 * FAR_M * NEAR_M) / depth,
    0, 0, -1, 0,
  ];
  return new Matrix4().set(...rows);
}

/** Point a three camera at what a lens sees of a frame. */
export function aim(camera: Camera, lens: Lens, width: number, height: number): void {
  camera.projectionMatrix.copy(projectionOf(lens, width, height));
  camera.projectionMatrixInverse.copy(camera.projectionMatrix).invert();
  camera.rotation.set(Math.PI, 0, 0);
  camera.updateMatrixWorld(true);
}

/** Where a point of the camera's frame (metres) is drawn: px of the frame. */
export function pixelOf(camera: Camera, point_m: Vector3, width: number, height: number): [number, number] {
  const drawn = point_m.clone().applyMatrix4(camera.matrixWorldInverse).applyMatrix4(camera.projectionMatrix);
  return [((drawn.x + 1) / 2) * width - 0.5, ((1 - drawn.y) / 2) * height - 0.5];
}
