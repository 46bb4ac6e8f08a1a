"""Golden data of the page's two hands together: the network's answers, which boxes make a pair, looks and systems
merged, the rig fitted to what comes out, and whole frames of hands that meet, as Python has them.

python -m tools.web_golden.pairs writes pairs.json, and pictures as bytes in pairs.bin. Merges are of random pairs,
their joints as networks have them: a few mm off, at times exchanged, far away, or not believed. Frames are the
package's sample photo: as it is, moved with what the frame before left, mirrored, turned by a quarter, beside itself,
and of two hands there that the two-hand network does not take for a pair.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.geometry.camera import Camera
from knuckle.inference.auto import AutoPredictor, open_predictor
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.detection.landmarks import LandmarkNetwork, joints_to_square
from knuckle.inference.merge import SIGNALS, MergeOdds, join_looks, merge_pairs
from knuckle.inference.one_hand import Predictor
from knuckle.inference.onnx_model import open_session
from knuckle.inference.pairing import PairEstimate, PairWindow, pair_boxes
from knuckle.inference.refine import fit_pairs
from knuckle.inference.tracked import Predicted, TrackedHands, estimate_tracked
from knuckle.inference.trust import merge_odds
from knuckle.inference.window import normalise
from knuckle.photos.sample import SAMPLE_PHOTO
from knuckle.rig.fit.joints import FitStart
from knuckle.rig.load import load_rig
from knuckle.skeleton import SIDES, Side
from knuckle.weights import TWO_HANDS, resolve
from tools.web_golden.estimation import Bytes, plain_hands
from tools.web_golden.hands import GOLDEN, MODEL, plain, random_hands, write_golden

SIDE_PX = 400
BOXES, MERGES = 60, 80
MOVED_PX = (9, -5)


def main(folder: Path = GOLDEN) -> Path:
    """Writes pairs.json and pairs.bin."""
    store = Bytes()
    data = {
        "network": raw_answer(store),
        "boxes": box_cases(),
        "merges": merge_cases(),
        "frames": frame_cases(store),
    }
    store.write(folder / "pairs.bin")
    return write_golden("pairs.json", data, folder)


def sample() -> UInt8[np.ndarray, "S S 3"]:
    """The package's photo of two hands."""
    read = cv2.imread(str(SAMPLE_PHOTO))
    assert read is not None, f"{SAMPLE_PHOTO}: expected the sample photo"
    small = cv2.resize(read, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[..., ::-1])


def raw_answer(store: Bytes) -> dict[str, Any]:
    """The network's outputs for given bytes: a patch of both hands, and its mirror image."""
    path, record = resolve(TWO_HANDS)
    patch = cv2.resize(sample(), (record.size, record.size), interpolation=cv2.INTER_AREA)
    patches = np.stack([patch, patch[:, ::-1]])
    crop, camera = (199.5, 199.5, 400.0), (565.7, 565.7, 199.5, 199.5)
    names = ["joints_px", "joints_m", "confidence"]
    feed = {"patch": normalise(patches), "crop": [crop, crop], "camera": [camera, camera]}
    values = open_session(path, threads=1).run(
        names, {name: np.asarray(value, np.float32) for name, value in feed.items()}
    )
    return {
        "pictures": [store.add(each) for each in patches],
        "crop": crop,
        "camera": camera,
        "outputs": {name: plain(value.ravel(), 7) for name, value in zip(names, values, strict=True)},
    }


def box_cases() -> list[dict[str, Any]]:
    """Boxes of up to six hands, which of them make pairs, and where the network looks for those."""
    rng = np.random.default_rng(1)
    cases = []
    for number in range(BOXES):
        count = int(rng.integers(1, 7))
        low, size = rng.uniform(0, 500, (count, 2)), rng.uniform(30, 250, (count, 2))
        # Of some the boxes are alike: ties go by their order.
        boxes = np.round(np.concatenate([low, size], 1), -2 if number % 4 == 0 else 3)
        boxes[:, 2:] = np.maximum(boxes[:, 2:], 20)
        sides: list[Side] = [SIDES[int(value)] for value in rng.integers(0, 2, count)]
        pairs = pair_boxes(boxes, sides).pairs
        windows = [PairWindow.of_pair(boxes[right], boxes[left]) for right, left in pairs]
        cases.append(
            {
                "boxes_px": plain(boxes),
                "sides": sides,
                "pairs": pairs,
                "windows": [
                    {"box_px": plain(window.box_px), "mirrored": bool(window.mirrored)} for window in windows
                ],
            }
        )
    return cases


