/** Starts the page: loads what it needs, then shows the panel and, where the address says so, plays a track. */
import { keepOffline } from "../offline";
import { RecordedSource } from "../input/recorded";
import { SCENE_NAMES, type SceneName } from "../scenes/scene";
import { abilities } from "./abilities";
import { App } from "./app";
import { loadSurface } from "./assets";
import { byId } from "./controls";
import { hooksOf } from "./hooks";
import { Notice } from "./notice";
import { Panel } from "./panel";
import { MAKERS } from "./scene_list";

async function start(): Promise<void> {
  await keepOffline();
  const asked = new URLSearchParams(location.search);
  const scene = asked.get("scene");
  const byHand = asked.get("clock") === "fixed";
  const notice = new Notice();
  notice.loading("Loading the hand", null);
  let app: App;
  try {
    const surface = await loadSurface((share) => notice.loading("Loading the hand", share));
    const first = SCENE_NAMES.includes(scene as SceneName) ? { scene: scene as SceneName } : {};
    app = new App(surface, MAKERS, first, asked.get("light") === "full" ? { fullLight: true } : {});
  } catch (error) {
    notice.error(error instanceof Error ? error.message : String(error));
    return;
  }
  notice.clear();
  const panel = new Panel(app, abilities());
  let done: () => void = () => undefined;
  window.knuckle = hooksOf(app, new Promise((resolve) => (done = resolve)));
  try {
    await app.choose(app.sceneName);
    const track = asked.get("track");
    if (track) await app.play(await RecordedSource.load(new URL(track, document.baseURI).href, app.surface, byHand));
    else if (!byHand) panel.welcome();
  } catch (error) {
    app.fail(error);
  }
  byId("view").dataset.ready = "true";
  done();
}

await start();
