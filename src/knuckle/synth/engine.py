"""The data engine: sample i of a seed, from pose to photograph."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop, apply_affine
from knuckle.rig.correctives import add_correctives
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.load import load_rig
from knuckle.rig.rotations import rodrigues
from knuckle.sets.samples import Sample, blank_sample
from knuckle.synth.body.arm import grow_arm, sample_arm
from knuckle.synth.body.pool import PosePool
from knuckle.synth.body.scene_mesh import ARM_RINGS, build_mesh
from knuckle.synth.camera.photo import photograph
from knuckle.synth.camera.placement import Place, Placement, place_hand, sample_camera
from knuckle.synth.draw import Draw
from knuckle.synth.labels import Scene, add_full_labels, visible_joints
from knuckle.synth.look import clutter
from knuckle.synth.look.render import Renderer
from knuckle.synth.options import SynthOptions
from knuckle.synth.studio import Outfit, Studio
from knuckle.synth.things.held import Grip, HeldThings, put_in_hand
from knuckle.synth.things.held_mesh import HeldRenderer


class SynthEngine:
    """Renders labelled crops; `sample(i)` depends only on the seed, i and the options. One engine a process.

    folder: where the pose pool is kept between runs and shared with other processes.
    """

    def __init__(self, seed: int, options: SynthOptions | None = None, *, folder: Path | None = None) -> None:
        if seed < 0:
            raise KnuckleError(f"seed: expected 0 or more, got {seed}")
        self.seed, self.options = seed, options or SynthOptions()
        self.rig: HandRig = load_rig("open", side="right")
        self.mesh = build_mesh(self.rig)
        self.studio = Studio(self.rig, self.options)
        self.pool = PosePool(self.rig, seed, folder, extras=self.options.extras)
        self.renderer = Renderer(self.rig, self.mesh, self.options.size)
        self.held: HeldThings | None = None
        if "objects" in self.options.extras:
            self.held = HeldThings(self.rig, seed, self.options.size, self._stance)

    def draw(self, index: int) -> Draw:
        """What is decided about sample `index`."""
        return Draw(self.seed, index, self.options, self.pool, self.held)

    def sample(self, index: int) -> Sample:
        """Render sample `index`; the options' share of all samples holds no hand."""
        return self.render(self.draw(index))

    def render(self, draw: Draw) -> Sample:
        """Render what has been decided, a lone hand or none."""
        if draw.is_negative:
            return self.empty(draw)
        sample, scene = self.hand(draw)
        if self.options.labels == "full":
            add_full_labels(sample, scene)
        return sample

    def _stance(self, index: int) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "10"]]:
        draw = Draw(self.seed, index, self.options, self.pool)
        return draw.turn, draw.shape

    def _stand(self, draw: Draw, place: Place, *, grip: Grip | None = None) -> "_Standing":
        """Pose a hand with its arm and put it before a camera; its vertices are left in the renderer."""
        renderer = self.renderer if grip is None or self.held is None else self.held.renderer(grip)
        pose, shape = draw.pose(grip=grip), draw.shape
        rotations = rodrigues(pose)
        joints = self.rig.posed_joints(rotations, shape)[0]
        placement = place(draw.rng, joints, self.options.size)
        if draw.view is not None and draw.view.ego is not None:
            # The placement above is drawn all the same: what is drawn after it stays as in the set without the extra.
            placement = draw.view.ego.place(joints, self.options.size)
        posed = self.rig.posed_by_matrices(rotations.astype(np.float32), shape.astype(np.float32))
        hand = posed.vertices if draw.flesh is None else add_correctives(self.rig, posed, draw.flesh)
        renderer.vertices[: len(hand)] = hand + placement.translation
        # The same with the arm's bend, where the view brings its own.
        arm = draw.fit_arm(sample_arm(draw.rng, rotations[0]))
        grow_arm(renderer.vertices, self.mesh, rotations[0], arm)
        if isinstance(renderer, HeldRenderer) and grip is not None:
            put_in_hand(renderer, self.mesh, grip, rotations[0], joints[0] + placement.translation, arm)
        return _Standing(pose, shape, joints + placement.translation, placement, arm.sleeve, renderer)

    def hand(self, draw: Draw, *, place: Place = place_hand) -> tuple[Sample, Scene]:
        """Render the draw's hand, whatever the share of negatives; labels as of "joints"."""
        pose, shape, joints, placement, sleeve, renderer = self._stand(draw, place, grip=draw.grip)
        joints_px = apply_affine(placement.crop.patch_from_frame, placement.camera.project(joints))
        renderer.project(placement.camera.vector, placement.crop.patch_from_frame)
        faces = renderer.rasterise(sleeve=sleeve)
        image, environment = self.studio.backdrop(draw.rng)
        worn = draw.worn(sleeve=sleeve)
        outfit = None if worn is None else Outfit(worn, placement, sleeve)
        self.studio.paint(image, renderer, faces, draw.rng, environment, outfit=outfit, shot=draw.shot)
        occluder = self.studio.occlude(image, draw.rng, joints_px)
        scene = Scene(faces, occluder, placement, renderer)
        sample = Sample(
            image=self.studio.photograph(image, placement, draw.rng, shot=draw.shot),
            is_hand=True,
            joints_px=joints_px.astype(np.float32),
            joints_m=joints.astype(np.float32),
            pose=pose.astype(np.float32),
            shape=shape.astype(np.float32),
            translation=placement.translation.astype(np.float32),
            camera=placement.camera.vector.astype(np.float32),
            frame_size=np.array([placement.camera.width, placement.camera.height], np.int32),
            patch_from_frame=placement.crop.patch_from_frame.astype(np.float32),
            visible=visible_joints(scene, joints, joints_px),
        )
        return sample, scene

    def empty(self, draw: Draw) -> Sample:
        """A crop without a hand: background, clutter, often limbs or faces of skin colour, or a forearm."""
        rng, shot = draw.rng, draw.shot
        size, backgrounds = self.options.size, self.studio.backgrounds
        image, _ = backgrounds.draw(rng, size)
        if rng.random() < 0.5:
            clutter.add_clutter(image, rng, backgrounds)
        if rng.random() < 0.5:
            clutter.add_skin_shapes(image, rng, count=int(rng.integers(1, 5)), faces=True)
        camera = sample_camera(rng)
        side = min(camera.width, camera.height) * float(np.exp(rng.uniform(np.log(0.1), 0)))
        crop = Crop((float(rng.uniform(0, camera.width)), float(rng.uniform(0, camera.height))), side, size)
        if rng.random() < 0.3:
            camera, crop = self._forearm(draw, image)
        if rng.random() < 0.2:
            clutter.add_clutter(image, rng, backgrounds)
        if shot is not None:
            image = shot.expose(image, empty=True)
        image = photograph(image, rng, side_px=max(crop.side_px, 48.0))
        if shot is not None:
            image = shot.develop(image)
        return blank_sample(
            image,
            camera,
            crop,
            vertex_count=self.mesh.hand_vertices if self.options.labels == "full" else None,
        )

    def _forearm(self, draw: Draw, image: UInt8[np.ndarray, "s s 3"]) -> tuple[Camera, Crop]:
        """Paint a forearm whose hand lies outside the crop."""
        _, _, joints, placement, sleeve, _ = self._stand(draw, place_hand)
        camera, ring = placement.camera, len(self.mesh.loop)
        start = self.mesh.hand_vertices + ring * int(draw.rng.integers(4, ARM_RINGS))
        middle = self.renderer.vertices[start : start + ring].mean(0)
        middle[2] = max(middle[2], 0.05)
        centre = camera.project(middle)
        nearest = np.abs(camera.project(joints) - centre).max(-1).min()
        crop = Crop((float(centre[0]), float(centre[1])), max(1.8 * float(nearest), 8.0), self.options.size)
        self.renderer.project(camera.vector, crop.patch_from_frame)
        faces = self.renderer.rasterise(sleeve=sleeve)
        self.studio.paint(image, self.renderer, faces, draw.rng, None)
        return camera, crop


class _Standing(NamedTuple):
    pose: Float[np.ndarray, "16 3"]
    shape: Float[np.ndarray, "10"]
    joints: Float[np.ndarray, "21 3"]
    placement: Placement
    sleeve: bool
    renderer: Renderer
