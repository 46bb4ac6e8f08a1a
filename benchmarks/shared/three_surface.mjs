// The surface of every skinned mesh of a .glb as three.js deforms it, at given times.
// node three_surface.mjs NODE_MODULES FILE.glb OUT.json TIME...: {mesh: [[x, y, z, ...] for each time]}
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [modules, file, out, ...times] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${modules}/three/${name}`));
globalThis.self = globalThis;
const THREE = await load('build/three.module.js');
const { GLTFLoader } = await load('examples/jsm/loaders/GLTFLoader.js');

const bytes = readFileSync(file);
const data = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
const gltf = await new GLTFLoader().parseAsync(data, '');
const mixer = new THREE.AnimationMixer(gltf.scene);
for (const clip of gltf.animations) mixer.clipAction(clip).setLoop(THREE.LoopOnce).play().clampWhenFinished = true;
const found = {};
const point = new THREE.Vector3();
for (const time of times.map(Number)) {
  mixer.setTime(time);
  gltf.scene.updateMatrixWorld(true);
  gltf.scene.traverse((mesh) => {
    if (!mesh.isSkinnedMesh) return;
    mesh.skeleton.update();
    const flat = [];
    for (let i = 0; i < mesh.geometry.attributes.position.count; i += 1) {
      mesh.getVertexPosition(i, point).applyMatrix4(mesh.matrixWorld);
      flat.push(point.x, point.y, point.z);
    }
    (found[mesh.name] ??= []).push(flat);
  });
}
writeFileSync(out, JSON.stringify(found));
