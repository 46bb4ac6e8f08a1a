/** DFL: a picture and a window of both hands of a pair in; joints of both out (Python: `knuckle.inference.two_hands`). */
import { mirrorColumn, type Square } from "./affine";
import { cropExactly } from "./crops";
import { type Files, openNetwork, PAIR_PATH } from "./files";
import { clip, type Lens, mirroredM, mirroredPx } from "./joints";
import { joinLooks, type PairJoints } from "./merge";
import type { PairWindow } from "./pairing";
import { mirroredPixels, normalised, Picture } from "./picture";
import type { Network, Runtime } from "./runtime";

const INPUTS = ["patch", "crop", "camera"] as const;
const OUTPUTS = ["joints_px", "joints_m", "confidence"] as const;

/** A pair that the network is to look at: the boxes (x, y, w, h px) of its right and of its left hand, and the window. */
export interface AskedPair {
  boxes_px: readonly [Float64Array, Float64Array];
  window: PairWindow;
}

export class TwoHandNetwork {
  private constructor(
    private readonly network: Network,
    /** The record's name, by which figures are looked up. */
    readonly name: string,
    /** Side of the square patch, px. */
    private readonly size: number,
    /** Crop side over the longer side of the window's box. */
    private readonly expand: number,
  ) {}

  /** Throws an Error when the network's file is missing, damaged or of another version. */
  static async open(runtime: Runtime, files: Files): Promise<TwoHandNetwork> {
    const { network, record } = await openNetwork(runtime, files, PAIR_PATH, { inputs: INPUTS, outputs: OUTPUTS });
    if (!(Number(record.size) > 0 && Number(record.expand) > 0)) {
      throw new Error(`${PAIR_PATH}.json: expected the record of a two-hand system, with size and expand`);
    }
    return new TwoHandNetwork(network, record.name, Number(record.size), Number(record.expand));
  }

  /** Its answers to pairs: each is shown as it is and mirrored, and both looks are joined. */
  async ask(picture: Picture, camera: Lens, pairs: readonly AskedPair[]): Promise<PairJoints[]> {
    const windows = pairs.map(({ window }) => window);
    const turned = windows.map((window) => ({ ...window, mirrored: !window.mirrored }));
    const looks = await this.askOnce(picture, camera, [...windows, ...turned]);
    return pairs.map(({ boxes_px }, i) => joinLooks(looks[i], looks[pairs.length + i], boxes_px, camera));
  }

  /** The same, every window shown as it says, and only so; in the picture as it is. */
  async askOnce(picture: Picture, camera: Lens, windows: readonly PairWindow[]): Promise<PairJoints[]> {
    const count = windows.length;
    const { width } = picture;
    const lens = (mirrored: boolean): Lens => (mirrored ? { ...camera, cx: mirrorColumn(camera.cx, width) } : camera);
    // The picture is mirrored before it is resampled: resampling rounds, and both looks see the same bytes only so.
    const mirrored = windows.some((window) => window.mirrored) ? new Picture(mirroredPixels(picture.pixels)) : picture;
    const squares = windows.map(({ box_px: [x, y, w, h], mirrored }): Square => {
      const u = x + w / 2;
      return { u: mirrored ? mirrorColumn(u, width) : u, v: y + h / 2, side_px: this.expand * Math.max(w, h), turn_rad: 0 };
    });
    const patches = windows.map((window, i) => cropExactly(window.mirrored ? mirrored : picture, squares[i], this.size, 1));
    const told = await this.network.run({
      patch: { data: normalised(patches), dims: [count, 3, this.size, this.size] },
      crop: { data: Float32Array.from(squares.flatMap(({ u, v, side_px }) => [u, v, side_px])), dims: [count, 3] },
      camera: {
        data: Float32Array.from(windows.flatMap(({ mirrored }) => numbersOf(lens(mirrored)))),
        dims: [count, 4],
      },
    });
    return windows.map(({ mirrored }, i) => {
      const handAt = (at: number) => {
        const of = (name: "joints_px" | "joints_m", length: number) =>
          Float64Array.from(told[name].subarray(length * at, length * (at + 1)));
        const [px, m] = [of("joints_px", 42), of("joints_m", 63)];
        return {
          px: mirrored ? mirroredPx(px, width) : px,
          m: mirrored ? mirroredM(m) : m,
          // Rounding may leave a probability a hair outside.
          confidence: clip(told.confidence[at], 0, 1),
          branches_px: new Float64Array(21).fill(NaN),
        };
      };
      const [first, second] = [handAt(2 * i), handAt(2 * i + 1)];
      // In the mirrored picture right hands are left ones.
      return mirrored ? [second, first] : [first, second];
    });
  }
}

const numbersOf = ({ fx, fy, cx, cy }: Lens): number[] => [fx, fy, cx, cy];
