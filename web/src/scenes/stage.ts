/** The picture that people see: the video, the hands that hide things, and a scene's things. */
import {
  ACESFilmicToneMapping,
  BufferAttribute,
  BufferGeometry,
  Camera,
  CanvasTexture,
  Color,
  DirectionalLight,
  HemisphereLight,
  LinearSRGBColorSpace,
  Material,
  Mesh,
  MeshBasicMaterial,
  MeshStandardMaterial,
  NearestFilter,
  NoToneMapping,
  Object3D,
  PCFShadowMap,
  PMREMGenerator,
  Scene,
  SRGBColorSpace,
  WebGLRenderer,
  WebGLRenderTarget,
} from "three";
import { RoomEnvironment } from "three/addons/environments/RoomEnvironment.js";
import type { Hand, HandFrame, Side } from "../hand/frame";
import type { Table } from "./table";
import { aim } from "./projection";

/** Skin tones of the stand-in hands of tracks without a picture, by identity. */
const SKIN = [0xc98d6e, 0xa06c50, 0xdba888, 0x7d5240];

/** One hand's surface, drawn twice: into the depth alone, and as a mesh where that is wanted. */
class HandSurfaceMesh {
  readonly occluder: Mesh;
  readonly skin: Mesh;
  private readonly geometry = new BufferGeometry();

  constructor(faces: Uint32Array, vertexCount: number, identity: number) {
    this.geometry.setAttribute("position", new BufferAttribute(new Float32Array(3 * vertexCount), 3));
    this.geometry.setAttribute("normal", new BufferAttribute(new Float32Array(3 * vertexCount), 3));
    this.geometry.setIndex(new BufferAttribute(faces, 1));
    this.occluder = new Mesh(this.geometry, new MeshBasicMaterial({ colorWrite: false }));
    this.occluder.renderOrder = -10;
    this.occluder.castShadow = true;
    const colour = SKIN[identity % SKIN.length];
    this.skin = new Mesh(this.geometry, new MeshStandardMaterial({ color: colour, roughness: 0.6 }));
    this.skin.renderOrder = -9;
    this.skin.castShadow = true;
    this.skin.receiveShadow = true;
    for (const mesh of [this.occluder, this.skin]) mesh.frustumCulled = false;
  }

  update(hand: Hand, shown: boolean): void {
    const position = this.geometry.getAttribute("position") as BufferAttribute;
    position.copyArray(hand.vertices_m);
    position.needsUpdate = true;
    this.skin.visible = shown;
    this.occluder.visible = !shown;
    if (shown) this.geometry.computeVertexNormals();
  }

  dispose(): void {
    this.geometry.dispose();
    (this.occluder.material as Material).dispose();
    (this.skin.material as Material).dispose();
  }
}

export interface Visible {
  /** Pixels of the frame that show the thing, hands in the way. */
  shown: number;
  /** Pixels that would without hands. */
  whole: number;
}

export class Stage {
  readonly scene = new Scene();
  readonly camera = new Camera();
  readonly renderer: WebGLRenderer;
  private readonly hands = new Map<string, HandSurfaceMesh>();
  private readonly light = new DirectionalLight(0xffffff, 1.5);
  private readonly picture = document.createElement("canvas");
  private readonly backdrop = document.createElement("canvas");
  private readonly pictureTexture: CanvasTexture;
  private readonly backdropTexture: CanvasTexture;
  private frame: HandFrame | null = null;

