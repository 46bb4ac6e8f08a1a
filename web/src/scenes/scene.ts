/** What every scene is to the page. */
import type { Object3D } from "three";
import type { HandFrame } from "../hand/frame";
import type { Table } from "./table";

export const SCENE_NAMES = ["occlusion", "water", "grab", "try_on", "plain"] as const;
export type SceneName = (typeof SCENE_NAMES)[number];

/** One frame as a scene sees it. */
export interface Moment {
  frame: HandFrame;
  /** Since the frame before, seconds: 0 for the first. */
  step_s: number;
  table: Table;
}

/** A scene: its logic, and what three draws of it. */
export interface ArScene {
  readonly name: SceneName;
  /** Drawn in the camera's frame. */
  readonly object: Object3D;
  /** Parts whose visibility can be asked, by name. */
  readonly parts: Readonly<Record<string, Object3D>>;
  /** How the hands are to be drawn over the picture: hidden (they only hide things), or as a mesh. */
  readonly handsShown: boolean;
  update(moment: Moment): void;
  /** As at the start. */
  reset(): void;
  /** Plain numbers and words for tests. */
  state(): Record<string, unknown>;
}
