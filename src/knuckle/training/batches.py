"""Batches of a synthetic set: what step n sees depends on the recipe and n alone, so a resumed run repeats nothing."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from knuckle.errors import KnuckleError
from knuckle.synth.dataset import SynthSet
from knuckle.training.augment import View, change_appearance, change_view, crop_of_affine
from knuckle.training.recipe import Recipe

Batch = dict[str, Tensor]


class HandSource:
    """Hands and negatives of a set by index, the last `validation` hands held out."""

    def __init__(self, path: Path, *, validation: int) -> None:
        self.set = SynthSet(path)
        is_hand = np.asarray(self.set.labels["is_hand"])
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
        return View(
            image=image,
            joints_m=np.asarray(labels["joints_m"][index], dtype=float),
            global_rotation=np.asarray(labels["pose"][index][0], dtype=float),
            camera=np.asarray(labels["camera"][index], dtype=float),
            crop=crop_of_affine(np.asarray(labels["patch_from_frame"][index], dtype=float), image.shape[0]),
        )

    def item(self, index: int, *, rng: np.random.Generator | None) -> dict[str, np.ndarray]:
        """One sample as the model takes it; augmented when an rng is given."""
        view, labels = self.view(index), self.set.labels
        is_hand = bool(labels["is_hand"][index])
        if rng is not None:
            if is_hand:
                view = change_view(view, rng)
            view = View(**{**view.__dict__, "image": change_appearance(view.image, rng)})
        pose = np.asarray(labels["pose"][index], dtype=float).copy()
        pose[0] = view.global_rotation
        joints_px = _project(view) if is_hand else np.zeros((21, 2))
        size = view.image.shape[0]
        patch_px = (joints_px - view.crop[:2]) * (size / view.crop[2]) + (size - 1) / 2
        return {
            "image": view.image.transpose(2, 0, 1),
            "crop": view.crop,
            "camera": view.camera,
            "joints_patch": patch_px,
            "joints_px": joints_px,
            "joints_m": view.joints_m if is_hand else np.ones((21, 3)),
            "pose": pose if is_hand else np.zeros((16, 3)),
            "shape": np.asarray(labels["shape"][index], dtype=float) if is_hand else np.zeros(10),
            "is_hand": np.asarray(is_hand),
        }


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
    """The held-out hands, not augmented."""
    rows = [source.item(int(i), rng=None) for i in source.validation]
    return [collate(rows[i : i + batch]) for i in range(0, len(rows), batch)]


def collate(items: list[dict[str, np.ndarray]]) -> Batch:
    """Stack samples; images stay bytes until they are on the device."""
    stacked = {name: np.stack([item[name] for item in items]) for name in items[0]}
    return {
        name: torch.from_numpy(value if value.dtype in (np.uint8, np.bool_) else value.astype(np.float32))
        for name, value in stacked.items()
    }


def _project(view: View) -> np.ndarray:
    return view.joints_m[:, :2] / view.joints_m[:, 2:] * view.camera[:2] + view.camera[2:]
