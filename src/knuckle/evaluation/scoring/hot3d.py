"""Files of both tracks of the Multiview Egocentric Hand Tracking Challenge, scored on HOT3D's clips with labels.

    result_pose_hot3d.json    a list of hands: sequence_name ("clip-000123"), frame_id, hand_side (0 left, 1 right),
                              mano_theta (15 coefficients of MANO's components, its mean pose to be added), wrist_xform
                              (axis-angle and metres of the world)
    result_shape_hot3d.json   a list of clips: sequence_name, mano_beta (10); hand_side is not looked at

as JSON or a .zip with it. Clips of the file are scored, of each of these every labelled hand. The formats are those of
facebookresearch/hand_tracking_toolkit (README, submissions.py, evaluation.py).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from knuckle.datasets import hot3d
from knuckle.datasets.hot3d_training import Maker
from knuckle.errors import KnuckleError
from knuckle.evaluation.protocols import hot3d as protocol
from knuckle.evaluation.report import Report
from knuckle.evaluation.scoring.prediction_file import read_json_predictions
from knuckle.evaluation.scoring.suspicions import refuse
from knuckle.rig.rotations import rodrigues
from knuckle.skeleton import Side

Track = Literal["pose", "shape"]
_SIDES: dict[int, Side] = {0: "left", 1: "right"}
_KEYS: dict[Track, str] = {"pose": "mano_theta", "shape": "mano_beta"}
_FAR_M = 2.0
"""Further away no hand can be: people sit and stand at one place."""
_LABELLED = "clips with labels, which are those to train on: hands of the challenge's own test clips are not published"


def score_hot3d(predictions: Path, truth: Path, *, mano: Path | None, as_is: bool = False) -> Report:
    """The figures of the track that the file is of. truth: the folder of the clips; no picture is read. mano: the
    user's MANO_RIGHT.pkl, MANO_LEFT.pkl beside it.

    Raises KnuckleError without MANO's files, for clips that are missing, damaged or without labels, and for a file of
    another layout, of other hands or with numbers that are not finite.
    """
    if mano is None:
        raise KnuckleError(
            "--mano: expected your MANO_RIGHT.pkl with hot3d, whose files are MANO's parameters, got none"
        )
    entries = _entries(predictions)
    tars = _tars(truth)
    for name in entries:
        if name not in tars:
            raise KnuckleError(
                f"{predictions}: expected clips of {truth} that have labels (train_aria, train_quest3), got {name}"
            )
    maker = Maker.of(mano)
    track: Track = "pose" if _KEYS["pose"] in next(iter(entries.values()))[0] else "shape"
    notes = (f"{len(entries)} {_LABELLED}",)
    if track == "shape":
        return _shape(predictions, entries, tars, maker, notes=notes)
    return _pose(predictions, entries, tars, maker, notes=notes, as_is=as_is)


def _pose(
    path: Path,
    entries: dict[str, list[dict[str, Any]]],
    tars: dict[str, Path],
    maker: Maker,
    *,
    notes: tuple[str, ...],
    as_is: bool,
) -> Report:
    true, found, names = [], [], []
    for name, rows in entries.items():
        clip = hot3d.read_clip(hot3d.Tar.at(tars[name]))
        labelled = _labelled(clip)
        given: dict[tuple[int, Side], np.ndarray] = {}
        for row in rows:
            where = f"{path}: {name}"
            frame, side = _whole(row, "frame_id", where), _side(row, where)
            if (frame, side) in given:
                raise KnuckleError(f"{where}: expected every hand once, got frame {frame} {side} again")
            given[frame, side] = np.concatenate(
                [_numbers(row, "mano_theta", 15, where), _numbers(row, "wrist_xform", 6, where)]
            )
        _require_same(labelled.keys(), given.keys(), f"{path}: {name}")
        for side in _SIDES.values():
            keys = [key for key in labelled if key[1] == side]
            if keys:
                true.append(np.stack([labelled[key] for key in keys]))
                found.append(_joints(np.stack([given[key] for key in keys]), clip, maker, side))
                names += [f"{name}/{frame:06d} {side}" for frame, _ in keys]
    truth_m, found_m = np.concatenate(true), np.concatenate(found)
    notes += refuse([_suspect_place(truth_m, found_m, where=str(path))], as_is=as_is)
    return protocol.pose_report(truth_m, found_m, model=path.name, names=tuple(names), notes=notes)


def _shape(
    path: Path,
    entries: dict[str, list[dict[str, Any]]],
    tars: dict[str, Path],
    maker: Maker,
    *,
    notes: tuple[str, ...],
) -> Report:
    true, found = [], []
    for name, rows in entries.items():
        if len(rows) != 1:
            raise KnuckleError(f"{path}: {name}: expected one shape a clip, got {len(rows)}")
        shape = hot3d.read_clip(hot3d.Tar.at(tars[name])).shape
        if shape is None:
            raise KnuckleError(f"{tars[name]}: expected MANO's shape of its hands, got none")
        true.append(shape)
        found.append(_numbers(rows[0], "mano_beta", 10, f"{path}: {name}"))
    rest = np.zeros((len(true), 16, 3))
    meshes = [maker.rigs["left"].posed(rest, np.stack(shapes)).vertices for shapes in (true, found)]
    return protocol.shape_report(*meshes, model=path.name, names=tuple(entries), notes=notes)


def _suspect_place(truth_m: np.ndarray, found_m: np.ndarray, *, where: str) -> str:
    """A sentence where hands lie metres from where they are; "" otherwise."""
    middles = [np.nanmean(points[:, list(protocol.SCORED)], axis=1) for points in (truth_m, found_m)]
    off_m = float(np.median(np.linalg.norm(middles[1] - middles[0], axis=-1)))
    if off_m < _FAR_M:
        return ""
    return (
        f"{where}: wrist_xform: expected metres of the world, got hands {off_m:.0f} m off; is it millimetres, or of a"
        " camera?"
    )


def _joints(rows: np.ndarray, clip: hot3d.Clip, maker: Maker, side: Side) -> np.ndarray:
    """Joints of the world of MANO's hands with the clip's own shape."""
    if clip.shape is None:
        raise KnuckleError(f"{clip.tar.path}: expected MANO's shape of its hands, got none")
    rig = maker.rigs[side]
    fingers = (rows[:, :15] @ maker.components[side][:15]).reshape(-1, 15, 3)
    pose = np.concatenate([rows[:, None, 15:18], fingers], axis=1)
    joints, _ = rig.posed_joints(rodrigues(pose + rig.pose_mean), np.tile(clip.shape, (len(rows), 1)))
    return joints + rows[:, None, 18:]


def _labelled(clip: hot3d.Clip) -> dict[tuple[int, Side], np.ndarray]:
    """UmeTrack's joints of the world by frame and side."""
    found: dict[tuple[int, Side], np.ndarray] = {}
    for frame in clip.frames:
        for side, hand in hot3d.read_hands(clip.tar, frame).items():
            if hand.joints_m is not None:
                found[_frame_number(clip, frame), side] = hand.joints_m
    if not found:
        raise KnuckleError(f"{clip.tar.path}: expected hands of UmeTrack, got none")
    return found


