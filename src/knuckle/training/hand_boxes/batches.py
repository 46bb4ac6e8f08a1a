"""Batches of the hand detector: what step n sees depends on the recipe, the pictures that are there, and n."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import Dataset

from knuckle.errors import KnuckleError
from knuckle.models.hand_boxes.targets import HandLabels
from knuckle.training.hand_boxes.mixing import Mixed, Sources, mix
from knuckle.training.hand_boxes.pictures import (
    LabelledPicture,
    Split,
    read_empty_pictures,
    read_pictures,
)
from knuckle.training.hand_boxes.recipe import HandBoxesRecipe

REREAD_EVERY = 100
"""Steps after which the folder of scenes is looked at again: it may have grown."""


@dataclass(frozen=True, eq=False)
class HandBoxesBatch:
    """Pictures as the network takes them, and the hands of each."""

    images: Float[Tensor, "B 3 H W"]
    """RGB, 0..1."""
    labels: list[HandLabels]


class MixedBatches(Dataset[HandBoxesBatch]):
    """Batch n for step n."""

    def __init__(self, recipe: HandBoxesRecipe) -> None:
        self.recipe = recipe
        root = data_folder(recipe)
        self.photos = photographs(recipe, "train")
        self.empty = list(read_empty_pictures(root / "backgrounds"))
        self.scenes = GrowingScenes(recipe)

    def __len__(self) -> int:
        return self.recipe.steps

    def __getitem__(self, step: int) -> HandBoxesBatch:
        if step % REREAD_EVERY == 0 or not self.scenes.pictures:
            self.scenes.reread()
        scenes = self.scenes.pictures if len(self.scenes.pictures) >= self.recipe.least_scenes else []
        sources = Sources(self.photos, self.empty, scenes, self.recipe.scene_share)
        rng = np.random.default_rng([self.recipe.seed, step])
        height, width = self.recipe.sizes[int(rng.integers(len(self.recipe.sizes)))]
        mixed = [
            mix(sources, np.random.default_rng([self.recipe.seed, step, place]), height=height, width=width)
            for place in range(self.recipe.batch)
        ]
        return to_batch(mixed)


class GrowingScenes:
    """The rendered scenes of a folder that may still be written to; the first ones only validate."""

    def __init__(self, recipe: HandBoxesRecipe) -> None:
        self._folder = Path(recipe.scenes) if recipe.scenes else None
        self._held_out = recipe.validation_scenes
        self.pictures: list[LabelledPicture] = []

    def reread(self) -> None:
        """Take in what has been added."""
        if self._folder is None or not (self._folder / "boxes.jsonl").is_file():
            return
        skipped = self._held_out + len(self.pictures)
        self.pictures += read_pictures(self._folder / "boxes.jsonl", self._folder, skip=skipped)

    def held_out(self) -> list[LabelledPicture]:
        """Those that only validate."""
        if self._folder is None or not (self._folder / "boxes.jsonl").is_file():
            return []
        return list(read_pictures(self._folder / "boxes.jsonl", self._folder, most=self._held_out))


def data_folder(recipe: HandBoxesRecipe) -> Path:
    """Where the photographs are. Raises KnuckleError where neither recipe nor KNUCKLE_DATA says."""
    folder = recipe.data or os.environ.get("KNUCKLE_DATA", "")
    if not folder or not Path(folder).is_dir():
        raise KnuckleError(
            f"recipe {recipe.name}: data: expected the folder of photographs, here or in KNUCKLE_DATA, got {folder!r}"
        )
    return Path(folder)


def photographs(recipe: HandBoxesRecipe, split: Split) -> list[LabelledPicture]:
    """The photographs of the recipe's index."""
    return list(read_pictures(Path(recipe.photos), data_folder(recipe), split=split))


def to_batch(mixed: Sequence[Mixed]) -> HandBoxesBatch:
    """Pictures of one size as tensors."""
    images = torch.from_numpy(np.stack([one.image for one in mixed])).permute(0, 3, 1, 2)
    labels = [
        HandLabels(*(torch.from_numpy(a) for a in (one.boxes, one.right, one.direction, one.ignored)))
        for one in mixed
    ]
    # Channels last, as the bytes lie already.
    return HandBoxesBatch(images.float() / 255, labels)
