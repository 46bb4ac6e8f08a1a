"""DexYCB and HOT3D as benchmarks of single hands; hands that weights may have been trained on are kept out."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from knuckle.datasets import dexycb, hot3d
from knuckle.datasets.dexycb_training import DexycbTraining
from knuckle.datasets.hot3d_training import Hot3dTraining
from knuckle.datasets.labelled import Patch, to_patch
from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.benchmarks.one_hand import Benchmark
from knuckle.evaluation.protocols import dexycb as dexycb_protocol
from knuckle.evaluation.protocols import hot3d as hot3d_protocol
from knuckle.evaluation.report import Report
from knuckle.sets.seen import Seen, variants_of


def is_dexycb(folder: Path) -> bool:
    """Whether a folder holds the calibration and a person of DexYCB."""
    return (folder / "calibration").is_dir() and any((folder / who).is_dir() for who in dexycb.SUBJECTS)


def dexycb_benchmark(
    folder: Path, *, setup: str | None = None, limit: int | None = None, seen: Seen | None = None
) -> Benchmark:
    """The test split of a set-up, s0 unless another is asked for, scored by `knuckle.evaluation.protocols.dexycb`.

    seen: what models were trained on. The training split of another set-up holds frames of this one's test split:
    they are left out with a note. Raises KnuckleError where no hand is left, and for what is missing: with `limit`
    people may be, but not some sequences of a person.
    """
    chosen = _setup(setup or "s0")
    source = DexycbTraining(folder, None, setup=chosen, split="test", complete=limit is None)
    trained: list[dexycb.Setup] = [
        _setup(name.removesuffix("-mended")) for name in variants_of(seen or {}, "dexycb")
    ]
    there = {who: dexycb.sequences_of(folder, who) for who in dexycb.SUBJECTS}
    kept = [
        row
        for row, (at, eye, _) in enumerate(source.where.tolist())
        if not any(_trains(each, source, at, eye, there) for each in trained)
    ]
    notes = _left_out(source.count, len(kept), f"{folder}: DexYCB {chosen}")
    if limit is not None:
        shown = min(limit, len(kept))
        notes += (f"the first {shown} hands of what is there: the papers' figure is of the whole split",)
    rows, name = kept[:limit], f"{dexycb_protocol.NAME} {chosen} test"

    hands_from = "" if seen is None else f"dexycb {chosen}"
    return _benchmark(name, source, rows, dexycb_protocol.report, notes=notes, hands_from=hands_from)


def is_hot3d(folder: Path) -> bool:
    """Whether a folder holds training clips of either device."""
    return any(hot3d.clips_of(folder, part) for part in ("aria", "quest3"))


def hot3d_benchmark(
    folder: Path,
    *,
    part: str | None = None,
    mano: Path | None = None,
    limit: int | None = None,
    seen: Seen | None = None,
) -> Benchmark:
    """The clips with labels, which are those to train on, scored by `knuckle.evaluation.protocols.hot3d`.

    part: "aria", "aria-grey" or "quest3"; None: Aria's colour camera where its clips are there. mano: MANO_RIGHT.pkl,
    MANO_LEFT.pkl beside it, to score on MANO's joints; without it the truth is UmeTrack's, as in the challenge.
    Raises KnuckleError for weights that were trained on clips of the same device, whatever camera: which rows of a
    converted set are which clip is not known here.
    """
    there = [name for name in hot3d.STREAMS if hot3d.clips_of(folder, name)]
    chosen = part or there[0]
    if chosen not in hot3d.STREAMS:
        raise KnuckleError(f"variant: expected one of {', '.join(hot3d.STREAMS)} with HOT3D, got {chosen}")
    for name in variants_of(seen or {}, "hot3d"):
        if hot3d.FOLDERS.get(name) == hot3d.FOLDERS[chosen]:
            raise KnuckleError(
                f"{folder}: expected weights that were not trained on {hot3d.FOLDERS[chosen]}, whose clips are all"
                f" that has labels, got some that were (hot3d {name}); score them on the converted set, of which the"
                " hands held out are known"
            )
    # Clips may be missing, but none that is there is passed over.
    source = Hot3dTraining(folder, mano, part=chosen, complete=True)
    rows, name = list(range(source.count))[:limit], f"{hot3d_protocol.NAME} {chosen}"
    form = "UmeTrack's" if mano is None else "MANO's"
    notes = (
        f"hands of training clips, as those of the test clips are not published; the true joints are {form}",
    )

    hands_from = "" if seen is None else f"hot3d {chosen}"
    return _benchmark(name, source, rows, hot3d_protocol.report, notes=notes, hands_from=hands_from)


def _trains(
    setup: dexycb.Setup, source: DexycbTraining, at: int, eye: int, there: dict[str, list[str]]
) -> bool:
    """Whether the training split of a set-up has a frame of a recording, seen by a camera."""
    name = source.recordings[at].name
    who = name.partition("/")[0]
    return (
        dexycb.SUBJECTS.index(who) in dexycb.subjects_of(setup, "train")
        and dexycb.SERIALS.index(source.serials[eye]) in dexycb.serials_of(setup, "train")
        and dexycb.takes_sequence(setup, "train", there[who].index(name))
    )


def _setup(name: str) -> dexycb.Setup:
    if name not in dexycb.SETUPS:
        raise KnuckleError(f"variant: expected one of {', '.join(dexycb.SETUPS)} with DexYCB, got {name}")
    return cast(dexycb.Setup, name)


def _left_out(count: int, kept: int, where: str) -> tuple[str, ...]:
    if not kept:
        raise KnuckleError(
            f"{where}: expected hands that the weights were not trained on, got {count} that they were; name another"
            " split by --variant"
        )
    lost = count - kept
    return (f"{lost} of {count} hands left out, as training saw them",) if lost else ()


def _benchmark(
    name: str,
    source: DexycbTraining | Hot3dTraining,
    rows: list[int],
    report: Callable[..., Report],
    *,
    notes: tuple[str, ...],
    hands_from: str,
) -> Benchmark:
    """These hands of a source, scored by the `report` of its protocol; another hand may be in a picture."""

    def patches(size: int, expand: float) -> Iterator[Patch]:
        for row in rows:
            (hand,) = source.hands(range(row, row + 1))
            yield to_patch(hand, size=size, expand=expand)

    def score(truth: Truth, predictions: Predictions, model: str) -> Report:
        return report(truth, predictions, model=model, benchmark=name, notes=notes)

    names = tuple(source.name(row) for row in rows)
    return Benchmark(name, names, patches, score, hands_from=hands_from, tips=source.tips, alone=False)