def _frame_number(clip: hot3d.Clip, frame: str) -> int:
    try:
        return int(frame)
    except ValueError as error:
        raise KnuckleError(f"{clip.tar.path}: expected frames by number, got {frame}") from error


def _tars(folder: Path) -> dict[str, Path]:
    """The clips with labels by name; raises KnuckleError where there is none, or one of a name twice."""
    found: dict[str, Path] = {}
    for part in ("aria", "quest3"):
        for path in hot3d.clips_of(folder, part):
            if path.stem in found:
                raise KnuckleError(f"{folder}: expected every clip once, got {path.stem} of both devices")
            found[path.stem] = path
    if not found:
        raise KnuckleError(f"{folder}: expected train_aria or train_quest3 with clips of HOT3D, got none")
    return found


def _entries(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The file's entries by clip; raises KnuckleError for another layout."""
    data = read_json_predictions(path)
    if not isinstance(data, list) or not data:
        raise KnuckleError(
            f"{path}: expected a list of hands or of shapes, got a {type(data).__name__} of none"
        )
    found: dict[str, list[dict[str, Any]]] = {}
    tracks = set()
    for number, entry in enumerate(data):
        name = entry.get("sequence_name") if isinstance(entry, dict) else None
        kind = [track for track, key in _KEYS.items() if isinstance(entry, dict) and key in entry]
        if not isinstance(name, str) or len(kind) != 1:
            raise KnuckleError(
                f"{path}: entry {number} (the first is 0): expected sequence_name and either mano_theta (pose track) or"
                " mano_beta (shape track), got something else"
            )
        tracks.add(kind[0])
        found.setdefault(name, []).append(entry)
    if len(tracks) > 1:
        raise KnuckleError(f"{path}: expected one track, got entries of both")
    return found


def _require_same(
    labelled: Iterable[tuple[int, Side]], given: Iterable[tuple[int, Side]], where: str
) -> None:
    wanted, there = set(labelled), set(given)
    for lacking, what in ((wanted - there, "are missing"), (there - wanted, "are not labelled")):
        if lacking:
            frame, side = min(lacking)
            raise KnuckleError(
                f"{where}: expected the {len(wanted)} labelled hands, {len(lacking)} of the file's {what}, the first"
                f" frame {frame} {side}"
            )


def _numbers(row: dict[str, Any], key: str, count: int, where: str) -> np.ndarray:
    try:
        numbers = np.asarray(row.get(key), dtype=float)
    except (TypeError, ValueError, OverflowError):
        numbers = np.zeros(0)
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise KnuckleError(f"{where}: {key}: expected {count} finite numbers, got something else")
    return numbers


def _whole(row: dict[str, Any], key: str, where: str) -> int:
    value = row.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise KnuckleError(f"{where}: {key}: expected a whole number, got {value!r}")
    return value


def _side(row: dict[str, Any], where: str) -> Side:
    value = row.get("hand_side")
    if isinstance(value, bool) or not isinstance(value, int) or value not in _SIDES:
        raise KnuckleError(f"{where}: hand_side: expected 0 (left) or 1 (right), got {value!r}")
    return _SIDES[value]
