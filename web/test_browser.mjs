// Runs the tests in a browser, tests/browser/*.browser.mjs (or those whose name has one of the given words), one after
// another: two browsers that render without a GPU would be in each other's way.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";

const wanted = process.argv.slice(2);
const files = readdirSync("tests/browser")
  .filter((name) => name.endsWith(".browser.mjs"))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .map((name) => `tests/browser/${name}`);
if (files.length === 0) {
  console.error(`expected words of tests' names, got ${wanted.join(" ")}`);
  process.exit(2);
}
const args = ["--test", "--test-concurrency=1", "--test-reporter=spec", ...files];
process.exit(spawnSync(process.execPath, args, { stdio: "inherit" }).status ?? 1);
