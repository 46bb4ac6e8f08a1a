"""One model on one benchmark of single hands, joint by joint: what tables, plots and lists by class are made of."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.shared import boxed_peer
from benchmarks.shared.crop_hands import crop_hand
from benchmarks.shared.photographs import have_photographs, labelled_photographs
from knuckle.datasets.eval_dev import by_source
from knuckle.datasets.labelled import LabelledHand
from knuckle.evaluation.arrays import Truth
from knuckle.evaluation.benchmarks.one_hand import Benchmark
from knuckle.evaluation.breakdown.class_errors import ALL, GroupError, JointErrors, hand_groups
from knuckle.evaluation.breakdown.pose_classes import pose_classes, view_classes
from knuckle.evaluation.metrics.joints import sample_means
from knuckle.evaluation.model import EvaluatedModel
from knuckle.evaluation.protocols import handgraph
from knuckle.evaluation.run import run_patches
from knuckle.progress import show_progress

PEER = "MediaPipe"
_PEER_CROP_PX, _PEER_EXPAND = 128, 1.5


@dataclass(frozen=True, eq=False)
class Scored:
    """What one model did on one benchmark; truth: of right hands."""

    benchmark: str
    model: str
    truth: Truth
    errors: JointErrors

    @property
    def is_small(self) -> bool:
        """Whether the hands are too few for classes."""
        return len(self.truth) < handgraph.FEW

    def by_hands(self) -> dict[str, GroupError]:
        """Errors of each class of hands; of all alone where they are few."""
        groups = hand_groups(self.truth.joints_m)
        return self.errors.by_group({ALL: groups[ALL]} if self.is_small else groups)

    def worst(self, count: int) -> list[dict[str, Any]]:
        """The hands with the largest errors, worst first: index, name, pose, view, pa_mm, box_percent, and the
        joint class or finger whose error is largest. Without 3D truth the 2D error counts, and pose and view are "-".
        """
        chosen, rows = self.errors.worst(count), []
        for index in chosen:
            one = slice(index, index + 1)
            hand = JointErrors(self.errors.pa_mm[one], self.errors.box_percent[one])
            joints = self.truth.joints_m[one]
            is_3d = bool(np.isfinite(joints).all())
            by_joint = {name: e.pa_mm if is_3d else e.box_percent for name, e in hand.by_joint().items()}
            rows.append(
                {
                    "benchmark": self.benchmark,
                    "model": self.model,
                    "index": index,
                    "name": self.truth.names[index],
                    "pose": pose_classes(joints)[0] if is_3d else "-",
                    "view": view_classes(joints)[0] if is_3d else "-",
                    "pa_mm": float(sample_means(hand.pa_mm)[0]) if is_3d else None,
                    "box_percent": float(sample_means(hand.box_percent)[0]),
                    "worst_joints": max(by_joint, key=lambda name: np.nan_to_num(by_joint[name])),
                }
            )
        return rows


def score(benchmark: Benchmark, model: EvaluatedModel) -> Scored:
    """A model on a benchmark."""
    with show_progress(f"{benchmark.name}, {model.name}", len(benchmark)) as advance:
        patches = benchmark.patches(model.size, model.expand)
        truth, predictions = run_patches(
            model.for_single_hands(), patches, names=benchmark.names, progress=advance
        )
    return Scored(benchmark.name, model.name, truth, JointErrors.of(truth, predictions))


def score_peer(benchmark: Benchmark, truth: Truth) -> Scored:
    """MediaPipe on a benchmark whose truth is known: on the photographs themselves where they are eval-dev's, else on
    crops as if they were photographs.
    """
    photographs = _photographs(benchmark.name)[: len(benchmark)]
    named = zip(benchmark.patches(_PEER_CROP_PX, _PEER_EXPAND), benchmark.names, strict=True)
    with show_progress(f"{benchmark.name}, {PEER}", len(benchmark)) as advance:
        found = []
        for hand in photographs or (crop_hand(patch, name) for patch, name in named):
            own, predictions = boxed_peer.predict([hand])
            found.append(JointErrors.of(own, predictions))
            advance(1)
    pa_mm, box_percent = (np.concatenate([getattr(e, n) for e in found]) for n in ("pa_mm", "box_percent"))
    return Scored(benchmark.name, PEER, truth, JointErrors(pa_mm, box_percent))


def _photographs(name: str) -> list[LabelledHand]:
    if not have_photographs():
        return []
    source = handgraph.SOURCE if name == "hand-graph" else name
    unlabelled = np.full((21, 3), np.nan)
    return [
        hand if hand.joints_m is not None else replace(hand, joints_m=unlabelled)
        for hand in by_source(labelled_photographs()).get(source, [])
    ]
