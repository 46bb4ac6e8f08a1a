/** The page's side of the worker: pictures in, hands out, one at a time. */
import type { HandFrame } from "../hand/frame";
import type { TrackerOptions } from "../track/tracker";
import type { Answer, Question, RawFrame } from "./messages";
import type { Backend } from "./runtime";

export interface ClientOptions {
  /** The address of the page's folder, with a slash at its end. */
  base: string;
  backend?: Backend;
  threads?: number;
  tracking?: TrackerOptions;
  /** Whether hands near each other go through the two-hand network too, which is fetched when they first meet. */
  pairs?: boolean;
  /** Hears that it is there (""), or in one sentence why not. */
  pairsTold?: (note: string) => void;
  /** How much of what is needed has come, 0 to 1. */
  progress?: (share: number) => void;
}

/** A worker as far as it is used here. */
export interface WorkerLike {
  postMessage(message: Question, transfer: Transferable[]): void;
  terminate(): void;
  onmessage: ((event: MessageEvent<Answer>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
}

interface Waiting {
  resolve(frame: HandFrame | null): void;
  reject(error: Error): void;
}

/** Threads that leave the page one of the computer's. */
export function usualThreads(): number {
  return Math.min(Math.max((globalThis.navigator?.hardwareConcurrency ?? 1) - 1, 1), 4);
}

export class EstimatorClient {
  /** Resolves when pictures can be sent; rejects with an Error of one sentence where they never can. */
  readonly opened: Promise<{ backend: Backend; note: string }>;
  private readonly waiting = new Map<number, Waiting>();
  private last = 0;
  private failure: Error | null = null;

  /** worker: of `worker.ts`, as `new Worker(new URL("worker.js", import.meta.url), { type: "module" })`. */
  constructor(
    private readonly worker: WorkerLike,
    options: ClientOptions,
  ) {
    const { base, backend = "wasm", threads = usualThreads(), tracking = {}, pairs = true } = options;
    const { progress = () => undefined, pairsTold = () => undefined } = options;
    this.opened = new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        this.failure = error;
        reject(error);
        for (const one of this.waiting.values()) one.reject(error);
        this.waiting.clear();
      };
      worker.onerror = ({ message }) =>
        fail(new Error(`The estimation of hands broke off: ${message || "its worker did not start"}`));
      worker.onmessage = ({ data: answer }) => {
        if (answer.kind === "loading") progress(answer.share);
        else if (answer.kind === "opened") resolve({ backend: answer.backend, note: answer.note });
        else if (answer.kind === "pairs") pairsTold(answer.note);
        else if (answer.kind === "error" && answer.number === null) fail(new Error(answer.message));
        else this.answered(answer);
      };
    });
    // Whoever does not wait for it is told with the first picture.
    this.opened.catch(() => undefined);
    this.post({ kind: "open", base, backend, threads, tracking, pairs });
  }

  /** Whether a picture is on its way: another one would be refused. */
  get busy(): boolean {
    return this.waiting.size > 0;
  }

  /**
   * The hands of the next picture. A bitmap is given away; the bytes of RGBA are too where they fill their buffer.
   *
   * time_s: later than that of the picture before. Rejects with an Error of one sentence.
   */
  async frame(image: ImageBitmap | RawFrame, time_s: number): Promise<HandFrame> {
    const transfer: Transferable[] =
      "data" in image
        ? image.data.byteLength === image.data.buffer.byteLength
          ? [image.data.buffer as ArrayBuffer]
          : []
        : [image];
    return (await this.ask((number) => ({ kind: "frame", number, image, time_s }), transfer))!;
  }

  /** Another video or another camera: followed hands are forgotten. Rejects for a camera that cannot be used. */
  async restart(tracking: TrackerOptions = {}): Promise<void> {
    await this.ask((number) => ({ kind: "restart", number, tracking }), []);
  }

  /**
   * Whether hands near each other go through the two-hand network too, from the next picture on; where it did not come it
   * is tried anew. wait: resolve once it is there, or will not be; not while a picture is on its way.
   */
  async setPairs(on: boolean, wait = false): Promise<void> {
    await this.ask((number) => ({ kind: "pairs", number, on, wait }), []);
  }

  /** Ends the worker; pictures on their way are rejected. */
  stop(): void {
    this.failure ??= new Error("The estimation of hands was stopped.");
    this.worker.terminate();
    for (const one of this.waiting.values()) one.reject(this.failure);
    this.waiting.clear();
  }

  private ask(question: (number: number) => Question, transfer: Transferable[]): Promise<HandFrame | null> {
    if (this.failure) return Promise.reject(this.failure);
    const number = ++this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(number, { resolve, reject });
      this.post(question(number), transfer);
    });
  }

  private post(question: Question, transfer: Transferable[] = []): void {
    this.worker.postMessage(question, transfer);
  }

  private answered(answer: Extract<Answer, { number: unknown }>): void {
    const one = this.waiting.get(answer.number ?? 0);
    this.waiting.delete(answer.number ?? 0);
    if (answer.kind === "error") one?.reject(new Error(answer.message));
    else one?.resolve(answer.kind === "hands" ? answer.frame : null);
  }
}
