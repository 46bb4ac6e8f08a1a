/** The example page: a camera, a file or a recorded track becomes the hands of a WebXR scene. */
import { openFile } from "../input/file";
import { LiveSource } from "../input/live";
import { RecordedSource } from "../input/recorded";
import type { Source } from "../input/source";
import { Webcam } from "../input/webcam";
import { keepOffline } from "../offline";
import { abilities } from "../page/abilities";
import { fetchBytes } from "../page/assets";
import { byId } from "../page/controls";
import { Notice } from "../page/notice";
import { loadRig } from "../hand/rig";
import { BlocksScene } from "./scene";
import { CAMERA_IS_EYE, CAMERA_IS_OPPOSITE, WebcamHands } from "./webcam_hands";

declare global {
  interface Window {
    /** What tests use. */
    webxr: { hands: WebcamHands; scene: BlocksScene; session: XRSession };
  }
}

const SAMPLE = "tracks/grab.jsonl";

async function start(notice: Notice): Promise<void> {
  await keepOffline();
  const able = abilities();
  const rig = loadRig(await fetchBytes("rig.bin", (share) => notice.loading("Loading the hand", share)));
  notice.clear();
  // `?camera=eye`: the camera is where the viewer's eyes are, not opposite.
  const place = new URLSearchParams(location.search).get("camera") === "eye" ? CAMERA_IS_EYE : CAMERA_IS_OPPOSITE;
  const hands = new WebcamHands(rig, place);
  hands.install();
  const scene = new BlocksScene(byId<HTMLCanvasElement>("xr"));
  window.webxr = { hands, scene, session: await scene.enter() };

  let source: Source | null = null;
  const play = async (make: () => Promise<Source>): Promise<void> => {
    source?.stop();
    try {
      source = await make();
      source.onFrame((frame) => hands.show(frame));
      await source.start();
      notice.clear();
    } catch (error) {
      source?.stop();
      notice.error(error instanceof Error ? error.message : String(error));
    }
  };
  const live = (pictures: ConstructorParameters<typeof LiveSource>[0]) =>
    new LiveSource(pictures, {
      able,
      view_deg: 0,
      progress: (words, share) => notice.loading(words, share),
      failed: (error) => notice.error(error instanceof Error ? error.message : String(error)),
    });
  byId("camera").addEventListener("click", () => void play(async () => live(new Webcam(able))));
  byId("sample").addEventListener("click", () => {
    void play(() => RecordedSource.load(new URL(SAMPLE, document.baseURI).href, rig, false));
  });
  byId<HTMLInputElement>("file").addEventListener("change", (event) => {
    const file = (event.target as HTMLInputElement).files?.[0];
    if (!file) return;
    void play(async () => {
      const opened = await openFile(file, rig);
      return "frames" in opened ? new RecordedSource(opened, false) : live(opened);
    });
  });
}

const notice = new Notice();
await start(notice).catch((error: unknown) => notice.error(error instanceof Error ? error.message : String(error)));