  /**
   * @param faces triangles of a hand of a side.
   * @param options fullLight: whether things mirror a room, which takes a processor seconds to get ready; without it
   *   where there is a graphics card.
   * @throws Error where the browser gives no WebGL 2.
   */
  constructor(
    canvas: HTMLCanvasElement,
    private readonly faces: (side: Side) => Uint32Array,
    options: { fullLight?: boolean } = {},
  ) {
    this.renderer = new WebGLRenderer({ canvas, antialias: true, preserveDrawingBuffer: true });
    this.renderer.toneMapping = ACESFilmicToneMapping;
    // What is seen through water is blurred by its waves anyway.
    this.renderer.transmissionResolutionScale = 0.6;
    this.renderer.shadowMap.enabled = true;
    this.renderer.shadowMap.type = PCFShadowMap;
    this.pictureTexture = new CanvasTexture(this.picture);
    this.pictureTexture.colorSpace = SRGBColorSpace;
    this.pictureTexture.generateMipmaps = false;
    paintBackdrop(this.backdrop);
    this.backdropTexture = new CanvasTexture(this.backdrop);
    this.backdropTexture.colorSpace = SRGBColorSpace;
    this.scene.background = this.backdropTexture;
    if (options.fullLight ?? !drawnBySoftware(this.renderer)) {
      const generator = new PMREMGenerator(this.renderer);
      this.scene.environment = generator.fromScene(new RoomEnvironment(), 0, 0.1, 100, { size: 64 }).texture;
      this.scene.environmentIntensity = 0.5;
      // The room's ceiling is towards +y; here that is down.
      this.scene.environmentRotation.set(Math.PI, 0, 0);
      generator.dispose();
    } else {
      // Towards -y is up.
      const sky = new HemisphereLight(0xf4f7ff, 0x77706a, 1.7);
      sky.position.set(0, -1, 0);
      this.scene.add(sky);
    }
    this.scene.add(this.light, this.light.target);
    this.light.castShadow = true;
    this.light.shadow.mapSize.set(1024, 1024);
    this.light.shadow.bias = -0.0006;
    this.light.shadow.normalBias = 0.004;
    const box = this.light.shadow.camera;
    [box.left, box.right, box.top, box.bottom, box.near, box.far] = [-0.4, 0.4, 0.4, -0.4, 0.05, 1.6];
  }

  /** Light from above the table, over the viewer's left shoulder. */
  lightTable(table: Table): void {
    this.light.position.set(-0.25, 0.75, 0.25).applyMatrix4(table.cameraFromTable);
    this.light.target.position.set(0, 0, 0).applyMatrix4(table.cameraFromTable);
  }

  /** Fit a box of the page (CSS px) and draw as finely as the screen does, at most twice as fine. */
  resize(width_px: number, height_px: number, pixelRatio: number): void {
    this.renderer.setPixelRatio(Math.min(Math.max(pixelRatio, 1), 2));
    this.renderer.setSize(Math.max(1, Math.round(width_px)), Math.max(1, Math.round(height_px)), false);
  }

  /** @param meshes whether hands are drawn as meshes; without a picture they always are. */
  setFrame(frame: HandFrame, image: CanvasImageSource | null, meshes: boolean): void {
    this.frame = frame;
    aim(this.camera, frame.camera, frame.width, frame.height);
    if (image !== null) this.drawPicture(image, frame.width, frame.height);
    this.scene.background = image === null ? this.backdropTexture : this.pictureTexture;
    const present = new Set<string>();
    for (const hand of frame.hands) {
      const key = `${hand.identity}:${hand.side}:${hand.vertices_m.length}`;
      present.add(key);
      let mesh = this.hands.get(key);
      if (!mesh) {
        mesh = new HandSurfaceMesh(this.faces(hand.side), hand.vertices_m.length / 3, hand.identity);
        this.hands.set(key, mesh);
        this.scene.add(mesh.occluder, mesh.skin);
      }
      mesh.update(hand, meshes || image === null);
    }
    this.keep(present);
  }

  /** Neither picture nor hands. */
  clear(): void {
    this.scene.background = this.backdropTexture;
    this.keep(new Set());
    this.picture.getContext("2d")?.clearRect(0, 0, this.picture.width, this.picture.height);
    this.render();
  }

  render(): void {
    this.renderer.render(this.scene, this.camera);
  }

  /** Which pixels of the frame the hands that hide things cover: 1 or 0 each, row by row from the top. */
  silhouette(): { width: number; height: number; mask: Uint8Array } {
    const { width, height } = this.frame ?? { width: 1, height: 1 };
    const pixels = this.drawFlat(() => {
      this.scene.traverse((object) => {
        if (object instanceof Mesh) object.visible = false;
      });
      for (const mesh of this.hands.values()) {
        mesh.occluder.visible = true;
        mesh.occluder.material = FLAT;
      }
    });
    return { width, height, mask: pixels };
  }

