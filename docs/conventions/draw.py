"""Draw the pictures of docs/conventions.md with the package itself: `python docs/conventions/draw.py`.

Everything shown is the open rig or the package's rendered sample photo. Drawn at twice the size and averaged down, so
that lines and letters have smooth edges.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle import Camera, Crop, Hands, draw_hands, load_rig, read_image
from knuckle.files import write_image
from knuckle.skeleton import COMMON_TO_MANO16, Side

OUT = Path(__file__).parent
SAMPLE = Path(__file__).parents[2] / "src" / "knuckle" / "assets" / "two_hands.jpg"
SCALE = 2
PAPER, INK, MUTED = (246, 246, 244), (38, 43, 51), (120, 128, 140)
RED, GREEN, BLUE, ORANGE = (214, 60, 60), (39, 150, 90), (40, 110, 200), (226, 122, 30)
DISTANCE_M = 0.55
FRAME_FOCAL = 540.0
_FONT = cv2.FONT_HERSHEY_SIMPLEX

Colour = tuple[int, int, int]
Point = Sequence[float] | np.ndarray


class Sheet:
    """A picture whose coordinates are those of the finished one."""

    def __init__(self, width: int, height: int) -> None:
        self.size = width, height
        self.pixels = np.full((height * SCALE, width * SCALE, 3), PAPER, np.uint8)

    def paste(self, picture: UInt8[np.ndarray, "H W 3"], at: tuple[float, float]) -> None:
        """Put a picture that is drawn at `SCALE` times its size, its upper left corner at a place."""
        left, top = (round(value * SCALE) for value in at)
        self.pixels[top : top + picture.shape[0], left : left + picture.shape[1]] = picture

    def text(self, text: str, at: Point, colour: Colour = INK, *, size: float = 13) -> None:
        """One line; at: the left end of its base line."""
        place = round(at[0] * SCALE), round(at[1] * SCALE)
        cv2.putText(
            self.pixels, text, place, _FONT, size * SCALE / 26, colour, max(1, SCALE // 2), cv2.LINE_AA
        )

    def line(self, points: Float[np.ndarray, "n 2"], colour: Colour, *, width: float = 1.5) -> None:
        fixed = np.round(np.asarray(points, dtype=float) * SCALE * 16).astype(np.int32)
        cv2.polylines(self.pixels, [fixed], False, colour, max(1, round(width * SCALE)), cv2.LINE_AA, 4)

    def outline(
        self, left: float, top: float, wide: float, tall: float, colour: Colour, *, width: float = 1.5
    ) -> None:
        corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]) * [wide, tall] + [left, top]
        self.line(corners, colour, width=width)

    def arrow(self, start: Point, end: Point, colour: Colour, *, width: float = 2) -> None:
        a, b = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
        along = (b - a) / np.linalg.norm(b - a)
        across = np.array([-along[1], along[0]])
        self.line(np.stack([a, b]), colour, width=width)
        self.line(np.stack([b - 8 * along + 5 * across, b, b - 8 * along - 5 * across]), colour, width=width)

    def disc(self, at: Point, radius: float, colour: Colour, *, rim: Colour | None = None) -> None:
        place = round(at[0] * SCALE), round(at[1] * SCALE)
        cv2.circle(self.pixels, place, round(radius * SCALE), colour, -1, cv2.LINE_AA)
        if rim is not None:
            cv2.circle(self.pixels, place, round(radius * SCALE), rim, SCALE, cv2.LINE_AA)

    def number(self, number: int, at: Point, colour: Colour = INK) -> None:
        """A number on a white disc, its middle at a place."""
        text, size = str(number), 10 * SCALE / 26
        self.disc(at, 8.5, (255, 255, 255), rim=colour)
        (wide, tall), _ = cv2.getTextSize(text, _FONT, size, 1)
        self.text(text, (at[0] - wide / 2 / SCALE, at[1] + tall / 2 / SCALE), colour, size=10)

    def write(self, file: str) -> None:
        write_image(OUT / file, cv2.resize(self.pixels, self.size, interpolation=cv2.INTER_AREA))


def camera_of(width: int, height: int, *, focal: float = 900) -> Camera:
    """A camera of a panel of that finished size, at the size it is drawn at."""
    w, h = width * SCALE, height * SCALE
    return Camera(focal * SCALE, focal * SCALE, (w - 1) / 2, (h - 1) / 2, w, h)


def upright(side: Side) -> Float[np.ndarray, "3"]:
    """camera-from-hand, axis-angle, that shows the palm with the fingers up."""
    joints = load_rig(side=side).posed(np.zeros((16, 3))).joints
    up, thumb = joints[9] - joints[0], joints[5] - joints[17]
    if side == "left":
        thumb = -thumb
    y = -up / np.linalg.norm(up)
    x = thumb - (thumb @ y) * y
    x /= np.linalg.norm(x)
    return cv2.Rodrigues(np.stack([x, y, np.cross(x, y)]))[0].ravel()


def hand_at(
    camera: Camera,
    pose: Float[np.ndarray, "16 3"] | None = None,
    *,
    shape: Float[np.ndarray, "10"] | None = None,
    side: Side = "right",
    turn: Float[np.ndarray, "3"] | None = None,
    depth_m: float = DISTANCE_M,
    off_m: tuple[float, float] = (0.0, -0.012),
) -> Hands:
    """A hand of the open rig, its middle MCP in front of the camera.

    pose: its first rotation is replaced by `turn`, which is palm on and fingers up by default.
    """
    rig = load_rig(side=side)
    pose = np.zeros((16, 3)) if pose is None else pose.copy()
    pose[0] = upright(side) if turn is None else turn
    shape = np.zeros(10) if shape is None else shape
    place = np.array([*off_m, depth_m]) - rig.posed(pose, shape).joints[9]
    hand = rig.posed(pose, shape, place)
    right_faces = load_rig().faces
    return Hands(
        camera,
        sides=(side,),
        confidence=np.ones(1),
        boxes_px=np.array([[0, 0, 1, 1.0]]),
        joints_px=camera.project(hand.joints)[None],
        joints_m=hand.joints[None],
        vertices_m=hand.vertices[None],
        pose_rad=pose[None],
        shape=shape[None],
        model="open rig",
        faces=right_faces,
    )


def moved(point: Float[np.ndarray, "2"], right: float, down: float) -> Float[np.ndarray, "2"]:
    return point + np.array([right, down])


def blank(camera: Camera) -> UInt8[np.ndarray, "H W 3"]:
    return np.full((camera.height, camera.width, 3), PAPER, np.uint8)


def shown(hands: Hands, *, skeleton: bool = True) -> UInt8[np.ndarray, "H W 3"]:
    """Hands over blank paper."""
    return draw_hands(blank(hands.camera), hands, labels=False, skeleton=skeleton)


def draw_frame() -> None:
    """Image and camera axes, from the front and from the side."""
    width, height = 420, 340
    sheet, camera = Sheet(840, 390), camera_of(width, height, focal=FRAME_FOCAL)
    hands = hand_at(camera, depth_m=0.5, off_m=(0.082, 0.0))
    sheet.text("What the camera sees", (20, 24), size=14)
    sheet.paste(shown(hands), (20, 36))
    sheet.outline(20, 36, width, height, MUTED)
    sheet.arrow((20, 36), (110, 36), BLUE)
    sheet.text("u, px", (84, 54), BLUE)
    sheet.arrow((20, 36), (20, 126), BLUE)
    sheet.text("v, px", (28, 126), BLUE)
    middle = np.array([20 + width / 2, 36 + height / 2])
    sheet.arrow(middle, moved(middle, 44, 0), RED)
    sheet.text("x, m", moved(middle, 14, 18), RED)
    sheet.arrow(middle, moved(middle, 0, 80), GREEN)
    sheet.text("y, m", moved(middle, -42, 78), GREEN)
    sheet.disc(middle, 6, (255, 255, 255), rim=ORANGE)
    sheet.line(np.stack([moved(middle, -4, -4), moved(middle, 4, 4)]), ORANGE)
    sheet.line(np.stack([moved(middle, -4, 4), moved(middle, 4, -4)]), ORANGE)
    sheet.text("z, into the picture", moved(middle, -140, -10), ORANGE)
    sheet.text("(cx, cy)", moved(middle, -66, 18), MUTED, size=11)

    eye, px_per_m = np.array([500.0, 206.0]), 480.0
    sheet.text("The same from the side", (470, 24), size=14)
    side = hands.joints_m[0][:, [2, 1]] * px_per_m + eye
    half = height / 2 / FRAME_FOCAL
    for edge in (-half, half):
        sheet.line(np.stack([eye, eye + np.array([1, edge]) * 300]), MUTED, width=1)
    plane = eye[0] + 70
    sheet.line(np.array([(plane, eye[1] - half * 70), (plane, eye[1] + half * 70)]), BLUE, width=2)
    sheet.text("image", (plane - 18, eye[1] - half * 70 - 10), BLUE)
    for finger in range(5):
        chain = side[[0, *range(4 * finger + 1, 4 * finger + 5)]]
        sheet.line(chain, INK, width=2)
    for joint in side:
        sheet.disc(joint, 3, (255, 255, 255), rim=INK)
    sheet.arrow(eye, moved(eye, 200, 0), ORANGE)
    sheet.text("z, m: depth", moved(eye, 96, -8), ORANGE)
    sheet.arrow(eye, moved(eye, 0, 80), GREEN)
    sheet.text("y, m: down", moved(eye, 8, 84), GREEN)
    sheet.disc(eye, 6, INK)
    sheet.text("camera", moved(eye, -30, -14))
    sheet.write("frame.png")


def draw_joints() -> None:
    """The 21 joints, and MANO's 16 rotations."""
    width, height = 400, 420
    sheet, camera = Sheet(820, 470), camera_of(width, height, focal=930)
    hands = hand_at(camera)
    px = hands.joints_px[0] / SCALE
    faded = (shown(hands, skeleton=False).astype(float) * 0.55 + np.array(PAPER) * 0.45).astype(np.uint8)
    for left, title in (
        (10, "joints_px, joints_m: 21 joints"),
        (410, "pose_rad: 16 rotations, MANO's order"),
    ):
        sheet.paste(faded, (left, 44))
        sheet.text(title, (left + 16, 28), size=14)
        for finger in range(5):
            chain = px[[0, *range(4 * finger + 1, 4 * finger + 5)]] + [left, 44]
            sheet.line(chain, MUTED, width=2)
    colours = (RED, ORANGE, GREEN, BLUE, (140, 80, 190))
    for joint, place in enumerate(px):
        sheet.number(joint, moved(place, 10, 44), INK if joint == 0 else colours[(joint - 1) // 4])
    for number, joint in enumerate(COMMON_TO_MANO16):
        sheet.number(number, moved(px[joint], 410, 44), INK if joint == 0 else colours[(joint - 1) // 4])
    sheet.write("joints.png")


def draw_mirror() -> None:
    """A right hand and the mirrored frame."""
    width, height = 300, 300
    sheet, camera = Sheet(660, 362), camera_of(width, height, focal=620)
    hands = hand_at(camera, off_m=(0.01, -0.01))
    picture = shown(hands)
    mirrored = np.ascontiguousarray(picture[:, ::-1])
    joint = hands.joints_px[0, 8] / SCALE
    for left, panel, title, at in (
        (20, picture, 'side = "right"', joint),
        (340, mirrored, 'mirrored: side = "left"', np.array([width - 1 / SCALE - joint[0], joint[1]])),
    ):
        sheet.paste(panel, (left, 36))
        sheet.outline(left, 36, width, height, MUTED)
        sheet.text(title, (left, 24), size=14)
        sheet.arrow((left, 36 + at[1]), (left + at[0], 36 + at[1]), BLUE, width=1.5)
    sheet.text("u", (30, 36 + joint[1] - 8), BLUE)
    sheet.text("W - 1 - u", (350, 36 + joint[1] - 8), BLUE)
    sheet.write("mirror.png")


def draw_crops() -> None:
    """Box, square crop and upright crop of the sample photo, and the patches a network sees."""
    photo = read_image(SAMPLE)
    about = json.loads(SAMPLE.with_suffix(".json").read_text())
    box = np.array(about["boxes"][0])
    shrink = 400 / photo.shape[0]
    panel = cv2.resize(photo, (400 * SCALE, 400 * SCALE), interpolation=cv2.INTER_AREA)
    sheet = Sheet(840, 450)
    sheet.paste(panel, (20, 36))

    def on_panel(points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        return points * shrink + [20, 36]

    def outline(crop: Crop) -> Float[np.ndarray, "5 2"]:
        corner = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]) * (crop.size - 1.0)
        return corner @ crop.frame_from_patch[:, :2].T + crop.frame_from_patch[:, 2]

    x, y, w, h = box
    corners = np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y)])
    straight = Crop.from_box(box, 180 * SCALE, expand=1.2)
    wrist, knuckle = np.array(about["joints_px"][0])[[0, 9]]
    roll = float(np.arctan2(knuckle[0] - wrist[0], wrist[1] - knuckle[1]))
    turned = Crop.from_box(box, 180 * SCALE, expand=1.2, roll_rad=roll)
    for points, colour in ((corners, RED), (outline(straight), ORANGE), (outline(turned), BLUE)):
        clipped = on_panel(points)
        sheet.line(clipped, colour, width=2.5)
    # What reaches beyond the photo is painted over.
    sheet.pixels[:, (420 * SCALE) :] = PAPER
    sheet.pixels[: 36 * SCALE], sheet.pixels[436 * SCALE :] = PAPER, PAPER
    sheet.pixels[:, : 20 * SCALE] = PAPER
    sheet.text("The photo", (20, 24), size=14)
    for left, crop, colour, title in (
        (440, straight, ORANGE, "square crop"),
        (640, turned, BLUE, "upright crop"),
    ):
        sheet.paste(crop.warp(photo), (left, 90))
        sheet.outline(left, 90, 180, 180, colour, width=2.5)
        sheet.text(title, (left, 80), colour, size=13)
    for row, (colour, text) in enumerate(
        (
            (RED, "box: x, y, w, h round the joints"),
            (ORANGE, "crop: its centre, side = expand x max(w, h)"),
            (BLUE, "crop turned by roll_rad: fingers up"),
        )
    ):
        sheet.line(np.array([(440, 316 + 26 * row), (462, 316 + 26 * row)]), colour, width=2.5)
        sheet.text(text, (472, 320 + 26 * row), size=12)
    sheet.write("crops.jpg")


