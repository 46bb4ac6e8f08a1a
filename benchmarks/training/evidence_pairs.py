"""Rendered pairs as a two-hand system, a one-hand system and the landmark network see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.training.evidence_odds import Told
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.benchmarks.two_hands import TwoHandBenchmark
from knuckle.evaluation.frames import TwoHandFrame, tight_box
from knuckle.geometry.mirror import AS_RIGHT, mirror_px
from knuckle.inference.auto import LIKELY
from knuckle.inference.detection.evidence import Evidence, look_at
from knuckle.inference.detection.landmarks import LandmarkNetwork
from knuckle.inference.merge import (
    MergeOdds,
    behind_wrist,
    distance_over_box,
    merge_pairs,
    merge_signals,
    overlap,
)
from knuckle.inference.one_hand import Predictor
from knuckle.inference.pairing import PairEstimate, PairWindow, pair_boxes
from knuckle.inference.trust import Trust, View, apart, our_joints, signals
from knuckle.inference.two_hands import PairPredictor
from knuckle.skeleton import HAND_SIDES


@dataclass(frozen=True, eq=False)
class SeenPair:
    """A pair's frame, the boxes (2, 4) of its hands, what both systems say of them (P = 1), which of them the two-hand
    system believes in, and what the landmark network knows of both."""

    frame: TwoHandFrame
    boxes_px: np.ndarray
    two: PairEstimate
    one: PairEstimate
    believed: np.ndarray
    evidence: Evidence


@dataclass(frozen=True, eq=False)
class PairSet:
    """Pairs of a rendered set, and the names of the systems that saw them."""

    pairs: Sequence[SeenPair]
    two: str
    one: str

    def merging(self, space: str) -> Told:
        """What tells a two-hand system's hands from a one-hand system's."""
        rows: list[list[np.ndarray]] = []
        for pair in self.pairs:
            boxes = pair.boxes_px[None]
            counts = ((overlap(boxes)[:, None] > 0) & pair.believed)[0]
            side = boxes[0, :, 2:].max(1)
            truth = PairEstimate(pair.frame.joints_px[None], pair.frame.joints_m[None], np.ones((1, 2)))
            values = [_values(joints, side, space) for joints in (pair.two, pair.one, truth)]
            away = distance_over_box(pair.two.joints_px, pair.one.joints_px, boxes)[0]
            told = (merge_signals(pair.two, pair.one, boxes), away, *values)
            rows.append([value[counts] for value in told])
        return Told.of(*(np.concatenate(columns) for columns in zip(*rows, strict=True)))

    def beside_evidence(self, odds: MergeOdds, trust: Trust, space: str) -> Told:
        """What tells the landmark network's hands from merged ones, all shown as right hands."""
        rows = []
        for pair in self.pairs:
            camera, boxes = pair.frame.camera, pair.boxes_px[None]
            merged = merge_pairs(pair.two, pair.one, boxes, camera, pair.believed, odds=odds).pairs
            lens = np.tile(camera.vector, (2, 1))
            evidence = pair.evidence.mirrored(np.array([False, True]), 2 * lens[:, 2] + 1)
            sides = evidence.box_px[:, 2:].max(1)
            ours, truth = (
                View(np.stack([px[0], mirror_px(px[1], 2 * lens[0, 2] + 1)]), m * AS_RIGHT[:, None])
                for px, m in (
                    (merged.joints_px[0], merged.joints_m[0]),
                    (pair.frame.joints_px, pair.frame.joints_m),
                )
            )
            seen = our_joints(evidence, lens, trust)
            told = signals(seen, ours, evidence, np.zeros(2))
            values = [_scaled(view, sides, truth.m, space) for view in (seen, ours, truth)]
            columns = (told, apart(seen, ours, evidence), *values)
            rows.append([value[evidence.found] for value in columns])
        return Told.of(*(np.concatenate(columns) for columns in zip(*rows, strict=True)))


def ask_pairs(folder: Path, network: LandmarkNetwork, *, one: str, two: str) -> PairSet:
    """What all three say of the pairs of a set of `knuckle synth --hands two`."""
    (benchmark,) = open_benchmarks(str(folder))
    if not isinstance(benchmark, TwoHandBenchmark):
        raise SystemExit(f"error: {folder}: expected a set of two hands")
    alone, together = Predictor(one, threads=1), PairPredictor(two, threads=1)
    pairs = []
    for frame in benchmark.frames():
        if not frame.is_hand.all():
            continue
        boxes = np.stack([tight_box(joints) for joints in frame.joints_px])
        if not pair_boxes(boxes, HAND_SIDES).pairs:
            continue
        seen = together.ask(frame.picture, [PairWindow.of_pair(*boxes)], frame.camera)
        lone = alone.joints(alone.ask(frame.picture, boxes, HAND_SIDES, frame.camera))
        pairs.append(
            SeenPair(
                frame,
                boxes,
                seen,
                PairEstimate(lone.px[None], lone.m[None], lone.confidence[None]),
                seen.confidence >= LIKELY,
                look_at(network, frame.picture, boxes, HAND_SIDES),
            )
        )
    return PairSet(pairs, together.record.name, alone.record.name)


def _values(joints: PairEstimate, side_px: np.ndarray, space: str) -> np.ndarray:
    """Of a pair's hands: places in the picture over the boxes' sides, or depths behind the wrist, metres."""
    if space == "picture":
        return joints.joints_px[0] / side_px[:, None, None]
    return behind_wrist(joints.joints_m)[0][..., None]


def _scaled(view: View, side_px: np.ndarray, like_m: np.ndarray, space: str) -> np.ndarray:
    """Of single hands: the same, depths of a hand brought to another's size and about its middle."""
    if space == "picture":
        return view.px / side_px[:, None, None]
    middle, like = (joints - joints.mean(1, keepdims=True) for joints in (view.m, like_m))
    size = np.sqrt((like**2).sum((1, 2)) / (middle**2).sum((1, 2)))
    return size[:, None, None] * middle[..., 2:]
