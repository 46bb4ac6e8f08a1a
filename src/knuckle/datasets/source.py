"""What a data set gives to be trained on: its hands by number, and what only some data sets have besides."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.rig_labels import RigLabels
from knuckle.rig.hand_rig import HandRig


class Source(Protocol):
    """The hands of a dataset's training split by number."""

    count: int
    rig: HandRig
    """What the labels are of; a MANO file has the dataset's fingertips."""
    tips: str
    """Whose fingertips the dataset's joints have (`knuckle.rig.tips`)."""

    def hands(self, numbers: range) -> list[LabelledHand]:
        """The labelled hands of these numbers, with joints_px and joints_m."""
        ...

    def rig_labels(self, numbers: range, joints_m: Float[np.ndarray, "n 21 3"]) -> RigLabels:
        """The rig in the pose of these hands; joints_m: their joints, left hands mirrored."""
        ...


@runtime_checkable
class PartialSource(Source, Protocol):
    """A source whose hands lack labels: joints are None or NaN where they do, and so are pose and shape."""

    def validity(self, numbers: range) -> dict[str, np.ndarray]:
        """What is labelled of these hands: the arrays of `knuckle.truth.validity_table`."""
        ...


@runtime_checkable
class EmptySource(Source, Protocol):
    """A source that has whole pictures without a hand."""

    empty_count: int

    def empty(self, number: int) -> LabelledHand | None:
        """One of these pictures, the joints beside it; None where it shows a hand after all."""
        ...


@runtime_checkable
class SurfaceSource(Source, Protocol):
    """A source whose hands have masks, or vertices of the rig's mesh."""

    has_masks: bool
    has_meshes: bool


@runtime_checkable
class OrderedSource(Source, Protocol):
    """A source whose hands come in an order of its own, so that the last ones can be held out."""

    together: int
    """How many hands in turn are versions of one photograph."""
    order: str
    """Tells this order from others; "" for the data set's own."""


@runtime_checkable
class DamagedSource(Source, Protocol):
    """A source some of whose labels are damaged: it can do without these, but its user must say so."""

    damaged: list[str]
    """A sentence for each, naming the file."""


@runtime_checkable
class CheckedSource(Source, Protocol):
    """A source that has left out what cannot be used."""

    faults: list[str]
    """A sentence for each."""
    labels_digest: str
    """Tells the labels of one folder from those of another."""


def itself(source: Source) -> Source:
    """Given its source, what opens it once for all: pickled, every worker gets a copy."""
    return source
