/** Places of hands in the whole picture by MediaPipe's palm network, a single-shot detector of two grids of anchors. */
import type { Square } from "./affine";
import { overlap } from "./boxes";
import { type Files, openNetwork, PATHS } from "./files";
import type { Picture } from "./picture";
import type { Network, Runtime } from "./runtime";
import { showWhole, toPicture } from "./windows";

export const PALM_PX = 192;
/** Of a palm that is worth a look. */
export const LOOK_SCORE = 0.3;
const LEAST_SCORE = 0.05;
const SAME_IOU = 0.3;
/** Strides of the grids, and anchors a cell. */
const GRIDS = [
  [8, 2],
  [16, 6],
] as const;
const KEYPOINTS = 7;
const [WRIST_POINT, MIDDLE_POINT] = [0, 2];
/** From a palm to the square of its hand: so much larger, moved to the fingers by this share of its height. */
const [PALM_EXPAND, PALM_SHIFT] = [2.6, 0.5];
/** The extent of a usual hand's joints in its square: sides, and how far its middle lies towards the wrist. */
const [EXTENT_ALONG, EXTENT_ACROSS, EXTENT_SHIFT] = [0.75, 0.5, 0.03];

/** A place in a picture where a hand may be. */
export interface Place {
  /** x, y, w, h of the extent of the joints as the network guesses it. */
  box_px: Float64Array;
  square: Square;
  /** That there is a hand, 0 to 1. */
  score: number;
}

/** A palm in what the network was shown, px from its pixel edges. */
interface Palm {
  /** Centre u, centre v, w, h. */
  box: Float64Array;
  /** 7 x 2. */
  points: Float64Array;
  score: number;
}

export class PalmNetwork {
  private constructor(private readonly network: Network) {}

  /** Throws an Error when the network's file is missing, damaged or of another version. */
  static async open(runtime: Runtime, files: Files): Promise<PalmNetwork> {
    const wanted = { inputs: ["picture"], outputs: ["regression", "logits"] };
    return new PalmNetwork((await openNetwork(runtime, files, PATHS.palms, wanted)).network);
  }

  /** Hands whose palms it sees in the whole picture, shown so that its longer side is `input_px`, best first. */
  async propose(picture: Picture, input_px = PALM_PX): Promise<Place[]> {
    const shown = showWhole(picture, input_px);
    const { width, height, data } = shown.patch;
    const { regression, logits } = await this.network.run({ picture: { data, dims: [1, height, width, 3] } });
    return suppress(decode(regression, logits, height, width)).map(({ box, points, score }) => {
      const middle = toPicture(shown, box.slice(0, 2));
      const size = [box[2] * shown.scale[0], box[3] * shown.scale[1]];
      const square = palmToSquare([middle[0], middle[1], size[0], size[1]], toPicture(shown, points));
      return { box_px: squareToExtent(square), square, score };
    });
  }
}

/** Palms of the anchors whose score passes the threshold; anchors are the grids' cells row by row. */
function decode(regression: Float32Array, logits: Float32Array, height: number, width: number): Palm[] {
  const least = Math.log(LEAST_SCORE / (1 - LEAST_SCORE));
  const numbers = 2 * (2 + KEYPOINTS);
  const palms: Palm[] = [];
  let anchor = 0;
  for (const [stride, anchors] of GRIDS) {
    for (let row = 0; row < Math.floor(height / stride); row++) {
      for (let column = 0; column < Math.floor(width / stride); column++) {
        for (let i = 0; i < anchors; i++, anchor++) {
          if (logits[anchor] < least) continue;
          const [u, v] = [(column + 0.5) * stride, (row + 0.5) * stride];
          const values = Float64Array.from(regression.subarray(numbers * anchor, numbers * (anchor + 1)));
          palms.push({
            box: Float64Array.of(values[0] + u, values[1] + v, values[2], values[3]),
            points: values.slice(4).map((value, j) => value + (j % 2 ? v : u)),
            score: 1 / (1 + Math.exp(-logits[anchor])),
          });
        }
      }
    }
  }
  return palms;
}

/** Palms that overlap a better one merged into it: means of boxes and points, weighted by score. */
function suppress(palms: readonly Palm[]): Palm[] {
  let left = [...palms].sort((a, b) => b.score - a.score);
  const kept: Palm[] = [];
  while (left.length > 0) {
    const best = left[0];
    // A box of no area overlaps nothing, itself included.
    const group = left.filter((palm) => palm === best || overlap(fromCorner(best.box), fromCorner(palm.box)) > SAME_IOU);
    const total = group.reduce((sum, palm) => sum + palm.score, 0);
    const mean = (of: (palm: Palm) => Float64Array) =>
      of(best).map((_, i) => group.reduce((sum, palm) => sum + (palm.score / total) * of(palm)[i], 0));
    kept.push({ box: mean((palm) => palm.box), points: mean((palm) => palm.points), score: best.score });
    left = left.filter((palm) => !group.includes(palm));
  }
  return kept;
}

/** x, y, w, h of a box told by its middle. */
const fromCorner = ([u, v, w, h]: Float64Array): Float64Array => Float64Array.of(u - w / 2, v - h / 2, w, h);

/** The square round the whole hand of a palm (centre u, centre v, w, h), upright when the fingers point up. */
function palmToSquare(box: readonly number[], points: Float64Array): Square {
  const du = points[2 * MIDDLE_POINT] - points[2 * WRIST_POINT];
  const dv = points[2 * MIDDLE_POINT + 1] - points[2 * WRIST_POINT + 1];
  const turn = Math.atan2(du, -dv);
  return {
    u: box[0] + PALM_SHIFT * box[3] * Math.sin(turn),
    v: box[1] - PALM_SHIFT * box[3] * Math.cos(turn),
    side_px: PALM_EXPAND * Math.max(box[2], box[3]),
    turn_rad: turn,
  };
}

/** x, y, w, h of the extent of a usual hand's joints in its square. */
function squareToExtent({ u, v, side_px, turn_rad }: Square): Float64Array {
  const [sin, cos] = [Math.sin(turn_rad), Math.cos(turn_rad)];
  const [along, across] = [EXTENT_ALONG * side_px, EXTENT_ACROSS * side_px];
  const width = Math.abs(cos) * across + Math.abs(sin) * along;
  const height = Math.abs(sin) * across + Math.abs(cos) * along;
  const down = EXTENT_SHIFT * side_px;
  return Float64Array.of(u - sin * down - width / 2, v + cos * down - height / 2, width, height);
}
