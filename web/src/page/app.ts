/** The page: one stage, one source, one scene at a time. */
import type { Hand, HandFrame } from "../hand/frame";
import type { HandSurface } from "../input/track_file";
import { SourceError, type Source, type StagePlace } from "../input/source";
import { palmCentre } from "../scenes/palm";
import type { ArScene, SceneName } from "../scenes/scene";
import { Stage, type Visible } from "../scenes/stage";
import { jointsOf, Table } from "../scenes/table";
import { byId, element } from "./controls";
import { Notice } from "./notice";
import { browserShelf, loadSettings, saveSettings, type Settings } from "./settings";
import type { SceneMaker } from "./scene_list";

/** Where the table stands where nothing else says so: half a metre ahead, a little down. */
const HOME_M: [number, number, number] = [0, 0.05, 0.55];
/** Longer pauses between frames are not made up for by scenes. */
const LONGEST_STEP_S = 0.1;

export class App {
  readonly settings: Settings;
  readonly notice = new Notice();
  readonly stage: Stage;
  private readonly shelf = browserShelf();
  private readonly canvas = byId<HTMLCanvasElement>("view");
  private readonly labels = byId("labels");
  private scene: ArScene | null = null;
  private made = new Map<SceneName, ArScene>();
  private source: Source | null = null;
  private table: Table;
  private anchor_m: [number, number, number] = HOME_M;
  private frame: HandFrame | null = null;
  private image: CanvasImageSource | null = null;
  private aspect = 4 / 3;
  private drawnAt: number[] = [];
  private drawing = true;
  paused = false;
  /** Called after each drawn frame, and when source, scene or pause change. */
  changed: () => void = () => undefined;

  constructor(
    readonly surface: HandSurface,
    private readonly makers: Record<SceneName, SceneMaker>,
    first: Partial<Settings>,
    look: { fullLight?: boolean } = {},
  ) {
    this.settings = { ...loadSettings(this.shelf), ...first };
    this.stage = new Stage(this.canvas, (side) => this.surface.faces(side), look);
    this.table = this.placed();
    new ResizeObserver(() => this.fit()).observe(byId("stage"));
    window.matchMedia("(max-width: 760px)").addEventListener("change", () => this.fit());
    this.fit();
    this.stage.render();
  }

  get sceneName(): SceneName {
    return this.settings.scene;
  }

  get sourceTitle(): string | null {
    return this.source?.title ?? null;
  }

  get lastFrame(): HandFrame | null {
    return this.frame;
  }

  /** Frames drawn per second, over the last second. */
  get rate(): number {
    const since = performance.now() - 1000;
    this.drawnAt = this.drawnAt.filter((at) => at > since);
    return this.drawnAt.length;
  }

  /** Keep a setting and draw anew. */
  set<Name extends keyof Settings>(name: Name, value: Settings[Name]): void {
    this.settings[name] = value;
    saveSettings(this.shelf, this.settings);
    if (name === "tilt_deg") this.table = this.placed();
    if (name === "view_deg") this.source?.setView?.(this.settings.view_deg);
    if (name === "pairs") this.source?.setPairs?.(this.settings.pairs).catch((error: unknown) => this.fail(error));
    this.canvas.classList.toggle("mirrored", this.mirrored);
    this.redraw();
    this.changed();
  }

  /** Turn to a scene; it starts anew. Throws a SourceError where what it needs cannot be loaded. */
  async choose(name: SceneName): Promise<void> {
    this.settings.scene = name;
    saveSettings(this.shelf, this.settings);
    this.changed();
    let scene = this.made.get(name);
    if (!scene) {
      this.notice.loading(`Getting ${name.replace("_", "-")} ready`, null);
      scene = await this.makers[name]({ surface: this.surface, sound: () => this.settings.sound });
      this.made.set(name, scene);
      this.notice.clear();
    }
    // Another one was chosen while this one was being made.
    if (this.settings.scene !== name) return;
    if (this.scene) this.stage.scene.remove(this.scene.object);
    this.scene = scene;
    scene.reset();
    this.stage.scene.add(scene.object);
    this.redraw();
    this.changed();
  }

  /**
   * Take hands from a source from now on; the one before is stopped.
   *
   * @throws SourceError of the source.
   */
  async play(source: Source): Promise<void> {
    this.source?.stop();
    this.source = source;
    this.frame = null;
    this.anchor_m = source.place?.anchor_m ?? HOME_M;
    this.table = this.placed();
    this.scene?.reset();
    this.paused = false;
    this.canvas.classList.toggle("mirrored", this.mirrored);
    source.onFrame((frame, image) => {
      if (this.source === source) this.show(frame, image);
    });
    try {
      await source.start();
    } catch (error) {
      if (this.source === source) this.source = null;
      source.stop();
      throw error;
    } finally {
      this.changed();
    }
  }

  /** No hands any more; the last picture goes too. */
  stop(): void {
    this.source?.stop();
    this.source = null;
    this.frame = null;
    this.image = null;
    this.labels.replaceChildren();
    this.stage.clear();
    this.changed();
  }

  pause(paused: boolean): void {
    this.paused = paused;
    this.source?.pause?.(paused);
    this.changed();
  }

  /** Frames more of a source that is moved by hand; only the last one is drawn. How many there were. */
  step(count: number): number {
    let done = 0;
    this.drawing = false;
    while (done < count && this.source?.step?.()) done++;
    this.drawing = true;
    this.redraw();
    this.changed();
    return done;
  }

