// Milliseconds by stage of the page's estimation in headless Chromium, its worker and one wasm thread, beside those of
// Python with onnxruntime on one thread; and how far the hands that come back lie from Python's.
//
//   python -m tools.web_assets.rig && python -m tools.web_golden.estimation
//   cd web && node benchmarks/estimation.mjs [--rounds 20] [--threads 1] [--native native.json]
//
// native.json: what `python -m benchmarks.speed.web_native` printed. The least of all rounds counts. --node: in Node
// instead, by the processor's time and not the clock's, as Python's are: for a computer that does other things too.
import { build } from "esbuild";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { inChromium } from "./chromium.mjs";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "20" },
    threads: { type: "string", default: "1" },
    native: { type: "string" },
    node: { type: "boolean", default: false },
    chromium: { type: "string", default: "/usr/bin/chromium" },
  },
});
const web = fileURLToPath(new URL("..", import.meta.url));
if (!existsSync(join(web, "golden/estimation.json")) || !existsSync(join(web, "generated/rig.bin"))) {
  console.error("expected golden data and the rig: python -m tools.web_assets.rig && python -m tools.web_golden.estimation");
  process.exit(2);
}

const bundle = async (contents) =>
  (
    await build({
      stdin: { contents, resolveDir: join(web, "src"), loader: "ts" },
      bundle: true,
      format: "esm",
      target: "es2022",
      write: false,
      conditions: ["onnxruntime-web-use-extern-wasm"],
    })
  ).outputFiles[0].text;
const native = options.native ? JSON.parse(readFileSync(options.native, "utf8")) : {};
if (options.node) {
  const place = join(web, "build/benchmark_node.mjs");
  mkdirSync(join(web, "build"), { recursive: true });
  await build({
    stdin: { contents: NODE(), resolveDir: join(web, "src"), loader: "ts" },
    ...{ bundle: true, format: "esm", platform: "node", packages: "external", outfile: place, logLevel: "warning" },
  });
  const stages = await (await import(place)).measure(web, Number(options.rounds));
  console.log(`Node ${process.version}, wasm, 1 thread, milliseconds of the processor`);
  print(stages);
  process.exit(0);
}
const texts = {
  "worker.js": await bundle('import "./estimate/worker";'),
  "page.js": await bundle(PAGE()),
};
const folders = {
  "/": join(web, "generated"),
  "/wasm/": join(web, "node_modules/onnxruntime-web/dist"),
  "/models/": join(web, "../src/knuckle/assets"),
  "/golden/": join(web, "golden"),
};
const report = await inChromium(
  { texts, folders, executablePath: options.chromium, isolated: Number(options.threads) > 1 },
  async (tab, version) => ({
    version,
    ...(await tab.evaluate(
      async ([rounds, threads]) => (await import("/page.js")).measure(rounds, threads),
      [Number(options.rounds), Number(options.threads)],
    )),
  }),
);
console.log(`Chromium ${report.version}, ${report.backend}, ${options.threads} thread(s); ${report.note || "no note"}`);
console.log(`opened after ${(report.open_ms / 1000).toFixed(1)} s; farthest joint from Python's: ${report.off_mm.toFixed(3)} mm`);
print(report.stages);

function print(stages) {
  console.log("stage                            browser     native   ratio");
  for (const [name, ms] of Object.entries(stages)) {
    const other = native[name];
    const beside = other ? `${other.toFixed(1).padStart(7)} ms ${(ms / other).toFixed(1).padStart(7)}` : "";
    console.log(`${name.padEnd(30)} ${ms.toFixed(1).padStart(7)} ms ${beside}`);
  }
}

/** The stages of hands that are known, which both sides measure: TypeScript. */
function STAGES() {
  return `
async function stagesOf(estimator, golden, pixels, rounds, add) {
  const frame = golden.frames[0];
  const camera = { ...frame.camera, assumed: true };
  for (let round = 0; round < rounds; round++) {
    await estimator.detect(new Picture({ ...pixels, channels: 4 }), [], "fast");
    add("detect, a whole picture", estimator.takeStages().detect);
    const known = frame.alone.map((hand) => ({
      joints_px: Float64Array.from(hand.joints_px), side: hand.side, sideConfidence: 1,
      start: { pose_rad: Float64Array.from(hand.pose_rad), shape: Float64Array.from(hand.shape) }, memory: null,
    }));
    await estimator.estimateTracked(new Picture({ ...pixels, channels: 4 }), camera, known);
    const stages = estimator.takeStages();
    for (const stage of ["landmarks", "estimate", "fit"]) add(stage + ", a followed hand", stages[stage] / known.length);
    const pairs = pairBoxes(known.map((hand) => extent(hand.joints_px)), known.map((hand) => hand.side)).length;
    if (stages.pairs) add("pairs, two followed hands", stages.pairs / pairs);
  }
}
const toRgba = (bytes, { offset, width, height }) => {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) data.set(bytes.subarray(offset + 3 * i, offset + 3 * i + 3), 4 * i);
  return { width, height, data };
};
`;
}

