"""The data engine of two hands: sample i of a seed, a pair that touches, one hand, or none."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.geometry.crop import apply_affine
from knuckle.geometry.mirror import AS_RIGHT
from knuckle.sets.samples import PairSample, pair_of_one
from knuckle.synth.camera.placement import Place, Placement
from knuckle.synth.draw import Draw
from knuckle.synth.engine import SynthEngine
from knuckle.synth.labels import Scene, visible_joints
from knuckle.synth.look.render import Renderer
from knuckle.synth.options import SynthOptions
from knuckle.synth.pairs.arms import grow_pair_arms
from knuckle.synth.pairs.mask import PartMask
from knuckle.synth.pairs.mesh import build_pair_mesh
from knuckle.synth.pairs.placement import TurnedPair, place_pair, place_single, turn_pair
from knuckle.synth.pairs.pool import PairPool

CELL_M = 0.0055
"""Side of the ambient maps' cells: what a single hand's come to."""


class PairEngine:
    """`SynthEngine` for crops of two hands; `sample(i)` depends only on the seed, i and the options.

    folder: where the pools of poses and pairs are kept between runs and shared with other processes. Raises
    KnuckleError for options of a one-hand set and a negative seed.
    """

    def __init__(self, seed: int, options: SynthOptions, *, folder: Path | None = None) -> None:
        if options.hands != "two":
            raise KnuckleError(f"hands: expected two, got {options.hands!r}")
        self.seed, self.options = seed, options
        self.one = SynthEngine(seed, options, folder=folder)
        self.rig, self.studio = self.one.rig, self.one.studio
        self.mesh = build_pair_mesh(self.rig)
        self.pool = PairPool(self.rig, seed, folder)
        self.renderer = Renderer(self.rig, self.mesh, options.size, cell_m=CELL_M)
        self._mask = PartMask(options.size)
        self._own_vertices = np.zeros((2, self.mesh.one.vertex_count, 3))

    def sample(self, index: int) -> PairSample:
        """Render sample `index`: the options' share of all samples holds no hand, that of the others one."""
        draw = self.one.draw(index)
        if draw.is_negative:
            half = self.options.size // 2
            return pair_of_one(self.one.empty(draw), np.zeros((half, half), np.uint8), left=False)
        if draw.single is None:
            return self.pair(index, draw.rng)
        return self._single(draw, left=draw.single == "left")

    def _single(self, draw: Draw, *, left: bool) -> PairSample:
        sample, scene = self.one.hand(draw, place=place_single)
        if self.options.labels == "full":
            hand = self.one.renderer.vertices[: self.one.mesh.hand_vertices]
            sample.vertices_m = hand.astype(np.float32)
        return pair_of_one(sample, self._mask.draw(self.one.renderer, scene), left=left)

    def pair(self, index: int, rng: np.random.Generator, *, place: Place = place_pair) -> PairSample:
        """Render pair `index`, whatever the shares of negatives and single hands; place: of all 42 joints."""
        pair, renderer = self.pool.pair(index), self.renderer
        turned = turn_pair(self.rig, pair, self.pool.view(index))
        placement = place(rng, turned.joints.reshape(-1, 3), self.options.size)
        faces = self.stand(turned, pair.shape, placement, rng)
        joints = turned.joints + placement.translation
        joints_px = apply_affine(placement.crop.patch_from_frame, placement.camera.project(joints))
        image, environment = self.studio.backdrop(rng)
        self.studio.paint(image, renderer, faces, rng, environment)
        occluder = self.studio.occlude(image, rng, joints_px.reshape(-1, 2))
        scene = Scene(faces, occluder, placement, renderer)
        sample = PairSample(
            image=self.studio.photograph(image, placement, rng),
            is_hand=np.ones(2, bool),
            joints_px=joints_px.astype(np.float32),
            joints_m=joints.astype(np.float32),
            pose=turned.pose.astype(np.float32),
            shape=pair.shape.astype(np.float32),
            translation=(turned.translation + placement.translation).astype(np.float32),
            camera=placement.camera.vector.astype(np.float32),
            frame_size=np.array([placement.camera.width, placement.camera.height], np.int32),
            patch_from_frame=placement.crop.patch_from_frame.astype(np.float32),
            visible=visible_joints(scene, joints.reshape(-1, 3), joints_px.reshape(-1, 2)).reshape(2, -1),
            kind=np.array(pair.kind, np.uint8),
            part_mask=self._mask.draw(renderer, scene),
        )
        if self.options.labels == "full":
            hands = renderer.vertices[: self.mesh.hand_vertices]
            sample.vertices_m = hands.reshape(2, -1, 3).astype(np.float32)
        return sample

    def stand(
        self,
        turned: TurnedPair,
        shape: Float[np.ndarray, "2 10"],
        placement: Placement,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Put a pair with its arms before the camera, into the renderer; returns the faces that take part."""
        renderer, own = self.renderer, self._own_vertices
        posed = self.rig.posed_by_matrices(turned.rotations.astype(np.float32), shape.astype(np.float32))
        move = turned.translation + placement.translation
        own[:, : self.mesh.one.hand_vertices] = posed.vertices + (move * AS_RIGHT)[:, None]
        joints = turned.joints + placement.translation
        sleeve = grow_pair_arms(rng, self.mesh.one, own, turned.rotations[:, 0], joints)
        for side in (0, 1):
            renderer.vertices[self.mesh.rows[side]] = own[side] * AS_RIGHT[side]
        renderer.project(placement.camera.vector, placement.crop.patch_from_frame)
        return renderer.rasterise(sleeve=sleeve)
