"""Batches of one set or several: what step n sees depends on the recipe and n alone; a resumed run repeats nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from knuckle.errors import KnuckleError
from knuckle.geometry.crop import Crop
from knuckle.geometry.projection import frame_to_patch, patch_to_frame
from knuckle.sets.reader import SynthSet
from knuckle.sets.seen import Seen
from knuckle.sets.validity import check_labels, is_partial, row_validity
from knuckle.training.augment import (
    View,
    change_appearance,
    change_view,
    mirror_view,
    upright_view,
)
from knuckle.training.augmentation import augmentation_of
from knuckle.training.order import HandOrder
from knuckle.training.recipe import Recipe
from knuckle.truth import array_name

Batch = dict[str, Tensor]
OWN_SURFACE = {"own_mesh_m": "has_own_mesh", "own_mask": "has_own_mask"}
"""Labels of a data set's own surface, and what in a batch tells which rows have them."""


class HandSource:
    """Crops with hands and negatives of a one-hand or two-hand set by index, the last `validation` crops with a hand
    held out. upright: single hands are turned so that they point up, nearly so where they are augmented. augmentation:
    how far a recipe changes views and appearances.

    needs_validity, needs_masks, needs_own: whether items say what is labelled, hold a part mask, and hold these labels
    of a data set's own surface, though the set stores no such thing: in a batch beside those of a set that does.
    """

    def __init__(
        self,
        path: Path,
        *,
        validation: int,
        upright: bool = False,
        augmentation: dict[str, Any] | None = None,
    ) -> None:
        self.set, self.upright = SynthSet(path), upright
        self.augmentation = augmentation_of(self.set.hands, augmentation or {})
        check_labels(self.set)
        self.needs_validity = self.needs_masks = False
        self.needs_own = self.own
        is_hand = np.asarray(self.set.labels["is_hand"]).reshape(len(self.set), -1).any(axis=1)
        hands = np.flatnonzero(is_hand)
        if len(hands) <= validation:
            why = " (the recipe's `validation`, or ship's `--held-out`, are held out)" if validation else ""
            raise KnuckleError(f"{path}: expected more than {validation} hands{why}, got {len(hands)}")
        # Versions of one photograph lie together: none of them is trained on while another is held out.
        first_held_out = (
            (len(hands) - validation) // self.set.together * self.set.together if validation else len(hands)
        )
        if not first_held_out:
            raise KnuckleError(
                f"{path}: expected more than {validation} hands beside those of the same photographs, got {len(hands)}"
            )
        self.first_held_out = int(hands[first_held_out]) if validation else len(self.set)
        # A hand in the place of one that could not be read may be one from the other side.
        shown = self.set.shown(hands)
        self.train = hands[np.maximum(hands, shown) < self.first_held_out]
        self.validation = hands[np.minimum(hands, shown) >= self.first_held_out]
        if not len(self.train) or (validation and not len(self.validation)):
            raise KnuckleError(
                f"{path}: expected hands to train on and held out, got only some that stand in for damaged ones"
            )
        self.negatives = np.flatnonzero(~is_hand)

    @property
    def seen(self) -> Seen:
        """The rows that training sees."""
        return {self.set.origin: (self.first_held_out, len(self.set))} if self.set.origin else {}

    @property
    def own(self) -> dict[str, tuple[int, ...]]:
        """The set's labels of a data set's own surface: name -> shape of a row."""
        return {name: self.set.labels[name].shape[1:] for name in OWN_SURFACE if name in self.set.labels}

    @property
    def masked(self) -> bool:
        """Whether the set has part masks that training sees: those of two-hand crops."""
        return self.set.hands == 2 and "part_mask" in self.set.labels

    @property
    def tells_validity(self) -> bool:
        """Whether the set says of some label that it may be missing."""
        return is_partial(self.set)

    def view(self, index: int) -> View:
        labels = self.set.labels
        image = np.asarray(self.set.images[index])

        def label(name: str) -> np.ndarray:
            return np.asarray(labels[name][index], dtype=float)

        crop, mask, told = Crop.from_affine(label("patch_from_frame"), image.shape[0]).vector, None, {}
        if self.masked or self.needs_masks:
            blank = np.zeros((image.shape[0] // 2,) * 2, np.uint8)
            mask = np.asarray(labels["part_mask"][index]) if self.masked else blank
        if self.tells_validity or self.needs_validity:
            joints_px = patch_to_frame(label("joints_px"), crop, image.shape[0])
            told = {"valid": row_validity(self.set, index), "joints_px": joints_px}
        return View(
            image=image,
            joints_m=label("joints_m"),
            pose=label("pose"),
            shape=label("shape"),
            is_hand=np.asarray(labels["is_hand"][index]),
            camera=label("camera"),
            crop=crop,
            part_mask=mask,
            own_mesh_m=label("own_mesh_m") if "own_mesh_m" in self.own else None,
            own_mask=np.asarray(labels["own_mask"][index]) if "own_mask" in self.own else None,
            **told,
        )

    def item(self, index: int, *, rng: np.random.Generator | None) -> dict[str, np.ndarray]:
        """One sample as the model takes it; augmented when an rng is given."""
        view = self.view(index)
        if rng is not None:
            if self.set.hands == 2:
                view = self._change_pair(view, index, rng)
            elif view.is_hand:
                view = change_view(view, rng, by=self.augmentation, upright=self.upright)
            view = replace(view, image=change_appearance(view.image, rng, by=self.augmentation))
        elif self.upright and view.is_hand:
            view = upright_view(view)
        return view_to_item(view) | self._own_items(view)

    def _own_items(self, view: View) -> dict[str, np.ndarray]:
        """A data set's own surface, zeros where this set has none, and whether it is there."""
        items: dict[str, np.ndarray] = {}
        for name, shape in self.needs_own.items():
            value = getattr(view, name) if view.is_hand.all() else None
            blank = np.zeros(shape, np.uint8 if name == "own_mask" else np.float64)
            items[name] = blank if value is None else value
            items[OWN_SURFACE[name]] = np.array(value is not None)
        return items

    def _change_pair(self, view: View, index: int, rng: np.random.Generator) -> View:
        if rng.random() < self.augmentation.mirror:
            view = mirror_view(view, int(self.set.labels["frame_size"][index][0]))
        if not view.is_hand.any():
            return view
        return change_view(view, rng, by=self.augmentation)


def view_to_item(view: View) -> dict[str, np.ndarray]:
    """The names of `Targets` and the model's inputs, those of `Validity` where the view tells it.

    Rows of an absent hand and labels that are not there are 0, in joints_m 1.
    """
    here = view.is_hand[..., None, None]
    known = dict.fromkeys(("pose", "shape", "joints_2d", "joints_3d"), here)
    told: dict[str, np.ndarray] = {}
    if view.valid is not None:
        told = {array_name(kind): value for kind, value in view.valid._asdict().items()}
        known = {kind: here & _with_axes(getattr(view.valid, kind), here.ndim) for kind in known}
    joints_m = np.where(known["joints_3d"], view.joints_m, 1.0)
    in_frame = replace(view, joints_m=joints_m).joints_in_frame()
    joints_px = np.where(known["joints_2d"] | known["joints_3d"], in_frame, 0.0)
    item = {
        "image": view.image.transpose(2, 0, 1),
        "crop": view.crop,
        "camera": view.camera,
        "joints_patch": frame_to_patch(joints_px, view.crop, view.image.shape[0]),
        "joints_px": joints_px,
        "joints_m": joints_m,
        "pose": np.where(known["pose"], view.pose, 0.0),
        "shape": np.where(known["shape"][..., 0], view.shape, 0.0),
        "is_hand": view.is_hand,
        **told,
    }
    return item if view.part_mask is None else {**item, "part_mask": view.part_mask}


def _with_axes(values: np.ndarray, dimensions: int) -> np.ndarray:
    return values.reshape(values.shape + (1,) * (dimensions - values.ndim))


def open_sources(recipe: Recipe, *, upright: bool = False) -> list[HandSource]:
    """The sets of a recipe; the first alone holds hands out. Where one tells what is labelled, or only some have part
    masks, the items of all tell it. Raises KnuckleError naming a set that has no hands to train on, or a label that is
    not a number."""
    sources = [
        HandSource(
            Path(folder),
            validation=0 if place else recipe.validation,
            upright=upright,
            augmentation=recipe.augmentation,
        )
        for place, folder in enumerate(recipe.sets)
    ]
    masked = {source.masked for source in sources}
    told = any(source.tells_validity for source in sources) or len(masked) > 1
    own: dict[str, tuple[int, ...]] = {}
    for source in sources:
        for name, shape in source.own.items():
            if own.setdefault(name, shape) != shape:
                raise KnuckleError(
                    f"{source.set.path / name}.npy: expected rows of {own[name]} as in the sets before it, got {shape}"
                )
    for source in sources:
        source.needs_validity, source.needs_masks, source.needs_own = told, True in masked, own
    return sources


class TrainingBatches(Dataset[Batch]):
    """`self[step]` is this process's share of the batch of a step; patches without a hand come from all sets alike."""

    def __init__(self, recipe: Recipe, *, upright: bool = False, rank: int = 0, world: int = 1) -> None:
        self.recipe, self.rank = recipe, rank
        self.share = recipe.batch // world
        self.sources = open_sources(recipe, upright=upright)
        # Hands and negatives of all sets are numbered through, set after set.
        self.firsts = np.cumsum([0, *(len(source.set) for source in self.sources)])[:-1]
        numbered = list(zip(self.firsts, self.sources, strict=True))
        self.negatives = np.concatenate([first + source.negatives for first, source in numbered])
        hands = [first + source.train for first, source in numbered]
        if recipe.shares:
            self.order = HandOrder(hands, shares=recipe.shares, seed=recipe.seed)
        else:
            self.order = HandOrder([np.concatenate(hands)], seed=recipe.seed)

    def __len__(self) -> int:
        return self.recipe.steps

    def __getitem__(self, step: int) -> Batch:
        items = []
        for row in range(self.share):
            source, index, rng = self.sample(step, row)
            items.append(source.item(index, rng=rng if self.recipe.augment else None))
        return collate(items)

    def sample(self, step: int, row: int) -> tuple[HandSource, int, np.random.Generator]:
        """The set and index that a row of a step's batch shows, and what its augmentation draws from."""
        joined = self.recipe.with_negatives(step) and len(self.negatives) > 0
        negatives = round(self.recipe.negatives * self.share) if joined else 0
        number = step * self.recipe.batch + self.rank * self.share + row
        rng = np.random.default_rng([self.recipe.seed, number])
        chosen = int(rng.choice(self.negatives)) if row < negatives else self.order.hand(number)
        place = int(np.searchsorted(self.firsts, chosen, side="right")) - 1
        return self.sources[place], chosen - int(self.firsts[place]), rng


def validation_batches(source: HandSource, batch: int) -> list[Batch]:
    """The held-out crops, not augmented."""
    rows = [source.item(int(i), rng=None) for i in source.validation]
    return [collate(rows[i : i + batch]) for i in range(0, len(rows), batch)]


def collate(items: list[dict[str, np.ndarray]]) -> Batch:
    """Stack samples; images stay bytes until they are on the device."""
    stacked = {name: np.stack([item[name] for item in items]) for name in items[0]}
    return {
        name: torch.from_numpy(value if value.dtype in (np.uint8, np.bool_) else value.astype(np.float32))
        for name, value in stacked.items()
    }
