"""Boxes with a hand and without one: what sides, confidence and errors of joints are learnt from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.shared.crop_hands import crop_hand
from benchmarks.training.hand_free import hand_free_pictures
from knuckle.datasets.photos import read_rgb
from knuckle.datasets.teacher import read_teacher
from knuckle.evaluation.benchmarks.rendered import set_frames, set_patches, split
from knuckle.evaluation.frames import tight_box
from knuckle.geometry.camera import Camera
from knuckle.geometry.mirror import mirror_px
from knuckle.hands import Hand
from knuckle.inference.detection.evidence import Evidence, look_at
from knuckle.inference.detection.landmarks import landmark_network
from knuckle.inference.sides import decide_sides
from knuckle.sets.reader import SynthSet
from knuckle.skeleton import HAND_SIDES, WRIST, Side

SMALLEST = 0.25
"""Rendered crops are reduced by factors from this on, so that hands have as many sizes as in pictures."""
MOVED, RESIZED = 0.05, 0.08
"""Standard deviations of how boxes lie and how large they are, over their side: as a detector's do."""


@dataclass(frozen=True, eq=False)
class Case:
    """A box in a picture. side, joints_px, joints_m: of its hand; None where there is none, joints also where nobody
    knows them."""

    picture: np.ndarray
    camera: Camera
    box_px: np.ndarray
    side: Side | None
    joints_px: np.ndarray | None = None
    joints_m: np.ndarray | None = None


def rendered_cases(folder: Path, rows: slice, *, seed: int = 0) -> Iterator[Case]:
    """Some of the right hands of a set of `knuckle synth`, every second one mirrored, and its crops without one."""
    return set_cases(SynthSet(folder), rows, seed=seed)


def set_cases(rendered: SynthSet, rows: slice, *, seed: int = 0) -> Iterator[Case]:
    """As `rendered_cases`, of an opened set."""
    rng, size = np.random.default_rng(seed), rendered.images.shape[1]
    for chosen in (indices[rows] for indices in split(rendered)):
        for number, patch in enumerate(set_patches(rendered, chosen, size=size)):
            if patch.joints_px is None:
                low, side = rng.uniform(0.1, 0.4, 2) * size, rng.uniform(0.4, 0.7) * size
                box, camera = np.array([*low, side, side]), Camera.from_size(size, size)
                yield reduced(Case(patch.pixels, camera, box, None), rng)
                continue
            hand = crop_hand(patch, str(number))
            case = Case(hand.pixels, hand.camera, hand.box_px, "right", hand.joints_px, hand.joints_m)
            yield reduced(_mirrored(case) if number % 2 else case, rng)


def photo_cases(folder: Path, rows: slice) -> Iterator[Case]:
    """Photographs of tier A: a hand's side is what MediaPipe said of the whole photograph, and its joints tell the box
    alone."""
    for hand in read_teacher(folder)[rows]:
        low, high = hand.joints_px.min(0), hand.joints_px.max(0)
        yield Case(read_rgb(hand.image), hand.camera, np.concatenate([low, high - low]), hand.side)


def empty_cases(backgrounds: Path, every: slice, *, seed: int = 0, held_out: bool = False) -> Iterator[Case]:
    """Boxes in photographs without a hand, and in noise. held_out: in photographs that trained nothing."""
    rng = np.random.default_rng(seed)
    for number, path in enumerate(hand_free_pictures(backgrounds, held_out=held_out)[every]):
        picture = read_rgb(path)
        if number % 10 == 0:
            noise = rng.integers(0, 256, (96, 128, 3)).astype(np.uint8)
            picture = cv2.GaussianBlur(noise, (0, 0), float(rng.uniform(0.1, 4)))
        height, width = picture.shape[:2]
        side = min(height, width) * rng.uniform(0.2, 0.8)
        box = np.array([*rng.uniform(0, [width - side, height - side]), side, side * rng.uniform(0.6, 1)])
        yield Case(picture, Camera.from_size(width, height), box, None)


def found_hand(case: Case, rng: np.random.Generator) -> tuple[np.ndarray, Evidence]:
    """A box near the case's as a detector would give it, and what the landmark network says of the picture as it is.

    Of a hand that it sees the box is that of its joints."""
    x, y, w, h = case.box_px
    long = max(w, h)
    scale = np.exp(rng.normal(0, RESIZED))
    middle = np.array([x + w / 2, y + h / 2]) + rng.normal(0, MOVED, 2) * long
    box = np.array([*(middle - scale * np.array([w, h]) / 2), scale * w, scale * h])
    seen = look_at(landmark_network(), case.picture, box[None], ["right"])
    if not seen.found[0]:
        return box, seen
    low, high = seen.joints_px[0].min(0), seen.joints_px[0].max(0)
    own = np.concatenate([low, high - low])
    return own, Evidence(own[None], *list(vars(seen).values())[1:])


