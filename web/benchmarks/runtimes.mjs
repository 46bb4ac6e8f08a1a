// Which runtime is quickest in the browser: onnxruntime-web on our files against LiteRT.js on MediaPipe's own, one wasm
// thread, in headless Chromium. Prints the least and the median milliseconds of one run of each network; runtimes take
// turns. On a computer that does other things the least is what counts.
//
//   node benchmarks/runtimes.mjs [--litert NODE_MODULES --tflite FOLDER] [--rounds 30]
//
// NODE_MODULES: a folder that holds @litertjs/core (npm i @litertjs/core, apart from ours). FOLDER: hand_landmark_full
// and palm_detection_full.tflite, as the mediapipe 0.10.21 wheel has them below mediapipe/modules.
import { build } from "esbuild";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { inChromium } from "./chromium.mjs";

const { values: options } = parseArgs({
  options: {
    litert: { type: "string" },
    tflite: { type: "string" },
    rounds: { type: "string", default: "30" },
    chromium: { type: "string", default: "/usr/bin/chromium" },
  },
});
const web = fileURLToPath(new URL("..", import.meta.url));
const folders = {
  "/ort/": join(web, "node_modules/onnxruntime-web/dist"),
  "/assets/": join(web, "../src/knuckle/assets"),
  ...(options.litert && { "/litert/": join(options.litert, "@litertjs/core/wasm") }),
  ...(options.tflite && { "/tflite/": options.tflite }),
};
const page = await build({
  stdin: { contents: pageCode(Boolean(options.litert)), resolveDir: web, loader: "js" },
  nodePaths: options.litert ? [options.litert] : [],
  external: ["/ort/*"],
  bundle: true,
  format: "esm",
  write: false,
});
const texts = { "page.js": page.outputFiles[0].text };
await inChromium({ texts, folders, executablePath: options.chromium }, async (tab, version) => {
  const report = await tab.evaluate(async (rounds) => (await import("/page.js")).measure(rounds), Number(options.rounds));
  console.log(`Chromium ${version}, WebGPU adapter: ${report.webgpu}, wasm SIMD, 1 thread, ${options.rounds} rounds`);
  for (const row of report.rows) {
    const [least, median] = [row.least_ms, row.median_ms].map((ms) => ms.toFixed(1).padStart(7));
    console.log(`${row.name.padEnd(52)} ${least} ms at least, ${median} ms in the middle`);
  }
});

/** What runs in the page: every network once a round, in turn, on the same noise. */
function pageCode(withLiteRt) {
  return `
import * as ort from "/ort/ort.wasm.min.mjs";
${withLiteRt ? 'import { loadLiteRt, loadAndCompile, Tensor } from "@litertjs/core";' : ""}
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = "/ort/";
ort.env.logLevel = "error";
const noise = (length, scale, Kind) => { let s = 1; return Kind.from({ length }, () => (s = (s * 16807) % 2147483647) / 2147483647 * scale); };
const bytes = (h, w) => new ort.Tensor("uint8", noise(h * w * 3, 255, Uint8Array), [1, h, w, 3]);
const hand = () => ({
  patch: new ort.Tensor("float32", noise(3 * 160 * 160, 2, Float32Array).map((v) => v - 1), [1, 3, 160, 160]),
  crop: new ort.Tensor("float32", [320, 240, 160], [1, 3]), camera: new ort.Tensor("float32", [800, 800, 320, 240], [1, 4]),
  roll: new ort.Tensor("float32", [0.1], [1]),
});
const CASES = [
  ["landmark, fp32 compute", "/assets/detector/hand_landmark_full.onnx", () => ({ picture: bytes(224, 224) })],
  ["landmark, int8", "/assets/int8/hand_landmark_full.onnx", () => ({ picture: bytes(224, 224) })],
  ["palm 192 x 192, fp32 compute", "/assets/detector/palm_detection_full.onnx", () => ({ picture: bytes(192, 192) })],
  ["hand_boxes 192 x 192, fp32 compute", "/assets/detector/hand_boxes.onnx", () => ({ picture: bytes(192, 192) })],
  ["dahyf, fp32 compute", "/assets/weights/dahyf-photo.onnx", hand],
  ["dahyf, int8", "/assets/int8/dahyf-photo.onnx", hand],
];
const LITE = [
  ["landmark, MediaPipe .tflite", "/tflite/hand_landmark_full.tflite", [1, 224, 224, 3]],
  ["palm 192 x 192, MediaPipe .tflite", "/tflite/palm_detection_full.tflite", [1, 192, 192, 3]],
];
export async function measure(rounds) {
  const runs = [];
  for (const [name, url, feeds] of CASES) for (const level of ["all", "basic"]) {
    const session = await ort.InferenceSession.create(url, { executionProviders: ["wasm"], graphOptimizationLevel: level });
    const input = feeds();
    runs.push({ name: "onnxruntime-web " + level.padEnd(6) + name, times: [], run: () => session.run(input) });
  }
  if (${withLiteRt}) {
    await loadLiteRt("/litert/");
    for (const [name, url, shape] of LITE) {
      const model = await loadAndCompile(url, { accelerator: "wasm" });
      const input = Tensor.fromTypedArray(noise(shape.reduce((a, b) => a * b), 1, Float32Array), shape);
      runs.push({ name: "LiteRT.js " + name, times: [], run: async () => {
        for (const output of await model.run(input)) { output.toTypedArray(); output.delete(); }
      } });
    }
  }
  for (const one of runs) await one.run();
  for (let round = 0; round < rounds; round++) for (const one of runs) {
    const start = performance.now();
    await one.run();
    one.times.push(performance.now() - start);
  }
  const webgpu = navigator.gpu ? String(Boolean(await navigator.gpu.requestAdapter())) : "no navigator.gpu";
  return { webgpu, rows: runs.map(({ name, times }) => { times.sort((a, b) => a - b); return { name, least_ms: times[0], median_ms: times[times.length >> 1] }; }) };
}`;
}
