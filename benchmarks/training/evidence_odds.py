"""By which odds one answer's joints count against another's: what they are learnt from, and how."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from rich.table import Table

from benchmarks.shared.tables import plain_table
from knuckle.inference.trust import CLASS_OF_JOINT, CLASSES, SHARPNESS, Odds

STEPS, RATE, DECAY = 400, 0.05, 0.01


class Told(NamedTuple):
    """Of N hands: signals (N, k), how far both answers are apart (N), the first answer, the second and the truth
    (N, 21, d) in the picture (over the box's longer side) or in depth (m, d = 1), and both expected errors (N, 21),
    which count where nobody knows the truth."""

    signals: torch.Tensor
    apart: torch.Tensor
    first: torch.Tensor
    second: torch.Tensor
    truth: torch.Tensor
    first_error: torch.Tensor
    second_error: torch.Tensor

    @classmethod
    def of(cls, *arrays: np.ndarray) -> "Told":
        """Of arrays; without expected errors, those are NaN."""
        first = arrays[2]
        unknown = [np.full(first.shape[:2], np.nan)] * (7 - len(arrays))
        return cls(*(torch.as_tensor(np.asarray(v), dtype=torch.float64) for v in (*arrays, *unknown)))

    def rows(self, chosen: np.ndarray) -> "Told":
        """Of some of the hands."""
        return Told(*(values[torch.as_tensor(chosen)] for values in self))

    @property
    def is_labelled(self) -> bool:
        """Whether the truth is known."""
        return bool(torch.isfinite(self.truth).all())


def learn_odds(told: Sequence[Told], photos_count: float) -> Odds:
    """The odds with the least mean error over all sets; those of photographs count so much."""
    every = torch.cat([of.signals for of in told])
    # A signal that says nothing, as that of a system without branches, has no spread.
    middle, spread = every.mean(0), every.std(0).clamp(min=1e-3)
    slopes = torch.zeros(len(middle), dtype=torch.float64, requires_grad=True)
    classes = torch.zeros(len(CLASSES), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([slopes, classes], lr=RATE)
    for _ in range(STEPS):
        losses = [
            _error(of, _share((of.signals - middle) / spread, of.apart, slopes, classes)).mean()
            / (of.second - of.first).abs().mean()
            * (1 if of.is_labelled else photos_count)
            for of in told
        ]
        loss = torch.stack(losses).mean() + DECAY * slopes.square().sum() / len(middle)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = (slopes / spread).detach()
    return Odds(found.numpy(), (classes.detach() - middle @ found).numpy())


def _share(
    signals_: torch.Tensor, apart_: torch.Tensor, slopes: torch.Tensor, classes: torch.Tensor
) -> torch.Tensor:
    """`Odds.share`, to be learnt."""
    odds = (signals_ @ slopes)[:, None] + classes[torch.as_tensor(CLASS_OF_JOINT)]
    return torch.sigmoid(odds * (1 + SHARPNESS * apart_[:, None]))


def _error(told: Told, share: torch.Tensor) -> torch.Tensor:
    """Error of each joint with that share of the first answer's, the expected one where the truth is unknown."""
    if not told.is_labelled:
        return ((share * told.first_error) ** 2 + ((1 - share) * told.second_error) ** 2 + 1e-12).sqrt()
    joined = share[..., None] * told.first + (1 - share[..., None]) * told.second
    return ((joined - told.truth).square().sum(-1) + 1e-12).sqrt()


def learn_entry(
    name: str, told: dict[str, list[Told]], signals: Sequence[str], photos_count: dict[str, float]
) -> tuple[dict[str, dict[str, dict[str, float]]], list[Table]]:
    """An entry of the table, in the picture and in depth, and what it brings."""
    entry, tables = {}, []
    for space, of_sets in told.items():
        odds = learn_odds(of_sets, photos_count[space])
        tables.append(_scores(f"{name}, {space}", of_sets, odds))
        entry[space] = {
            "signals": dict(zip(signals, odds.slopes.round(3).tolist(), strict=True)),
            "classes": dict(zip(CLASSES, odds.classes.round(3).tolist(), strict=True)),
        }
    return entry, tables


def _scores(title: str, told: Sequence[Told], odds: Odds) -> Table:
    table = plain_table(("hands", "first", "second", "both", "share of the first", *CLASSES), title=title)
    slopes, classes = torch.as_tensor(odds.slopes), torch.as_tensor(odds.classes)
    for of in told:
        share = _share(of.signals, of.apart, slopes, classes)
        unit = 100.0 if of.first.shape[-1] == 2 else 1000.0
        errors = [
            _error(of, s).mean() * unit for s in (torch.ones_like(share), torch.zeros_like(share), share)
        ]
        by_class = [share[:, number == CLASS_OF_JOINT].mean() for number in range(len(CLASSES))]
        kind = "rendered" if of.is_labelled else "photographs"
        table.add_row(
            f"{len(share)} {kind}",
            *(f"{e:.2f}" for e in errors),
            f"{share.mean():.2f}",
            *(f"{s:.2f}" for s in by_class),
        )
    return table