  /** Everything as at the start. */
  reset(): void {
    this.scene?.reset();
    this.redraw();
  }

  /** Put the table, or what floats, where the first hand is: things then lie at its distance. */
  bringHere(): boolean {
    const hand = this.frame?.hands[0];
    if (!hand) return false;
    const { x, y, z } = palmCentre(jointsOf(hand));
    // The table lies under the hand, not through it.
    const below = this.sceneName === "grab" || this.sceneName === "water" ? 0.07 : 0;
    this.anchor_m = [x, y + below, z];
    this.table = this.placed();
    this.scene?.reset();
    this.redraw();
    return true;
  }

  state(): Record<string, unknown> {
    return { scene: this.sceneName, time_s: this.frame?.time_s ?? null, ...this.scene?.state() };
  }

  /** How much of a scene's part is seen. Throws where the scene has no such part. */
  visible(part: string): Visible {
    const thing = this.scene?.parts[part];
    if (!thing) throw new Error(`${this.sceneName} has no part ${part}, but ${Object.keys(this.scene?.parts ?? {})}`);
    return this.stage.visible(thing);
  }

  /** Words for people about an error, in the notice. */
  fail(error: unknown): void {
    const words = error instanceof SourceError ? error.message : `Something went wrong: ${String(error)}`;
    this.notice.error(words);
    if (!(error instanceof SourceError)) console.warn(error);
  }

  private get mirrored(): boolean {
    return this.settings.mirror && this.source?.selfie === true;
  }

  private placed(): Table {
    const place: StagePlace = this.source?.place ?? { anchor_m: this.anchor_m, tilt_deg: this.settings.tilt_deg };
    const table = new Table({ ...place, anchor_m: this.anchor_m });
    this.stage.lightTable(table);
    return table;
  }

  private show(frame: HandFrame, image: CanvasImageSource | null): void {
    const first = this.frame === null;
    const gap_s = this.frame ? frame.time_s - this.frame.time_s : 0;
    this.frame = frame;
    this.image = image;
    const aspect = frame.width / frame.height;
    if (first || aspect !== this.aspect) {
      this.aspect = aspect;
      this.fit();
    }
    // A track that begins again goes back in time.
    if (gap_s < 0) this.scene?.reset();
    const step_s = Math.min(Math.max(gap_s, 0), LONGEST_STEP_S);
    if (this.drawing) this.stage.setFrame(frame, image, this.settings.meshes);
    this.scene?.update({ frame, step_s, table: this.table });
    if (!this.drawing) return;
    this.stage.render();
    this.drawnAt.push(performance.now());
    this.label(frame);
    this.changed();
  }

  /** The same frame again, no time having passed. */
  private redraw(): void {
    if (this.frame) {
      this.stage.setFrame(this.frame, this.image, this.settings.meshes);
      this.scene?.update({ frame: this.frame, step_s: 0, table: this.table });
      this.label(this.frame);
    }
    this.stage.render();
  }

  /** Fit the picture into its box. */
  private fit(): void {
    const box = byId("stage");
    const style = getComputedStyle(box);
    const across = box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const narrow = window.matchMedia("(max-width: 760px)").matches;
    const down = narrow ? window.innerHeight * 0.62 : box.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    const width = Math.max(1, Math.min(across, down * this.aspect));
    const height = width / this.aspect;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.stage.resize(width, height, window.devicePixelRatio);
    if (this.frame) this.label(this.frame);
    this.stage.render();
  }

  /** Names over the hands in the plain scene. */
  private label(frame: HandFrame): void {
    if (this.sceneName !== "plain") return this.labels.replaceChildren();
    const view = this.canvas.getBoundingClientRect();
    const box = this.labels.getBoundingClientRect();
    const taken: { left: number; top: number }[] = [];
    this.labels.replaceChildren(
      ...frame.hands.map((hand) => {
        const { u, v } = topOf(hand, frame);
        const share = (u + 0.5) / frame.width;
        const left = view.left - box.left + (this.mirrored ? 1 - share : share) * view.width;
        let top = Math.max(view.top - box.top + ((v + 0.5) / frame.height) * view.height - 10, 24);
        // Labels of hands that are near stand one above the other.
        while (taken.some((one) => Math.abs(one.left - left) < 150 && Math.abs(one.top - top) < 24)) top += 25;
        taken.push({ left, top });
        const words = `${hand.side} ${hand.identity}, ${Math.round(100 * hand.confidence)} %`;
        const more = hand.state === "observed" ? "" : `, ${hand.state}`;
        const place = `left:${left.toFixed(0)}px;top:${top.toFixed(0)}px`;
        return element("span", { class: hand.state, style: place }, words + more);
      }),
    );
  }
}

/** The highest joint in the picture, px. */
function topOf(hand: Hand, { camera }: HandFrame): { u: number; v: number } {
  let top = { u: 0, v: Infinity };
  for (let joint = 0; joint < 21; joint++) {
    const [x, y, z] = hand.joints_m.subarray(3 * joint, 3 * joint + 3);
    const v = (camera.fy * y) / z + camera.cy;
    if (z > 0 && v < top.v) top = { u: (camera.fx * x) / z + camera.cx, v };
  }
  return top;
}
