/** `window.knuckle`: how tests move the page frame by frame and read what is on it. */
import type { Hand } from "../hand/frame";
import { GivenPictures } from "../input/given";
import { LiveSource } from "../input/live";
import { RecordedSource } from "../input/recorded";
import { parseTrack } from "../input/track_file";
import type { SceneName } from "../scenes/scene";
import { abilities } from "./abilities";
import type { App } from "./app";

export interface Hooks {
  /** Resolves once the page has loaded and its first source, if any, has started. */
  ready: Promise<void>;
  /** Play a track from its text, frame by frame. */
  load(text: string, name: string): Promise<void>;
  /** That many frames more, of which the last one is drawn; how many there were. */
  step(count?: number): number;
  /**
   * Estimate the hands of a picture, an image file's bytes, as if it came from a camera at that time; resolves when they
   * are on the page. A picture that is not later than the one before begins anew.
   */
  picture(file: Blob, time_s: number): Promise<SeenHands>;
  /** See hands near each other together, or not, in the pictures that follow; resolves once that can be done. */
  pairs(on: boolean): Promise<void>;
  scene(name: SceneName): Promise<void>;
  state(): Record<string, unknown>;
  /** Pixels of a part that are seen, and that would be without the hands. */
  visible(part: string): { shown: number; whole: number };
  /** What the hands cover: a bit a pixel, row by row from the top, most significant bit first, in base 64. */
  silhouette(): { width: number; height: number; bits: string };
  /** What is loading or wrong: the notice's kind and words. */
  notice(): { kind: string | null; text: string };
  reset(): void;
}

/** Hands of a frame as plain numbers, and the milliseconds of its stages. */
export interface SeenHands {
  hands: (Pick<Hand, "identity" | "side" | "state" | "confidence"> & { joints_m: number[] })[];
  stages_ms: Record<string, number>;
}

export function hooksOf(app: App, ready: Promise<void>): Hooks {
  let given: GivenPictures | null = null;
  let source: LiveSource | null = null;
  /** Pictures are given to the page from now on. */
  const give = (): GivenPictures => {
    if (given && app.sourceTitle === given.title) return given;
    given = new GivenPictures("Given pictures");
    source = new LiveSource(given, {
      able: abilities(),
      view_deg: app.settings.view_deg,
      pairs: app.settings.pairs,
      progress: () => undefined,
      failed: (error) => app.fail(error),
    });
    app.play(source).catch((error: unknown) => app.fail(error));
    return given;
  };
  return {
    ready,
    load: (text, name) => app.play(new RecordedSource(parseTrack(text, name, app.surface), true)),
    step: (count = 1) => app.step(count),
    async picture(file, time_s) {
      const bitmap = await createImageBitmap(file);
      await give().give(bitmap, time_s);
      const { hands = [], stages_ms = {} } = app.lastFrame ?? {};
      const plain = ({ identity, side, state, confidence, joints_m }: Hand) => ({ identity, side, state, confidence, joints_m: [...joints_m] });
      return { hands: hands.map(plain), stages_ms };
    },
    async pairs(on) {
      give();
      await source?.setPairs(on, true);
    },
    scene: (name) => app.choose(name),
    state: () => app.state(),
    visible: (part) => app.visible(part),
    silhouette() {
      const { width, height, mask } = app.stage.silhouette();
      const bytes = new Uint8Array(Math.ceil(mask.length / 8));
      mask.forEach((one, at) => (bytes[at >> 3] |= one << (7 - (at & 7))));
      let text = "";
      for (const byte of bytes) text += String.fromCharCode(byte);
      return { width, height, bits: btoa(text) };
    },
    notice() {
      const box = document.getElementById("notice");
      return { kind: box?.dataset.kind ?? null, text: box?.textContent ?? "" };
    },
    reset: () => app.reset(),
  };
}

declare global {
  interface Window {
    knuckle: Hooks;
  }
}
