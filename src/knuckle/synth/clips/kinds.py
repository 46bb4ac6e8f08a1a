"""The choreographies of clips, one a kind. Every clip begins and ends without a hand in the picture."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float

from knuckle.rig.rotations import rodrigues
from knuckle.synth.clips.cast import both_hands, elbow_depth, hidden_place, lone_arms, person_arm, place_at
from knuckle.synth.clips.clip import Actor
from knuckle.synth.clips.fingers import fist, flat_hand
from knuckle.synth.clips.labels import ClipKind
from knuckle.synth.clips.moving import Motion, MovingArm
from knuckle.synth.clips.paths import Keys, Path, Shaking, Wander, still, total
from knuckle.synth.clips.people import MovingPerson
from knuckle.synth.clips.stage import Stage, sample_builds

Generator = np.random.Generator
CameraPath = Callable[[float], Float[np.ndarray, "4 4"]]
Cast = tuple[Sequence[Actor], CameraPath | None]
Choreography = Callable[[Stage, Generator], Cast]
_REACH_S = 0.7
"""How long a hand takes to come or go."""


def enter(stage: Stage, rng: Generator) -> Cast:
    """Both hands come, play, leave, come back elsewhere and leave; one is away for half a second only."""
    wrists = []
    for left in (True, False):
        depth, sign = rng.uniform(0.42, 0.6), stage.side(left)
        half = stage.half(depth)
        hidden = [hidden_place(stage, rng, sign, depth) for _ in range(2)]
        seen = [place_at(half, sign * rng.uniform(0.3, 0.6), rng.uniform(0, 0.7), depth) for _ in range(2)]
        start, away, back = rng.uniform(0.8, 1.3), rng.uniform(3.4, 4.0), 0.1 if left else 0.9
        back = away + _REACH_S + back
        times = [start, start + _REACH_S, away, away + _REACH_S, back, back + _REACH_S, 8.2, 8.2 + _REACH_S]
        wrists.append(
            Keys(times, [hidden[0], seen[0], seen[0], hidden[0], hidden[0], seen[1], seen[1], hidden[1]])
        )
    return both_hands(stage, rng, wrists), None


def cross(stage: Stage, rng: Generator) -> Cast:
    """Two hands change places four times, one before the other."""
    near = rng.uniform(0.36, 0.44)
    first = bool(rng.random() < 0.5)
    start = rng.uniform(0.8, 1.1)
    # Four times a rest and a crossing.
    spans = rng.uniform([0.5, 0.45], [1.0, 0.8], (4, 2))
    times = np.cumsum([start, _REACH_S, *spans.ravel()])
    wrists = []
    for left in (True, False):
        depth = near if left == first else near + rng.uniform(0.17, 0.22)
        half, sign = stage.half(depth), stage.side(left)
        hidden = hidden_place(stage, rng, sign, depth)
        ends = [
            place_at(half, sign * way * rng.uniform(0.4, 0.6), rng.uniform(0.1, 0.6), depth)
            for way in (1, -1)
        ]
        keys = [hidden, ends[0], *[ends[k] for k in (0, 1, 1, 0, 0, 1, 1, 0)], ends[0], hidden]
        wrists.append(Keys([*times, 8.4, 8.4 + _REACH_S], keys))
    return both_hands(stage, rng, wrists, wander=0.6), None


def hide(stage: Stage, rng: Generator) -> Cast:
    """A hand goes behind an open one twice, stays there, and comes out again."""
    front = bool(rng.random() < 0.5)
    near, far = rng.uniform(0.34, 0.4), rng.uniform(0.6, 0.68)
    sign = stage.side(not front)
    half, half_far = stage.half(near), stage.half(far)
    before = place_at(half, -sign * rng.uniform(0.05, 0.3), rng.uniform(0.55, 0.75), near)
    away = hidden_place(stage, rng, -sign, near)
    wrists: dict[bool, Path] = {
        front: Keys([0.8, 1.6, 8.4, 9.1], [away, before, before, away]),
    }
    # Behind means on the same ray; a little higher, so that the palm and not the wrist hides it.
    behind = before * far / near + [0, -0.035, 0]
    beside = [place_at(half_far, sign * rng.uniform(0.45, 0.65), rng.uniform(0, 0.4), far) for _ in range(3)]
    gone = hidden_place(stage, rng, sign, far)
    stays = rng.uniform(0.6, 1.6, 2)
    times = np.cumsum([1.1, 0.7, 0.7, 0.6, stays[0], 0.6, 0.6, 0.5, stays[1], 0.6])
    keys = [gone, beside[0], beside[0], behind, behind, beside[1], beside[1], behind, behind, beside[2]]
    wrists[not front] = Keys([*times, 8.3, 8.9], [*keys, beside[2], gone])
    open_hand, closed = flat_hand(stage.rig, rng, spread_deg=0), fist(stage.rig, rng)
    fingers = {front: still(*open_hand), not front: still(*closed)}
    return lone_arms(
        stage, rng, [wrists[True], wrists[False]], fingers=[fingers[True], fingers[False]], wander=0.3
    ), None


def shake(stage: Stage, rng: Generator) -> Cast:
    """Hands shaken to and fro and waved from the wrist, so fast that they blur."""
    count = 2 if stage.take % 2 else 1
    wrists, waves = [], []
    chosen = bool(rng.random() < 0.5)
    for left in (True, False):
        depth, sign = rng.uniform(0.45, 0.6), stage.side(left)
        half, hidden = stage.half(depth), hidden_place(stage, rng, stage.side(left), depth)
        seen = place_at(half, sign * rng.uniform(0.4, 0.6), rng.uniform(0.2, 0.6), depth)
        if count == 1 and left != chosen:
            wrists.append(still(*hidden))
            waves.append(still(0, 0, 0))
            continue
        moves: list[Path] = [Keys([0.8, 0.8 + _REACH_S, 8.3, 8.3 + _REACH_S], [hidden, seen, seen, hidden])]
        for start, end in ((2.0, 3.6), (6.4, 7.8)):
            hz, speed = rng.uniform(3, 5), rng.uniform(1.0, 2.0)
            way = rng.normal(size=3) * [1, 0.6, 0.3]
            moves.append(Shaking(start, end, way / np.linalg.norm(way) * speed / (2 * np.pi * hz), hz))
        wrists.append(total(*moves))
        waves.append(Shaking(4.2, 5.8, np.array([rng.uniform(-0.6, 0.6), 0.6, 0.2]), rng.uniform(2.5, 4)))
    return both_hands(stage, rng, wrists, waves=waves, wander=0.5), None


def clap(stage: Stage, rng: Generator) -> Cast:
    """Two hands clap, rest on each other and clap again; they touch and never run through each other."""
    depth = rng.uniform(0.48, 0.6)
    half = stage.half(depth)
    yaw = rng.uniform(-0.6, 0.6)
    normal = np.array([np.cos(yaw), 0, np.sin(yaw)])
    middle = place_at(half, rng.uniform(-0.2, 0.2), rng.uniform(0.3, 0.55), depth)
    below = stage.below(middle[0], depth)
    come_and_go = Keys([0.8, 0.8 + _REACH_S, 8.4, 8.4 + _REACH_S], [below, middle, middle, below])
    centre = total(come_and_go, Wander(rng, [0.02, 0.015, 0.015]))
    wide = rng.uniform(0.12, 0.22)
    opening = Keys([1.6, 2.2], [0.12, wide])
    slow_hz, slow = rng.uniform(1.6, 2.4), int(rng.integers(3, 6))
    claps = [
        (2.2, slow_hz, slow),
        (max(2.2 + slow / slow_hz, 5.2), rng.uniform(2.2, 3.0), int(rng.integers(4, 7))),
    ]
    rest = Keys([4.4, 4.8, 5.0, 5.2], [1, 0, 0, 1]) if rng.random() < 0.7 else Keys([0.0], [1.0])

    def gap_m(time_s: float) -> float:
        share = 1.0
        for start, hz, count in claps:
            if start <= time_s < start + count / hz:
                share = 0.5 + 0.5 * np.cos(2 * np.pi * hz * (time_s - start))
        return float(opening(time_s) * share * rest(time_s)) + 0.0005

    arms = []
    builds = sample_builds(rng)
    fingers = flat_hand(stage.rig, rng, spread_deg=float(rng.uniform(0, 3)))
    lean = rng.uniform(-0.25, 0.25)
    for left in (True, False):
        sign = stage.side(left)
        flip = np.array([-1.0 if left else 1.0, 1, 1])
        elbow = total(lambda t, s=sign: centre(t) + normal * s * 0.32 + [0, 0.5, 0], elbow_depth(stage))
        arms.append(
            MovingArm(
                stage.rig, builds[left], left=left,
                motion=Motion(
                    wrist_m=centre, elbow_m=elbow, fingers=still(*fingers),
                    turn=partial(_towards, normal=normal * sign * flip, lean_rad=lean if left else -lean),
                ),
                correct=partial(_keep_apart, normal=normal * sign, centre=centre, gap_m=gap_m),
            )
        )  # fmt: skip
    return arms, None


def camera(stage: Stage, rng: Generator) -> Cast:
    """Hands that play before a camera in somebody's hand, which turns to them and away again."""
    wrists = []
    for left in (True, False):
        depth, sign = rng.uniform(0.5, 0.65), stage.side(left)
        half = stage.half(depth)
        seen = [place_at(half, sign * rng.uniform(0.2, 0.5), rng.uniform(0, 0.5), depth) for _ in range(3)]
        times = np.cumsum(rng.uniform(0.8, 1.6, 6)) + 0.5
        wrists.append(Keys(times, [seen[0], seen[0], seen[1], seen[1], seen[2], seen[2]]))
    turned = rng.choice([-1, 1]) * np.radians(rng.uniform(62, 70))
    yaw = Keys([0.9, 2.2, 8.0, 9.2], [turned, 0, 0, rng.choice([-1, 1]) * turned])
    sway, shift = (
        Wander(rng, np.radians([2.0, 3.0, 1.5]), high_hz=0.7),
        Wander(rng, [0.04, 0.03, 0.04], high_hz=0.6),
    )
    tremor = Wander(rng, np.radians([0.1, 0.1, 0.05]), low_hz=2, high_hz=7)

    def path(time_s: float) -> np.ndarray:
        pose = np.eye(4)
        turn = rodrigues(sway(time_s) + tremor(time_s)) @ rodrigues(np.array([0, float(yaw(time_s)), 0]))
        pose[:3, :3], pose[:3, 3] = turn, -turn @ shift(time_s)
        return pose

    return both_hands(stage, rng, wrists, wander=0.7), path


