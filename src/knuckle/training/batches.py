"""Batches of a synthetic set: what step n sees depends on the recipe and n alone, so a resumed run repeats nothing."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from knuckle.errors import KnuckleError
from knuckle.synth.dataset import SynthSet
from knuckle.training.augment import View, change_appearance, change_view, crop_of_affine, mirror_view
from knuckle.training.recipe import Recipe

Batch = dict[str, Tensor]


class HandSource:
    """Crops with hands and negatives of a one-hand or two-hand set by index, the last `validation` crops with a hand
    held out."""

    def __init__(self, path: Path, *, validation: int) -> None:
        self.set = SynthSet(path)
        is_hand = np.asarray(self.set.labels["is_hand"]).reshape(len(self.set), -1).any(axis=1)
        hands = np.flatnonzero(is_hand)
        if len(hands) <= validation:
            raise KnuckleError(
                f"{path}: expected more than {validation} hands (the held-out ones), got {len(hands)}"
            )
        self.train = hands[: len(hands) - validation]
        self.validation = hands[len(hands) - validation :]
        self.negatives = np.flatnonzero(~is_hand)

    def view(self, index: int) -> View:
        labels = self.set.labels
        image = np.asarray(self.set.images[index])
        masked = self.set.hands == 2 and "part_mask" in labels

        def label(name: str) -> np.ndarray:
            return np.asarray(labels[name][index], dtype=float)

        return View(
            image=image,
            joints_m=label("joints_m"),
            pose=label("pose"),
            shape=label("shape"),
            is_hand=np.asarray(labels["is_hand"][index]),
            camera=label("camera"),
            crop=crop_of_affine(label("patch_from_frame"), image.shape[0]),
            part_mask=np.asarray(labels["part_mask"][index]) if masked else None,
        )

    def item(self, index: int, *, rng: np.random.Generator | None) -> dict[str, np.ndarray]:
        """One sample as the model takes it; augmented when an rng is given."""
        view = self.view(index)
        if rng is not None:
            if self.set.hands == 2:
                view = self._change_pair(view, index, rng)
            elif view.is_hand:
                view = change_view(view, rng)
            view = replace(view, image=change_appearance(view.image, rng))
        return view_to_item(view)

    def _change_pair(self, view: View, index: int, rng: np.random.Generator) -> View:
        if rng.random() < 0.5:
            view = mirror_view(view, int(self.set.labels["frame_size"][index][0]))
        if not view.is_hand.any():
            return view
        # A reflected edge would show a hand of the other side, which no label names.
        return change_view(view, rng, roll_deg=30.0, border=cv2.BORDER_REPLICATE)


def view_to_item(view: View) -> dict[str, np.ndarray]:
    """The names of `Targets` and the model's inputs; rows of an absent hand are 0, its joints_m 1."""
    here = view.is_hand[..., None, None]
    joints_m = np.where(here, view.joints_m, 1.0)
    joints_px = np.where(here, joints_m[..., :2] / joints_m[..., 2:] * view.camera[:2] + view.camera[2:], 0.0)
    size = view.image.shape[0]
    item = {
        "image": view.image.transpose(2, 0, 1),
        "crop": view.crop,
        "camera": view.camera,
        "joints_patch": (joints_px - view.crop[:2]) * (size / view.crop[2]) + (size - 1) / 2,
        "joints_px": joints_px,
        "joints_m": joints_m,
        "pose": np.where(here, view.pose, 0.0),
        "shape": np.where(here[..., 0], view.shape, 0.0),
        "is_hand": view.is_hand,
    }
    return item if view.part_mask is None else {**item, "part_mask": view.part_mask}


class TrainingBatches(Dataset[Batch]):
    """`self[step]` is this process's share of the batch of a step."""

    def __init__(self, recipe: Recipe, *, rank: int = 0, world: int = 1) -> None:
        self.recipe, self.rank = recipe, rank
        self.share = recipe.batch // world
        self.source = HandSource(Path(recipe.data), validation=recipe.validation)
        self._permutations: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return self.recipe.steps

    def __getitem__(self, step: int) -> Batch:
        joined = self.recipe.with_negatives(step) and len(self.source.negatives) > 0
        negatives = round(self.recipe.negatives * self.share) if joined else 0
        first = step * self.recipe.batch + self.rank * self.share
        items = []
        for row in range(self.share):
            number = first + row
            rng = np.random.default_rng([self.recipe.seed, number])
            index = int(rng.choice(self.source.negatives)) if row < negatives else self._hand(number)
            items.append(self.source.item(index, rng=rng if self.recipe.augment else None))
        return collate(items)

    def _hand(self, number: int) -> int:
        epoch, position = divmod(number, len(self.source.train))
        if epoch not in self._permutations:
            rng = np.random.default_rng([self.recipe.seed, 1, epoch])
            # Two epochs stay: a batch may straddle their border.
            self._permutations = {e: p for e, p in self._permutations.items() if e == epoch - 1}
            self._permutations[epoch] = rng.permutation(self.source.train)
        return int(self._permutations[epoch][position])


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
