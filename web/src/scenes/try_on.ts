/** A ring and a watch on each hand: fitted to its surface, hidden by it where they go round. */
import {
  CanvasTexture,
  CylinderGeometry,
  DoubleSide,
  ExtrudeGeometry,
  Group,
  Mesh,
  MeshBasicMaterial,
  MeshPhysicalMaterial,
  MeshStandardMaterial,
  Object3D,
  OctahedronGeometry,
  Path,
  Shape,
  SRGBColorSpace,
  TorusGeometry,
  Vector3,
} from "three";
import type { Hand } from "../hand/frame";
import type { HandSurface } from "../input/track_file";
import { bandVertices, fitBand, RING_PLACE, WRIST_PLACE, type Band } from "./band";
import { outOfBack, palmFrame } from "./palm";
import type { ArScene, Moment } from "./scene";
import { jointsOf } from "./table";

const RING_TUBE_M = 0.0015;
/** Between skin and metal. */
const LOOSE_M = 0.0004;
const STRAP_M = 0.0022;
const STRAP_WIDE_M = 0.014;
/** How fast sizes settle: a finger does not swell, its estimate does. */
const SETTLING = 0.12;

export class TryOnScene implements ArScene {
  readonly name = "try_on";
  readonly object = new Group();
  readonly handsShown = false;
  private readonly worn = new Map<string, Worn>();
  private readonly vertices: { ring: number[]; wrist: number[] };

  /** @param surface the rig, whose rest pose tells which vertices lie under ring and strap. */
  constructor(surface: HandSurface) {
    const rest = surface.pose("right", new Float32Array(48), new Float32Array(10));
    const faces = surface.faces("right");
    // Vertices of a left hand are those of a right one mirrored: the same numbers.
    this.vertices = {
      ring: bandVertices(rest.vertices_m, rest.joints_m, faces, RING_PLACE),
      wrist: bandVertices(rest.vertices_m, rest.joints_m, faces, WRIST_PLACE),
    };
  }

  get parts(): Record<string, Object3D> {
    const [first] = this.worn.values();
    return first ? { gem: first.gem, ring: first.ring, watch: first.watch, dial: first.dial } : {};
  }

  update({ frame }: Moment): void {
    const present = new Set<string>();
    for (const hand of frame.hands) {
      const key = `${hand.identity}:${hand.side}`;
      present.add(key);
      let worn = this.worn.get(key);
      if (!worn) {
        worn = new Worn();
        this.worn.set(key, worn);
        this.object.add(worn.object);
      }
      worn.put(bandsOf(hand, this.vertices));
    }
    for (const [key, worn] of this.worn) {
      if (present.has(key)) continue;
      this.object.remove(worn.object);
      worn.dispose();
      this.worn.delete(key);
    }
  }

  reset(): void {
    for (const worn of this.worn.values()) worn.forget();
  }

  state(): Record<string, unknown> {
    return { worn: Object.fromEntries([...this.worn].map(([key, worn]) => [key, worn.state()])) };
  }
}

/** Ring and strap on a posed hand. */
export function bandsOf(hand: Hand, vertices: { ring: number[]; wrist: number[] }): { ring: Band; wrist: Band } {
  const joints = jointsOf(hand);
  const { across, outward, along } = palmFrame(joints, hand.side);
  const bone = joints[RING_PLACE.to].clone().sub(joints[RING_PLACE.from]).normalize();
  return {
    ring: fitBand(hand.vertices_m, vertices.ring, bone, outOfBack(across, bone, hand.side)),
    wrist: fitBand(hand.vertices_m, vertices.wrist, along, outward),
  };
}

class Worn {
  readonly object = new Group();
  readonly ring = new Group();
  readonly watch = new Group();
  readonly gem: Mesh;
  readonly dial: Mesh;
  private readonly hoop: Mesh;
  private readonly strap: Mesh;
  private readonly forearm: Mesh;
  private readonly head = new Group();
  private readonly face = new WatchFace();
  private sizes: [number, number, number, number] | null = null;

  constructor() {
    const gold = new MeshStandardMaterial({ color: 0xffc95c, metalness: 1, roughness: 0.18 });
    this.hoop = new Mesh(new TorusGeometry(1, 0.13, 20, 72), gold);
    this.gem = new Mesh(
      new OctahedronGeometry(0.0042, 1).scale(1, 0.8, 1),
      new MeshPhysicalMaterial({ color: 0x3f8cff, roughness: 0.02, metalness: 0.1, clearcoat: 1, flatShading: true }),
    );
    this.ring.add(this.hoop, this.gem);
    const leather = new MeshStandardMaterial({ color: 0x2b2f36, roughness: 0.75, side: DoubleSide });
    this.strap = new Mesh(strapGeometry(), leather);
    const steel = new MeshStandardMaterial({ color: 0xcfd4da, metalness: 1, roughness: 0.22 });
    const shell = new Mesh(new CylinderGeometry(0.0165, 0.0172, 0.0075, 56), steel);
    const crown = new Mesh(new CylinderGeometry(0.0022, 0.0022, 0.004, 20).rotateZ(Math.PI / 2), steel);
    crown.position.x = 0.0185;
    this.dial = new Mesh(
      new CylinderGeometry(0.0147, 0.0147, 0.0006, 56),
      new MeshStandardMaterial({ map: this.face.texture, roughness: 0.35 }),
    );
    this.dial.position.y = 0.004;
    this.head.add(shell, crown, this.dial);
    // What the surface lacks of the forearm, so that the strap's far side is hidden.
    this.forearm = new Mesh(new CylinderGeometry(0.97, 0.97, 0.034, 48).rotateX(Math.PI / 2), new MeshBasicMaterial({ colorWrite: false }));
    this.forearm.renderOrder = -8;
    this.forearm.userData.occludes = true;
    this.watch.add(this.strap, this.head);
    for (const part of [this.ring, this.watch, this.forearm]) part.matrixAutoUpdate = false;
    this.object.add(this.ring, this.watch, this.forearm);
    for (const group of [this.ring, this.watch]) {
      group.traverse((part) => {
        part.castShadow = true;
        part.receiveShadow = true;
      });
    }
  }

