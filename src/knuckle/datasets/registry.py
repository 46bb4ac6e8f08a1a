"""The data sets that `knuckle data` knows: name, what is labelled in them, and the module that reads them.

A module of `knuckle.datasets.entries` has three functions. It is imported when its data set is asked for.

    check(folder, *, decode=False) -> Report                what is there and what is missing
    preview(folder, *, count) -> list[LabelledHand]         some hands, spread over the set, to be drawn; sets with
                                                            previews_mano=True also get rig=
    open_source(folder, rig, *, complete) -> Source         the hands to train on (`knuckle.datasets.source`);
                                                            not of sets with converts=False; sets with variants are
                                                            also told the variant=
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from knuckle.errors import KnuckleError

if TYPE_CHECKING:
    from knuckle.datasets.labelled import LabelledHand
    from knuckle.datasets.report import Report

Label = Literal["2D joints", "3D joints", "mesh", "MANO", "mask", "camera", "side", "visibility"]


@dataclass(frozen=True)
class DataSet:
    """A data set by the name that the command takes; its page is docs/datasets/NAME.md."""

    name: str
    title: str
    """Name and version as its authors write it."""
    labels: tuple[Label, ...]
    module: str
    """Of `knuckle.datasets.entries`."""
    converts: bool = True
    """Whether it can be made a set to train on."""
    opened_once: bool = False
    """Whether a source is opened once and sent to every worker: where opening looks at every picture."""
    variants: tuple[str, ...] = ()
    """Set-ups of its authors, or parts, of which one is converted; the first where none is asked for."""
    previews_mano: bool = False
    """Whether its preview takes MANO_RIGHT.pkl, as joints or meshes come from it."""

    negatives: bool = True
    """Whether its pictures show no hand but those that are labelled, so that squares beside these show none."""

    @property
    def docs(self) -> str:
        """The page of the data set, from the top of the repository."""
        return f"docs/datasets/{self.name}.md"

    def check(self, folder: Path, *, decode: bool = False) -> "Report":
        """What is there and what is missing; decode: read every picture whole, not its ends only."""
        _require_folder(folder, self.title)
        return self._entry().check(folder, decode=decode)

    def preview(self, folder: Path, *, count: int, rig: Path | None = None) -> "list[LabelledHand]":
        """Up to `count` labelled hands, spread over the set; raises KnuckleError naming what cannot be read.

        rig: MANO_RIGHT.pkl, for data sets whose labels are MANO's parameters.
        """
        _require_folder(folder, self.title)
        if self.previews_mano:
            return self._entry().preview(folder, count=count, rig=rig)
        if rig is not None:
            able = ", ".join(entry.name for entry in DATA_SETS.values() if entry.previews_mano)
            raise KnuckleError(f"rig: expected with a set whose preview needs MANO ({able}), got {self.name}")
        return self._entry().preview(folder, count=count)

    def chosen_variant(self, variant: str | None) -> str | None:
        """The variant asked for, else the first; None of a set without any. Raises KnuckleError for an unknown one."""
        if variant is not None and variant not in self.variants:
            known = f"one of {', '.join(self.variants)}" if self.variants else f"none with {self.name}"
            raise KnuckleError(f"variant: expected {known}, got {variant}")
        return variant if variant is not None or not self.variants else self.variants[0]

    def open_source(
        self, folder: Path, rig: Path | None, *, complete: bool, variant: str | None = None
    ) -> Any:
        """The hands to train on; raises KnuckleError for a set that has none."""
        if not self.converts:
            able = ", ".join(entry.name for entry in DATA_SETS.values() if entry.converts)
            raise KnuckleError(f"dataset: expected one with hands to train on ({able}), got {self.name}")
        _require_folder(folder, self.title)
        if self.variants:
            chosen = self.chosen_variant(variant)
            return self._entry().open_source(folder, rig, complete=complete, variant=chosen)
        self.chosen_variant(variant)
        return self._entry().open_source(folder, rig, complete=complete)

    def _entry(self) -> Any:
        return import_module(f"knuckle.datasets.entries.{self.module}")


_ALL = (
    DataSet("freihand", "FreiHAND v2", ("2D joints", "3D joints", "mesh", "MANO", "mask", "camera"), "freihand"),
    DataSet("ho3d", "HO-3D v2 and v3", ("2D joints", "3D joints", "mesh", "camera"), "ho3d"),
    DataSet(
        "interhand26m", "InterHand2.6M 1.0, 5 fps", ("2D joints", "3D joints", "mesh", "MANO", "camera", "side"),
        "interhand", converts=False,
    ),
    DataSet(
        "hanco", "HanCo", ("2D joints", "3D joints", "MANO", "mask", "camera"), "hanco", opened_once=True,
    ),
    DataSet("obman", "ObMan", ("2D joints", "3D joints", "camera", "side"), "obman"),
    DataSet("rhd", "RHD", ("2D joints", "3D joints", "mask", "camera", "side", "visibility"), "rhd"),
    DataSet(
        "coco-wholebody", "COCO-WholeBody v1.0, its hands", ("2D joints", "side"), "coco_wholebody",
        opened_once=True, negatives=False,
    ),
    DataSet("egodexter", "EgoDexter", ("2D joints", "3D joints", "camera"), "egodexter", converts=False),
    DataSet("hic", "HIC", ("2D joints", "3D joints", "mesh", "camera", "side"), "hic", converts=False),
    DataSet("rgb2hands", "RGB2Hands' benchmark", ("2D joints", "camera", "side"), "rgb2hands", converts=False),
    DataSet(
        "own", "your own photographs", ("2D joints", "3D joints", "mesh", "MANO", "mask", "camera", "side"), "own",
        opened_once=True,
    ),
    DataSet(
        "dexycb", "DexYCB", ("2D joints", "3D joints", "mesh", "MANO", "mask", "camera", "side"), "dexycb",
        opened_once=True, previews_mano=True,
        variants=("s0", "s1", "s2", "s3", "s0-mended", "s1-mended", "s2-mended", "s3-mended"),
    ),
    DataSet(
        "arctic", "ARCTIC", ("2D joints", "3D joints", "mesh", "MANO", "camera", "side"), "arctic", opened_once=True,
        variants=("p1", "p2", "p1-tenth", "p2-tenth"), previews_mano=True,
    ),
    DataSet(
        "hot3d", "HOT3D-Clips", ("2D joints", "3D joints", "mesh", "MANO", "camera", "side"), "hot3d",
        opened_once=True, variants=("aria", "aria-grey", "quest3"), previews_mano=True,
    ),
)  # fmt: skip

DATA_SETS: dict[str, DataSet] = {entry.name: entry for entry in _ALL}


def find_data_set(name: str) -> DataSet:
    """A data set by its name; raises KnuckleError for another."""
    if name not in DATA_SETS:
        raise KnuckleError(f"dataset: expected one of {', '.join(DATA_SETS)}, got {name!r}")
    return DATA_SETS[name]


def _require_folder(folder: Path, title: str) -> None:
    if not folder.is_dir():
        raise KnuckleError(f"{folder}: expected the folder of {title}, got no such folder")