  /** How much of a thing is seen, and how much would be without the hands. */
  visible(thing: Object3D): Visible {
    const count = (pixels: Uint8Array): number => pixels.reduce((sum, one) => sum + one, 0);
    const draw = (hands: boolean): Uint8Array =>
      this.drawFlat(() => {
        const mine = new Set<Object3D>();
        thing.traverse((object) => mine.add(object));
        this.scene.traverse((object) => {
          if (!(object instanceof Mesh) || !object.visible) return;
          if (mine.has(object)) object.material = FLAT;
          else if (object.userData.occludes === true && hands) object.material = DEPTH;
          else object.visible = false;
        });
        if (!hands) return;
        for (const mesh of this.hands.values()) {
          mesh.skin.visible = false;
          mesh.occluder.visible = true;
          mesh.occluder.material = DEPTH;
        }
      });
    return { shown: count(draw(true)), whole: count(draw(false)) };
  }

  /** Forget the hands that are not there any more. */
  private keep(present: ReadonlySet<string>): void {
    for (const [key, mesh] of this.hands) {
      if (present.has(key)) continue;
      this.scene.remove(mesh.occluder, mesh.skin);
      mesh.dispose();
      this.hands.delete(key);
    }
  }

  private drawPicture(image: CanvasImageSource, width: number, height: number): void {
    if (this.picture.width !== width || this.picture.height !== height) {
      [this.picture.width, this.picture.height] = [width, height];
      // A texture keeps the size it was made with.
      this.pictureTexture.dispose();
    }
    this.picture.getContext("2d")?.drawImage(image, 0, 0, width, height);
    this.pictureTexture.needsUpdate = true;
  }

  /** Draw at the frame's own size without smoothing; `prepare` chooses materials, which are put back afterwards. */
  private drawFlat(prepare: () => void): Uint8Array {
    const { width, height } = this.frame ?? { width: 1, height: 1 };
    const before: [Mesh, Material | Material[], boolean][] = [];
    this.scene.traverse((object) => {
      if (object instanceof Mesh) before.push([object, object.material as Material | Material[], object.visible]);
    });
    const { background } = this.scene;
    const target = new WebGLRenderTarget(width, height, { colorSpace: LinearSRGBColorSpace, minFilter: NearestFilter });
    const clear = this.renderer.getClearColor(new Color());
    const alpha = this.renderer.getClearAlpha();
    prepare();
    this.scene.background = null;
    this.renderer.toneMapping = NoToneMapping;
    this.renderer.shadowMap.autoUpdate = false;
    this.renderer.setClearColor(0x000000, 0);
    this.renderer.setRenderTarget(target);
    this.renderer.clear();
    this.renderer.render(this.scene, this.camera);
    const bytes = new Uint8Array(4 * width * height);
    this.renderer.readRenderTargetPixels(target, 0, 0, width, height, bytes);
    this.renderer.setRenderTarget(null);
    this.renderer.setClearColor(clear, alpha);
    this.renderer.toneMapping = ACESFilmicToneMapping;
    this.renderer.shadowMap.autoUpdate = true;
    target.dispose();
    this.scene.background = background;
    for (const [mesh, material, visible] of before) Object.assign(mesh, { material, visible });
    const mask = new Uint8Array(width * height);
    // The lowest row comes first.
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        mask[row * width + column] = bytes[4 * ((height - 1 - row) * width + column)] > 127 ? 1 : 0;
      }
    }
    return mask;
  }
}

const FLAT = new MeshBasicMaterial({ color: 0xffffff, toneMapped: false });
const DEPTH = new MeshBasicMaterial({ colorWrite: false });

/** What stands for the world where there is no picture. */
function paintBackdrop(canvas: HTMLCanvasElement): void {
  [canvas.width, canvas.height] = [64, 256];
  const context = canvas.getContext("2d");
  if (!context) return;
  const shade = context.createLinearGradient(0, 0, 0, 256);
  shade.addColorStop(0, "#39424f");
  shade.addColorStop(0.55, "#5b6675");
  shade.addColorStop(1, "#242a33");
  context.fillStyle = shade;
  context.fillRect(0, 0, 64, 256);
}

/** Whether the processor does the graphics card's work. */
function drawnBySoftware(renderer: WebGLRenderer): boolean {
  const context = renderer.getContext();
  const info = context.getExtension("WEBGL_debug_renderer_info");
  const name = String(context.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : context.RENDERER));
  return /swiftshader|llvmpipe|software/i.test(name);
}