def depth(stage: Stage, rng: Generator) -> Cast:
    """Hands that come near and go far; a whole person walks away and comes back."""
    if stage.person:
        distance = Keys([1.0, 4.3, 5.0, 8.0], [0.85, 2.4, 2.4, 0.9])
        x = rng.uniform(-0.1, 0.1)
        place = total(lambda t: np.array([x, 0.16, float(distance(t))]), Wander(rng, [0.02, 0.008, 0.01]))
        arms = []
        for left in (True, False):
            sign = 1 if left else -1
            up = np.array([sign * rng.uniform(0.2, 0.3), rng.uniform(0, 0.15), -0.3])
            down = np.array([sign * 0.25, 0.6, -0.15])
            start = rng.uniform(0.8, 1.2)
            lift = Keys([start, start + 0.9, 8.2, 9.0], [down, up, up, down])
            wrist = total(place, lift, Wander(rng, [0.03, 0.03, 0.03]))
            arms.append(person_arm(stage, rng, wrist))
        return [
            MovingPerson(stage.rig, rng, arms=(arms[0], arms[1]), place_m=place, yaw_rad=rng.normal(0, 0.2))
        ], None
    wrists = []
    for left in (True, False):
        near, far, sign = rng.uniform(0.26, 0.32), rng.uniform(0.95, 1.15), stage.side(left)
        keys = [near + 0.15, near, far, far, near + 0.1, far * 0.8]
        if not left:
            keys = keys[::-1]
        z = Keys(np.cumsum([1.5, 0.8, 1.6, 0.5, 1.3, 1.5]) + rng.uniform(0, 0.3), keys)
        share = np.array([sign * rng.uniform(0.4, 0.55), rng.uniform(0.35, 0.6)])
        down = Keys([0.9, 0.9 + _REACH_S, 8.4, 8.4 + _REACH_S], [1, 0, 0, 1])

        wrists.append(partial(_at_depth, stage=stage, depth_m=z, share=share, down=down, sign=sign))
    return lone_arms(stage, rng, wrists, wander=0.5), None


