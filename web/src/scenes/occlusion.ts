/** Things before, behind and between the fingers, which the hand's surface hides or not. */
import {
  BufferGeometry,
  CapsuleGeometry,
  Group,
  Mesh,
  MeshStandardMaterial,
  Object3D,
  Quaternion,
  SphereGeometry,
  TorusGeometry,
  Vector3,
} from "three";
import { palmCentre, palmFrame } from "./palm";
import type { ArScene, Moment } from "./scene";
import { jointsOf } from "./table";

const HOOP_M = 0.082;
const PLANETS = [
  { radius_m: 0.011, orbit_m: 0.105, turn_s: 3.1, tilt: 0.35, colour: 0x4aa3df },
  { radius_m: 0.0075, orbit_m: 0.085, turn_s: 2.0, tilt: -0.9, colour: 0xe2725b },
  { radius_m: 0.006, orbit_m: 0.12, turn_s: 4.4, tilt: 1.2, colour: 0x9bd27d },
];
/** How fast planets follow the palm, 1/s. */
const FOLLOWING = 12;

export class OcclusionScene implements ArScene {
  readonly name = "occlusion";
  readonly object = new Group();
  readonly parts: Record<string, Object3D>;
  readonly handsShown = false;
  private readonly hoop = new Group();
  private readonly rod: Mesh;
  private readonly planets: Mesh[];
  private readonly centre = new Vector3();
  private anchored = false;
  private time_s = 0;

  constructor() {
    const material = new MeshStandardMaterial({ color: 0xf4b942, metalness: 0.85, roughness: 0.25 });
    const half = (start: number): Mesh => {
      const torus = new TorusGeometry(HOOP_M, 0.006, 20, 64, Math.PI).rotateX(-Math.PI / 2).rotateY(start);
      return solid(torus, material);
    };
    // Drawn with z towards the viewer.
    const [far, near] = [half(0), half(Math.PI)];
    this.hoop.add(near, far);
    this.rod = solid(
      new CapsuleGeometry(0.0045, 0.1, 8, 20),
      new MeshStandardMaterial({ color: 0x35c2a1, roughness: 0.35, emissive: 0x06281f }),
    );
    this.planets = PLANETS.map(({ radius_m, colour }) =>
      solid(new SphereGeometry(radius_m, 32, 20), new MeshStandardMaterial({ color: colour, roughness: 0.4 })),
    );
    this.object.add(this.hoop, this.rod, ...this.planets);
    this.parts = { hoop: this.hoop, near, far, rod: this.rod, planet: this.planets[0] };
    this.reset();
  }

  update({ frame, step_s, table }: Moment): void {
    this.time_s += step_s;
    const hand = frame.hands[0];
    if (hand) {
      const joints = jointsOf(hand);
      const palm = palmCentre(joints);
      if (!this.anchored) {
        this.anchored = true;
        this.centre.copy(palm);
        this.hoop.position.copy(palm);
      }
      this.centre.lerp(palm, 1 - Math.exp(-FOLLOWING * step_s));
      // Through the gap between index and middle finger, straight through the palm's plane.
      const { outward } = palmFrame(joints, hand.side);
      this.rod.position.copy(joints[6]).add(joints[10]).multiplyScalar(0.5);
      this.rod.quaternion.setFromUnitVectors(new Vector3(0, 1, 0), outward);
    } else if (!this.anchored) {
      this.centre.set(...table.place.anchor_m);
      this.hoop.position.copy(this.centre);
    }
    this.rod.visible = hand !== undefined;
    const level = new Quaternion().setFromRotationMatrix(table.cameraFromTable);
    this.hoop.quaternion.copy(level);
    PLANETS.forEach(({ orbit_m, turn_s, tilt }, at) => {
      const angle = (2 * Math.PI * this.time_s) / turn_s + 2 * at;
      const place = new Vector3(Math.cos(angle) * orbit_m, 0, Math.sin(angle) * orbit_m);
      place.applyAxisAngle(new Vector3(0, 0, 1), tilt).applyQuaternion(level);
      this.planets[at].position.copy(this.centre).add(place);
    });
  }

  reset(): void {
    this.anchored = false;
    this.time_s = 0;
    this.rod.visible = false;
  }

  state(): Record<string, unknown> {
    return {
      hoop_m: this.hoop.position.toArray(),
      planets_m: this.planets.map((planet) => planet.position.toArray()),
      rod: this.rod.visible ? this.rod.position.toArray() : null,
    };
  }
}

function solid(geometry: BufferGeometry, material: MeshStandardMaterial): Mesh {
  const mesh = new Mesh(geometry, material);
  mesh.castShadow = true;
  mesh.receiveShadow = true;
  return mesh;
}
