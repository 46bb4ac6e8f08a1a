/** Distance to a box. */
import { Vector3 } from "three";

/** How far a point is from a box about the origin (negative: inside), and the outward direction there. */
export function boxDistance(point: Vector3, half: Vector3): { distance_m: number; outward: Vector3 } {
  const over = new Vector3(Math.abs(point.x) - half.x, Math.abs(point.y) - half.y, Math.abs(point.z) - half.z);
  const sign = new Vector3(Math.sign(point.x) || 1, Math.sign(point.y) || 1, Math.sign(point.z) || 1);
  const beyond = new Vector3(Math.max(over.x, 0), Math.max(over.y, 0), Math.max(over.z, 0));
  const distance_m = beyond.length();
  if (distance_m > 0) return { distance_m, outward: beyond.divideScalar(distance_m).multiply(sign) };
  const nearest = Math.max(over.x, over.y, over.z);
  const outward = new Vector3(Number(over.x === nearest), 0, 0);
  if (outward.x === 0) outward.set(0, Number(over.y === nearest), 0);
  if (outward.lengthSq() === 0) outward.set(0, 0, 1);
  return { distance_m: nearest, outward: outward.multiply(sign) };
}
