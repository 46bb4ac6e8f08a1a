/** What the page remembers from one visit to the next. */
import { SCENE_NAMES, type SceneName } from "../scenes/scene";

export interface Settings {
  scene: SceneName;
  /** Show the picture as a mirror does; things are computed as the camera saw them. */
  mirror: boolean;
  /** Draw hands as meshes over the picture. */
  meshes: boolean;
  sound: boolean;
  /** Run the networks on the graphics processor where there is one. */
  webgpu: boolean;
  /** Hands near each other go through a network for two, which is fetched when they first meet. */
  pairs: boolean;
  /** How far the camera looks down on the table, degrees. */
  tilt_deg: number;
  /** The picture's horizontal angle of view, degrees; 0: assumed from its size. */
  view_deg: number;
}

export const DEFAULTS: Readonly<Settings> = {
  scene: "occlusion",
  mirror: true,
  meshes: false,
  sound: true,
  webgpu: false,
  pairs: true,
  tilt_deg: 35,
  view_deg: 0,
};

const KEY = "knuckle.settings";
/** Raised when the meaning of a setting changes: what older versions wrote is then forgotten. */
const VERSION = 1;

/** A place to keep text, as localStorage is. */
export type Shelf = Pick<Storage, "getItem" | "setItem">;

/** The settings kept; the defaults for what is missing, malformed, of another version, or where nothing can be kept. */
export function loadSettings(shelf: Shelf | null): Settings {
  const settings = { ...DEFAULTS };
  let kept: Record<string, unknown>;
  try {
    kept = JSON.parse(shelf?.getItem(KEY) ?? "{}") as Record<string, unknown>;
  } catch {
    return settings;
  }
  if (typeof kept !== "object" || kept === null || kept.version !== VERSION) return settings;
  if (SCENE_NAMES.includes(kept.scene as SceneName)) settings.scene = kept.scene as SceneName;
  for (const name of ["mirror", "meshes", "sound", "webgpu", "pairs"] as const) {
    if (typeof kept[name] === "boolean") settings[name] = kept[name];
  }
  settings.tilt_deg = within(kept.tilt_deg, 0, 80, settings.tilt_deg);
  settings.view_deg = within(kept.view_deg, 0, 120, settings.view_deg);
  return settings;
}

/** Keep settings; silently does nothing where the browser keeps nothing (private windows). */
export function saveSettings(shelf: Shelf | null, settings: Settings): void {
  try {
    shelf?.setItem(KEY, JSON.stringify({ version: VERSION, ...settings }));
  } catch {
    return;
  }
}

/** The browser's shelf; null where it may not be used. */
export function browserShelf(): Shelf | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

function within(value: unknown, low: number, high: number, otherwise: number): number {
  return typeof value === "number" && value >= low && value <= high ? value : otherwise;
}
