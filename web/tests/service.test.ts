import assert from "node:assert/strict";
import { test } from "node:test";
import { EstimatorClient, type WorkerLike } from "../src/estimate/client";
import type { Answer, Question, RawFrame } from "../src/estimate/messages";
import { HandService } from "../src/estimate/service";
import { files, type Place, rgbaAt } from "./estimate_files";
import { missing, readGolden } from "./golden_files";

interface Golden {
  frames: { picture: Place; alone: { side: string; joints_m: number[] }[] }[];
}

const skip = missing("golden/estimation.json");
const golden = skip ? null! : readGolden<Golden>("estimation.json");

/** A worker in this thread: messages are copied, as between threads, and what is given away is gone. */
class NearWorker implements WorkerLike {
  onmessage: WorkerLike["onmessage"] = null;
  onerror: WorkerLike["onerror"] = null;
  ended = false;
  readonly told: Answer[] = [];
  private readonly service: HandService;

  constructor(own = files) {
    this.service = new HandService({
      files: () => own,
      tell: (answer, transfer = []) => {
        const copy = structuredClone(answer, { transfer: transfer as ArrayBuffer[] });
        this.told.push(copy);
        queueMicrotask(() => this.onmessage?.({ data: copy } as MessageEvent<Answer>));
      },
      pixels: () => assert.fail("no bitmap was sent"),
    });
  }

  postMessage(message: Question, transfer: Transferable[]): void {
    void this.service.ask(structuredClone(message, { transfer: transfer as ArrayBuffer[] }));
  }

  terminate(): void {
    this.ended = true;
  }
}

const base = "http://localhost/";

test("pictures go to the worker and hands come back, with identities, errors, a surface and times", { skip }, async () => {
  const shares: number[] = [];
  const worker = new NearWorker();
  const client = new EstimatorClient(worker, { base, progress: (share) => shares.push(share) });
  assert.deepEqual(await client.opened, { backend: "wasm", note: "" });
  assert.equal(shares.at(-1), 1);
  assert.ok(shares.every((share, i) => i === 0 || share > shares[i - 1]));

  const raw = rgbaAt(golden.frames[0].picture);
  const { width, height } = raw;
  const first = await client.frame(raw, 0.5);
  assert.equal(raw.data.length, 0, "the pixels were given away");
  const second = await client.frame(rgbaAt(golden.frames[0].picture), 0.55);
  for (const frame of [first, second]) {
    assert.deepEqual([frame.width, frame.height, frame.camera.assumed], [width, height, true]);
    assert.ok(frame.hands.length >= 2);
    for (const stage of ["read", "detect", "landmarks", "estimate", "fit", "track", "total"]) {
      if (stage !== "detect" || frame === first) assert.ok(frame.stages_ms[stage] >= 0, stage);
    }
    for (const hand of frame.hands) {
      assert.equal(hand.joints_m.length, 63);
      assert.equal(hand.vertices_m.length, 3 * 1610);
      assert.ok(hand.joints_m.every(Number.isFinite) && hand.vertices_m.every(Number.isFinite));
      assert.ok(hand.joint_error_m.slice(1).every((radius) => radius > 0 && radius < 0.1));
    }
  }
  const identities = first.hands.map(({ identity }) => identity);
  assert.deepEqual(second.hands.slice(0, identities.length).map(({ identity }) => identity), identities);

  // Forgotten: the same hands are others' now.
  await client.restart({ handLength_m: 0.18 });
  assert.ok((await client.frame(rgbaAt(golden.frames[0].picture), 0)).hands.length >= 2);
  await assert.rejects(client.restart({ handLength_m: -1 }), /expected/);
  await assert.rejects(client.frame(rgbaAt(golden.frames[0].picture), 0), /time_s: expected one after/);

  // One at a time; the one before is answered all the same.
  const on_its_way = client.frame(rgbaAt(golden.frames[1].picture), 1);
  assert.ok(client.busy);
  await assert.rejects(client.frame(rgbaAt(golden.frames[1].picture), 2), /expected one frame at a time/);
  assert.ok((await on_its_way).hands.length >= 2);
  assert.ok(!client.busy);
  const cut: RawFrame = { width: 8, height: 8, data: new Uint8ClampedArray(12) };
  await assert.rejects(client.frame(cut, 3), /picture: expected 8 x 8 pixels of 4 bytes, got 12/);

  // Hands meet in these pictures: the network for two came, and can be left out again.
  await client.setPairs(true, true);
  assert.deepEqual(worker.told.filter(({ kind }) => kind === "pairs"), [{ kind: "pairs", note: "" }]);
  assert.ok((await client.frame(rgbaAt(golden.frames[1].picture), 4)).stages_ms.pairs > 0);
  await client.setPairs(false);
  assert.equal((await client.frame(rgbaAt(golden.frames[1].picture), 5)).stages_ms.pairs, undefined);
  const late = client.frame(rgbaAt(golden.frames[1].picture), 6);
  await assert.rejects(client.setPairs(true, true), /expected no frame on its way/);
  await late;

  client.stop();
  assert.ok(worker.ended);
  await assert.rejects(client.frame(rgbaAt(golden.frames[0].picture), 7), /stopped/);
});

test("where opening fails, whoever waits is told why in one sentence", { skip }, async () => {
  const worker = new NearWorker(async (name) => {
    if (name.endsWith("sides.json")) throw new Error(`${name}: expected a file of this page, got status 404`);
    return files(name);
  });
  const client = new EstimatorClient(worker, { base });
  const early = client.frame({ width: 1, height: 1, data: new Uint8ClampedArray(4) }, 0);
  await assert.rejects(early, /not open yet|status 404/);
  await assert.rejects(client.opened, /models\/sides\.json: expected a file of this page, got status 404/);
  await assert.rejects(client.frame({ width: 1, height: 1, data: new Uint8ClampedArray(4) }, 1), /status 404/);
});

test("a worker that does not start fails whoever waits", async () => {
  const worker: WorkerLike = { postMessage: () => undefined, terminate: () => undefined, onmessage: null, onerror: null };
  const client = new EstimatorClient(worker, { base });
  const waits = client.frame({ width: 1, height: 1, data: new Uint8ClampedArray(4) }, 0);
  worker.onerror!({ message: "" } as ErrorEvent);
  await assert.rejects(waits, /broke off: its worker did not start/);
  await assert.rejects(client.opened, /broke off/);
});
