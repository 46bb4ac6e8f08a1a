"""The landmark network's own answer to each hand: evidence for the fit of the rig (`refine`).

Where the detector found the hands, that is its own last look. Where boxes are given, the network is asked: about the
upright square round the box, in the other three quarters where that look finds no upright hand, and again where its
joints show that the hand is turned, lies elsewhere or is of another size. A left hand is always shown mirrored, so that
a picture and its mirror image give mirrored evidence; the network is as good on either side. No part of the published
systems (switch: `estimate(evidence=False)`). Constants here are justified in docs/accuracy/ablations.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from knuckle.geometry.crop import hand_roll, turn_about_z
from knuckle.geometry.mirror import MIRROR_POINT, mirror_box, mirror_column, mirror_px
from knuckle.inference.detection.landmarks import Landmarks, TurnedSquare, joints_to_square, landmark_network
from knuckle.skeleton import Side

FIRST_EXPAND = 1.6
"""Side of the first square over the longer side of the box."""

TURNED_RAD = np.deg2rad(20.0)
"""There is a second look where the first one's joints suggest a square turned by more than this, ..."""
MOVED = 0.15
"""... whose middle lies farther off, over its side, ..."""
OTHER_SIZE = 1.35
"""... that is so many times larger or smaller, ..."""
UNSURE = 0.97
"""... or where the presence of a hand is less than this."""
FAR_TURNED_RAD = np.deg2rad(60.0)
"""A hand that seems to be turned by more, or that the first look is unsure of, is looked at in the other three quarters
too: the network was made for upright hands, and misjudges how far others are turned (`python -m
benchmarks.accuracy.scores --turn`)."""
_TURN_COST = 0.3
"""What a radian between a square and the upright one its joints suggest counts against the presence seen in it."""

LEAST_PRESENCE = 0.5
"""Below, the network sees no hand, and its answer is ignored."""


class LooksAtSquares(Protocol):
    """The landmark network as evidence needs it: `knuckle.inference.detection.landmarks.LandmarkNetwork`."""

    def look(
        self, image: UInt8[np.ndarray, "H W 3"], square: TurnedSquare
    ) -> tuple[Float[np.ndarray, "21 2"], Landmarks]:
        """Joints in px of the picture, and its answer to the square."""
        ...