class RandomPairs(NamedTuple):
    """Pairs before a camera: joints of the right hand and of the left one."""

    joints_m: Float[np.ndarray, "n 2 21 3"]
    camera: Camera


def random_pairs() -> RandomPairs:
    """Some touch, some hardly meet, some lie apart."""
    rng = np.random.default_rng(2)
    hands = [
        random_hands(load_rig(side=side), MERGES, seed=20 + n) for n, side in enumerate(("right", "left"))
    ]
    joints = np.stack(
        [
            load_rig(side=side).posed(*each).joints
            for side, each in zip(("right", "left"), hands, strict=True)
        ],
        1,
    )
    joints -= joints.mean(2, keepdims=True)
    middle = rng.uniform((-0.1, -0.08, 0.35), (0.1, 0.08, 0.9), (MERGES, 1, 3))
    apart = rng.uniform((-0.12, -0.05, -0.05), (0.12, 0.05, 0.05), (MERGES, 1, 3))
    apart[::5] *= 2.5
    away = np.concatenate([middle - apart / 2, middle + apart / 2], 1)
    away[..., 2] = np.maximum(away[..., 2], 0.25)
    return RandomPairs(joints + away[:, :, None], Camera.from_size(640, 480))


def seen(pairs: RandomPairs, rng: np.random.Generator, *, off_m: float, depth_m: float) -> PairEstimate:
    """What a network might say of pairs: each joint a few mm off, each hand nearer or farther."""
    joints = pairs.joints_m + off_m * rng.standard_normal(pairs.joints_m.shape)
    joints[..., 2] += depth_m * rng.standard_normal((MERGES, 2, 1))
    joints[..., 2] = np.maximum(joints[..., 2], 0.15)
    lens = pairs.camera
    px = joints[..., :2] / joints[..., 2:] * (lens.fx, lens.fy) + (lens.cx, lens.cy)
    confidence = np.clip(rng.beta(4, 1, (MERGES, 2)), 0, 1)
    branches = rng.uniform(0, 5, (MERGES, 2, 21))
    return PairEstimate(px, lens.backproject(px, joints[..., 2]), confidence, branches_px=branches)


def merge_cases() -> dict[str, Any]:
    """Two looks and the one-hand network's joints of random pairs, and what becomes of them."""
    pairs, rng = random_pairs(), np.random.default_rng(3)
    first, second = (seen(pairs, rng, off_m=0.006, depth_m=0.02) for _ in range(2))
    one = seen(pairs, rng, off_m=0.006, depth_m=0.08)
    # A look that exchanged right and left.
    for values in (second.joints_px, second.joints_m, second.confidence):
        values[::7] = values[::7, ::-1].copy()
    lens = pairs.camera
    px = pairs.joints_m[..., :2] / pairs.joints_m[..., 2:] * (lens.fx, lens.fy) + (lens.cx, lens.cy)
    low = px.min(2) - rng.uniform(0, 8, (MERGES, 2, 2))
    boxes = np.concatenate([low, px.max(2) + rng.uniform(0, 8, (MERGES, 2, 2)) - low], -1)
    odds = MergeOdds(*merge_odds(f"dfl-lite+{MODEL}", SIGNALS))
    rig = load_rig("open")
    cases = []
    for row in range(MERGES):
        one_row = slice(row, row + 1)
        look, again = (rows_of(each, one_row) for each in (first, second))
        own, box = rows_of(one, one_row), boxes[one_row]
        two = join_looks(look, again, box, lens)
        believed = two.confidence >= 0.5
        merged = merge_pairs(two, own, box, lens, believed, odds=odds)
        evidence = evidence_of(pairs, boxes, row, rng)
        start = start_of(row, rng)
        told = evidence if evidence.found.any() else None
        fitted = fit_pairs(merged.pairs, lens.vector[None], rig=rig, evidence=told, start=start)
        cases.append(
            {
                "looks": [plain_pair(look), plain_pair(again)],
                "one": plain_pair(own),
                "boxes_px": plain(box[0]),
                "joined": plain_pair(two),
                "merged": plain_pair(merged.pairs)
                | {"share": plain(merged.share[0]), "changed": merged.changed[0].tolist()},
                "evidence": [plain_evidence(evidence.rows(np.array([hand]))) for hand in range(2)],
                "start": plain_start(start),
                "fitted": plain_pair(fitted) | plain_fit(fitted),
            }
        )
    shares = np.array([case["merged"]["share"] for case in cases])
    print(f"{MERGES} merges, in {(shares.max(1) > 0).sum()} of them the two-hand network has a share")
    return {"camera": plain(lens.vector), "cases": cases}


