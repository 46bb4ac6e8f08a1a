// Bundles the page into dist/: programs (the page, its worker, the WebXR example, the service worker), styles, pages,
// the wasm files of onnxruntime-web that are used, what Python made in generated/, and the licences of it all.
// All files lie beside each other, so that `new URL("NAME", import.meta.url)` finds them from every program.
import { build } from "esbuild";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

process.chdir(dirname(fileURLToPath(import.meta.url)));
for (const name of ["rig.bin", "tracks/grab.jsonl"]) {
  if (!existsSync(`generated/${name}`)) {
    console.error(`web/generated/${name}: expected what Python makes of the page, got none; \`make web\` in the checkout builds all`);
    process.exit(1);
  }
}
const programs = { main: "src/page/main.ts", worker: "src/estimate/worker.ts", webxr: "src/webxr/page.ts" };
const out = "build/dist";
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const shared = { bundle: true, target: "es2022", minify: true, metafile: true, logLevel: "warning" };
const page = await build({
  ...shared,
  entryPoints: programs,
  splitting: true,
  format: "esm",
  outdir: out,
  chunkNames: "[name]-[hash]",
  // onnxruntime-web then takes its loader and its wasm from wasm/, and no copy of the loader is in the bundle.
  conditions: ["onnxruntime-web-use-extern-wasm"],
});
// A classic script of its own: `knuckle ar` puts a line before it.
const service = await build({
  ...shared,
  entryPoints: { service_worker: "src/service_worker.ts" },
  format: "iife",
  outdir: out,
});

for (const name of readdirSync(".")) {
  if (name.endsWith(".html") || name.endsWith(".css")) cpSync(name, join(out, name));
}
cpSync("generated", out, { recursive: true });
// Of onnxruntime-web's builds those that a program names; the one without a GPU is fetched ahead, others when they are used.
const runtime = "node_modules/onnxruntime-web/dist";
const programsText = Object.keys(page.metafile.outputs).map((path) => readFileSync(path, "utf8"));
const loaders = new Set(programsText.flatMap((text) => text.match(/ort-wasm-simd-threaded[.a-z]*\.mjs/g) ?? []));
const wasm = [...loaders].flatMap((loader) => [loader, loader.replace(/mjs$/, "wasm")]);
for (const name of wasm) cpSync(`${runtime}/${name}`, `${out}/wasm/${name}`);
const later = wasm.filter((name) => !/^ort-wasm-simd-threaded\.(mjs|wasm)$/.test(name));
const { FILE_NAMES, PAIR_FILES, PAIR_NETWORK } = await filesOf();
const models = [...FILE_NAMES, ...PAIR_FILES].filter((name) => name.startsWith("models/")).map((name) => name.slice("models/".length));
const list = { models, later: [...later.map((name) => `wasm/${name}`), ...PAIR_NETWORK] };
writeFileSync(`${out}/files.json`, JSON.stringify(list, null, 1) + "\n");
writeFileSync(`${out}/licences.txt`, licences([page.metafile, service.metafile]));

rmSync("dist", { recursive: true, force: true });
renameSync(out, "dist");

/** Files that the page asks for; of the package's assets those below models/: `knuckle ar` adds them. */
async function filesOf() {
  const { outputFiles } = await build({ entryPoints: ["src/estimate/files.ts"], bundle: true, format: "esm", write: false });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString("base64")}`);
}

/** Name, version and licence of every package of which a line is in the bundle, and of the wasm beside it. */
function licences(metafiles) {
  const packages = new Set(["onnxruntime-web"]);
  for (const path of metafiles.flatMap((one) => Object.keys(one.inputs))) {
    const found = path.match(/.*node_modules\/((?:@[^/]+\/)?[^/]+)\//);
    if (found) packages.add(found[1]);
  }
  return [...packages].sort().map(licence).join(`\n${"-".repeat(80)}\n\n`);
}

function licence(name) {
  const folder = `node_modules/${name}`;
  const { version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  // licences/: of packages that come without the text of theirs.
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  const text = readFileSync(file ? `${folder}/${file}` : `licences/${name}.txt`, "utf8").trim();
  return `${name} ${version} (${license})\n\n${text}\n`;
}
