"""ARCTIC's training splits as a source of training sets, with MANO's pose where the user has MANO."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.datasets import arctic
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.mano_sides import Parameters, to_labels
from knuckle.datasets.rig_labels import RigLabels, check_mano, fit_labels, joined_labels, right_rig
from knuckle.errors import KnuckleError
from knuckle.skeleton import SIDES, Side


class ArcticTraining:
    """The hands of a protocol's training split by number, frame by frame, view by view, right before left.

    Args:
        folder: of the data set.
        rig: None for the open rig, a rig file, or MANO_RIGHT.pkl (MANO_LEFT.pkl beside it, else its mirror image).
        protocol: "p1" for the fixed cameras, "p2" for the one on the head.
        every: take every so manyth frame; they were recorded at 30 a second.
        complete: whether every recording and picture must be there; without it those that are there are taken.

    Left hands have the shape of the faulty left file, which no right hand has: the rig is fitted to their joints.
    Raises KnuckleError naming what is missing or damaged.
    """

    tips = "smplx"

    def __init__(
        self,
        folder: Path,
        rig: Path | None,
        *,
        protocol: arctic.Protocol = "p1",
        every: int = 1,
        complete: bool = True,
    ) -> None:
        self.rig = right_rig(rig, tips="smplx")
        self.data = arctic.Arctic(folder, rig if self.rig.name == "mano" else None)
        self.names = arctic.read_protocol(self.data.folder, protocol, "train")
        rows: list[np.ndarray] = []
        missing: list[str] = []
        for number, name in enumerate(self.names):
            try:
                sequence = self.data.sequence(name)
            except KnuckleError as error:
                if complete or is_there(self.data, name):
                    raise
                missing.append(str(error))
                continue
            frames = np.array(self.data.labelled_frames(sequence)[::every], dtype=int)
            for view in arctic.VIEWS[protocol]:
                there = []
                for frame in frames.tolist():
                    path, _ = self.data.picture(name, frame, view)
                    there.append(path.is_file())
                    if not there[-1]:
                        missing.append(str(path.relative_to(self.data.folder)))
                for hand, side in enumerate(SIDES):
                    seen = frames[self.data.is_seen(sequence, side, view)[frames] & np.array(there, bool)]
                    same = np.ones(len(seen), int)
                    rows.append(np.column_stack([number * same, seen, view * same, hand * same]))
        if missing and complete:
            raise KnuckleError(
                f"{self.data.folder}: expected the pictures of ARCTIC {protocol} train ({arctic.SITE}), missing "
                f"{len(missing)}, the first {missing[0]}"
            )
        found = np.concatenate(rows) if rows else np.zeros((0, 4), int)
        if not len(found):
            why = f": {missing[0]}" if missing else ""
            raise KnuckleError(
                f"{self.data.folder}: expected hands of ARCTIC {protocol} train, got none{why}"
            )
        # A recording's frames together, in the order in which they were taken.
        self.rows = found[np.lexsort((-found[:, 3], found[:, 2], found[:, 1], found[:, 0]))].astype(np.int32)
        self.count = len(self.rows)

    def hands(self, numbers: range) -> list[LabelledHand]:
        """The labelled hands of these numbers."""
        found = []
        for at, frame, view, hand in self.rows[numbers.start : numbers.stop].tolist():
            found.append(self.data.hand(self.data.sequence(self.names[at]), frame, view, SIDES[hand]))
        return found

    def rig_labels(self, numbers: range, joints_m: Float[np.ndarray, "n 21 3"]) -> RigLabels:
        """The rig in the pose of these hands, left ones mirrored already."""
        if self.data.rigs is None:
            return fit_labels(self.rig, joints_m)
        chosen = self.rows[numbers.start : numbers.stop]
        right = chosen[:, 3] == SIDES.index("right")

        def own(rows: np.ndarray) -> RigLabels:
            exact = to_labels(self.rig, self.parameters("right", chosen[rows]), joints_m[rows])
            check_mano(self.rig, exact.residual_m, whose="ARCTIC's")
            return exact

        fitted = (~right, lambda rows: fit_labels(self.rig, joints_m[rows]))
        return joined_labels(len(chosen), [(right, own), fitted])

    def parameters(self, side: Side, rows: np.ndarray) -> Parameters:
        """MANO's parameters of hands of one side in their cameras; rows: those of `rows`."""
        found = [
            self.data.parameters(self.data.sequence(self.names[at]), side, view, [frame])
            for at, frame, view, _ in rows.tolist()
        ]
        return Parameters(*(np.concatenate(part) for part in zip(*found, strict=True)))


def is_there(data: arctic.Arctic, name: str) -> bool:
    """Whether any label file of a recording is there."""
    files = (f"raw_seqs/{name}.mano.npy", f"processed_seqs/{name}.npy")
    return any((data.folder / file).is_file() for file in files) or any(
        (data.folder / "splits").glob("p*.npy")
    )
