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
from knuckle.geometry.projection import frame_to_patch, project
from knuckle.sets.reader import SynthSet
from knuckle.sets.seen import Seen
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

Batch = dict[str, Tensor]


class HandSource:
    """Crops with hands and negatives of a one-hand or two-hand set by index, the last `validation` crops with a hand
    held out. upright: single hands are turned so that they point up, nearly so where they are augmented. augmentation:
    how far a recipe changes views and appearances."""

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
        is_hand = np.asarray(self.set.labels["is_hand"]).reshape(len(self.set), -1).any(axis=1)
        hands = np.flatnonzero(is_hand)
        if len(hands) <= validation:
            why = " (the recipe's `validation`, or export's `--held-out`, are held out)" if validation else ""
            raise KnuckleError(f"{path}: expected more than {validation} hands{why}, got {len(hands)}")
        self.train = hands[: len(hands) - validation]
        self.validation = hands[len(hands) - validation :]
        self.negatives = np.flatnonzero(~is_hand)

    @property
    def seen(self) -> Seen:
        """The rows that training sees."""
        first = int(self.validation[0]) if len(self.validation) else len(self.set)
        return {self.set.origin: (first, len(self.set))} if self.set.origin else {}

    @property
    def masked(self) -> bool:
        """Whether training sees part masks: those of two-hand crops."""
        return self.set.hands == 2 and "part_mask" in self.set.labels

    def view(self, index: int) -> View:
        labels = self.set.labels
        image = np.asarray(self.set.images[index])

        def label(name: str) -> np.ndarray:
            return np.asarray(labels[name][index], dtype=float)

        return View(
            image=image,
            joints_m=label("joints_m"),
            pose=label("pose"),
            shape=label("shape"),
            is_hand=np.asarray(labels["is_hand"][index]),
            camera=label("camera"),
            crop=Crop.from_affine(label("patch_from_frame"), image.shape[0]).vector,
            part_mask=np.asarray(labels["part_mask"][index]) if self.masked else None,
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
        return view_to_item(view)

    def _change_pair(self, view: View, index: int, rng: np.random.Generator) -> View:
        if rng.random() < self.augmentation.mirror:
            view = mirror_view(view, int(self.set.labels["frame_size"][index][0]))
        if not view.is_hand.any():
            return view
        return change_view(view, rng, by=self.augmentation)


def view_to_item(view: View) -> dict[str, np.ndarray]:
    """The names of `Targets` and the model's inputs; rows of an absent hand are 0, its joints_m 1."""
    here = view.is_hand[..., None, None]
    joints_m = np.where(here, view.joints_m, 1.0)
    joints_px = np.where(here, project(joints_m, view.camera), 0.0)
    item = {
        "image": view.image.transpose(2, 0, 1),
        "crop": view.crop,
        "camera": view.camera,
        "joints_patch": frame_to_patch(joints_px, view.crop, view.image.shape[0]),
        "joints_px": joints_px,
        "joints_m": joints_m,
        "pose": np.where(here, view.pose, 0.0),
        "shape": np.where(here[..., 0], view.shape, 0.0),
        "is_hand": view.is_hand,
    }
    return item if view.part_mask is None else {**item, "part_mask": view.part_mask}


def open_sources(recipe: Recipe, *, upright: bool = False) -> list[HandSource]:
    """The sets of a recipe; the first alone holds hands out. Raises KnuckleError naming a set that has no hands to
    train on, or part masks where the first has none, or none where it has some."""
    sources = [
        HandSource(
            Path(folder),
            validation=0 if place else recipe.validation,
            upright=upright,
            augmentation=recipe.augmentation,
        )
        for place, folder in enumerate(recipe.sets)
    ]
    for source in sources:
        if source.set.hands == sources[0].set.hands and source.masked != sources[0].masked:
            words = {True: "part masks", False: "no part masks"}
            raise KnuckleError(
                f"{source.set.path}: expected {words[sources[0].masked]}, as in {sources[0].set.path}, got "
                f"{words[source.masked]}"
            )
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
        joined = self.recipe.with_negatives(step) and len(self.negatives) > 0
        negatives = round(self.recipe.negatives * self.share) if joined else 0
        first = step * self.recipe.batch + self.rank * self.share
        items = []
        for row in range(self.share):
            number = first + row
            rng = np.random.default_rng([self.recipe.seed, number])
            chosen = int(rng.choice(self.negatives)) if row < negatives else self.order.hand(number)
            place = int(np.searchsorted(self.firsts, chosen, side="right")) - 1
            index = chosen - int(self.firsts[place])
            items.append(self.sources[place].item(index, rng=rng if self.recipe.augment else None))
        return collate(items)


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
