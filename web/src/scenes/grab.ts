/** A table with blocks and a radio: `grab_world.ts`, drawn. */
import {
  BoxGeometry,
  CanvasTexture,
  CylinderGeometry,
  Group,
  Mesh,
  MeshStandardMaterial,
  Object3D,
  ShadowMaterial,
  SphereGeometry,
  SRGBColorSpace,
} from "three";
import { RoundedBoxGeometry } from "three/addons/geometries/RoundedBoxGeometry.js";
import { TABLE_HALF_M, type ThingOptions } from "./grab_bodies";
import { GrabWorld } from "./grab_world";
import { RadioSound } from "./radio_sound";
import type { ArScene, Moment } from "./scene";

const BLOCK = { half_m: [0.02, 0.02, 0.02] as [number, number, number], density_kg_m3: 550 };
const RADIO_HALF_M: [number, number, number] = [0.026, 0.01425, 0.05];
const BUTTON_TRAVEL_M = 0.004;

/** What lies on the table at the start. */
export const THINGS: readonly ThingOptions[] = [
  { name: "block 1", ...BLOCK, home_m: [0, 0.02, 0.04] },
  { name: "block 2", ...BLOCK, home_m: [0.02, 0.02, -0.06] },
  { name: "block 3", ...BLOCK, home_m: [0.08, 0.02, -0.055] },
  { name: "block 4", half_m: [0.034, 0.014, 0.014], density_kg_m3: 550, home_m: [0.15, 0.014, -0.02] },
  { name: "block 5", half_m: [0.015, 0.03, 0.015], density_kg_m3: 550, home_m: [-0.045, 0.03, -0.07] },
  {
    name: "radio",
    half_m: RADIO_HALF_M,
    density_kg_m3: 900,
    home_m: [-0.1, RADIO_HALF_M[1], 0],
    docked: true,
    button: { top_m: [0, RADIO_HALF_M[1] + BUTTON_TRAVEL_M, 0.015], half_m: [0.009, 0.009], travel_m: BUTTON_TRAVEL_M },
  },
];
const WOOD = [0xe0b07a, 0x5aa9c9, 0xe07a5f, 0x86b875, 0xd9b64a];

export class GrabScene implements ArScene {
  readonly name = "grab";
  readonly object = new Group();
  readonly parts: Record<string, Object3D> = {};
  readonly handsShown = false;
  readonly world: GrabWorld;
  private readonly sound: RadioSound;
  private readonly drawn = new Map<string, Object3D>();
  private readonly button: Mesh;
  private readonly lamp: MeshStandardMaterial;
  private heard = 0;

  private constructor(world: GrabWorld, sound: () => boolean) {
    this.world = world;
    this.sound = new RadioSound(sound);
    this.object.matrixAutoUpdate = false;
    this.object.add(tableOf());
    const radio = radioOf();
    [this.button, this.lamp] = [radio.button, radio.lamp];
    this.world.things.forEach((thing, at) => {
      const { name } = thing.options;
      const object = name === "radio" ? radio.object : blockOf(thing.options.half_m, WOOD[at % WOOD.length]);
      this.drawn.set(name, object);
      this.parts[name] = object;
      this.object.add(object);
    });
  }

  /** Loads the solver. @param sound whether sounds may be played now. */
  static async create(sound: () => boolean): Promise<GrabScene> {
    const { default: rapier } = await import("@dimforge/rapier3d-compat");
    await rapier.init();
    return new GrabScene(new GrabWorld(rapier, THINGS), sound);
  }

  update({ frame, step_s, table }: Moment): void {
    this.object.matrix.copy(table.cameraFromTable);
    this.object.matrixWorldNeedsUpdate = true;
    const hands = frame.hands.map((hand) => ({ key: `${hand.identity}:${hand.side}`, joints: table.joints(hand) }));
    this.world.advance(step_s, hands);
    this.listen();
    this.draw();
  }

  reset(): void {
    this.world.reset();
    this.sound.stop();
    this.heard = 0;
    this.draw();
  }

  state(): Record<string, unknown> {
    const radio = this.world.thing("radio");
    return {
      things: Object.fromEntries(
        this.world.things.map((thing) => [
          thing.options.name,
          { place_m: thing.place.toArray(), held_by: thing.holder?.key ?? null },
        ]),
      ),
      presses: radio.presses,
      sounds: this.sound.played,
      button_down: radio.buttonLatch?.on ?? false,
      events: [...this.world.events],
    };
  }

  private listen(): void {
    for (const event of this.world.events.slice(this.heard)) {
      if (event === "pressed radio") this.sound.press();
      if (event === "released radio") this.sound.release();
    }
    this.heard = this.world.events.length;
  }

