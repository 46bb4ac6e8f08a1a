/** Hands of pictures as they come: each goes to the worker, one at a time, and is shown with its own hands. */
import { EstimatorClient } from "../estimate/client";
import { GPU_PROGRAM, PAIR_NETWORK } from "../estimate/files";
import type { Camera } from "../hand/frame";
import { keepAlso } from "../offline";
import type { Picture, Pictures } from "./pictures";
import { SourceError, type FrameListener, type Source } from "./source";

export interface LiveOptions {
  able: { simd: boolean };
  /** The pictures' horizontal angle of view, degrees; 0: assumed. */
  view_deg: number;
  /** Run the networks on the graphics processor, which fetches another 27 MB of program once. */
  webgpu?: boolean;
  /** Hands near each other go through the two-hand network too, which fetches 7 MB when they first meet; true without. */
  pairs?: boolean;
  /** Hears in one sentence why that network did not come; "" once it is there. */
  pairsTold?: (note: string) => void;
  /** @param share of what is loaded, 0 to 1; null where that is not known. */
  progress: (words: string, share: number | null) => void;
  /** What the networks run on, once they do, and why not on something faster; "" where there is nothing to say. */
  opened?: (note: string) => void;
  /** Called where pictures or worker break off after the start. */
  failed: (error: unknown) => void;
}

/** The networks are loaded once, whatever picture comes. */
let shared: EstimatorClient | null = null;
let sharedBackend: "wasm" | "webgpu" = "wasm";
/** Of whoever asked for it last. */
let pairsTold: (note: string) => void = () => undefined;

/** Networks and worker of the page. Rejects with a SourceError where they cannot be had; the next call tries anew. */
async function openedClient({ webgpu, pairs = true, progress, opened, ...told }: LiveOptions): Promise<EstimatorClient> {
  const words = "Loading the networks";
  progress(words, null);
  pairsTold = told.pairsTold ?? (() => undefined);
  const backend = webgpu ? "webgpu" : "wasm";
  if (backend !== sharedBackend) {
    shared?.stop();
    shared = null;
    sharedBackend = backend;
  }
  shared ??= new EstimatorClient(new Worker(new URL("worker.js", document.baseURI), { type: "module" }), {
    base: new URL(".", document.baseURI).href,
    backend,
    pairs,
    pairsTold: (note) => {
      if (note === "") void keepAlso(PAIR_NETWORK);
      pairsTold(note);
    },
    progress: (share) => progress(words, share),
  });
  try {
    const { backend: got, note } = await shared.opened;
    if (got === "webgpu") void keepAlso(GPU_PROGRAM);
    opened?.(note);
    await shared.setPairs(pairs);
    return shared;
  } catch (error) {
    shared = null;
    throw new SourceError("broken", error instanceof Error ? error.message : String(error));
  }
}

/** The camera of a picture whose horizontal angle of view is known; null where it is to be assumed. */
export function cameraOfView(view_deg: number, width: number, height: number): Camera | null {
  if (!(view_deg > 0)) return null;
  const focal = width / 2 / Math.tan((view_deg * Math.PI) / 360);
  return { fx: focal, fy: focal, cx: (width - 1) / 2, cy: (height - 1) / 2, assumed: false };
}

export class LiveSource implements Source {
  readonly title: string;
  readonly selfie: boolean;
  readonly place = null;
  private listener: FrameListener = () => undefined;
  private stopped = false;
  /** Two, in turn: the page may still show the one before. */
  private readonly canvases = [document.createElement("canvas"), document.createElement("canvas")];
  private size = "";
  private view_deg: number;
  private last_s = -Infinity;
  private opening: Promise<EstimatorClient> | null = null;

  constructor(
    private readonly pictures: Pictures,
    private readonly options: LiveOptions,
  ) {
    this.title = pictures.title;
    this.selfie = pictures.selfie ?? false;
    this.view_deg = options.view_deg;
  }

  onFrame(listener: FrameListener): void {
    this.listener = listener;
  }

  async start(): Promise<void> {
    if (!this.options.able.simd) {
      throw new SourceError("unsupported", "This browser has no WebAssembly SIMD, which estimating hands needs: try a newer one.");
    }
    await this.pictures.start();
    try {
      const client = await this.opened();
      this.options.progress("Waiting for the first picture", null);
      const first = await this.pictures.next();
      if (!first) throw new SourceError("absent", `${this.title}: expected a picture, got none.`);
      await this.see(client, first);
      void this.run(client);
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  stop(): void {
    this.stopped = true;
    this.pictures.stop();
  }

  pause(paused: boolean): void {
    this.pictures.pause(paused);
  }

  setView(view_deg: number): void {
    this.view_deg = view_deg;
    // The next picture begins anew, with its camera.
    this.size = "";
  }

  async setPairs(on: boolean, wait = false): Promise<void> {
    await (await this.opened()).setPairs(on, wait);
  }

  private opened(): Promise<EstimatorClient> {
    return (this.opening ??= openedClient(this.options));
  }

  private async run(client: EstimatorClient): Promise<void> {
    try {
      while (!this.stopped) {
        const picture = await this.pictures.next();
        if (this.stopped || !picture) return void picture?.bitmap.close();
        await this.see(client, picture);
      }
    } catch (error) {
      if (!this.stopped) this.options.failed(error);
    }
  }

  /** One picture: its hands, then both on the page. */
  private async see(client: EstimatorClient, { bitmap, time_s }: Picture): Promise<void> {
    const began = performance.now();
    const { width, height } = bitmap;
    const size = `${width}x${height}`;
    // A video that begins again, another camera: whoever was followed is not there any more.
    if (size !== this.size || time_s <= this.last_s) {
      await client.restart({ camera: cameraOfView(this.view_deg, width, height) });
      this.size = size;
    }
    this.last_s = time_s;
    this.canvases.reverse();
    const [canvas] = this.canvases;
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    canvas.getContext("2d", { alpha: false })?.drawImage(bitmap, 0, 0);
    const frame = await client.frame(bitmap, time_s);
    if (this.stopped) return;
    frame.stages_ms["picture to screen"] = performance.now() - began;
    this.listener(frame, canvas);
  }
}
