"""A page of viser's that shows hands in three dimensions, with a time line. Needs the extra "view"."""

import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from knuckle.errors import KnuckleError, install_command
from knuckle.hands import Hand, Hands
from knuckle.skeleton import BONES
from knuckle.view.overlay import hand_colour
from knuckle.viewers.footage import Footage, name_of

if TYPE_CHECKING:
    import viser

MOST_PICTURES = 2000
"""Frames whose pictures are kept, some 30 MB; of longer videos every second one, every third, ..."""
FRUSTUM_M, FRUSTUM_LINE_M = 0.08, 0.003
"""Depth at which the camera's picture is drawn, nearer than hands are, and how thick its edges are."""
SEEN_FROM_M = np.array([0.22, -0.16, -0.28])
"""Where the page's viewer stands first, from the middle of the hands."""
BONE_M, JOINT_M = 0.0025, 0.006
UNSURE_OPACITY = 0.45
"""Of meshes that are not "observed"."""


@dataclass
class _Drawn:
    """What one hand has on the page."""

    mesh: Any
    bones: Any
    joints: Any
    label: Any

    def show(self, visible: bool, *, mesh: bool, joints: bool, labels: bool) -> None:
        """Show or hide the hand's parts."""
        self.mesh.visible = visible and mesh
        self.bones.visible = self.joints.visible = visible and joints
        self.label.visible = visible and labels


