"""Files of ARCTIC's task of consistent motion, on the validation split, whose labels are published.

Either the folder that the authors' server takes, with what it takes below `eval`:

    eval/SUBJECT_SEQUENCE_VIEW/meta_info/meta_info.imgname.pt    paths, .../SUBJECT/SEQUENCE/VIEW/%05d.jpg
    eval/SUBJECT_SEQUENCE_VIEW/preds/pred.mano.{pose,beta,cam_t}.{r,l}.pt, pred.object.{rot,cam_t,radian}.pt

(torch files of numbers: rotations n x 16 x 3 x 3 with MANO's mean pose to be added, shapes, places in metres; their
format is the authors' docs/leaderboard_format.md), or a file of our own layout, as JSON, a .zip with it or .npz:

    names         N of SUBJECT/SEQUENCE/VIEW/NUMBER ("s05/box_grab_01/1/00123")
    joints_mm     N x 2 x 21 x 3: right hand, left hand; MANO's order with smplx's fingertips
    vertices_mm   N x 2 x 778 x 3, and
    things        N x 7: the angle (rad), axis-angle and place (mm) of the thing; both may be left out

of the picture's camera. There is one entry for each picture of the split, and folders of all its recordings and views.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from knuckle.datasets import arctic, arctic_things
from knuckle.datasets.arctic_things import Motion, Thing
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.arctic import counted
from knuckle.evaluation.metrics.contact import Touch, Window, lasting_touches, touches
from knuckle.evaluation.protocols import arctic as hands_alone
from knuckle.evaluation.protocols.arctic_task import About, Scene, measured, task_report
from knuckle.evaluation.report import Report
from knuckle.evaluation.scoring.arctic_folder import read_view
from knuckle.evaluation.scoring.prediction_file import keys_of, read_named
from knuckle.evaluation.scoring.suspicions import (
    refuse,
    refuse_not_finite,
    suspect_depth,
    suspect_order,
    suspect_unit,
)
from knuckle.skeleton import FROM_COMMON, HAND_SIDES, JOINT_COUNT, TO_COMMON, convert_joints

_MM = 1e-3
_SHOWN = "Here a file: no crop is cut by this program."


class _World(NamedTuple):
    """A recording's truth in the world: the same for all views."""

    vertices_m: Float[np.ndarray, "T 2 V 3"] | None
    thing_m: Float[np.ndarray, "T P 3"]
    motion: Motion
    touch: tuple[Touch, Touch] | None
    windows: tuple[list[Window], list[Window]]


