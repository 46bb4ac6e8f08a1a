/** The panel beside the picture: where hands come from, what can be done, what is seen, what is remembered. */
import { openFile } from "../input/file";
import { LiveSource } from "../input/live";
import { RecordedSource } from "../input/recorded";
import type { Source } from "../input/source";
import { Webcam } from "../input/webcam";
import { SCENE_NAMES, type SceneName } from "../scenes/scene";
import { notesOn, type Abilities } from "./abilities";
import type { App } from "./app";
import { button, byId, Choice, element, heading, slider, table, tick } from "./controls";
import { SCENE_WORDS } from "./scene_list";

const KEYS: readonly (readonly [string, string])[] = [
  ["1-5", "scene"],
  ["C", "camera on or off"],
  ["O", "open a file"],
  ["Space", "pause"],
  ["B", "bring things to the hand"],
  ["R", "start the scene anew"],
  ["M", "mirror"],
  ["H", "hands as meshes"],
  ["S", "sound"],
  ["F", "full screen"],
];
/** Stages in the order that a picture goes through them. */
const STAGES = ["read", "detect", "landmarks", "estimate", "pairs", "fit", "track", "total", "picture to screen"];
/** The table of hands and times changes at most this often. */
const REFRESH_MS = 200;

export class Panel {
  private readonly scenes: Choice<SceneName>;
  private readonly camera: HTMLButtonElement;
  private readonly pause: HTMLButtonElement;
  private readonly picker = element("input", { type: "file", id: "file", accept: "video/*,image/*,.jsonl" });
  private readonly mirror: ReturnType<typeof tick>;
  private readonly meshes: ReturnType<typeof tick>;
  private readonly sound: ReturnType<typeof tick>;
  private refreshedAt = -Infinity;
  private busy = false;
  private sampled = 0;
  private readonly notes: string[];
  /** What the networks say of what they run on, and of the one for two hands. */
  private readonly told = { networks: "", pairs: "" };

  constructor(
    private readonly app: App,
    private readonly able: Abilities,
  ) {
    this.scenes = new Choice(
      byId("scenes"),
      SCENE_NAMES.map((name) => [name, SCENE_WORDS[name].title] as const),
      (name) => void this.choose(name),
    );
    this.camera = button("Camera", () => void this.toggleCamera(), { "aria-pressed": "false", id: "camera" });
    const sample = button("Sample", () => void this.playSample(), { id: "sample" });
    byId("sources").append(
      heading("Picture"),
      element("div", { class: "row tight" }, this.camera, this.picker, element("label", { for: "file", class: "button" }, "Open a file"), sample),
    );
    this.picker.addEventListener("change", () => {
      const file = this.picker.files?.[0];
      this.picker.value = "";
      if (file) void this.open(file);
    });
    this.pause = button("Pause", () => app.pause(!app.paused), { "aria-pressed": "false" });
    byId("actions").append(
      element(
        "div",
        { class: "row" },
        this.pause,
        button("Bring here", () => this.bringHere(), { title: "Put things where the hand is" }),
        button("Start anew", () => app.reset()),
      ),
    );
    const { settings } = app;
    this.mirror = tick("Mirror the camera", settings.mirror, (on) => app.set("mirror", on));
    this.meshes = tick("Hands as meshes", settings.meshes, (on) => app.set("meshes", on));
    this.sound = tick("Sound", settings.sound, (on) => app.set("sound", on));
    byId("settings").append(
      heading("Settings"),
      this.mirror.field,
      this.meshes.field,
      this.sound.field,
      ...(able.webgpu
        ? [tick("WebGPU, from the next start", settings.webgpu, (on) => app.set("webgpu", on)).field]
        : []),
      tick("Two hands together", settings.pairs, (on) => app.set("pairs", on)).field,
      slider(
        "Camera tilt",
        { low: 0, high: 80, step: 5, value: settings.tilt_deg, say: (value) => `${value}°` },
        (value) => app.set("tilt_deg", value),
      ),
      slider(
        "View",
        { low: 0, high: 110, step: 5, value: settings.view_deg, say: (value) => (value === 0 ? "assumed" : `${value}° wide`) },
        (value) => app.set("view_deg", value),
      ),
    );
    this.notes = notesOn(able);
    this.tell({});
    const list = byId("keys").querySelector("dl");
    for (const [key, meaning] of KEYS) list?.append(element("dt", {}, key), element("dd", {}, meaning));
    window.addEventListener("keydown", (event) => this.pressed(event));
    byId("stage").addEventListener("dragover", (event) => event.preventDefault());
    byId("stage").addEventListener("drop", (event) => {
      event.preventDefault();
      const file = event.dataTransfer?.files[0];
      if (file) void this.open(file);
    });
    app.changed = () => this.refresh();
    this.refresh();
  }

  /** What to do first. */
  welcome(): void {
    if (this.app.sourceTitle === null) this.app.notice.say("Turn the camera on, open a video or a picture, or play the sample.");
  }

  /** Turn to a scene. */
  async choose(name: SceneName): Promise<void> {
    try {
      await this.app.choose(name);
    } catch (error) {
      this.app.fail(error);
    }
  }