class HandsPage:
    """The page of one photo or video. The world is the camera's frame (x right, y down, z forward, metres), shown with
    y up on the screen.

    Args:
        footage: `open_footage`.
        host: who may see it; the default is this computer alone.
        port: of the page; the next free one where it is taken.
        pictures: show the frames in the camera's frustum, where their video is at hand.

    Raises KnuckleError where viser is not installed, or the file is damaged.
    """

    def __init__(
        self, footage: Footage, *, host: str = "127.0.0.1", port: int = 8766, pictures: bool = True
    ) -> None:
        self.footage = footage
        self._pictures = dict(footage.pictures(most=MOST_PICTURES)) if pictures else {}
        self._picture_rows = np.array(sorted(self._pictures))
        self._drawn: dict[str, _Drawn] = {}
        self._server = _serve(host, port)
        self.url = f"http://{host}:{self._server.get_port()}/"
        self._playing, self._row = False, 0
        self._build()
        self.show(0)

    def show(self, row: int) -> None:
        """Show one frame."""
        self._row = row
        hands = self.footage.hands(row)
        with self._server.atomic():
            here = {name_of(hand, place): hand for place, hand in enumerate(hands)}
            for name, hand in here.items():
                self._place(name, hand, hands)
            for name, drawn in self._drawn.items():
                drawn.show(name in here, **self._wanted())
            self._show_picture(row)
        self._text.content = _described(self.footage, row, here)

    def run(self) -> None:
        """Keep the page, and play while its button says so, until the process is interrupted."""
        while True:
            if not self._playing:
                time.sleep(0.05)
                continue
            began, row = time.monotonic(), self._row
            following = (row + 1) % len(self.footage)
            self._slider.value = following
            wait_s = float(self.footage.times_s[following] - self.footage.times_s[row]) / self._speed.value
            time.sleep(min(max(wait_s - (time.monotonic() - began), 0.001), 1.0))

    def close(self) -> None:
        """End the server."""
        self._server.stop()

    def _build(self) -> None:
        gui, scene, camera = self._server.gui, self._server.scene, self.footage.camera
        scene.set_up_direction("-y")
        middle = self._middle()
        self._server.initial_camera.look_at = tuple(middle)
        self._server.initial_camera.position = tuple(middle + SEEN_FROM_M)
        fov = 2 * np.arctan2(camera.height / 2, camera.fy)
        self._frustum = scene.add_camera_frustum(
            "/camera",
            float(fov),
            camera.width / camera.height,
            scale=FRUSTUM_M,
            thickness=FRUSTUM_LINE_M,
        )
        gui.add_markdown(f"**{self.footage.path.name}**")
        last = max(len(self.footage) - 1, 1)
        self._slider = gui.add_slider("frame", 0, last, 1, 0, disabled=len(self.footage) < 2)
        self._slider.on_update(lambda _: self.show(min(int(self._slider.value), len(self.footage) - 1)))
        play = gui.add_button("play / pause", disabled=len(self.footage) < 2)
        play.on_click(lambda _: self._toggle())
        self._speed = gui.add_slider("speed", 0.1, 2.0, 0.1, 1.0)
        self._boxes = {name: gui.add_checkbox(name, True) for name in ("mesh", "joints", "labels")}
        for box in self._boxes.values():
            box.on_update(lambda _: self.show(self._row))
        self._text = gui.add_markdown("")

    def _toggle(self) -> None:
        self._playing = not self._playing

    def _wanted(self) -> dict[str, bool]:
        return {name: box.value for name, box in self._boxes.items()}

    def _middle(self) -> np.ndarray:
        """Where the first hands are."""
        for row in range(min(len(self.footage), 100)):
            hands = self.footage.hands(row)
            if len(hands):
                return hands.joints_m.mean((0, 1))
        return np.array([0, 0, 0.5])

    def _place(self, name: str, hand: Hand, hands: Hands) -> None:
        scene, colour = self._server.scene, np.round(hand_colour(hand.identity or 0)).astype(np.uint8)
        opacity = None if hand.state == "observed" else UNSURE_OPACITY
        bones = np.array([hand.joints_m[[parent, child]] for parent, child in BONES], np.float32)
        label = f"{hand.side} {hand.confidence:.2f} {'' if hand.state == 'observed' else hand.state}"
        if name not in self._drawn:
            vertices, faces = hand.vertices_m.astype(np.float32), hands.faces_of(hand.side)
            self._drawn[name] = _Drawn(
                scene.add_mesh_simple(f"/hands/{name}/mesh", vertices, faces, color=colour, side="double"),
                scene.add_line_segments(f"/hands/{name}/bones", bones, colour, thickness=BONE_M),
                scene.add_point_cloud(
                    f"/hands/{name}/joints",
                    hand.joints_m.astype(np.float32),
                    colour,
                    point_size=JOINT_M,
                    point_shape="circle",
                    precision="float32",
                ),
                scene.add_label(f"/hands/{name}/label", label),
            )
        drawn = self._drawn[name]
        drawn.mesh.vertices = hand.vertices_m.astype(np.float32)
        drawn.mesh.opacity = opacity
        drawn.bones.points = bones
        drawn.joints.points = hand.joints_m.astype(np.float32)
        drawn.label.text = label
        drawn.label.position = tuple(hand.joints_m[0])

    def _show_picture(self, row: int) -> None:
        if not len(self._picture_rows):
            return
        before = self._picture_rows[np.searchsorted(self._picture_rows, row, side="right") - 1]
        coded = np.frombuffer(self._pictures[int(before)], np.uint8)
        picture = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        assert picture is not None, "the footage's own JPEG"
        self._frustum.image = picture[..., ::-1]


def _described(footage: Footage, row: int, here: dict[str, Hand]) -> str:
    """What the page says of a frame, as Markdown."""
    lines = [f"frame {footage.frames[row]}, {footage.times_s[row]:.3f} s", ""]
    lines += ["| hand | state | sure | wrist, cm | joints |", "|---|---|---|---|---|"]
    for name, hand in here.items():
        wrist = ", ".join(f"{100 * value:.0f}" for value in hand.joints_m[0])
        error = np.nanmedian(hand.joint_error_m[1:]) if np.isfinite(hand.joint_error_m[1:]).any() else np.nan
        off = f"± {1000 * error:.0f} mm" if np.isfinite(error) else ""
        lines.append(
            f"| {name.replace('_hand_', ' ')} | {hand.state} | {hand.confidence:.2f} | {wrist} | {off} |"
        )
    return "\n".join(lines) if here else lines[0]


def _serve(host: str, port: int) -> "viser.ViserServer":
    try:
        import viser
    except ModuleNotFoundError as error:
        raise KnuckleError(
            f"the page: expected the package viser, got none; {install_command('view')}"
        ) from error
    # It prints a table of its addresses whatever it is told.
    with redirect_stdout(StringIO()):
        return viser.ViserServer(host=host, port=port, label="knuckle", verbose=False)