def rows_of(pairs: PairEstimate, rows: slice) -> PairEstimate:
    """Some of the pairs."""
    return PairEstimate(**{name: value[rows] for name, value in pairs.arrays().items()})


def evidence_of(pairs: RandomPairs, boxes_px: np.ndarray, row: int, rng: np.random.Generator) -> Evidence:
    """What the landmark network might say of both hands of a pair; of some that it sees none."""
    world = pairs.joints_m[row] + 0.004 * rng.standard_normal((2, 21, 3))
    lens = pairs.camera
    px = world[..., :2] / world[..., 2:] * (lens.fx, lens.fy) + (lens.cx, lens.cy)
    world = world - world.mean(1, keepdims=True)
    turns = np.array([joints_to_square(each).rotation_rad for each in px])
    presence = rng.uniform(0.2 if row % 3 == 0 else 0.6, 0.999, 2)
    return Evidence(boxes_px[row], px, world, presence, rng.uniform(0.02, 0.98, 2), turns)


def start_of(row: int, rng: np.random.Generator) -> FitStart | None:
    """As a track has it: NaN in its first frame; none of a photo."""
    if row % 4 == 0:
        return None
    if row % 4 == 1:
        return FitStart(np.full((2, 16, 3), np.nan), np.full((2, 10), np.nan))
    hands = [random_hands(load_rig(side=side), 1, seed=int(rng.integers(1000))) for side in ("right", "left")]
    return FitStart(
        np.concatenate([each.pose_rad for each in hands]), np.concatenate([each.shape for each in hands])
    )


def plain_start(start: FitStart | None) -> str | list[dict[str, Any]]:
    """Of both hands; "none", or "unknown" of a track's first frame."""
    if start is None:
        return "none"
    if not np.isfinite(start.pose).all():
        return "unknown"
    hands = zip(start.pose, start.shape, strict=True)
    return [{"pose_rad": plain(pose.ravel(), 12), "shape": plain(shape, 12)} for pose, shape in hands]


def plain_pair(pair: PairEstimate) -> dict[str, Any]:
    """One pair: lists of the right hand and of the left one."""
    branches = pair.branches_px
    return {
        "px": [plain(each.ravel(), 10) for each in pair.joints_px[0]],
        "m": [plain(each.ravel(), 12) for each in pair.joints_m[0]],
        "confidence": plain(pair.confidence[0]),
        "branches_px": None if branches is None else [plain(each, 10) for each in branches[0]],
    }


def plain_fit(pair: PairEstimate) -> dict[str, Any]:
    """What a fit adds; None for what is not known."""

    def numbers(values: np.ndarray) -> list[list[float] | None]:
        return [plain(each.ravel()) if np.isfinite(each).all() else None for each in values[0]]

    assert pair.pose_rad is not None
    assert pair.shape is not None
    assert pair.residual_m is not None
    assert pair.evidence_px is not None
    assert pair.evidence_m is not None
    return {
        "pose_rad": numbers(pair.pose_rad),
        "shape": numbers(pair.shape),
        "residual_m": numbers(pair.residual_m[..., None]),
        "evidence_px": numbers(pair.evidence_px),
        "evidence_m": numbers(pair.evidence_m),
    }


