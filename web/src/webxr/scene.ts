/**
 * A scene as any WebXR page has it: three.js's hands, which come from XRHand, and blocks that a pinch carries. It knows
 * nothing of this project.
 */
import {
  BoxGeometry,
  Color,
  DirectionalLight,
  Group,
  HemisphereLight,
  InstancedMesh,
  Matrix4,
  Mesh,
  MeshStandardMaterial,
  PerspectiveCamera,
  PlaneGeometry,
  Scene,
  SphereGeometry,
  Vector3,
  WebGLRenderer,
  type XRHandSpace,
} from "three";

const JOINTS = 25;
const BLOCK_M = 0.05;
/** Within which a pinch takes hold of a block. */
const REACH_M = 0.06;
/** Of the table's top, under the eyes at 1.6. */
const TABLE_M = 1.42;
const COLOURS = ["#ff8a5c", "#4fc3b4", "#ffc857"];

export class BlocksScene {
  readonly renderer: WebGLRenderer;
  readonly hands: XRHandSpace[];
  readonly blocks: Mesh[];
  private readonly scene = new Scene();
  private readonly camera = new PerspectiveCamera(60, 1, 0.01, 20);
  private readonly beads: InstancedMesh[];
  private readonly matrix = new Matrix4();
  private readonly size = new Matrix4();

  constructor(canvas: HTMLCanvasElement) {
    this.renderer = new WebGLRenderer({ canvas, antialias: true });
    this.renderer.xr.enabled = true;
    this.scene.background = new Color("#1b2027");
    this.scene.add(new HemisphereLight("#ffffff", "#39424e", 2), new DirectionalLight("#ffffff", 2));
    const table = new Mesh(new PlaneGeometry(0.9, 0.5), new MeshStandardMaterial({ color: "#39424e" }));
    table.rotation.x = -Math.PI / 2;
    table.position.set(0, TABLE_M, -0.5);
    this.scene.add(table);
    this.blocks = COLOURS.map((color, n) => {
      const block = new Mesh(new BoxGeometry(BLOCK_M, BLOCK_M, BLOCK_M), new MeshStandardMaterial({ color }));
      block.position.set(0.12 * (n - 1), TABLE_M + BLOCK_M / 2, -0.45);
      this.scene.add(block);
      return block;
    });
    this.hands = [0, 1].map((index) => this.addHand(index));
    this.beads = this.hands.map(() => {
      const beads = new InstancedMesh(new SphereGeometry(1, 16, 12), new MeshStandardMaterial({ color: "#e8b89a" }), JOINTS);
      beads.frustumCulled = false;
      this.scene.add(beads);
      return beads;
    });
    this.renderer.setAnimationLoop(() => this.draw());
  }

  /** Enters a session of `navigator.xr`, whoever provides it. */
  async enter(): Promise<XRSession> {
    const session = await navigator.xr!.requestSession("immersive-vr", {
      requiredFeatures: ["local-floor"],
      optionalFeatures: ["hand-tracking"],
    });
    this.renderer.xr.setReferenceSpaceType("local-floor");
    await this.renderer.xr.setSession(session);
    return session;
  }

  private addHand(index: number): XRHandSpace {
    const hand = this.renderer.xr.getHand(index);
    let held: Mesh | null = null;
    const at = new Vector3();
    // three tells of pinches by the distance of thumb and index finger.
    hand.addEventListener("pinchstart", () => {
      hand.joints["index-finger-tip"]?.getWorldPosition(at);
      const nearest = this.blocks
        .map((block) => ({ block, distance: block.getWorldPosition(new Vector3()).distanceTo(at) }))
        .sort((a, b) => a.distance - b.distance)[0];
      if (nearest.distance > REACH_M) return;
      held = nearest.block;
      hand.joints["index-finger-tip"]?.attach(held);
    });
    const release = () => {
      if (held) this.scene.attach(held);
      held = null;
    };
    hand.addEventListener("pinchend", release);
    hand.addEventListener("disconnected", release);
    this.scene.add(hand);
    return hand;
  }

  private draw(): void {
    this.hands.forEach((hand, index) => {
      const beads = this.beads[index];
      const joints = Object.values(hand.joints) as (Group & { jointRadius?: number })[];
      beads.visible = hand.visible && joints.length > 0;
      joints.forEach((joint, n) => {
        const radius = joint.visible ? (joint.jointRadius ?? 0) : 0;
        beads.setMatrixAt(n, this.matrix.copy(joint.matrixWorld).multiply(this.size.makeScale(radius, radius, radius)));
      });
      beads.instanceMatrix.needsUpdate = true;
    });
    const { width, height } = this.renderer.domElement.getBoundingClientRect();
    if (!this.renderer.xr.isPresenting) {
      this.renderer.setSize(width, height, false);
      this.camera.aspect = width / height;
      this.camera.position.set(0, 1.6, 0);
      this.camera.updateProjectionMatrix();
    }
    this.renderer.render(this.scene, this.camera);
  }
}