  private draw(): void {
    for (const thing of this.world.things) {
      const object = this.drawn.get(thing.options.name);
      object?.position.copy(thing.place);
      object?.quaternion.copy(thing.turn);
      const block = object instanceof Mesh ? (object.material as MeshStandardMaterial) : null;
      block?.emissive.setHex(thing.holder ? 0x2a2a18 : 0x000000);
    }
    const radio = this.world.thing("radio");
    this.button.position.y = RADIO_HALF_M[1] + BUTTON_TRAVEL_M / 2 - radio.pressed_m;
    this.lamp.emissive.setHex(radio.buttonLatch?.on ? 0xff3b2f : 0x1c0503);
  }
}

function tableOf(): Group {
  const [x, , z] = TABLE_HALF_M;
  const table = new Group();
  // A sheet of glass that takes shadows: the room is seen through it.
  const sheet = new Mesh(
    new RoundedBoxGeometry(2 * x, 0.004, 2 * z, 3, 0.002),
    new MeshStandardMaterial({ color: 0xcfd8e3, transparent: true, opacity: 0.22, roughness: 0.2, depthWrite: false }),
  );
  sheet.position.y = -0.002;
  const shadow = new Mesh(new BoxGeometry(2 * x, 0.0005, 2 * z), new ShadowMaterial({ opacity: 0.38 }));
  shadow.position.y = 0.0003;
  shadow.receiveShadow = true;
  table.add(sheet, shadow);
  return table;
}

function blockOf(half_m: [number, number, number], colour: number): Mesh {
  const [x, y, z] = half_m.map((one) => 2 * one);
  const block = new Mesh(
    new RoundedBoxGeometry(x, y, z, 3, 0.0022),
    new MeshStandardMaterial({ color: colour, roughness: 0.55 }),
  );
  block.castShadow = true;
  block.receiveShadow = true;
  return block;
}

function radioOf(): { object: Group; button: Mesh; lamp: MeshStandardMaterial } {
  const object = new Group();
  const [x, y, z] = RADIO_HALF_M;
  const shell = new MeshStandardMaterial({ color: 0xf2c230, roughness: 0.45 });
  const dark = new MeshStandardMaterial({ color: 0x24282e, roughness: 0.6 });
  const body = new Mesh(new RoundedBoxGeometry(2 * x, 2 * y, 2 * z, 4, 0.005), shell);
  const antenna = new Mesh(new CylinderGeometry(0.0036, 0.0045, 0.06, 16).rotateX(Math.PI / 2), dark);
  antenna.position.set(0.016, 0.002, -z - 0.028);
  const knob = new Mesh(new CylinderGeometry(0.006, 0.006, 0.012, 20).rotateX(Math.PI / 2), dark);
  knob.position.set(-0.014, 0.002, -z - 0.005);
  const screen = new Mesh(
    new RoundedBoxGeometry(0.036, 0.002, 0.02, 2, 0.001),
    new MeshStandardMaterial({ map: screenTexture(), roughness: 0.2 }),
  );
  screen.position.set(0, y, -0.026);
  const grille = new Group();
  for (let bar = 0; bar < 4; bar++) {
    const slot = new Mesh(new RoundedBoxGeometry(0.034, 0.0012, 0.0022, 1, 0.0005), dark);
    slot.position.set(0, y, 0.032 + 0.0045 * bar);
    grille.add(slot);
  }
  const lamp = new MeshStandardMaterial({ color: 0x40100c, emissive: 0x1c0503, roughness: 0.3 });
  const light = new Mesh(new SphereGeometry(0.0022, 16, 12), lamp);
  light.position.set(0.018, y, -0.008);
  const button = new Mesh(
    new CylinderGeometry(0.009, 0.009, BUTTON_TRAVEL_M, 40),
    new MeshStandardMaterial({ color: 0xe4572e, roughness: 0.4 }),
  );
  button.position.set(0, y + BUTTON_TRAVEL_M / 2, 0.015);
  const collar = new Mesh(new CylinderGeometry(0.0115, 0.0115, 0.0012, 40), dark);
  collar.position.set(0, y, 0.015);
  object.add(body, antenna, knob, screen, grille, light, collar, button);
  object.traverse((part) => {
    part.castShadow = true;
    part.receiveShadow = true;
  });
  return { object, button, lamp };
}

function screenTexture(): CanvasTexture {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [144, 80];
  const context = canvas.getContext("2d");
  if (context) {
    context.fillStyle = "#b7cfa0";
    context.fillRect(0, 0, 144, 80);
    context.fillStyle = "#26331c";
    context.font = "bold 34px monospace";
    context.fillText("CH 07", 22, 40);
    context.font = "18px monospace";
    context.fillText("446.081", 34, 66);
  }
  const texture = new CanvasTexture(canvas);
  texture.colorSpace = SRGBColorSpace;
  return texture;
}
