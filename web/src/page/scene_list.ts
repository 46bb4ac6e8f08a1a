/** The scenes: their names for people, what to do in them, recorded tracks for them, and how each is made. */
import type { HandSurface } from "../input/track_file";
import type { ArScene, SceneName } from "../scenes/scene";

export interface SceneOptions {
  /** The rig. */
  surface: HandSurface;
  /** Whether sounds may be played now. */
  sound: () => boolean;
}

export type SceneMaker = (options: SceneOptions) => Promise<ArScene>;

export const SCENE_WORDS: Record<SceneName, { title: string; hint: string; samples: readonly string[] }> = {
  occlusion: {
    title: "Occlusion",
    hint: "Reach through the hoop: what is behind your hand is hidden by it.",
    samples: ["turn"],
  },
  water: { title: "Water", hint: "Dip a finger into the water, draw with it, splash.", samples: ["water"] },
  grab: {
    title: "Grab",
    hint: "Pinch a block to lift, stack or throw it; press the radio's button from above.",
    samples: ["grab", "press"],
  },
  try_on: { title: "Try on", hint: "Turn your hand: ring and watch stay where they belong.", samples: ["turn"] },
  plain: { title: "Plain", hint: "What is estimated, and how far off each joint may be.", samples: ["cross"] },
};

export const MAKERS: Record<SceneName, SceneMaker> = {
  occlusion: async () => new (await import("../scenes/occlusion")).OcclusionScene(),
  water: async () => new (await import("../scenes/water")).WaterScene(),
  grab: async ({ sound }) => (await import("../scenes/grab")).GrabScene.create(sound),
  try_on: async ({ surface }) => new (await import("../scenes/try_on")).TryOnScene(surface),
  plain: async () => new (await import("../scenes/plain")).PlainScene(),
};
