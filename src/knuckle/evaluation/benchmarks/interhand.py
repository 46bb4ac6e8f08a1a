"""The test split of InterHand2.6M, or frames chosen of it, as a benchmark of two hands."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.datasets.interhand import Chosen, Interhand, InterhandFrame, is_dark
from knuckle.datasets.interhand_check import other_version
from knuckle.datasets.interhand_fits import mano_pair, posed_in_camera
from knuckle.datasets.interhand_labels import Split, label_file
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.two_hands import TwoHandBenchmark
from knuckle.evaluation.frames import TwoHandFrame
from knuckle.evaluation.protocols import interhand
from knuckle.rig.hand_rig import HandRig
from knuckle.skeleton import JOINT_COUNT

EXPAND = 1.25
"""Side of the crop over the longer side of the annotated box."""


def is_interhand(folder: Path, *, split: Split = "test") -> bool:
    """Whether a folder holds the labels of a split."""
    return label_file(folder, split, "data").is_file()


def interhand_benchmark(
    folder: Path, *, chosen: Chosen | None = None, mano: Path | None = None, limit: int | None = None
) -> TwoHandBenchmark:
    """All frames of the test split (H+M), or those chosen, scored by `knuckle.evaluation.protocols.interhand`.

    The filtered set is that on which IntagHand, DIR and DFL are compared; its black pictures are passed over. A picture
    that cannot be read ends the evaluation with its name: a figure over the others would not be the
    papers'. mano: the user's MANO_RIGHT.pkl, with which the meshes of the fits are scored too. Raises KnuckleError as
    `Interhand`, and for a split without frames.
    """
    chosen = chosen or Chosen()
    frames = chosen.frames(folder, limit=limit)
    rigs = None if mano is None else mano_pair(mano)
    words = f"{chosen.split}, {chosen.words}" if chosen.words else chosen.split
    if not len(frames):
        raise KnuckleError(f"{folder}: expected frames of InterHand2.6M {words}, got none")
    notes = ()
    if limit is not None or other_version(frames) is not None:
        notes = (f"{len(frames)} frames, not those of version 1.0 ({words}): not the papers' figure",)
    if chosen.filtered:
        notes += (f"of {len(frames)} frames of the filtered set those with black pictures are left out",)
    return TwoHandBenchmark(
        f"{interhand.NAME} {words}",
        len(frames),
        lambda: _frames(frames, rigs, without_dark=chosen.filtered),
        "",
        "",
        notes=notes,
        score=interhand.report,
    )


def _frames(
    frames: Interhand, rigs: tuple[HandRig, HandRig] | None, *, without_dark: bool
) -> Iterator[TwoHandFrame]:
    for frame in frames:
        shown = to_two_hand_frame(frame, rigs)
        if not (without_dark and is_dark(shown.picture)):
            yield shown


def to_two_hand_frame(frame: InterhandFrame, rigs: tuple[HandRig, HandRig] | None = None) -> TwoHandFrame:
    """With its picture read, and the protocol's crop; rigs: of the fits, whose meshes it then has."""
    vertices_m, mesh_joints_m = (None, None) if rigs is None else _meshes(frame, rigs)
    return TwoHandFrame(
        name=frame.name,
        picture=frame.read(),
        camera=frame.camera,
        is_hand=frame.is_hand,
        joints_px=frame.joints_px,
        joints_m=frame.joints_m,
        window=protocol_window(frame),
        vertices_m=vertices_m,
        mesh_joints_m=mesh_joints_m,
        kind=frame.hand_type,
    )


def _meshes(
    frame: InterhandFrame, rigs: tuple[HandRig, HandRig]
) -> tuple[Float[np.ndarray, "2 V 3"], Float[np.ndarray, "2 21 3"]]:
    """Vertices and joints of the fits, NaN where there is none."""
    vertices_m = np.full((2, len(rigs[0].vertices), 3), np.nan)
    joints_m = np.full((2, JOINT_COUNT, 3), np.nan)
    for hand, posed in enumerate(posed_in_camera(frame, rigs)):
        if posed is not None:
            vertices_m[hand], joints_m[hand] = posed.vertices, posed.joints
    return vertices_m, joints_m


def protocol_window(frame: InterhandFrame) -> Float[np.ndarray, "3"]:
    """Centre u, centre v and side, px, of the crop: the box cut off at the picture, then squared and enlarged.

    Raises KnuckleError for a box that lies beside the picture.
    """
    last = np.array([frame.camera.width, frame.camera.height]) - 1
    low = np.maximum(frame.box_px[:2], 0)
    # A box of w pixels ends at its last one.
    high = np.minimum(low + np.maximum(frame.box_px[2:] - 1, 0), last)
    if (high <= low).any():
        raise KnuckleError(f"{frame.name}: expected a box within the picture, got {frame.box_px.tolist()}")
    centre, side = (low + high) / 2, EXPAND * float((high - low).max())
    return np.array([*centre, side])