def score_arctic(
    predictions: Path,
    truth: Path,
    *,
    protocol: str | None = None,
    mano: Path | None = None,
    as_is: bool = False,
) -> Report:
    """The figures of the task.

    Args:
        predictions: as above.
        truth: the folder of the data set; no picture is read. Its `meta/object_vtemplates` give the things.
        protocol: "p1", the fixed cameras (also None), or "p2", the one on the head.
        mano: the user's MANO_RIGHT.pkl, MANO_LEFT.pkl beside it: for contact, for accelerations, and for the authors'
            folder.
        as_is: score a file that looks wrong, and say so in the report.

    Raises KnuckleError for labels that are missing or damaged, a file of other pictures, of another unit, or with
    numbers that are not finite.
    """
    setup = protocol or "p1"
    if setup not in arctic.PROTOCOLS:
        raise KnuckleError(f"variant: expected {' or '.join(arctic.PROTOCOLS)} with ARCTIC, got {setup}")
    if not truth.is_dir():
        raise KnuckleError(f"{truth}: expected the folder of ARCTIC, got no such folder")
    data = arctic.Arctic(truth, mano)
    if predictions.is_dir() and data.rigs is None:
        raise KnuckleError(
            "--mano: expected your MANO_RIGHT.pkl with the folder of MANO's parameters that the server takes, got none"
        )
    recordings = arctic.read_protocol(data.folder, setup, "val")
    stored = (
        None
        if predictions.is_dir()
        else _Stored.read(predictions, _names(data, recordings, setup), data, setup)
    )
    things: dict[str, Thing] = {}
    parts, count, notes = [], 0, ()
    by_file, looked_at = True, False
    for name in recordings:
        sequence = data.sequence(name)
        frames = list(data.labelled_frames(sequence))
        thing_name = arctic_things.thing_of(name)
        if thing_name not in things:
            things[thing_name] = arctic_things.read_thing(data.folder, thing_name)
        thing = things[thing_name]
        world = _world(data, sequence, frames, thing)
        by_file &= sequence.counts is not None
        for view in arctic.VIEWS[setup]:
            true, about = _seen(data, sequence, frames, view, world, thing)
            names = _view_names(data, name, frames, view)
            if stored is None:
                found = read_view(predictions, name, view, names, data.rigs or {}, thing)
            else:
                found = stored.scene(names, thing)
            here = about.counts & about.whole[:, None]
            if here.any() and not looked_at:
                looked_at = True
                told = _suspicions(true.joints_m[here], found.joints_m[here], stored, where=str(predictions))
                notes = refuse(told, as_is=as_is)
            parts.append(measured(true, found, about))
            count += len(frames)
    if not looked_at:
        raise KnuckleError(f"{data.folder}: expected hands of ARCTIC {setup} val that count, got none")
    notes += ("validation split: labels of the test split are not published",)
    if not by_file:
        notes += (
            "no file says which hands the authors score: those of which wrist and two more joints are in the picture,"
            " wherever the thing is",
        )
    notes += _lacking(stored, data)
    return task_report(
        parts,
        model=predictions.name,
        benchmark=f"{hands_alone.NAME} {setup} val, consistent motion",
        count=count,
        shown=_SHOWN,
        notes=notes,
    )


class _Stored(NamedTuple):
    """What a file of our own layout holds; metres."""

    rows: dict[str, int]
    joints_m: Float[np.ndarray, "N 2 21 3"]
    vertices_m: Float[np.ndarray, "N 2 V 3"] | None
    things: Float[np.ndarray, "N 7"] | None

    @classmethod
    def read(cls, path: Path, names: tuple[str, ...], data: arctic.Arctic, setup: str) -> "_Stored":
        split = f"ARCTIC {setup} val"
        there = keys_of(path)
        shapes: dict[str, tuple[int, ...]] = {"joints_mm": (2, JOINT_COUNT, 3), "things": (7,)}
        if data.rigs is not None:
            # Without MANO there are no true ones.
            shapes["vertices_mm"] = (2, len(data.rigs["right"].vertices), 3)
        found: dict[str, Any] = {}
        for key, shape in shapes.items():
            if key == "joints_mm" or key in there:
                found[key] = read_named(path, names, key, shape, split)
                refuse_not_finite(found[key], where=str(path), what=key, names=names)
        joints = convert_joints(found["joints_mm"] * _MM, source="mano21")
        vertices = found.get("vertices_mm")
        return cls(
            {name: row for row, name in enumerate(names)},
            joints,
            None if vertices is None else vertices * _MM,
            found.get("things"),
        )

    def scene(self, names: tuple[str, ...], thing: Thing) -> Scene:
        """The pictures of these names."""
        rows = [self.rows[name] for name in names]
        motion = None
        if self.things is not None:
            these = self.things[rows]
            motion = Motion(these[:, 0], these[:, 1:4], these[:, 4:] * _MM)
        return Scene(
            self.joints_m[rows],
            None if self.vertices_m is None else self.vertices_m[rows],
            None if motion is None else arctic_things.posed(thing, motion),
            None if motion is None else motion.angle_rad,
        )


