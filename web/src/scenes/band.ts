/** Where a ring or a strap goes round a part of the hand: fitted to the surface itself. */
import { Matrix4, Vector3 } from "three";

/** A part of the hand between two joints that a band goes round. */
export interface BandPlace {
  from: number;
  to: number;
  /** Where between them, 0 at the first; may lie before it. */
  share: number;
  /** Half the width of what is measured along the bone, metres. */
  half_m: number;
  /** Skin farther from the bone than this belongs to something else, metres. */
  reach_m: number;
}

/** The third finger, a little beyond the middle of its first bone. */
export const RING_PLACE: BandPlace = { from: 13, to: 14, share: 0.6, half_m: 0.004, reach_m: 0.016 };
/** Behind the wrist: the surface ends 15 mm from it. */
export const WRIST_PLACE: BandPlace = { from: 0, to: 9, share: -0.07, half_m: 0.007, reach_m: 0.045 };

/** A band's frame (x across, y out of the hand's back, z along the bone) and its half axes. */
export interface Band {
  matrix: Matrix4;
  across_m: number;
  up_m: number;
}

/**
 * Vertices round a place, from the rig at rest. Neighbouring fingers may be as near: of the patches that hang together
 * the one nearest to the bone counts.
 *
 * @throws Error where the surface has no vertex there.
 */
export function bandVertices(
  vertices_m: ArrayLike<number>,
  joints_m: ArrayLike<number>,
  faces: ArrayLike<number>,
  place: BandPlace,
): number[] {
  const start = new Vector3().fromArray(joints_m as number[], 3 * place.from);
  const bone = new Vector3().fromArray(joints_m as number[], 3 * place.to).sub(start);
  const middle = bone.length() * place.share;
  const axis = bone.normalize();
  const distances = new Map<number, number>();
  for (let vertex = 0; vertex < vertices_m.length / 3; vertex++) {
    const offset = new Vector3().fromArray(vertices_m as number[], 3 * vertex).sub(start);
    const along = offset.dot(axis);
    const away = offset.addScaledVector(axis, -along).length();
    if (Math.abs(along - middle) <= place.half_m && away <= place.reach_m) distances.set(vertex, away);
  }
  const patches = connected([...distances.keys()], faces);
  if (patches.length === 0) throw new Error(`the surface has no vertex between joints ${place.from} and ${place.to}`);
  const mean = (patch: number[]): number => patch.reduce((sum, one) => sum + (distances.get(one) ?? 0), 0) / patch.length;
  // A few stray vertices are no patch that goes round.
  const round = patches.filter((patch) => patch.length >= 6);
  return (round.length > 0 ? round : patches).reduce((best, patch) => (mean(patch) < mean(best) ? patch : best));
}

/**
 * The band round vertices of a posed hand.
 *
 * @param along from the first joint to the second, @param outward roughly out of the hand's back there.
 */
export function fitBand(vertices_m: ArrayLike<number>, band: readonly number[], along: Vector3, outward: Vector3): Band {
  const z = along.clone().normalize();
  const y = outward.clone().addScaledVector(z, -outward.dot(z)).normalize();
  const x = y.clone().cross(z);
  const extent = (axis: Vector3): [number, number] => {
    let [low, high] = [Infinity, -Infinity];
    for (const vertex of band) {
      const value = axis.x * vertices_m[3 * vertex] + axis.y * vertices_m[3 * vertex + 1] + axis.z * vertices_m[3 * vertex + 2];
      [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
    return [(low + high) / 2, (high - low) / 2];
  };
  const [[atX, across_m], [atY, up_m], [atZ]] = [extent(x), extent(y), extent(z)];
  const centre = new Vector3().addScaledVector(x, atX).addScaledVector(y, atY).addScaledVector(z, atZ);
  return { matrix: new Matrix4().makeBasis(x, y, z).setPosition(centre), across_m, up_m };
}

function connected(chosen: readonly number[], faces: ArrayLike<number>): number[][] {
  const parent = new Map(chosen.map((vertex) => [vertex, vertex]));
  const root = (vertex: number): number => {
    let at = vertex;
    while (parent.get(at) !== at) at = parent.get(at) as number;
    return at;
  };
  for (let face = 0; face < faces.length; face += 3) {
    for (const [one, other] of [[0, 1], [1, 2], [2, 0]]) {
      const [a, b] = [faces[face + one], faces[face + other]];
      if (parent.has(a) && parent.has(b)) parent.set(root(a), root(b));
    }
  }
  const patches = new Map<number, number[]>();
  for (const vertex of chosen) patches.set(root(vertex), [...(patches.get(root(vertex)) ?? []), vertex]);
  return [...patches.values()];
}
