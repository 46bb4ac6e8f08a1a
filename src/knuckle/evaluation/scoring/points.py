"""Files of one hand a picture, [joints, vertices] as the servers of FreiHAND and HO-3D take them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.datasets.ho3d import sample_names
from knuckle.datasets.label_rows import read_rows
from knuckle.errors import KnuckleError
from knuckle.evaluation.protocols.freihand import MANO_VERTICES
from knuckle.evaluation.protocols.official import Points, point_report, zero_prediction
from knuckle.evaluation.report import Report
from knuckle.evaluation.scoring.prediction_file import read_json_predictions
from knuckle.evaluation.scoring.suspicions import (
    refuse,
    suspect_depth,
    suspect_frame,
    suspect_order,
    suspect_unit,
    to_numbers,
)
from knuckle.geometry.camera import OPENGL_FROM_CAMERA
from knuckle.skeleton import FROM_COMMON, JOINT_COUNT, TO_COMMON, JointOrder, convert_joints

_TRUTH = {"joints": "evaluation_xyz.json", "vertices": "evaluation_verts.json"}


class Benchmark(NamedTuple):
    """A benchmark whose files are of one hand a picture."""

    title: str
    counts: dict[int, str]
    """Hands of the real evaluation split -> its version."""
    order: JointOrder
    """Of the joints, in the truth and in predictions."""
    axes: Float[np.ndarray, "3"]
    """Times a point of the files: our camera frame, and back."""
    frame: str
    """The files' camera frame in words."""
    order_in_words: str
    scaled: bool
    """Whether its script aligns by scale and translation too."""
    protocol: str


FREIHAND = Benchmark(
    title="FreiHAND",
    counts={3960: "v2"},
    order="freihand",
    axes=np.ones(3),
    frame="metres of the camera's frame (x right, y down, z forward)",
    order_in_words="FreiHAND's order (wrist, thumb, ..., little finger, each from its base)",
    scaled=False,
    protocol=(
        "FreiHAND's official script: no alignment (camera space), and joints and vertices each aligned by its own"
        " similarity fit, reflections allowed (PA); the mean over hands of each point, then over points; AUC over"
        " 100 thresholds from 0 to 50 mm; F of vertices, nearest neighbours both ways, nearer than 5 or 15 mm, the mean"
        " over hands. Beside it: MPJPE with the wrists laid together, PA without reflection."
    ),
)
HO3D = Benchmark(
    title="HO-3D",
    counts={11_524: "v2", 20_137: "v3"},
    order="ho3d",
    axes=OPENGL_FROM_CAMERA,
    frame="metres of an OpenGL camera's frame (x right, y up, z backward)",
    order_in_words="MANO's order (wrist, index, middle, little, ring, thumb, then tips from thumb to little finger)",
    scaled=True,
    protocol=(
        "HO-3D's official script: no alignment (camera space); by scale and translation, the bone wrist - middle MCP"
        " made as long as the true one and wrists laid together; joints and vertices each by its own similarity fit,"
        " reflections allowed (PA). The mean over hands of each point, then over points; AUC over 100 thresholds from 0"
        " to 50 mm; F of vertices, nearest neighbours both ways, nearer than 5 or 15 mm, the mean over hands. The"
        " server prints cm. Beside it: MPJPE with the wrists laid together, PA without reflection."
    ),
)

_PUBLISHED_ZERO = (70.79, 4.73, 70.84, 5.07)
"""Of FreiHAND's zero prediction, cm, by its README: joints, aligned, vertices, aligned. An earlier state of it had
4.87 and 5.12 for the aligned ones."""
_SAME_CM = 0.0051
_MOBRECON = (*range(16), 20, 16, 17, 19, 18)
"""MANO's order, were its tips appended from index to thumb with the little finger before the ring finger (MobRecon)."""


def score_points(
    benchmark: Benchmark,
    predictions: Path,
    truth: Path,
    *,
    as_is: bool = False,
    progress: Callable[[int], None] = lambda count: None,
) -> Report:
    """The official figures of a prediction file.

    Args:
        benchmark: FREIHAND or HO3D.
        predictions: [joints, vertices] as JSON, or a .zip with it; vertices may be an empty list.
        truth: the benchmark's folder: holds evaluation_xyz.json and, for vertices, evaluation_verts.json.
        as_is: score a file that looks wrong, and say so in the report.
        progress: called with the number of hands whose meshes are compared.

    Raises KnuckleError for truth that is missing or damaged, and a file of other hands, of another unit, frame or joint
    order, or with numbers that are not finite.
    """
    true = read_truth(benchmark, truth)
    data = read_json_predictions(predictions)
    stored = _stored(benchmark, data, true, where=str(predictions))
    del data
    found = Points(_to_common(benchmark, stored.joints_m), _in_frame(benchmark, stored.vertices_m))
    notes = refuse(_suspicions(benchmark, true, stored, found, where=str(predictions)), as_is=as_is)
    version = benchmark.counts.get(len(true))
    if version is None:
        wanted = ", ".join(f"{count} ({name})" for count, name in benchmark.counts.items())
        notes += (
            f"{len(true)} hands, not the {wanted} of the real evaluation split: not the papers' figure",
        )
    elif benchmark.title == FREIHAND.title:
        notes += (_self_check(true),)
    title = benchmark.title if version is None else f"{benchmark.title} {version}"
    return point_report(
        true,
        found,
        benchmark=title,
        protocol=benchmark.protocol,
        model=predictions.name,
        scaled=benchmark.scaled,
        names=_names(benchmark, truth, len(true)),
        notes=notes,
        progress=progress,
    )