def draw_pose() -> None:
    """Rest hand, and rotations about a joint's own axes."""
    rig = load_rig()
    cells: list[tuple[str, Float[np.ndarray, "16 3"]]] = [("all zeros: rest pose", np.zeros((16, 3)))]
    index_mcp, index_pip = 1, 2
    for title, joint, axis, angle in (
        ("index MCP bent by 60 deg", index_mcp, 2, 60),
        ("index PIP bent by 60 deg", index_pip, 2, 60),
        ("index MCP splayed by 20 deg", index_mcp, 1, 20),
    ):
        pose = np.zeros((16, 3))
        pose[joint] = rig.axes[joint, axis] * np.deg2rad(angle)
        cells.append((title, pose))
    turn = np.array([0.0, np.deg2rad(50), 0.0])
    view = cv2.Rodrigues(cv2.Rodrigues(turn)[0] @ cv2.Rodrigues(upright("right"))[0])[0].ravel()
    width, height = 210, 240
    sheet, camera = Sheet(4 * width, height + 40), camera_of(width, height, focal=500)
    for column, (title, pose) in enumerate(cells):
        sheet.paste(shown(hand_at(camera, pose, turn=view)), (column * width, 36))
        sheet.text(title, (column * width + 12, 24), size=11)
    sheet.write("pose.png")


def draw_shape() -> None:
    """The mean hand and its first three shape coefficients at both ends."""
    width, height = 160, 220
    sheet, camera = Sheet(5 * width, height + 40), camera_of(width, height, focal=360)
    for column, (title, number, value) in enumerate(
        (
            ("all zeros", 0, 0.0),
            ("shape[0] = -2.5", 0, -2.5),
            ("shape[0] = 2.5", 0, 2.5),
            ("shape[1] = -2.5", 1, -2.5),
            ("shape[1] = 2.5", 1, 2.5),
        )
    ):
        shape = np.zeros(10)
        shape[number] = value
        hands = hand_at(camera, shape=shape)
        sheet.paste(shown(hands, skeleton=False), (column * width, 36))
        sheet.text(title, (column * width + 14, 24), size=11)
    sheet.write("shape.png")


def main() -> None:
    for draw in (draw_frame, draw_joints, draw_mirror, draw_crops, draw_pose, draw_shape):
        draw()


if __name__ == "__main__":
    main()