def plain_evidence(evidence: Evidence) -> dict[str, Any]:
    """Of one hand."""
    return {
        "box_px": plain(evidence.box_px[0], 12),
        "joints_px": plain(evidence.joints_px[0].ravel(), 12),
        "joints_m": plain(evidence.joints_m[0].ravel(), 12),
        "presence": float(evidence.presence[0]),
        "right": float(evidence.right[0]),
        "turn_rad": float(evidence.rotation_rad[0]),
    }


class Shown(NamedTuple):
    """A frame, its hands where they are looked for, and whether the frame before is known."""

    name: str
    pixels: UInt8[np.ndarray, "H W 3"]
    joints_px: Float[np.ndarray, "N 21 2"]
    sides: tuple[Side, ...]
    follows: bool = False


def shown_frames() -> list[Shown]:
    """The sample photo and what can be made of it."""
    photo = sample()
    told = json.loads(SAMPLE_PHOTO.with_suffix(".json").read_text())
    joints = np.array(told["joints_px"]) * SIDE_PX / 960 + (SIDE_PX / 960 - 1) / 2
    sides: tuple[Side, ...] = tuple(told["sides"])
    other: tuple[Side, ...] = tuple("left" if side == "right" else "right" for side in sides)
    across = np.array([SIDE_PX - 1, 0]) + joints * (-1, 1)
    turned = np.stack([joints[..., 1], SIDE_PX - 1 - joints[..., 0]], -1)
    wide = np.hstack([photo, photo[:, ::-1]])
    other_half = across + np.array([SIDE_PX, 0])
    far = np.concatenate([joints[:1], other_half[:1]])
    beside = np.concatenate([joints, other_half])
    return [
        Shown("as it is", photo, joints, sides),
        Shown(
            "moved",
            np.ascontiguousarray(np.roll(photo, MOVED_PX, (1, 0))),
            joints + MOVED_PX,
            sides,
            follows=True,
        ),
        Shown("mirrored", np.ascontiguousarray(photo[:, ::-1]), across, other),
        Shown("turned", np.ascontiguousarray(np.rot90(photo)), turned, sides),
        Shown("beside itself", wide, beside, (*sides, *other)),
        Shown("no pair", wide, far, (sides[0], other[0])),
    ]


def frame_cases(store: Bytes) -> list[dict[str, Any]]:
    """Frames of hands that meet, by both systems; and by the one-hand system alone, to tell how much that matters."""
    both, landmarks = open_predictor("auto", threads=1, mesh="rig"), LandmarkNetwork(threads=1)
    assert isinstance(both, AutoPredictor), "expected the two-hand system among the package's weights"
    one = Predictor(MODEL, threads=1, mesh="rig")
    cases: list[dict[str, Any]] = []
    before: TrackedHands | None = None
    for shown in shown_frames():
        camera = Camera.from_size(shown.pixels.shape[1], shown.pixels.shape[0])
        start, memory = (before.start, before.memory) if before and shown.follows else (None, None)
        predicted = Predicted.of_joints(shown.joints_px, shown.sides, start=start, memory=memory)
        told = estimate_tracked(both, shown.pixels, camera, predicted, landmarks=landmarks)
        alone = estimate_tracked(one, shown.pixels, camera, predicted, landmarks=landmarks)
        apart_mm = 1000 * np.linalg.norm(told.hands.joints_m - alone.hands.joints_m, axis=-1).max(1)
        print(f"{shown.name}: {', '.join(told.hands.models)}; from one by one {np.round(apart_mm, 1)} mm")
        cases.append(
            {
                "name": shown.name,
                "picture": store.add(shown.pixels),
                "camera": dict(zip(("fx", "fy", "cx", "cy"), camera.vector.tolist(), strict=True)),
                "follows": shown.follows,
                "places": [
                    {"joints_px": plain(joints.ravel(), 12), "side": side}
                    for joints, side in zip(shown.joints_px, shown.sides, strict=True)
                ],
                "hands": [
                    hand | {"system": system}
                    for hand, system in zip(plain_hands(told), told.hands.models, strict=True)
                ],
                "alone": plain_hands(alone),
            }
        )
        before = told
    return cases


if __name__ == "__main__":
    print(main())
