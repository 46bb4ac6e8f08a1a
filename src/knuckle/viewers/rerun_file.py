"""Hands as a file for the Rerun viewer (.rrd): pictures, meshes, joints and their errors, confidence and states over
time. Needs the extra "view"."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from knuckle.errors import KnuckleError, install_command
from knuckle.files import atomic_path
from knuckle.hands import Hand, Hands
from knuckle.progress import show_progress
from knuckle.skeleton import BONES
from knuckle.view.overlay import hand_colour
from knuckle.viewers.footage import PICTURE_PX, Footage, name_of

if TYPE_CHECKING:
    import rerun as rr

BONE_M = 0.0015
"""Radius at which bones are drawn."""
JOINT_M = 0.003
"""Radius of a joint whose error is not known."""


def write_rerun(path: Path, footage: Footage, *, mesh: bool = True, pictures: bool = True) -> None:
    """Write the hands of a photo or video as a Rerun recording.

    The world is the camera's frame: x right, y down, z forward, metres. Time lines: "frame" and "time". Each hand lies
    under hands/SIDE_hand_IDENTITY: mesh, bones, joints (spheres of their 68 % radii), confidence, state; the camera
    under camera, with the frames where their video is at hand, and the hands' joints drawn on them.

    Args:
        path: NAME.rrd, replaced whole.
        footage: `open_footage`.
        mesh: the surfaces too, which are most of the file.
        pictures: the frames too.

    Raises KnuckleError where rerun-sdk is not installed, or the file cannot be written.
    """
    rr = _rerun()
    coming = footage.pictures() if pictures else iter(())
    row_of_picture, picture = next(coming, (-1, b""))
    scale = _picture_scale(footage)
    with (
        atomic_path(path) as scratch,
        show_progress(f"writing {path.name}", len(footage)) as advance,
        rr.RecordingStream("knuckle", recording_id=footage.path.stem) as stream,
    ):
        stream.save(scratch, default_blueprint=_blueprint(footage))
        _log_camera(rr, stream, footage)
        shown: set[str] = set()
        for row in range(len(footage)):
            stream.set_time("frame", sequence=int(footage.frames[row]))
            stream.set_time("time", duration=float(footage.times_s[row]))
            hands = footage.hands(row)
            # A frame of the video without a line has a picture that nobody asks for.
            while 0 <= row_of_picture < row:
                row_of_picture, picture = next(coming, (-1, b""))
            if row_of_picture == row:
                stream.log("camera/picture", rr.EncodedImage(contents=picture, media_type="image/jpeg"))
            here = {name_of(hand, place): hand for place, hand in enumerate(hands)}
            for gone in sorted(shown - here.keys()):
                stream.log(f"hands/{gone}", rr.Clear(recursive=True))
                stream.log(f"camera/picture/{gone}", rr.Clear(recursive=True))
            for name, hand in here.items():
                _log_hand(rr, stream, name, hand, hands, mesh=mesh, scale=scale)
            shown = set(here)
            advance(1)
        stream.flush()
        stream.disconnect()


def _log_camera(rr: Any, stream: "rr.RecordingStream", footage: Footage) -> None:
    camera, scale = footage.camera, _picture_scale(footage)
    stream.log("/", rr.ViewCoordinates.RDF, static=True)
    pinhole = rr.Pinhole(
        focal_length=[camera.fx * scale, camera.fy * scale],
        # Rerun counts from the corner of the first pixel, knuckle from its middle.
        principal_point=[(camera.cx + 0.5) * scale, (camera.cy + 0.5) * scale],
        width=round(camera.width * scale),
        height=round(camera.height * scale),
        image_plane_distance=0.1,
    )
    stream.log("camera", pinhole, static=True)


def _log_hand(
    rr: Any, stream: "rr.RecordingStream", name: str, hand: Hand, hands: Hands, *, mesh: bool, scale: float
) -> None:
    colour = np.round(hand_colour(hand.identity or 0)).astype(np.uint8)
    joints = hand.joints_m.astype(np.float32)
    radii = np.where(np.isfinite(hand.joint_error_m), np.maximum(hand.joint_error_m, BONE_M), JOINT_M)
    if mesh:
        faded = 255 if hand.state == "observed" else 110
        surface = rr.Mesh3D(
            vertex_positions=hand.vertices_m.astype(np.float32),
            triangle_indices=hands.faces_of(hand.side),
            albedo_factor=[*colour.tolist(), faded],
        )
        stream.log(f"hands/{name}/mesh", surface)
    bones = [joints[[parent, child]] for parent, child in BONES]
    stream.log(f"hands/{name}/bones", rr.LineStrips3D(bones, radii=BONE_M, colors=[colour]))
    stream.log(f"hands/{name}/joints", rr.Points3D(joints, radii=radii, colors=[[*colour.tolist(), 150]]))
    on_picture = (hand.joints_px + 0.5) * scale
    stream.log(f"camera/picture/{name}", rr.Points2D(on_picture, radii=2.0, colors=[colour]))
    stream.log(f"hands/{name}/confidence", rr.Scalars(hand.confidence))
    label = f"{hand.side}, {hand.state}, {hand.confidence:.2f}"
    stream.log(f"hands/{name}/state", rr.TextLog(label, level="INFO" if hand.state == "observed" else "WARN"))


def _picture_scale(footage: Footage) -> float:
    """px of `Footage.pictures` over those of the camera."""
    return min(1.0, PICTURE_PX / max(footage.camera.width, footage.camera.height))


def _blueprint(footage: Footage) -> Any:
    import rerun.blueprint as rrb

    pictures = [rrb.Spatial2DView(origin="camera/picture", name=footage.path.stem)] if footage.source else []
    side = rrb.Vertical(*pictures, rrb.TimeSeriesView(origin="hands", name="confidence"))
    return rrb.Blueprint(
        rrb.Horizontal(rrb.Spatial3DView(origin="/", name="hands"), side), collapse_panels=True
    )


def _rerun() -> Any:
    try:
        import rerun
    except ModuleNotFoundError as error:
        raise KnuckleError(
            f"Rerun files: expected the package rerun-sdk, got none; {install_command('view')}"
        ) from error
    return rerun