def _at_depth(
    time_s: float, *, stage: Stage, depth_m: Path, share: Float[np.ndarray, "2"], down: Path, sign: int
) -> Float[np.ndarray, "3"]:
    """A place at a share of the picture's halves, whatever its depth; down: 1 is under the picture."""
    far = float(depth_m(time_s))
    seen, hidden = place_at(stage.half(far), share[0], share[1], far), stage.below(sign * 0.15, far)
    return seen + float(down(time_s)) * (hidden - seen)


def people(stage: Stage, rng: Generator) -> Cast:
    """Two or three people who raise their hands, each at times of their own."""
    count = 3 if stage.take % 3 == 2 else 2
    distance = rng.uniform(1.1, 1.3) if count == 2 else rng.uniform(1.5, 1.7)
    found = []
    for number in range(count):
        far = distance + rng.uniform(-0.08, 0.08)
        x = (number - (count - 1) / 2) * (0.62 if count == 2 else 0.68)
        # No lower than that hanging hands are under the picture.
        neck = max(stage.half(far)[1] - rng.uniform(0.27, 0.32), 0.12)
        place = total(still(x, neck, far), Wander(rng, [0.012, 0.006, 0.012], high_hz=0.5))
        arms = []
        for left in (True, False):
            sign = 1 if left else -1
            down = np.array([sign * 0.28, 0.7, -0.16])
            up = [
                np.array([sign * rng.uniform(0.1, 0.26), rng.uniform(-0.12, 0.14), rng.uniform(-0.42, -0.32)])
                for _ in range(2)
            ]
            start = rng.uniform(0.8, 2.0)
            middle = rng.uniform(3.6, 5.4)
            away = rng.random() < 0.5
            keys = [down, up[0], up[0], down if away else up[1], down if away else up[1], up[1], up[1], down]
            times = [start, start + 0.9, middle, middle + 0.8, middle + 1.2, middle + 2.0, 8.0, 8.9]
            arms.append(
                person_arm(stage, rng, total(place, Keys(times, keys), Wander(rng, [0.02, 0.02, 0.015])))
            )
        found.append(
            MovingPerson(
                stage.rig, rng, arms=(arms[0], arms[1]), place_m=place, yaw_rad=rng.normal(0, 0.15) - 0.3 * x
            )
        )
    return found, None


def _towards(
    time_s: float, along: np.ndarray, *, normal: Float[np.ndarray, "3"], lean_rad: float
) -> Float[np.ndarray, "3 3"]:
    """world_from_hand of a hand (as a right one) whose palm faces against a direction, fingers away from the arm."""
    del time_s
    y = along - (along @ normal) * normal
    y = rodrigues(normal * lean_rad) @ (y / np.linalg.norm(y))
    return np.stack([np.cross(y, normal), y, normal], 1)


def _keep_apart(
    skin: np.ndarray,
    wrist: np.ndarray,
    time_s: float,
    *,
    normal: np.ndarray,
    centre: Path,
    gap_m: Callable[[float], float],
) -> np.ndarray:
    """The wrist's place where the hand's skin ends at half the gap from the plane between two hands."""
    nearest = float((skin @ normal).min())
    ahead = gap_m(time_s) / 2 - nearest
    middle = centre(time_s)
    across = wrist - middle
    return middle + across - (across @ normal) * normal + ahead * normal


KINDS: dict[ClipKind, Choreography] = {
    "enter": enter, "cross": cross, "clap": clap, "hide": hide, "shake": shake, "camera": camera, "depth": depth,
    "people": people,
}  # fmt: skip