def _suspicions(true_m: np.ndarray, found_m: np.ndarray, stored: _Stored | None, *, where: str) -> list[str]:
    """Of the first view with hands that count."""
    unit = "metres" if stored is None else "millimetres"
    told = [
        suspect_unit(true_m, found_m, where=where, what="joints", unit=unit),
        suspect_depth(found_m, where=where, forward=True),
    ]
    if stored is not None:
        as_read = np.array(FROM_COMMON["mano21"])
        others = {
            "the common order": tuple(as_read[list(TO_COMMON["common"])]),
            "InterHand2.6M's": tuple(as_read[list(TO_COMMON["interhand"])]),
        }
        told.append(suspect_order(true_m, found_m, others, where=where, order="MANO's order"))
    return told


def _lacking(stored: _Stored | None, data: arctic.Arctic) -> tuple[str, ...]:
    """Which figures there are not, and why."""
    notes = ()
    if data.rigs is None:
        notes += (
            "no contact nor accelerations: the true vertices need your file of MANO (--mano MANO_RIGHT.pkl)",
        )
    elif stored is not None and stored.vertices_m is None:
        notes += ("no contact nor accelerations: the file has no vertices_mm",)
    if stored is not None and stored.things is None:
        notes += (
            "the file has no things: nothing of the thing itself is scored, and contact is to the true thing where it"
            " truly is, so that depths from the camera count, as in no published figure",
        )
    return notes


def _names(data: arctic.Arctic, recordings: list[str], setup: arctic.Protocol) -> tuple[str, ...]:
    found: list[str] = []
    for name in recordings:
        frames = list(data.labelled_frames(data.sequence(name)))
        for view in arctic.VIEWS[setup]:
            found += _view_names(data, name, frames, view)
    return tuple(found)


def _view_names(data: arctic.Arctic, name: str, frames: list[int], view: int) -> tuple[str, ...]:
    offset = data.subject(name).offset
    return tuple(f"{name}/{view}/{frame + offset:05d}" for frame in frames)


def _world(data: arctic.Arctic, sequence: arctic.Sequence, frames: list[int], thing: Thing) -> _World:
    motion = arctic_things.read_motion(data, sequence)
    motion = Motion(*(part[frames] for part in motion))
    thing_m = arctic_things.posed(thing, motion)
    if data.rigs is None or not frames:
        return _World(None, thing_m, motion, None, ([], []))
    hands = []
    for side in HAND_SIDES:
        own = [part[frames] for part in sequence.parameters[side]]
        hands.append(data.rigs[side].posed(*own).vertices)
    of_right, of_left = (touches(hand, thing_m) for hand in hands)
    windows = (lasting_touches(of_right, thing_m[0]), lasting_touches(of_left, thing_m[0]))
    return _World(np.stack(hands, 1), thing_m, motion, (of_right, of_left), windows)


def _seen(
    data: arctic.Arctic,
    sequence: arctic.Sequence,
    frames: list[int],
    view: int,
    world: _World,
    thing: Thing,
) -> tuple[Scene, About]:
    """The truth of a view in its camera's frame."""
    camera = data.from_world(sequence, view)[frames]
    joints = np.stack([data.joints_m(sequence, side, view)[frames] for side in HAND_SIDES], axis=1)
    whole: Bool[np.ndarray, T] = np.ones(len(frames), bool)
    if sequence.whole is not None:
        whole = sequence.whole[frames, view]
    counts = np.stack([counted(data, sequence, side, view)[frames] for side in HAND_SIDES], axis=1)
    vertices = None if world.vertices_m is None else _moved(world.vertices_m, camera)
    true = Scene(joints, vertices, _moved(world.thing_m, camera), world.motion.angle_rad)
    return true, About(counts, whole, thing.is_base, thing.diameter_m, world.touch, world.windows)


def _moved(points_m: np.ndarray, matrices: Float[np.ndarray, "T 4 4"]) -> np.ndarray:
    turned = np.einsum("tij,t...j->t...i", matrices[:, :3, :3], points_m)
    return turned + matrices[:, :3, 3].reshape(-1, *(1,) * (points_m.ndim - 2), 3)