  /** What the browser lacks, and what the networks say of what they run on. */
  private tell(told: Partial<typeof this.told>): void {
    Object.assign(this.told, told);
    const notes = [...new Set([...this.notes, this.told.networks, this.told.pairs])].filter((note) => note !== "");
    if (notes.length === 0) return byId("notes").replaceChildren();
    byId("notes").replaceChildren(heading("This browser"), element("ul", {}, ...notes.map((one) => element("li", {}, one))));
  }

  private async play(words: string, make: () => Promise<Source>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    const { app } = this;
    app.stop();
    app.notice.loading(words, null);
    try {
      const source = await make();
      await app.play(source);
      app.notice.clear();
    } catch (error) {
      app.fail(error);
    } finally {
      this.busy = false;
      this.refresh(true);
    }
  }

  private async toggleCamera(): Promise<void> {
    if (this.app.sourceTitle === "Camera") {
      this.app.stop();
      this.welcome();
      return;
    }
    await this.play("Starting the camera", async () => this.live(new Webcam(this.able)));
  }

  private async open(file: File): Promise<void> {
    await this.play(`Opening ${file.name}`, async () => {
      const opened = await openFile(file, this.app.surface);
      return "frames" in opened ? new RecordedSource(opened, false) : this.live(opened);
    });
  }

  private async playSample(): Promise<void> {
    // Asked for again, it is the scene's next one.
    const { samples } = SCENE_WORDS[this.app.sceneName];
    const name = `tracks/${samples[this.sampled++ % samples.length]}.jsonl`;
    await this.play("Loading the sample", () =>
      RecordedSource.load(new URL(name, document.baseURI).href, this.app.surface, false),
    );
  }

  private live(pictures: ConstructorParameters<typeof LiveSource>[0]): LiveSource {
    return new LiveSource(pictures, {
      able: this.able,
      view_deg: this.app.settings.view_deg,
      webgpu: this.app.settings.webgpu && this.able.webgpu,
      progress: (words, share) => this.app.notice.loading(words, share),
      opened: (note) => this.tell({ networks: note }),
      pairs: this.app.settings.pairs,
      pairsTold: (note) => this.tell({ pairs: note }),
      failed: (error) => {
        this.app.stop();
        this.app.fail(error);
      },
    });
  }

  private bringHere(): void {
    if (!this.app.bringHere()) this.app.notice.say("Show a hand first.");
    else this.app.notice.clear();
  }

  private pressed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const target = event.target as HTMLElement;
    if (target instanceof HTMLInputElement && target.type === "range") return;
    const { app } = this;
    const onButton = target instanceof HTMLButtonElement || target instanceof HTMLInputElement || target.tagName === "SUMMARY";
    const key = event.key.toLowerCase();
    const scene = SCENE_NAMES[Number(key) - 1];
    if (scene) void this.choose(scene);
    else if (key === "c") void this.toggleCamera();
    else if (key === "o") this.picker.click();
    else if (key === " " && !onButton) app.pause(!app.paused);
    else if (key === "b") this.bringHere();
    else if (key === "r") app.reset();
    else if (key === "m") app.set("mirror", !app.settings.mirror);
    else if (key === "h") app.set("meshes", !app.settings.meshes);
    else if (key === "s") app.set("sound", !app.settings.sound);
    else if (key === "f") void (document.fullscreenElement ? document.exitFullscreen() : byId("stage").requestFullscreen());
    else return;
    event.preventDefault();
  }

  private refresh(now = false): void {
    const { app } = this;
    this.scenes.show(app.sceneName);
    byId("hint").textContent = app.sourceTitle === null ? "" : SCENE_WORDS[app.sceneName].hint;
    this.camera.setAttribute("aria-pressed", String(app.sourceTitle === "Camera"));
    this.pause.setAttribute("aria-pressed", String(app.paused));
    this.pause.disabled = app.sourceTitle === null;
    this.mirror.set(app.settings.mirror);
    this.meshes.set(app.settings.meshes);
    this.sound.set(app.settings.sound);
    if (!now && performance.now() - this.refreshedAt < REFRESH_MS) return;
    this.refreshedAt = performance.now();
    const frame = app.lastFrame;
    if (!frame) return byId("hands").replaceChildren();
    const rows: [string, string][] = frame.hands.map((hand) => {
      const state = hand.state === "observed" ? "" : ` (${hand.state})`;
      return [`${hand.side} hand ${hand.identity}${state}`, `${Math.round(100 * hand.confidence)} %`];
    });
    if (rows.length === 0) rows.push(["No hand in the picture", ""]);
    const order = (stage: string): number => (STAGES.includes(stage) ? STAGES.indexOf(stage) : STAGES.length);
    const times = Object.entries(frame.stages_ms)
      .sort(([one], [other]) => order(one) - order(other))
      .map(([stage, ms]) => [stage, `${ms.toFixed(1)} ms`] as const);
    byId("hands").replaceChildren(
      heading("Hands"),
      table(rows),
      table([...(app.rate > 0 ? [["pictures per second", String(app.rate)] as const] : []), ...times]),
    );
  }
}
