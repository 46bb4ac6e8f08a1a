/** `window.knuckle`: how tests move the page frame by frame and read what is on it. */
import { RecordedSource } from "../input/recorded";
import { parseTrack } from "../input/track_file";
import type { SceneName } from "../scenes/scene";
import type { App } from "./app";

export interface Hooks {
  /** Resolves once the page has loaded and its first source, if any, has started. */
  ready: Promise<void>;
  /** Play a track from its text, frame by frame. */
  load(text: string, name: string): Promise<void>;
  /** That many frames more, of which the last one is drawn; how many there were. */
  step(count?: number): number;
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

export function hooksOf(app: App, ready: Promise<void>): Hooks {
  return {
    ready,
    load: (text, name) => app.play(new RecordedSource(parseTrack(text, name, app.surface), true)),
    step: (count = 1) => app.step(count),
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
