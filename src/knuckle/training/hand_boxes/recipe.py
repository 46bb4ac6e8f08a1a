"""A recipe of the hand detector's training: one TOML file, whose `system` is "hand_boxes"."""

from dataclasses import dataclass
from pathlib import Path

from knuckle.errors import KnuckleError
from knuckle.models.config import check_fields

SYSTEM = "hand_boxes"


@dataclass(frozen=True)
class HandBoxesRecipe:
    """One training run of the hand detector."""

    name: str
    """By default the file's name."""
    system: str = SYSTEM

    photos: str = ""
    """Index of photographs with hands (tools/hand_boxes/label_photos.py)."""
    data: str = ""
    """Folder that the index's files are below; it holds backgrounds too. Empty: where KNUCKLE_DATA points."""
    scenes: str = ""
    """Folder of rendered scenes (`knuckle synth --hands scene`); it may grow while the run goes on."""
    scene_share: float = 0.45
    """Share of the pictures that are scenes, once there are at least `least_scenes`."""
    least_scenes: int = 200
    validation_scenes: int = 200
    """How many of the scenes, the last ones that were there at the start, only validate."""

    samples: int = 60_000
    """Pictures to see in all."""
    batch: int = 16
    sizes: tuple[tuple[int, int], ...] = ((256, 256), (224, 288), (288, 224), (256, 320), (320, 256))
    """Heights and widths of the pictures; a step draws one."""
    threads: int = 1
    workers: int = 0
    """Processes that mix pictures; 0: the training's own."""
    seed: int = 0
    frozen: bool = True
    """Whether the layers down to stride 4 keep MediaPipe's weights."""

    init: str = ""
    """Weights of an earlier run to start from; MediaPipe's backbone without."""

    lr: float = 4e-4
    head_rate: float = 2.0
    """Factor of the learning rate for the new layers."""
    weight_decay: float = 0.01
    clip: float = 10.0
    warmup_samples: int = 800
    decay_fraction: float = 0.25
    """The last share of the run, over which the rate falls to zero along a half cosine."""
    ema: float = 0.998
    checkpoint_seconds: float = 120.0
    validate_every: int = 500
    """Steps between two validations."""

    def __post_init__(self) -> None:
        check_fields(self, f"recipe {self.name}:")
        sizes = tuple(tuple(size) for size in self.sizes)
        if not sizes or any(len(s) != 2 or any(v < 32 or v % 32 for v in s) for s in sizes):
            raise KnuckleError(
                f"recipe {self.name}: sizes: expected heights and widths that are multiples of 32, got {self.sizes}"
            )
        object.__setattr__(self, "sizes", sizes)
        if self.samples < 1 or self.batch < 1 or not 0 <= self.scene_share <= 1:
            raise KnuckleError(
                f"recipe {self.name}: expected samples, batch >= 1 and scene_share in 0..1, got {self.samples},"
                f" {self.batch}, {self.scene_share}"
            )

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return -(-self.samples // self.batch)

    def learning_rate(self, step: int) -> float:
        """Of a step: constant after a warm-up, then falling."""
        import math

        warm = min(1.0, (step + 1) * self.batch / max(self.warmup_samples, 1))
        into = (step / self.steps - (1 - self.decay_fraction)) / max(self.decay_fraction, 1e-9)
        return self.lr * warm * 0.5 * (1 + math.cos(math.pi * min(max(into, 0.0), 1.0)))


def read_hand_boxes_recipe(path: Path) -> HandBoxesRecipe:
    """Read a recipe; raises KnuckleError naming the file and the key that is wrong."""
    from knuckle.training.recipe import read_table

    return read_table(path, HandBoxesRecipe)