  put({ ring, wrist }: { ring: Band; wrist: Band }): void {
    const now = [ring.across_m, ring.up_m, wrist.across_m, wrist.up_m] as const;
    const sizes = (this.sizes ??= [...now]);
    now.forEach((value, at) => (sizes[at] += SETTLING * (value - sizes[at])));
    const [ringX, ringY, strapX, strapY] = sizes;
    const out = LOOSE_M + RING_TUBE_M;
    this.hoop.scale.set(ringX + out, ringY + out, RING_TUBE_M / 0.13);
    this.gem.position.y = ringY + out + 0.0026;
    this.ring.matrix.copy(ring.matrix);
    this.strap.scale.set(strapX + LOOSE_M, strapY + LOOSE_M, 1);
    this.head.position.y = strapY + STRAP_M + 0.002;
    this.watch.matrix.copy(wrist.matrix);
    this.forearm.matrix.copy(wrist.matrix);
    const back = new Vector3(0, 0, -0.012).applyMatrix4(wrist.matrix);
    this.forearm.matrix.scale(new Vector3(strapX, strapY, 1)).setPosition(back);
    for (const part of [this.ring, this.watch, this.forearm]) part.matrixWorldNeedsUpdate = true;
    this.face.show(new Date());
  }

  forget(): void {
    this.sizes = null;
  }

  state(): Record<string, unknown> {
    const centre = (part: Object3D): number[] => new Vector3().setFromMatrixPosition(part.matrix).toArray();
    const [ringX, ringY, strapX, strapY] = this.sizes ?? [0, 0, 0, 0];
    return { ring_m: centre(this.ring), ring_half_m: [ringX, ringY], watch_m: centre(this.watch), strap_half_m: [strapX, strapY] };
  }

  dispose(): void {
    this.object.traverse((part) => {
      if (part instanceof Mesh) part.geometry.dispose();
    });
    this.face.texture.dispose();
  }
}

/** A flat ring of half axes 1 inside, to be scaled; the strap's width lies along z. */
function strapGeometry(): ExtrudeGeometry {
  const thick = STRAP_M / 0.026;
  const shape = new Shape().absellipse(0, 0, 1 + thick, 1 + thick, 0, 2 * Math.PI);
  shape.holes.push(new Path().absellipse(0, 0, 1, 1, 0, 2 * Math.PI, true));
  const geometry = new ExtrudeGeometry(shape, { depth: STRAP_WIDE_M, bevelEnabled: false, curveSegments: 48 });
  return geometry.translate(0, 0, -STRAP_WIDE_M / 2);
}

/** The dial, with the time of day. */
class WatchFace {
  readonly texture: CanvasTexture;
  private readonly canvas = document.createElement("canvas");
  private shown = -1;

  constructor() {
    [this.canvas.width, this.canvas.height] = [256, 256];
    this.texture = new CanvasTexture(this.canvas);
    this.texture.colorSpace = SRGBColorSpace;
    this.texture.anisotropy = 4;
  }

  show(now: Date): void {
    const second = Math.floor(now.getTime() / 1000);
    const context = this.canvas.getContext("2d");
    if (second === this.shown || !context) return;
    this.shown = second;
    context.resetTransform();
    context.fillStyle = "#10151d";
    context.fillRect(0, 0, 256, 256);
    context.translate(128, 128);
    for (let mark = 0; mark < 12; mark++) {
      context.fillStyle = mark % 3 === 0 ? "#f2f5f8" : "#7f8b99";
      context.fillRect(-3, -114, 6, mark % 3 === 0 ? 22 : 14);
      context.rotate(Math.PI / 6);
    }
    const minutes = now.getMinutes() + now.getSeconds() / 60;
    this.hand(context, ((now.getHours() % 12) + minutes / 60) / 12, 60, 9, "#f2f5f8");
    this.hand(context, minutes / 60, 92, 6, "#f2f5f8");
    this.hand(context, now.getSeconds() / 60, 100, 3, "#ff6a4d");
    this.texture.needsUpdate = true;
  }

  private hand(context: CanvasRenderingContext2D, share: number, length: number, width: number, colour: string): void {
    context.save();
    context.rotate(2 * Math.PI * share);
    context.fillStyle = colour;
    context.fillRect(-width / 2, -length, width, length + 14);
    context.restore();
  }
}
