"""The engine of scenes: picture i of a seed, with the box, side, joints and visible share of every hand."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.rig.load import load_rig
from knuckle.rig.rotations import rodrigues
from knuckle.synth.look import clutter
from knuckle.synth.look.background import Backgrounds, backgrounds_folder, procedural_scene
from knuckle.synth.look.lighting import load_environments, sample_light
from knuckle.synth.options import BackgroundKind
from knuckle.synth.scenes import kernels
from knuckle.synth.scenes.camera import sample_camera
from knuckle.synth.scenes.cast import Cast
from knuckle.synth.scenes.develop import develop
from knuckle.synth.scenes.figure import Figure
from knuckle.synth.scenes.labels import SceneHand, SceneKind, ScenePicture
from knuckle.synth.scenes.painter import Drawn, draw, paint
from knuckle.synth.scenes.posture import HIDDEN_PLACES, SHOWN_PLACES
from knuckle.synth.scenes.visibility import hand_samples

KINDS: dict[SceneKind, float] = {
    "people": 0.26, "portrait": 0.16, "arms": 0.18, "wearer": 0.09, "pair": 0.08, "crowd": 0.04, "mixed": 0.08,
    "empty": 0.11,
}  # fmt: skip
"""What is in a picture, by odds; "faces and feet" is an empty one that is asked for by name."""
_KEY = 0x5CE1
_TRIES = 4
_PROCEDURAL_SHARE = 0.12


class SceneEngine:
    """Renders scenes; `picture(i)` depends only on the seed, i and the arguments. One engine a process.

    seed: 0 or more. backgrounds: "auto" takes photographs where `$KNUCKLE_DATA/backgrounds` is. only: one kind of
    scene instead of the mix. folder: where pools of poses and pairs are kept between runs and shared.
    """

    def __init__(
        self,
        seed: int,
        *,
        backgrounds: BackgroundKind = "auto",
        only: SceneKind | None = None,
        folder: Path | None = None,
    ) -> None:
        if seed < 0:
            raise KnuckleError(f"seed: expected 0 or more, got {seed}")
        self.seed, self.only = seed, only
        self.rig = load_rig("open", side="right")
        self.cast = Cast(self.rig, seed, folder)
        place = backgrounds_folder() if backgrounds == "auto" else None
        self.backgrounds = Backgrounds(place)
        self.environment_names, self.environments = load_environments(place)

    def picture(self, index: int) -> ScenePicture:
        """Render scene `index`."""
        rng = np.random.default_rng([self.seed, index, _KEY])
        kind = self.only or str(rng.choice(list(KINDS), p=list(KINDS.values())))
        for attempt in range(_TRIES):
            camera = sample_camera(rng, fov_deg=(60, 105) if kind == "wearer" else (40, 95))
            figures = self._cast(kind, rng, camera, last=attempt == _TRIES - 1)
            drawn = draw(figures, camera)
            # A picture that is to be empty must not show a hand.
            empty = kind in ("empty", "faces and feet")
            if not (empty and (drawn.face_hand[drawn.face_id[drawn.face_id >= 0]] >= 0).any()):
                break
        return self._finish(rng, kind, camera, drawn)  # pyright: ignore[reportArgumentType, reportPossiblyUnboundVariable]

    def _cast(self, kind: str, rng: np.random.Generator, camera: Camera, *, last: bool) -> list[Figure]:
        cast = self.cast
        things = cast.things(rng, camera, count=int(rng.integers(1, 4)) if rng.random() < 0.25 else 0)
        if kind in ("people", "mixed"):
            found = cast.people(rng, camera, count=int(rng.choice([1, 2, 3, 4], p=[0.5, 0.25, 0.15, 0.1])))
            if kind == "mixed":
                found += cast.arms(rng, camera, count=int(rng.integers(1, 3)))
        elif kind == "portrait":
            focus = str(rng.choice(["hand", "head", "spine01"], p=[0.4, 0.3, 0.3]))
            count = 2 if rng.random() < 0.15 else 1
            found = cast.people(
                rng, camera, count=count, places=SHOWN_PLACES, focus=focus, distance_m=(0.5, 1.5)
            )
        elif kind == "arms":
            found = cast.arms(
                rng, camera, count=int(rng.choice([1, 2, 3, 4, 5, 6], p=[0.35, 0.25, 0.14, 0.1, 0.08, 0.08]))
            )
        elif kind == "crowd":
            found = cast.arms(rng, camera, count=int(rng.integers(6, 13)), high_share=0.3)
        elif kind == "wearer":
            found = cast.wearer(rng)
            if rng.random() < 0.4:
                found += cast.people(rng, camera, count=1)
        elif kind == "pair":
            found = cast.pair(rng, camera)
        else:
            found = self._without_hands(kind, rng, camera, last=last)
        return found + things

    def _without_hands(
        self, kind: str, rng: np.random.Generator, camera: Camera, *, last: bool
    ) -> list[Figure]:
        draw_of = rng.random()
        if kind == "empty" and (last or draw_of < 0.3):
            return self.cast.things(rng, camera, count=int(rng.integers(0, 5)))
        focus = "head" if draw_of < 0.65 else str(rng.choice(["foot.L", "foot.R"]))
        found = self.cast.people(
            rng, camera, count=1, places=HIDDEN_PLACES, focus=focus, distance_m=(0.35, 1.6)
        )
        for figure in found:
            if last:
                keep = figure.face_hand < 0
                figure.faces, figure.uv_corner = figure.faces[keep], figure.uv_corner[keep]
                figure.face_material, figure.face_hand = figure.face_material[keep], figure.face_hand[keep]
                figure.hands = []
        return found

    def _finish(
        self, rng: np.random.Generator, kind: SceneKind, camera: Camera, drawn: Drawn
    ) -> ScenePicture:
        image, preferred = self._backdrop(rng, camera, empty=kind == "empty")
        light = sample_light(rng, self.environments, preferred=preferred)
        turn = rodrigues(rng.normal(size=3) * 1.5)
        exposure = min(float(rng.lognormal(-0.22, 0.24)), 1.25)
        square = image
        image = np.ascontiguousarray(square[: camera.height, : camera.width])
        paint(image, drawn, light, turn, exposure=exposure)
        hands = [hand for figure in drawn.figures for hand in figure.hands]
        joints_px = [camera.project(hand.joints) for hand in hands]
        occluder = np.zeros((camera.height, camera.width), np.uint8)
        if hands and rng.random() < 0.12:
            self._occlude(image, occluder, rng, joints_px)
        counts = np.zeros(len(hands), np.int64)
        kernels.count_samples(drawn.face_id, drawn.face_hand, len(hands), occluder, counts)
        found = []
        for number, (hand, px) in enumerate(zip(hands, joints_px, strict=True)):
            if counts[number] == 0:
                continue
            whole, inside = hand_samples(drawn, number, camera)
            visible = float(min(counts[number] / max(whole, 1e-9), 1.0))
            found.append(SceneHand(hand.side, px, visible, inside))
        return ScenePicture(develop(image, rng), kind, found, camera)

    def _backdrop(
        self, rng: np.random.Generator, camera: Camera, *, empty: bool
    ) -> tuple[UInt8[np.ndarray, "s s 3"], int | None]:
        size = max(camera.width, camera.height)
        image, name = self.backgrounds.draw(rng, size)
        if rng.random() < _PROCEDURAL_SHARE:
            # The photographs are small and soft; people must not be all that is sharp.
            image, name = procedural_scene(rng, size), None
        if rng.random() < 0.3:
            clutter.add_clutter(image, rng, self.backgrounds)
        if rng.random() < (0.35 if empty else 0.08):
            clutter.add_skin_shapes(image, rng, count=int(rng.integers(1, 4)), faces=empty)
        return image, self.environment_names.index(name) if name in self.environment_names else None

    def _occlude(
        self, image: np.ndarray, occluder: np.ndarray, rng: np.random.Generator, joints_px: list[np.ndarray]
    ) -> None:
        """Put an object before one of the hands, in place."""
        size = max(image.shape[:2])
        square = np.zeros((size, size, 3), np.uint8)
        square[: image.shape[0], : image.shape[1]] = image
        fill, mask = clutter.draw_occluder(
            rng, self.backgrounds, joints_px[int(rng.integers(len(joints_px)))], size
        )
        clutter.blend(square, fill, mask)
        image[:] = square[: image.shape[0], : image.shape[1]]
        occluder[:] = mask[: image.shape[0], : image.shape[1]]
