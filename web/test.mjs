// Runs the unit tests in Node: each tests/*.test.ts is bundled alone, then given to Node's own test runner.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";

const wanted = process.argv.slice(2);
const tests = readdirSync("tests")
  .filter((name) => name.endsWith(".test.ts"))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
if (tests.length === 0) {
  console.error(`expected words of tests' names, got ${wanted.join(" ")}`);
  process.exit(2);
}
rmSync("build/tests", { recursive: true, force: true });
mkdirSync("build/tests", { recursive: true });
await build({
  entryPoints: tests.map((name) => `tests/${name}`),
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  outdir: "build/tests",
  packages: "external",
  logLevel: "warning",
});
const files = tests.map((name) => `build/tests/${name.replace(/\.ts$/, ".js")}`);
process.exit(spawnSync(process.execPath, ["--test", "--test-reporter=spec", ...files], { stdio: "inherit" }).status ?? 1);