@dataclass(frozen=True, eq=False)
class SeenCase:
    """The boxes of one picture (one, or a pair's two) as `knuckle.estimate` comes to see them, before any of our
    networks estimates a hand."""

    cases: list[Case]
    boxes_px: np.ndarray
    sides: tuple[Side, ...]
    evidence: Evidence
    side_confidence: np.ndarray | None
    """None where sides were given."""

    @property
    def picture(self) -> np.ndarray:
        """That of all of them."""
        return self.cases[0].picture

    @property
    def camera(self) -> Camera:
        """That of all of them."""
        return self.cases[0].camera


def see(cases: Iterable[list[Case]], *, found_share: float, seed: int = 0) -> Iterator[SeenCase]:
    """Most as if a detector had found them, with the sides that are decided then, the others as if box and side were
    given. Hands that the landmark network does not see are left out of the former; boxes without a hand that it does
    not take for one count as given, with any side."""
    rng = np.random.default_rng(seed)
    for case in cases:
        found = [found_hand(of, rng) for of in case]
        picture, given = case[0].picture, rng.uniform() >= found_share
        any_side: Side = "left" if rng.uniform() < 0.5 else "right"
        if not given and all(evidence.found[0] for _, evidence in found):
            boxes, evidence = np.stack([box for box, _ in found]), Evidence.joined([e for _, e in found])
            decided = decide_sides(picture, boxes, evidence)
            yield SeenCase(case, boxes, decided.sides, evidence, decided.confidence)
        elif given or all(of.side is None for of in case):
            boxes = np.stack([of.box_px for of in case])
            # A box without a hand in a pair is taken for the other hand.
            named: list[Side] = [of.side or any_side for of in case]
            sides = HAND_SIDES if len(case) == 2 else tuple(named)
            yield SeenCase(case, boxes, sides, look_at(landmark_network(), picture, boxes, sides), None)


def joint_errors(hand: Hand, case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Errors (21) of a hand's joints over the longer side of its box, and in metres from the wrist on; NaN where nobody
    knows the joints."""
    flat, space = np.full((2, 21), np.nan)
    if case.joints_px is not None:
        flat = np.linalg.norm(hand.joints_px - case.joints_px, axis=-1) / hand.box_px[2:].max()
    if case.joints_m is not None:
        own, true = hand.joints_m - hand.joints_m[WRIST], case.joints_m - case.joints_m[WRIST]
        space = np.linalg.norm(own - true, axis=-1)
    return flat, space


def _mirrored(case: Case) -> Case:
    width, (x, y, w, h) = case.picture.shape[1], case.box_px
    return Case(
        np.ascontiguousarray(case.picture[:, ::-1]),
        case.camera.mirrored(),
        np.array([width - 1 - x - w, y, w, h]),
        "left",
        None if case.joints_px is None else mirror_px(case.joints_px, width),
        None if case.joints_m is None else case.joints_m * [-1, 1, 1],
    )


def reduced(case: Case, rng: np.random.Generator) -> Case:
    """A case made smaller, by a factor from `SMALLEST` to 1."""
    old, camera = len(case.picture), case.camera
    size = round(old * np.exp(rng.uniform(np.log(SMALLEST), 0)))
    scale = size / old

    def moved(px: np.ndarray) -> np.ndarray:
        return (px + 0.5) * scale - 0.5

    cx, cy = moved(np.array([camera.cx, camera.cy])).tolist()
    return Case(
        cv2.resize(case.picture, (size, size), interpolation=cv2.INTER_AREA),
        Camera(camera.fx * scale, camera.fy * scale, cx, cy, size, size),
        np.concatenate([moved(case.box_px[:2]), case.box_px[2:] * scale]),
        case.side,
        None if case.joints_px is None else moved(case.joints_px),
        case.joints_m,
    )


def pair_cases(folder: Path, rows: slice, *, seed: int = 0) -> Iterator[list[Case]]:
    """Frames of a set of `knuckle synth --hands two`: both hands, or one and a box beside it that holds none."""
    rendered, rng = SynthSet(folder), np.random.default_rng(seed)
    hands, _ = split(rendered)
    for frame in set_frames(rendered, hands[rows]):
        picture = np.ascontiguousarray(frame.picture)
        pair = [
            Case(picture, frame.camera, tight_box(px), side, px, m)
            for side, px, m, there in zip(
                HAND_SIDES, frame.joints_px, frame.joints_m, frame.is_hand, strict=True
            )
            if there
        ]
        if len(pair) == 1:
            (hand,) = pair
            x, y, w, h = hand.box_px
            way = rng.uniform(0, 2 * np.pi)
            beside = np.array([x + 0.9 * w * np.cos(way), y + 0.9 * h * np.sin(way), w, h])
            pair.insert(int(hand.side == HAND_SIDES[0]), Case(picture, frame.camera, beside, None))
        yield pair