def read_truth(benchmark: Benchmark, folder: Path) -> Points:
    """The joints, and the vertices where their file is there, in our frame and order; raises KnuckleError."""
    if not folder.is_dir():
        raise KnuckleError(f"{folder}: expected the folder of {benchmark.title}'s truth, got no such folder")
    path = folder / _TRUTH["joints"]
    if not path.is_file():
        raise KnuckleError(
            f"{path}: expected {benchmark.title}'s joints of the evaluation split (released after the pictures), got no"
            " such file"
        )
    joints = read_rows(path, (JOINT_COUNT, 3))
    vertices = None
    path = folder / _TRUTH["vertices"]
    if path.is_file():
        vertices = read_rows(path, (MANO_VERTICES, 3), dtype=np.float32)
        if len(vertices) != len(joints):
            raise KnuckleError(
                f"{path}: expected {len(joints)} hands, as {_TRUTH['joints']} has, got {len(vertices)}"
            )
    return Points(_to_common(benchmark, joints), _in_frame(benchmark, vertices))


def _stored(benchmark: Benchmark, data: Any, true: Points, *, where: str) -> Points:
    """The file's numbers as they are."""
    if not isinstance(data, list) or len(data) != 2:
        got = f"a list of {len(data)}" if isinstance(data, list) else f"a JSON {type(data).__name__}"
        raise KnuckleError(f"{where}: expected [joints, vertices] of {benchmark.title}, got {got}")
    count, as_in = len(true), _TRUTH["joints"]
    joints = to_numbers(data[0], (JOINT_COUNT, 3), where=where, what="joints", count=count, as_in=as_in)
    vertices = None
    if data[1]:
        vertices = to_numbers(
            data[1], (MANO_VERTICES, 3), where=where, what="vertices", count=count, as_in=as_in
        )
    return Points(joints, vertices)


def _to_common(benchmark: Benchmark, joints: np.ndarray) -> np.ndarray:
    return convert_joints(joints * benchmark.axes, source=benchmark.order)


def _in_frame(benchmark: Benchmark, vertices: np.ndarray | None) -> np.ndarray | None:
    # Thousands of meshes: single precision is exact to 0.1 µm and takes half the memory.
    return None if vertices is None else (vertices * benchmark.axes).astype(np.float32)


def _suspicions(
    benchmark: Benchmark, true: Points, stored: Points, found: Points, *, where: str
) -> list[str]:
    told = [suspect_unit(true.joints_m, found.joints_m, where=where, what="joints", unit="metres")]
    if true.vertices_m is not None and found.vertices_m is not None:
        told.append(
            suspect_unit(true.vertices_m, found.vertices_m, where=where, what="vertices", unit="metres")
        )
    told.append(suspect_depth(stored.joints_m, where=where, forward=benchmark.axes[2] > 0))
    told.append(
        suspect_order(
            true.joints_m,
            found.joints_m,
            _other_orders(benchmark),
            where=where,
            order=benchmark.order_in_words,
        )
    )
    told.append(suspect_frame(true.joints_m, found.joints_m, where=where, frame=benchmark.frame))
    return told


def _other_orders(benchmark: Benchmark) -> dict[str, tuple[int, ...]]:
    """Another order by name -> the row of each common joint of joints that were read as the benchmark's."""
    names: dict[str, JointOrder] = {
        "the common order (FreiHAND, MediaPipe)": "common",
        "MANO's order (HO-3D)": "mano21",
        "InterHand2.6M's (each finger from its tip)": "interhand",
    }
    # Row k of what was read is row TO_COMMON[k] of the file.
    row_of_file = np.array(FROM_COMMON[benchmark.order])
    rows = {words: TO_COMMON[name] for words, name in names.items()}
    rows["MANO's with the tips of MobRecon (index to thumb)"] = tuple(
        _MOBRECON[row] for row in TO_COMMON["mano21"]
    )
    own = TO_COMMON[benchmark.order]
    return {words: tuple(row_of_file[list(order)]) for words, order in rows.items() if order != own}


def _self_check(true: Points) -> str:
    """What zeros score against this truth beside what the authors publish of them."""
    ours = [round(value, 2) for value in zero_prediction(true)]
    names = ("joints", "joints aligned", "vertices", "vertices aligned")
    pairs = [
        f"{name} {found:.2f} cm (published {known:.2f})"
        for name, found, known in zip(names, ours, _PUBLISHED_ZERO, strict=True)
        if np.isfinite(found)
    ]
    same = all(
        abs(found - known) < _SAME_CM
        for found, known in zip(ours, _PUBLISHED_ZERO, strict=True)
        if np.isfinite(found)
    )
    verdict = "they agree" if same else "they DIFFER: this truth is not the published one, or is changed"
    return f"self-check, a prediction of zeros against this truth: {', '.join(pairs)}; {verdict}"


def _names(benchmark: Benchmark, folder: Path, count: int) -> tuple[str, ...]:
    if benchmark.title == HO3D.title and (folder / "evaluation.txt").is_file():
        names = tuple(sample_names(folder, "evaluation"))
        if len(names) != count:
            raise KnuckleError(
                f"{folder}: expected as many lines in evaluation.txt as hands in {_TRUTH['joints']}, got {len(names)}"
                f" and {count}"
            )
        return names
    return tuple(f"{number:08d}" for number in range(count))
