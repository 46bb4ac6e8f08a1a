/** A pool of water that hands move: `water_field.ts` in a tiled tray. */
import {
  BackSide,
  BoxGeometry,
  BufferAttribute,
  CanvasTexture,
  Color,
  Group,
  InstancedMesh,
  Matrix4,
  Mesh,
  MeshPhysicalMaterial,
  MeshStandardMaterial,
  Object3D,
  PlaneGeometry,
  RepeatWrapping,
  SphereGeometry,
  SRGBColorSpace,
  Vector3,
} from "three";
import { ballsOf } from "./bones";
import type { ArScene, Moment } from "./scene";
import { MOST_DROPS, POOL, WaterField, type Ball } from "./water_field";

const RIM_M = 0.008;
const ABOVE_M = 0.009;

export class WaterScene implements ArScene {
  readonly name = "water";
  readonly object = new Group();
  readonly parts: Record<string, Object3D>;
  readonly handsShown = false;
  readonly field = new WaterField();
  private readonly surface: Mesh<PlaneGeometry, MeshPhysicalMaterial>;
  private readonly drops: InstancedMesh;
  private balls: Ball[] = [];

  constructor() {
    this.object.matrixAutoUpdate = false;
    const { width_m, length_m } = POOL;
    const plane = new PlaneGeometry(width_m, length_m, this.field.columns - 1, this.field.rows - 1);
    plane.rotateX(-Math.PI / 2);
    this.surface = new Mesh(
      plane,
      new MeshPhysicalMaterial({
        color: 0xd8f3ff,
        roughness: 0.03,
        transmission: 1,
        ior: 1.33,
        thickness: 0.03,
        attenuationColor: new Color(0x2f9fd0),
        attenuationDistance: 0.07,
        envMapIntensity: 1.3,
      }),
    );
    this.drops = new InstancedMesh(
      new SphereGeometry(1, 8, 6),
      new MeshPhysicalMaterial({ color: 0xcfeeff, roughness: 0.05, transparent: true, opacity: 0.75 }),
      MOST_DROPS,
    );
    this.drops.count = 0;
    this.drops.frustumCulled = false;
    const tray = trayOf();
    this.object.add(tray, this.surface, this.drops);
    this.parts = { surface: this.surface, tray };
  }

  update({ frame, step_s, table }: Moment): void {
    this.object.matrix.copy(table.cameraFromTable);
    this.object.matrixWorldNeedsUpdate = true;
    this.balls = frame.hands.flatMap((hand) =>
      ballsOf(table.joints(hand)).map(({ centre, radius_m }) => ({ ...xyz(centre), radius_m })),
    );
    this.field.advance(step_s, this.balls);
    this.draw();
  }

  reset(): void {
    this.field.reset();
    this.draw();
  }

  state(): Record<string, unknown> {
    const lowest = this.balls.reduce((low, ball) => (ball.y - ball.radius_m < low.y - low.radius_m ? ball : low), {
      x: 0, y: Infinity, z: 0, radius_m: 0,
    });
    return {
      wave: this.field.highest(),
      middle: this.field.middle(),
      restlessness_m2: this.field.restlessness,
      splashes: this.field.splashes,
      drops: this.field.drops.length,
      lowest: this.balls.length > 0 ? lowest : null,
    };
  }

  private draw(): void {
    const { heights, columns, rows, options } = this.field;
    const position = this.surface.geometry.getAttribute("position") as BufferAttribute;
    const normal = this.surface.geometry.getAttribute("normal") as BufferAttribute;
    const slope = 1 / (2 * options.cell_m);
    for (let row = 0; row < rows; row++) {
      const [up, down] = [Math.max(row - 1, 0) * columns, Math.min(row + 1, rows - 1) * columns];
      for (let column = 0; column < columns; column++) {
        const at = row * columns + column;
        const [left, right] = [Math.max(column - 1, 0), Math.min(column + 1, columns - 1)];
        const x = -(heights[row * columns + right] - heights[row * columns + left]) * slope;
        const z = -(heights[down + column] - heights[up + column]) * slope;
        const length = Math.hypot(x, 1, z);
        position.setY(at, heights[at]);
        normal.setXYZ(at, x / length, 1 / length, z / length);
      }
    }
    position.needsUpdate = true;
    normal.needsUpdate = true;
    const placed = new Matrix4();
    this.field.drops.forEach(({ place_m, radius_m }, index) => {
      this.drops.setMatrixAt(index, placed.makeScale(radius_m, radius_m, radius_m).setPosition(...place_m));
    });
    this.drops.count = this.field.drops.length;
    this.drops.instanceMatrix.needsUpdate = true;
  }
}

function xyz({ x, y, z }: Vector3): { x: number; y: number; z: number } {
  return { x, y, z };
}

/** Tiled walls and floor, and a rim. */
function trayOf(): Group {
  const { width_m, length_m, depth_m } = POOL;
  const tray = new Group();
  const tiles = tileTexture();
  const inner = new Mesh(
    new BoxGeometry(width_m, depth_m + ABOVE_M, length_m),
    new MeshStandardMaterial({ map: tiles, side: BackSide, roughness: 0.5 }),
  );
  // The lid is open.
  inner.geometry.setIndex([...(inner.geometry.index?.array ?? [])].filter((_, at) => Math.floor(at / 6) !== 2));
  inner.geometry.clearGroups();
  inner.position.y = (ABOVE_M - depth_m) / 2;
  inner.receiveShadow = true;
  const white = new MeshStandardMaterial({ color: 0xeef1f4, roughness: 0.4 });
  const height = depth_m + ABOVE_M + 0.004;
  const middle = (ABOVE_M - depth_m - 0.004) / 2;
  for (const [x, z, across, along] of [
    [0, length_m / 2 + RIM_M / 2, width_m + 2 * RIM_M, RIM_M],
    [0, -length_m / 2 - RIM_M / 2, width_m + 2 * RIM_M, RIM_M],
    [width_m / 2 + RIM_M / 2, 0, RIM_M, length_m],
    [-width_m / 2 - RIM_M / 2, 0, RIM_M, length_m],
  ]) {
    const side = new Mesh(new BoxGeometry(across, height, along), white);
    side.position.set(x, middle, z);
    side.receiveShadow = true;
    tray.add(side);
  }
  tray.add(inner);
  return tray;
}

function tileTexture(): CanvasTexture {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [128, 128];
  const context = canvas.getContext("2d");
  if (context) {
    context.fillStyle = "#dfeff2";
    context.fillRect(0, 0, 128, 128);
    for (let row = 0; row < 4; row++) {
      for (let column = 0; column < 4; column++) {
        context.fillStyle = ["#86c5d8", "#7bbcd2", "#93cfdf", "#7fc2cf"][(row * 7 + column * 5) % 4];
        context.fillRect(32 * column + 2, 32 * row + 2, 28, 28);
      }
    }
  }
  const texture = new CanvasTexture(canvas);
  texture.colorSpace = SRGBColorSpace;
  texture.wrapS = texture.wrapT = RepeatWrapping;
  texture.repeat.set(3, 2);
  texture.anisotropy = 4;
  return texture;
}
