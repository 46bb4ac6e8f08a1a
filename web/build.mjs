// Bundles the page into dist/: one entry a program (the page, its worker, the service worker).
import { build } from "esbuild";
import { existsSync } from "node:fs";

const entries = ["src/page/main.ts", "src/estimate/worker.ts"].filter((entry) => existsSync(entry));

await build({
  entryPoints: entries,
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  outdir: "dist",
  minify: true,
  sourcemap: false,
});
