/**
 * The animated glTF of `knuckle export` as three.js reads, animates, morphs and skins it, beside the rig's own surface;
 * and as Khronos' validator judges it. Golden data: tools/web_golden/exported.py.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import test from "node:test";
import * as validator from "gltf-validator";
import { AnimationMixer, Bone, type SkinnedMesh, Vector3 } from "three";
import { GLTFLoader, type GLTF } from "three/addons/loaders/GLTFLoader.js";

const GOLDEN = "golden/exported";
const skip = existsSync(`${GOLDEN}/hands.glb`) ? false : "golden data are missing: make test-web makes them";
const MOST_M = 1e-4;

interface Exported {
  name: string;
  rows: number[];
  vertices: number;
}

function read(): { times_s: number[]; hands: Exported[]; surfaces: Float32Array } {
  const { times_s, hands } = JSON.parse(readFileSync(`${GOLDEN}/hands.json`, "utf8"));
  const bytes = readFileSync(`${GOLDEN}/surfaces.bin`);
  return { times_s, hands, surfaces: new Float32Array(new Uint8Array(bytes).buffer) };
}

async function load(): Promise<GLTF> {
  const bytes = new Uint8Array(readFileSync(`${GOLDEN}/hands.glb`));
  return new GLTFLoader().parseAsync(bytes.buffer, "");
}

/** What sets a scene to a time of its animation. */
function playing(gltf: GLTF): (time_s: number) => void {
  const mixer = new AnimationMixer(gltf.scene);
  const action = mixer.clipAction(gltf.animations[0]).play();
  return (time_s) => {
    // Not by way of the mixer's clock, which at the last frame begins anew. The time as the file has it, in 32 bits: a
    // little earlier, after a gap, a hand has no size yet.
    action.time = Math.fround(time_s);
    mixer.update(0);
    gltf.scene.updateMatrixWorld(true);
  };
}

/** The greatest distance of a vertex as three deforms it from the rig's, metres, over all frames. */
async function worstOf(change: (mesh: SkinnedMesh) => void = () => undefined): Promise<number> {
  const { times_s, hands, surfaces } = read();
  const gltf = await load();
  const setTime = playing(gltf);
  const point = new Vector3();
  let worst = 0;
  let at = 0;
  for (const hand of hands) {
    const mesh = gltf.scene.getObjectByName(`${hand.name}_mesh`) as SkinnedMesh;
    assert.equal(mesh.geometry.attributes.position.count, hand.vertices);
    for (const row of hand.rows) {
      setTime(times_s[row]);
      mesh.skeleton.update();
      change(mesh);
      for (let vertex = 0; vertex < hand.vertices; vertex++, at += 3) {
        mesh.localToWorld(mesh.getVertexPosition(vertex, point));
        const distance = Math.hypot(point.x - surfaces[at], point.y - surfaces[at + 1], point.z - surfaces[at + 2]);
        worst = Math.max(worst, distance);
      }
    }
  }
  assert.equal(at, surfaces.length);
  return worst;
}

test("three.js deforms the surface as the rig does, in all 100 frames of both hands", { skip }, async () => {
  const worst = await worstOf();
  console.log(`three.js: at most ${(1e3 * worst).toFixed(4)} mm from the rig's surface`);
  assert.ok(worst <= MOST_M, `${1e3 * worst} mm`);
});

test("without the pose correctives it would be another surface", { skip }, async () => {
  const worst = await worstOf((mesh) => mesh.morphTargetInfluences!.fill(0));
  assert.ok(worst > 10 * MOST_M, `${1e3 * worst} mm`);
});

test("a hand that is away has no size, and its skeleton is one of bones", { skip }, async () => {
  const { times_s, hands } = read();
  const gltf = await load();
  const setTime = playing(gltf);
  const point = new Vector3();
  const left = hands.find((hand) => hand.name.startsWith("left"))!;
  const mesh = gltf.scene.getObjectByName(`${left.name}_mesh`) as SkinnedMesh;
  assert.ok(mesh.skeleton.bones.length === 21 && mesh.skeleton.bones.every((bone) => bone instanceof Bone));
  const away = times_s.map((_, row) => row).filter((row) => !left.rows.includes(row));
  assert.ok(away.length > 5);
  for (const row of away) {
    setTime(times_s[row]);
    mesh.skeleton.update();
    const places = [0, 500, 1600].map((vertex) => mesh.getVertexPosition(vertex, point).toArray());
    for (const place of places) assert.ok(Math.hypot(...place.map((x, c) => x - places[0][c])) < 1e-6);
  }
});

test("Khronos' validator finds nothing to say", { skip }, async () => {
  const report = await validator.validateBytes(new Uint8Array(readFileSync(`${GOLDEN}/hands.glb`)));
  const { numErrors, numWarnings, numInfos, numHints, messages } = report.issues;
  console.log(`gltf-validator: ${numErrors} errors, ${numWarnings} warnings, ${numInfos} infos, ${numHints} hints`);
  assert.deepEqual([numErrors, numWarnings], [0, 0], JSON.stringify(messages.slice(0, 5)));
});
