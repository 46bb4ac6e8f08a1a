import assert from "node:assert/strict";
import test from "node:test";
import { Camera, Vector3 } from "three";
import { aim, pixelOf } from "../src/scenes/projection";
import { seeded } from "../src/scenes/random";
import { Table } from "../src/scenes/table";

test("points are drawn where the lens has them, whatever its middle and its two focal lengths", () => {
  const random = seeded(3);
  const [width, height] = [641, 353];
  for (let trial = 0; trial < 200; trial++) {
    const lens = {
      fx: 300 + 900 * random(),
      fy: 300 + 900 * random(),
      cx: width * random(),
      cy: height * random(),
      assumed: false,
    };
    const camera = new Camera();
    aim(camera, lens, width, height);
    const point = new Vector3(random() - 0.5, random() - 0.5, 0.1 + 2 * random());
    const [u, v] = pixelOf(camera, point, width, height);
    assert.ok(Math.abs(u - ((lens.fx * point.x) / point.z + lens.cx)) < 1e-6 * Math.max(1, Math.abs(u)), `u ${u}`);
    assert.ok(Math.abs(v - ((lens.fy * point.y) / point.z + lens.cy)) < 1e-6 * Math.max(1, Math.abs(v)), `v ${v}`);
  }
});

test("nearer points have less depth, and those behind the camera are cut off", () => {
  const camera = new Camera();
  aim(camera, { fx: 800, fy: 800, cx: 319.5, cy: 239.5, assumed: true }, 640, 480);
  const depth = (z: number): number =>
    new Vector3(0, 0, z).applyMatrix4(camera.matrixWorldInverse).applyMatrix4(camera.projectionMatrix).z;
  assert.ok(depth(0.4) < depth(0.5));
  assert.ok(Math.abs(depth(0.5)) < 1);
  assert.ok(Math.abs(depth(-0.5)) > 1);
});

test("the table's up is up in the picture, and its near edge is nearer the camera", () => {
  const table = new Table({ anchor_m: [0.1, 0.05, 0.5], tilt_deg: 35 });
  const seen = (x: number, y: number, z: number): Vector3 => new Vector3(x, y, z).applyMatrix4(table.cameraFromTable);
  assert.deepEqual(seen(0, 0, 0).toArray(), [0.1, 0.05, 0.5]);
  assert.ok(seen(0, 0.1, 0).y < 0.05);
  assert.ok(seen(0, 0, 0.1).z < 0.5 && seen(0, 0, 0.1).y > 0.05);
  assert.ok(table.cameraFromTable.determinant() > 0.999);
});
