/** Hand estimation from the package's own weights: what the tracker asks of a frame. */
import { loadRig, type Rig } from "../hand/rig";
import type { Camera } from "../hand/frame";
import type { Asked, Detected, Effort, Estimator, Look, Predicted, TrackedHand } from "../track/estimator";
import { jointsToSquare } from "./affine";
import { Calibration, type CertaintyTable } from "./certainty";
import { type Evidence, evidenceOf } from "./evidence";
import { type Files, PATHS, readJson } from "./files";
import { findHands, foundBox } from "./finder";
import { logit, sigmoid } from "./joints";
import { Judge, type JudgeTable } from "./judge";
import { LandmarkNetwork, lookBox } from "./landmarks";
import { OneHandNetwork } from "./one_hand";
import { PairSource } from "./pair_source";
import { PalmNetwork } from "./palm";
import type { Picture } from "./picture";
import { openRuntime, type Runtime, type RuntimeOptions } from "./runtime";
import { checkedSides, Sides, type SideTable } from "./sides";
import { Stages } from "./stages";
import { Together } from "./together";
import { estimateTracked, type Memory, type Networks } from "./tracked";
import type { EvidenceTable } from "./trust";
import { TwoHandNetwork } from "./two_hands";

export interface EstimatorOptions extends RuntimeOptions {
  /** Whether hands near each other go through the two-hand network too, which is fetched when they first meet. */
  pairs?: boolean;
  /** Hears that it is there (""), or in one sentence why not. */
  pairsTold?: (note: string) => void;
}

/** A hand found, with all that the landmark network said of it: the sides are decided by that. */
interface Found extends Detected {
  evidence: Evidence;
}

export interface OpenedEstimator {
  estimator: HandEstimator;
  rig: Rig;
  /** Where networks run, and why not on the GPU where that was asked for. */
  backend: "wasm" | "webgpu";
  note: string;
}

/**
 * Opens networks, figures and rig out of the page's folder (`PATHS`).
 *
 * Throws an Error with one sentence where a file is missing, damaged or of another version, or the browser lacks what
 * networks need.
 */
export async function createEstimator(files: Files, options: EstimatorOptions = {}): Promise<OpenedEstimator> {
  const runtime = await openRuntime(options);
  if (runtime.backend === "wasm") return openAll(runtime, files, options);
  try {
    return await openAll(runtime, files, options);
  } catch (error) {
    // A driver may refuse what its adapter promised. Where it is a file that is damaged, it is so for wasm too.
    const why = error instanceof Error ? error.message : String(error);
    const opened = await openAll(await openRuntime({ ...options, backend: "wasm" }), files, options);
    return { ...opened, note: `WebGPU did not run the networks (${why}), so they run on the processor.` };
  }
}

async function openAll(runtime: Runtime, files: Files, options: EstimatorOptions): Promise<OpenedEstimator> {
  // What is small first: where it is damaged, nobody waits for the networks.
  const rig = loadRig(await files(PATHS.rig));
  const judge = new Judge(await readJson<JudgeTable>(files, PATHS.judge), "palm");
  const certainties = await readJson<CertaintyTable>(files, PATHS.certainty);
  const trusts = await readJson<EvidenceTable>(files, PATHS.evidence);
  const odds = checkedSides(await readJson<SideTable>(files, PATHS.sides));
  const estimator = await OneHandNetwork.open(runtime, files, rig, trusts);
  const calibrations = new Map([[estimator.name, new Calibration(certainties, estimator.name)]]);
  const calibrationOf = (system: string): Calibration => {
    const known = calibrations.get(system) ?? new Calibration(certainties, system);
    calibrations.set(system, known);
    return known;
  };
  const openPairs = async (own: Files) => new Together(await TwoHandNetwork.open(runtime, own), estimator.name, rig, trusts);
  const pairs = new PairSource(files, openPairs, options.pairsTold ?? (() => undefined), options.pairs ?? false);
  const landmarks = await LandmarkNetwork.open(runtime, files);
  const palms = await PalmNetwork.open(runtime, files);
  const sides = new Sides(odds, landmarks, estimator);
  return {
    estimator: new HandEstimator({ landmarks, estimator, pairs, calibrationOf }, palms, judge, sides),
    rig,
    backend: runtime.backend,
    note: runtime.note,
  };
}

/** One question at a time: networks do not run twice at once. */
export class HandEstimator implements Estimator<Picture, Memory> {
  private readonly stages = new Stages();

  constructor(
    private readonly networks: Networks,
    private readonly palms: PalmNetwork,
    private readonly judge: Judge,
    private readonly sides: Sides,
  ) {}

  size({ width, height }: Picture): { width: number; height: number } {
    return { width, height };
  }

  async detect(picture: Picture, known_px: readonly Float64Array[], effort: Effort): Promise<Detected[]> {
    const { landmarks } = this.networks;
    const networks = { palms: this.palms, landmarks, judge: this.judge };
    const hands = await this.stages.timed("detect", () => findHands(picture, known_px, effort, networks));
    return hands.map((hand): Found => {
      const { joints_px, landmarks: told, square } = hand.look;
      const box_px = foundBox(hand);
      return {
        joints_px,
        box_px,
        score: hand.score,
        presence: told.presence,
        right: told.right,
        placeRight: 0.5,
        evidence: evidenceOf(box_px, joints_px, told, square),
      };
    });
  }

  async decideSides(picture: Picture, hands: readonly Detected[]): Promise<number[]> {
    const odds = await this.stages.timed("detect", () => this.sides.decide(picture, hands as readonly Found[]));
    // As a probability says it: no side is surer than that.
    return odds.map((value) => Math.sign(value) * logit(sigmoid(Math.abs(value))));
  }

  async look(picture: Picture, places_px: readonly Float64Array[]): Promise<Look[]> {
    const looks = await this.stages.timed("landmarks", () =>
      this.networks.landmarks.look(picture, places_px.map(jointsToSquare)),
    );
    return looks.map((look) => ({
      joints_px: look.joints_px,
      box_px: lookBox(look),
      presence: look.landmarks.presence,
      right: look.landmarks.right,
    }));
  }

  estimateTracked(
    picture: Picture,
    camera: Camera,
    predicted: readonly Predicted<Memory>[],
    asked: Asked = {},
  ): Promise<TrackedHand<Memory>[]> {
    return estimateTracked(this.networks, picture, camera, predicted, asked, this.stages);
  }

  /** Whether hands near each other go through the two-hand network too, from the next frame on. */
  setPairs(on: boolean): void {
    this.networks.pairs.set(on);
  }

  /** Resolves once the two-hand network is there; false where it will not be. While no frame is on its way. */
  async pairsOpened(): Promise<boolean> {
    return (await this.networks.pairs.wait()) !== null;
  }

  takeStages(): Record<string, number> {
    return this.stages.take();
  }
}
