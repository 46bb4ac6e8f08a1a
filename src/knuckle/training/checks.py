"""What a run asks of its sets, checked before its first step: each refusal is one sentence with the way out."""

from collections.abc import Sequence

import numpy as np

from knuckle.errors import KnuckleError
from knuckle.rig.load import load_rig, rig_file
from knuckle.rig.tips import MANO_TIPS, check_same_tips
from knuckle.sets.reader import SynthSet
from knuckle.training.batches import HandSource
from knuckle.training.recipe import Recipe

_ROWS = 1 << 12
"""Rows looked at together: masks are large."""


def check_rig(labels: SynthSet, name: str) -> None:
    """Raise KnuckleError unless a set's poses and fingertips are those of the rig a model learns; name: as `load_rig`
    takes it."""
    rig, file = load_rig(name), rig_file(name)[0]
    if labels.rig_name == rig.name:
        fix = f"convert it again with --tips {rig.tips}"
        if labels.tips in MANO_TIPS:
            fix += f', or set switches = {{ rig = "{file}#{labels.tips}" }}'
        check_same_tips(labels.tips, rig.tips, what=str(labels.path), fix=fix)
    if labels.rig != rig.fingerprint:
        fix = "convert the set again" + ("" if name == "open" else f" with --rig {file}")
        if labels.rig_name != rig.name:
            its_own = "open" if labels.rig_name == "open" else "MANO_RIGHT.pkl"
            fix += f', or set switches = {{ rig = "{its_own}" }}'
        raise KnuckleError(
            f"{labels.path}: expected poses of the model's rig, {name}, got those of "
            f"{'another version of it' if labels.rig_name == rig.name else f'the {labels.rig_name} rig'}; {fix}"
        )


def check_negatives(recipe: Recipe, sources: Sequence[HandSource]) -> None:
    """Raise KnuckleError where a recipe shows patches without a hand and no set has any: a confidence that never sees
    one learns to believe everything."""
    asked = recipe.negatives > 0 and recipe.with_negatives(recipe.steps - 1)
    if asked and not any(len(source.negatives) for source in sources):
        raise KnuckleError(
            f"recipe {recipe.name}: negatives: expected crops without a hand in {', '.join(recipe.sets)}, got none; "
            "make the set with --negatives, or set negatives = 0.0"
        )


def check_labels_are_seen(labels: SynthSet) -> None:
    """Raise KnuckleError, naming file and row, for a hand none of whose joints lies in its crop, and for a part mask
    that shows nothing of a crop with hands.

    A joint or mask that the set says is not labelled (`valid_joints_2d`, `valid_mask`) is passed over.
    """
    size = labels.images.shape[1]
    for first in range(0, len(labels), _ROWS):
        rows = slice(first, first + _ROWS)
        here = np.asarray(labels.labels["is_hand"][rows])
        points = np.asarray(labels.labels["joints_px"][rows])
        inside = ((points >= -0.5) & (points <= size - 0.5)).all(-1)
        told = labels.labels.get("valid_joints_2d")
        known = np.isfinite(points).all(-1) & (True if told is None else np.asarray(told[rows]))
        lost = here & known.any(-1) & ~(inside & known).any(-1)
        if lost.any():
            row = first + int(np.argwhere(lost)[0, 0])
            raise KnuckleError(
                f"{labels.path / 'joints_px.npy'}: row {row}: expected a hand in the crop of {size} px, got one whose "
                "joints all lie beyond it"
            )
        if "part_mask" not in labels.labels:
            continue
        shown = here.reshape(len(here), -1).any(1)
        told = labels.labels.get("valid_mask")
        shown &= True if told is None else np.asarray(told[rows])
        empty = shown & ~np.asarray(labels.labels["part_mask"][rows]).reshape(len(here), -1).any(1)
        if empty.any():
            raise KnuckleError(
                f"{labels.path / 'part_mask.npy'}: row {first + int(empty.argmax())}: expected the hands' parts, got "
                "an empty mask"
            )
