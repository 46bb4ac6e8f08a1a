"""Who and what is in a scene: people, lone arms, pairs of hands, the wearer, things; each put before the camera."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.geometry.camera import Camera
from knuckle.poses.prior import sample_orientations
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.rotations import rodrigues
from knuckle.synth.body.pool import CHUNK_POSES, PosePool
from knuckle.synth.body.scene_mesh import build_mesh
from knuckle.synth.pairs.pool import CHUNK_PAIRS, PairPool
from knuckle.synth.scenes.arms import arm_end, arm_of_hand, pair_of_arms
from knuckle.synth.scenes.body import load_body
from knuckle.synth.scenes.camera import CAMERA_FROM_WEARER, HAND_M, Stand, hand_size, stand_before
from knuckle.synth.scenes.figure import Figure
from knuckle.synth.scenes.held import draw_holdings, thing_figure
from knuckle.synth.scenes.person import HandPose, Person, sample_person
from knuckle.synth.scenes.posture import EGO_PLACES

Generator = np.random.Generator
SMALLEST_PX = 16
POSE_CHUNKS, HOLDINGS = 6, 480
"""How many chunks of poses, and tries to hold something, the scenes of a seed share."""
_HOLDING_SHARE = 0.15
_NEAREST_M = 0.1
_APART_M = 0.45


class Cast:
    """What scenes of one seed draw from. folder: where pools of poses and pairs are kept and shared."""

    def __init__(self, rig: HandRig, seed: int, folder: Path | None = None) -> None:
        self.rig, self.body, self.mesh = rig, load_body(rig), build_mesh(rig)
        self.poses = PosePool(rig, seed, folder, extras=("poses", "signs"))
        self.pairs = PairPool(rig, seed, folder)
        self.holdings = draw_holdings(rig, seed, HOLDINGS)

    def hand_pose(self, rng: Generator) -> HandPose:
        """Draw what a hand does; 15 % hold something."""
        pose = self.poses.pose(int(rng.integers(POSE_CHUNKS * CHUNK_POSES)))
        shape = np.clip(rng.normal(0, 0.8, 10), -2.2, 2.2)
        if rng.random() >= _HOLDING_SHARE:
            return HandPose(pose, shape)
        holding = self.holdings[int(rng.integers(len(self.holdings)))]
        return HandPose(holding.pose, holding.shape, holding)

    def people(
        self,
        rng: Generator,
        camera: Camera,
        *,
        count: int,
        places: dict[str, float] | None = None,
        focus: str | None = None,
        distance_m: tuple[float, float] | None = None,
    ) -> list[Figure]:
        """People on the ground before the camera.

        Args:
            rng: what is drawn from.
            camera: of the scene.
            count: how many people; fewer where they would stand in each other.
            places: where they hold their hands, see `sample_posture`.
            focus: what the picture of the first one is about: a bone or "hand"; drawn where None.
            distance_m: of the first one; by default such that hands have all sizes.
        """
        longest = max(camera.width, camera.height)
        found: list[Figure] = []
        stand: Stand | None = None
        ground: list[np.ndarray] = []
        for number in range(count):
            person = sample_person(
                self.body, self.rig, rng, (self.hand_pose(rng), self.hand_pose(rng)),
                places=places,
            )  # fmt: skip
            yaw = rng.normal(0, 0.6) if rng.random() < 0.8 else rng.uniform(-np.pi, np.pi)
            figure = person.figure.moved(rodrigues(np.array([0, 0, yaw])), np.zeros(3))
            low = figure.vertices[:, 2].min()
            distance = max(camera.fx * HAND_M / hand_size(rng, SMALLEST_PX, 0.3 * longest), 0.5)
            if number == 0:
                if distance_m is not None:
                    distance = rng.uniform(*distance_m)
                at = self._focus(person, rodrigues(np.array([0, 0, yaw])), focus, distance, rng)
                stand = stand_before(rng, camera, float(at[2] - low), distance)
                side = rng.uniform(-0.3, 0.3) * camera.width / camera.fx * distance - at[0]
            else:
                at = np.zeros(3)
                side = rng.uniform(-0.55, 0.55) * camera.width / camera.fx * distance
            assert stand is not None
            place = np.array([side, distance - at[1], -low])
            if any(np.linalg.norm(place[:2] - other) < _APART_M for other in ground):
                continue
            place[1] += self._room(figure, place, stand)
            ground.append(place[:2])
            figure.moved(np.eye(3), place)
            figure.moved(stand.turn, -stand.turn @ [0, 0, stand.height_m])
            found.append(figure)
        return found

    def _focus(
        self,
        person: Person,
        turn: Float[np.ndarray, "3 3"],
        focus: str | None,
        distance: float,
        rng: Generator,
    ) -> Float[np.ndarray, "3"]:
        if focus is None:
            near = {"head": 0.25, "spine01": 0.3, "hand": 0.45}
            far = {"head": 0.15, "spine01": 0.45, "root": 0.25, "hand": 0.15}
            odds = near if distance < 1.5 else far
            focus = str(rng.choice(list(odds), p=list(odds.values())))
        if focus == "hand":
            return person.figure.hands[int(rng.integers(2))].joints[9]
        return turn @ person.posture.places[self.body.bone(focus)]

    @staticmethod
    def _room(figure: Figure, place: np.ndarray, stand: Stand) -> float:
        """How much further away the figure must stand for its hands and face to be before the camera."""
        points = np.concatenate([figure.vertices[::40], *(hand.joints for hand in figure.hands)]) + place
        nearest = stand.to_camera(points)[:, 2].min()
        return max(_NEAREST_M + 0.08 - nearest, 0.0)

    def wearer(self, rng: Generator) -> list[Figure]:
        """The person whose eyes the camera is at: arms, trunk and legs, no head."""
        person = sample_person(
            self.body,
            self.rig,
            rng,
            (self.hand_pose(rng), self.hand_pose(rng)),
            places=EGO_PLACES,
            headless=True,
        )
        head = self.body.bone("head")
        place, turn = person.posture.places[head], person.posture.turns[head]
        eyes = place + turn @ np.array(
            [rng.normal(0, 0.02), -0.12 + rng.normal(0, 0.02), 0.05 + rng.normal(0, 0.03)]
        )
        look = rodrigues(np.array([rng.uniform(0.0, 0.95), 0, 0])) @ rodrigues(
            np.array([0, rng.normal(0, 0.15), 0])
        )
        look = rodrigues(np.array([0, 0, rng.normal(0, 0.08)])) @ look @ CAMERA_FROM_WEARER
        figure = person.figure.moved(look, -look @ eyes)
        near = min(hand.joints[:, 2].min() for hand in figure.hands)
        if near < _NEAREST_M:
            figure.moved(np.eye(3), np.array([0, 0, _NEAREST_M - near]))
        return [figure]

    def arms(self, rng: Generator, camera: Camera, *, count: int, high_share: float = 0.75) -> list[Figure]:
        """Lone arms that come from outside the picture, hands of all sizes up to a share of its shorter side."""
        found: list[Figure] = []
        for _ in range(count):
            size = hand_size(rng, 40, high_share * min(camera.width, camera.height))
            for _ in range(10):
                figure = self._lone(rng, camera, size)
                if figure is not None:
                    found.append(figure)
                    break
                size *= 1.1
        return found

    def _lone(self, rng: Generator, camera: Camera, size: float) -> Figure | None:
        """One arm, None where its end would show or it comes too near."""
        hand = self.hand_pose(rng)
        left = bool(rng.random() < 0.5)
        turn = sample_orientations(1, rng)[0].astype(float)
        figure = arm_of_hand(
            self.rig, rng, turn=turn, pose=hand.pose, shape=hand.shape, left=left, holding=hand.holding
        )
        depth = camera.fx * HAND_M / size
        frame = np.array([camera.width, camera.height])
        margin = 0.3 * size if rng.random() < 0.25 else -0.45 * size
        middle = rng.uniform(np.minimum(-margin, frame / 2 - 1), np.maximum(frame + margin, frame / 2 + 1))
        centre = camera.backproject(middle, np.array(depth))
        figure.moved(np.eye(3), centre - figure.hands[0].joints.mean(0))
        end = arm_end(figure, self.mesh)
        if figure.hands[0].joints[:, 2].min() < 0.06:
            return None
        if end[2] > 0.03:
            px = camera.project(end)
            reach = 0.06 * camera.fx / end[2]
            if (px > -reach).all() and (px < frame + reach).all():
                return None
        return figure

    def pair(self, rng: Generator, camera: Camera) -> list[Figure]:
        """A pair of hands that touch or cross."""
        for attempt in range(8):
            number = int(rng.integers(CHUNK_PAIRS))
            figures = pair_of_arms(
                self.rig, rng, self.pairs.pair(number), self.pairs.view(int(rng.integers(4 * CHUNK_PAIRS)))
            )
            joints = np.concatenate([figure.hands[0].joints for figure in figures])
            extent = float(np.ptp(joints, axis=0)[:2].max()) + 0.03
            shortest = min(camera.width, camera.height)
            size = hand_size(rng, min(0.2 + 0.1 * attempt, 0.8) * shortest, 0.95 * shortest)
            depth = max(camera.fx * extent / size, 0.1 + float(np.ptp(joints[:, 2])) / 2)
            frame = np.array([camera.width, camera.height])
            middle = frame * rng.uniform(0.35, 0.65, 2)
            move = camera.backproject(middle, np.array(depth)) - joints.mean(0)
            for figure in figures:
                figure.moved(np.eye(3), move)
            ends = np.stack([arm_end(figure, self.mesh) for figure in figures])
            px = camera.project(np.where(ends[:, 2:] > 0.03, ends, [1e3, 1e3, 1.0]))
            if not ((px > -20) & (px < frame + 20)).all(1).any():
                return figures
        return []

    def things(self, rng: Generator, camera: Camera, *, count: int) -> list[Figure]:
        """Things that nobody holds, anywhere in the picture."""
        found = []
        for _ in range(count):
            holding = self.holdings[int(rng.integers(len(self.holdings)))]
            figure = thing_figure(holding.solid, holding.look)
            size = float(np.linalg.norm(np.ptp(figure.vertices, axis=0)))
            depth = max(
                camera.fx * size / hand_size(rng, 25, 0.5 * max(camera.width, camera.height)), 1.2 * size
            )
            middle = rng.uniform([0, 0], [camera.width, camera.height])
            turn = rodrigues(rng.normal(0, 1.2, 3))
            found.append(figure.moved(turn, camera.backproject(middle, np.array(depth))))
        return found
