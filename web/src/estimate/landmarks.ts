/**
 * MediaPipe's landmark network: the 21 joints of the hand in a square of a picture, and looks of it at several squares,
 * a second one where the first was wrong or is not sure.
 */
import { applied, extent, inverse, jointsToSquare, patchFromFrame, type Square, turnBetween } from "./affine";
import { type Files, openNetwork, PATHS } from "./files";
import type { Patch, Picture } from "./picture";
import type { Network, Runtime } from "./runtime";

export const LANDMARK_PX = 224;
/** Squares that the network is shown at once. */
const BATCH = 8;
/** Least presence of a hand at the first look: more are let through than at the second, which decides. */
const FIRST_THRESHOLD = 0.3;
// Within these the square looked at is as good as the one its joints suggest. And an answer is sure from this presence
// on, with the probability of the less likely side below that.
const SAME_TURN_RAD = (15 * Math.PI) / 180;
const SAME_CENTRE = 0.15;
const SAME_SIDE = 1.2;
const SURE_PRESENCE = 0.8;
const SURE_OTHER_SIDE = 0.1;

/** The network's answer to a patch. */
export interface Landmarks {
  /** 21 x 3, px of the patch, z relative to the wrist. */
  joints_patch: Float64Array;
  /** 21 x 3, metres round the hand's centre. */
  world_m: Float64Array;
  /** That there is a hand, 0 to 1. */
  presence: number;
  /** That it is a right one, 0 to 1. */
  right: number;
}

/** The last look at a hand, and what the first one said. */
export interface Look {
  square: Square;
  /** 21 x 2, px of the picture. */
  joints_px: Float64Array;
  landmarks: Landmarks;
  /** Presence at the first look, and where that was. */
  firstPresence: number;
  firstSquare: Square;
}

const OUTPUTS = ["joints_patch", "world_m", "presence", "right"] as const;

export class LandmarkNetwork {
  private constructor(private readonly network: Network) {}

  /** Throws an Error when the network's file is missing, damaged or of another version. */
  static async open(runtime: Runtime, files: Files): Promise<LandmarkNetwork> {
    const { network } = await openNetwork(runtime, files, PATHS.landmarks, {
      inputs: ["picture"],
      outputs: OUTPUTS,
    });
    return new LandmarkNetwork(network);
  }

  /** Its answers to patches of 224 px. */
  async batch(patches: readonly Patch[]): Promise<Landmarks[]> {
    const found: Landmarks[] = [];
    for (let start = 0; start < patches.length; start += BATCH) {
      const some = patches.slice(start, start + BATCH);
      const bytes = new Uint8Array(some.length * 3 * LANDMARK_PX * LANDMARK_PX);
      some.forEach(({ data }, number) => bytes.set(data, number * data.length));
      const dims = [some.length, LANDMARK_PX, LANDMARK_PX, 3];
      const told = await this.network.run({ picture: { data: bytes, dims } });
      some.forEach((_, number) => {
        const joints = (values: Float32Array) => Float64Array.from(values.subarray(63 * number, 63 * (number + 1)));
        found.push({
          joints_patch: joints(told.joints_patch),
          world_m: joints(told.world_m),
          presence: told.presence[number],
          right: told.right[number],
        });
      });
    }
    return found;
  }

  /**
   * The last look at each square; where the first one sees no hand, that is it.
   *
   * sideKnown: doubt about the side alone is no reason for another look. quickly: squares are cut from the picture's
   * halves, as of a video.
   */
  async look(
    picture: Picture,
    squares: readonly Square[],
    { sideKnown = false, quickly = false }: { sideKnown?: boolean; quickly?: boolean } = {},
  ): Promise<Look[]> {
    const first = await this.once(picture, squares, quickly);
    const looks = first.map(({ joints_px, landmarks }, number): Look => {
      const square = squares[number];
      return { square, joints_px, landmarks, firstPresence: landmarks.presence, firstSquare: square };
    });
    const again: { number: number; square: Square }[] = [];
    looks.forEach(({ square, joints_px, landmarks }, number) => {
      if (landmarks.presence < FIRST_THRESHOLD) return;
      const suggested = jointsToSquare(joints_px);
      if (needsSecondLook(square, suggested, landmarks, sideKnown)) again.push({ number, square: suggested });
    });
    const second = await this.once(picture, again.map(({ square }) => square), quickly);
    again.forEach(({ number, square }, i) => {
      looks[number] = { ...looks[number], square, ...second[i] };
    });
    return looks;
  }

  private async once(
    picture: Picture,
    squares: readonly Square[],
    quickly: boolean,
  ): Promise<{ joints_px: Float64Array; landmarks: Landmarks }[]> {
    const maps = squares.map((square) => patchFromFrame(square, LANDMARK_PX));
    const cut = (map: (typeof maps)[number]) =>
      quickly ? picture.warpQuickly(map, LANDMARK_PX) : picture.warp(map, LANDMARK_PX);
    const answers = await this.batch(maps.map(cut));
    return answers.map((landmarks, number) => ({
      joints_px: applied(inverse(maps[number]), landmarks.joints_patch, 3),
      landmarks,
    }));
  }
}

/** Whether another look, at the square that the joints of the first one suggest, may change the answer. */
function needsSecondLook(lookedAt: Square, suggested: Square, answer: Landmarks, sideKnown: boolean): boolean {
  const sure = sideKnown || Math.min(answer.right, 1 - answer.right) < SURE_OTHER_SIDE;
  return !(sameSquare(lookedAt, suggested) && answer.presence > SURE_PRESENCE && sure);
}

/** Whether one square shows a hand about as well as the other; within: of so many times the usual tolerance. */
export function sameSquare(first: Square, second: Square, within = 1): boolean {
  const moved = Math.hypot(second.u - first.u, second.v - first.v) / second.side_px;
  const ratio = second.side_px / first.side_px;
  const most = SAME_SIDE ** within;
  const turned = turnBetween(first, second) >= within * SAME_TURN_RAD;
  return !turned && moved < within * SAME_CENTRE && 1 / most < ratio && ratio < most;
}

/** x, y, w, h of a look's joints. */
export const lookBox = (look: Look): Float64Array => extent(look.joints_px);