function NODE() {
  return `
import { readFileSync } from "node:fs";
import { extent } from "./estimate/affine";
import { createEstimator } from "./estimate/estimator";
import { pairBoxes } from "./estimate/pairing";
import { Picture } from "./estimate/picture";
${STAGES()}
export async function measure(web, rounds) {
  const read = (name) => new Uint8Array(readFileSync(name)).buffer;
  const files = async (name) =>
    read(name === "rig.bin" ? web + "generated/rig.bin" : name.replace("models/", web + "../src/knuckle/assets/"));
  const { estimator } = await createEstimator(files, { pairs: true });
  await estimator.pairsOpened();
  const golden = JSON.parse(readFileSync(web + "golden/estimation.json", "utf8"));
  const pixels = toRgba(new Uint8Array(read(web + "golden/estimation.bin")), golden.frames[0].picture);
  // The clock of the stages becomes the processor's.
  performance.now = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
  const least = {};
  await stagesOf(estimator, golden, pixels, rounds, (name, ms) => (least[name] = Math.min(least[name] ?? Infinity, ms)));
  return least;
}`;
}

function PAGE() {
  return `
import { EstimatorClient } from "./estimate/client";
import { extent } from "./estimate/affine";
import { createEstimator } from "./estimate/estimator";
import { fetchedAhead, filesBelow } from "./estimate/files";
import { pairBoxes } from "./estimate/pairing";
import { Picture } from "./estimate/picture";
${STAGES()}
export async function measure(rounds, threads) {
  const golden = await (await fetch("/golden/estimation.json")).json();
  const bytes = new Uint8Array(await (await fetch("/golden/estimation.bin")).arrayBuffer());
  const rgba = (place) => toRgba(bytes, place);
  const least = {};
  const add = (name, ms) => (least[name] = Math.min(least[name] ?? Infinity, ms));

  // The estimator alone, of known hands: what is compared with Python's.
  const base = new URL("/", location.href).href;
  const { estimator } = await createEstimator(fetchedAhead(filesBelow(base)), { threads, wasmFolder: base + "wasm/", pairs: true });
  await estimator.pairsOpened();
  const pixels = rgba(golden.frames[0].picture);
  await stagesOf(estimator, golden, pixels, rounds, add);
  let off_mm = 0;
  // As Python's answers there are: one by one.
  estimator.setPairs(false);
  for (const one of golden.frames) {
    const fresh = one.alone.map((hand, i) => ({
      joints_px: Float64Array.from(one.found[i].joints_px), side: hand.side, sideConfidence: 1, start: null, memory: null,
    }));
    const told = await estimator.estimateTracked(new Picture({ ...rgba(one.picture), channels: 4 }), { ...one.camera, assumed: true }, fresh);
    told.forEach(({ hand }, i) => {
      for (let n = 0; n < 63; n += 3) {
        const wanted = one.alone[i].joints_m;
        off_mm = Math.max(off_mm, 1000 * Math.hypot(...[0, 1, 2].map((k) => hand.joints_m[n + k] - wanted[n + k])));
      }
    });
  }

  // The same through the worker, as bitmaps, as the page has them.
  const start = performance.now();
  const worker = new Worker("worker.js", { type: "module" });
  const client = new EstimatorClient(worker, { base, threads });
  const { backend, note } = await client.opened;
  await client.setPairs(true, true);
  const open_ms = performance.now() - start;
  let hands = 0;
  for (let round = 0; round < Math.max(rounds >> 1, 4); round++) {
    const bitmap = await createImageBitmap(new ImageData(pixels.data, pixels.width, pixels.height));
    const asked = performance.now();
    const told = await client.frame(bitmap, 1 + round / 30);
    add("worker, a frame and back", performance.now() - asked);
    add("worker, reading a bitmap", told.stages_ms.read);
    add("worker, tracking", told.stages_ms.track);
    hands = told.hands.length;
  }
  client.stop();
  if (hands < 2) throw new Error("expected at least two hands from the worker, got " + hands);
  return { stages: least, off_mm, open_ms, backend, note };
}`;
}
