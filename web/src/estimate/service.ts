/** What the worker does with messages; apart from the worker, so that it can be tested without one. */
import { Tracker } from "../track/tracker";
import { createEstimator, type OpenedEstimator } from "./estimator";
import { fetchedAhead, type Files } from "./files";
import type { Answer, FrameQuestion, OpenQuestion, PairsQuestion, Question, RawFrame } from "./messages";
import { Picture } from "./picture";
import type { Memory } from "./tracked";

const NOT_OPEN = "the networks are not open yet";

export interface Surroundings {
  files(base: string): Files;
  tell(answer: Answer, transfer?: Transferable[]): void;
  /** RGBA of a bitmap, which is closed. */
  pixels(image: ImageBitmap): RawFrame;
}

/** Answers a page's questions, one frame at a time. */
export class HandService {
  private opened: OpenedEstimator | null = null;
  private tracker: Tracker<Picture, Memory> | null = null;
  private busy = false;

  constructor(private readonly around: Surroundings) {}

  /** Resolves when the question is answered; never rejects. */
  async ask(question: Question): Promise<void> {
    const number = "number" in question ? question.number : null;
    try {
      if (question.kind === "open") await this.open(question);
      else if (question.kind === "pairs") await this.setPairs(question);
      else if (question.kind === "restart") {
        this.tracker = this.newTracker(question.tracking);
        this.around.tell({ kind: "restarted", number: question.number });
      } else await this.frame(question);
    } catch (error) {
      this.around.tell({ kind: "error", number, message: error instanceof Error ? error.message : String(error) });
    }
  }

  private async open({ base, backend, threads, tracking, pairs }: OpenQuestion): Promise<void> {
    const { tell } = this.around;
    const files = fetchedAhead(this.around.files(base), (done, all) => tell({ kind: "loading", share: done / all }));
    const wasmFolder = typeof location === "object" ? new URL("wasm/", base).href : undefined;
    const pairsTold = (note: string): void => tell({ kind: "pairs", note });
    this.opened = await createEstimator(files, { backend, threads, wasmFolder, pairs, pairsTold });
    this.tracker = this.newTracker(tracking);
    tell({ kind: "opened", backend: this.opened.backend, note: this.opened.note });
  }

  private async setPairs({ number, on, wait }: PairsQuestion): Promise<void> {
    if (!this.opened) throw new Error(NOT_OPEN);
    if (wait && this.busy) throw new Error("expected no frame on its way while the two-hand network is waited for");
    const { estimator } = this.opened;
    estimator.setPairs(on);
    if (on && wait) {
      this.busy = true;
      await estimator.pairsOpened().finally(() => (this.busy = false));
    }
    this.around.tell({ kind: "pairs set", number });
  }

  private newTracker(tracking: OpenQuestion["tracking"]): Tracker<Picture, Memory> {
    if (!this.opened) throw new Error(NOT_OPEN);
    return new Tracker(this.opened.estimator, this.opened.rig, tracking);
  }

  private async frame({ number, image, time_s }: FrameQuestion): Promise<void> {
    if (this.busy || !this.tracker) {
      if ("close" in image) image.close();
      throw new Error(
        this.busy ? "expected one frame at a time, got one before the last was done" : NOT_OPEN,
      );
    }
    this.busy = true;
    const began = performance.now();
    try {
      const raw = "data" in image ? image : this.around.pixels(image);
      const picture = new Picture({ ...raw, channels: 4 });
      const read_ms = performance.now() - began;
      const frame = await this.tracker.next(picture, time_s);
      const stages_ms = { ...frame.stages_ms, read: read_ms, total: performance.now() - began };
      const arrays = frame.hands.flatMap(({ joints_m, joint_error_m, pose_rad, shape, vertices_m }) =>
        [joints_m, joint_error_m, pose_rad, shape, vertices_m].map(({ buffer }) => buffer as ArrayBuffer),
      );
      // Given away, not copied: the tracker makes them anew for every frame.
      this.around.tell({ kind: "hands", number, frame: { ...frame, stages_ms } }, [...new Set(arrays)]);
    } finally {
      this.busy = false;
    }
  }
}