@dataclass(frozen=True, eq=False)
class Evidence:
    """The landmark network's answer to N hands, in its own joints (`trust` brings them to ours).

    A hand that it was not asked about has NaN joints and a presence of 0.
    """

    box_px: Float[np.ndarray, "N 4"]
    """x, y, w, h of where it looked for the hand: the box given, or that of the joints it found."""
    joints_px: Float[np.ndarray, "N 21 2"]
    """Px of the picture."""
    joints_m: Float[np.ndarray, "N 21 3"]
    """Metres round the hand's middle, of a general hand's size; x right, y down, z along the line of sight to the
    hand."""
    presence: Float[np.ndarray, "N"]
    """That there is a hand, 0 to 1."""
    right: Float[np.ndarray, "N"]
    """That it is a right one, 0 to 1."""
    rotation_rad: Float[np.ndarray, "N"]
    """How far the hand is turned from fingers-up, clockwise in the picture: from wrist to knuckles."""

    def __len__(self) -> int:
        return len(self.presence)

    @property
    def found(self) -> Bool[np.ndarray, "N"]:
        """Which hands the network sees."""
        return self.presence >= LEAST_PRESENCE

    @classmethod
    def none(cls, count: int) -> "Evidence":
        """Of hands that the network was not asked about."""
        nan = np.nan
        return cls(
            np.full((count, 4), nan),
            np.full((count, 21, 2), nan),
            np.full((count, 21, 3), nan),
            np.zeros(count),
            np.full(count, 0.5),
            np.zeros(count),
        )

    @classmethod
    def of_look(
        cls,
        box_px: Float[np.ndarray, "4"],
        joints_px: Float[np.ndarray, "21 2"],
        landmarks: Landmarks,
        square: TurnedSquare,
    ) -> "Evidence":
        """Of one hand, from one look at a square: 3D joints are turned back with it."""
        upright_in_picture = turn_about_z(np.asarray(square.rotation_rad))
        return cls(
            np.asarray(box_px, dtype=float)[None],
            joints_px[None],
            (landmarks.world_m @ upright_in_picture.T)[None],
            np.array([landmarks.presence]),
            np.array([landmarks.right]),
            np.array([float(hand_roll(joints_px))]),
        )

    @classmethod
    def joined(cls, parts: Sequence["Evidence"]) -> "Evidence":
        """Of all hands of all parts, in their order."""
        if not parts:
            return cls.none(0)
        names = (field.name for field in fields(cls))
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def rows(self, chosen: slice | np.ndarray) -> "Evidence":
        """Of some of the hands."""
        return Evidence(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def placed(self, rows: Int[np.ndarray, "N"], count: int) -> "Evidence":
        """As some of `count` hands, of which nothing else is known."""
        result = Evidence.none(count)
        for field in fields(self):
            getattr(result, field.name)[rows] = getattr(self, field.name)
        return result

    def moved(self, other_from_picture: Float[np.ndarray, "2 3"]) -> "Evidence":
        """In px of another picture of the same hands, by an affine map of a scale and a shift."""
        scale, shift = other_from_picture[0, 0], other_from_picture[:, 2]
        corner, size = self.box_px[:, :2] * scale + shift, self.box_px[:, 2:] * scale
        box, px = np.concatenate([corner, size], axis=1), self.joints_px * scale + shift
        return replace(self, box_px=box, joints_px=px)

    def mirrored(self, where: Bool[np.ndarray, "N"], width: float | Float[np.ndarray, "N"]) -> "Evidence":
        """In the mirrored picture of that width, for the hands where `where` is true."""
        if not where.any():
            return self
        width = np.broadcast_to(np.asarray(width, dtype=float), len(self.box_px))
        turned = (
            mirror_box(self.box_px, width),
            mirror_px(self.joints_px, width[:, None]),
            self.joints_m * MIRROR_POINT,
            self.presence,
            1 - self.right,
            -self.rotation_rad,
        )
        own = (getattr(self, field.name) for field in fields(self))
        return Evidence(
            *(
                np.where(where.reshape(-1, *(1,) * (value.ndim - 1)), other, value)
                for other, value in zip(turned, own, strict=True)
            )
        )


def gather_evidence(
    image: UInt8[np.ndarray, "H W 3"],
    boxes_px: Float[np.ndarray, "N 4"],
    sides: Sequence[Side],
    *,
    known: Evidence | None,
    wanted: bool,
) -> Evidence:
    """Evidence of the hands in boxes (x, y, w, h px of the picture), each of the side given.

    known: what there is already, else the landmark network is asked; wanted: whether there is to be any.
    """
    if not wanted:
        return Evidence.none(len(sides))
    return look_at(landmark_network(), image, boxes_px, sides) if known is None else known


def look_at(
    network: LooksAtSquares,
    image: UInt8[np.ndarray, "H W 3"],
    boxes_px: Float[np.ndarray, "N 4"],
    sides: Sequence[Side],
) -> Evidence:
    """Evidence of the hands in boxes (x, y, w, h px of the picture), each of the side given."""
    width = image.shape[1]
    is_left = np.array([side == "left" for side in sides], dtype=bool)
    parts = []
    for (x, y, w, h), left in zip(np.asarray(boxes_px, dtype=float).tolist(), is_left, strict=True):
        left_edge = mirror_column(x, width) - w if left else x
        square = TurnedSquare((left_edge + w / 2, y + h / 2), FIRST_EXPAND * max(w, h), 0.0)
        best = _look(network, image, square, mirrored=bool(left))
        if best.landmarks.presence < UNSURE or abs(best.upright.rotation_rad) > FAR_TURNED_RAD:
            quarters = (replace(square, rotation_rad=quarter) for quarter in (np.pi / 2, np.pi, -np.pi / 2))
            others = (_look(network, image, quarter, mirrored=bool(left)) for quarter in quarters)
            best = max((best, *others), key=_Look.worth)
        if best.landmarks.presence < UNSURE or _differ(best.square, best.upright):
            again = _look(network, image, best.upright, mirrored=bool(left))
            # A square that lost the hand is no better than the first one.
            if again.landmarks.presence >= min(best.landmarks.presence, UNSURE):
                best = again
        shown_box = np.array([left_edge, y, w, h])
        parts.append(Evidence.of_look(shown_box, best.joints_px, best.landmarks, best.square))
    return Evidence.joined(parts).mirrored(is_left, width)


@dataclass(frozen=True, eq=False)
class _Look:
    """One look at a square: the joints, and the square they suggest, upright round the hand."""

    square: TurnedSquare
    joints_px: Float[np.ndarray, "21 2"]
    landmarks: Landmarks
    upright: TurnedSquare

    def worth(self) -> float:
        """How far it is to be preferred to looks at other quarters."""
        return self.landmarks.presence - _TURN_COST * _turn_between(self.square, self.upright)


def _look(network: LooksAtSquares, image: np.ndarray, square: TurnedSquare, *, mirrored: bool) -> _Look:
    """A look at a square of the picture, or of its mirror image: of the part round the square alone, as large pictures
    take long to mirror."""
    height, width = image.shape[:2]
    x, y = square.centre_px
    reach = square.side_px / np.sqrt(2) + 2
    low_x, high_x = (int(np.clip(edge, 0, width - 1)) for edge in (x - reach, x + reach))
    low_y, high_y = (int(np.clip(edge, 0, height - 1)) for edge in (y - reach, y + reach))
    if mirrored:
        part = cv2.flip(image[low_y : high_y + 1, width - 1 - high_x : width - low_x], 1)
    else:
        part = np.ascontiguousarray(image[low_y : high_y + 1, low_x : high_x + 1])
    joints, landmarks = network.look(part, replace(square, centre_px=(x - low_x, y - low_y)))
    joints = joints + np.array([low_x, low_y])
    return _Look(square, joints, landmarks, joints_to_square(joints))


def _turn_between(first: TurnedSquare, second: TurnedSquare) -> float:
    """By how much one is turned against the other, radians, 0 to pi."""
    return float(abs((second.rotation_rad - first.rotation_rad + np.pi) % (2 * np.pi) - np.pi))


def _differ(square: TurnedSquare, suggested: TurnedSquare) -> bool:
    """Whether the second square shows the hand well enough otherwise to be looked at."""
    away = np.hypot(*np.subtract(suggested.centre_px, square.centre_px))
    ratio = suggested.side_px / square.side_px
    return bool(
        _turn_between(square, suggested) > TURNED_RAD
        or away > MOVED * suggested.side_px
        or not 1 / OTHER_SIZE < ratio < OTHER_SIZE
    )
