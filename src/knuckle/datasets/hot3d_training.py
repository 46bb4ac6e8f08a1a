"""HOT3D-Clips' training clips as a source of training sets: by MANO where the user has it, else by UmeTrack."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.datasets import hot3d
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.mano_sides import (
    Parameters,
    as_right,
    in_camera,
    mano_sides,
    side_components,
    to_labels,
)
from knuckle.datasets.rectified import RectifiedHand
from knuckle.datasets.rig_labels import RigLabels, right_rig
from knuckle.datasets.umetrack import UNLABELLED
from knuckle.errors import KnuckleError
from knuckle.rig.fit.joints import fit_joints
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.rotations import rodrigues
from knuckle.skeleton import SIDES, Side
from knuckle.truth import array_name

_GUESS, _HARDLY = 0.45, 1e-3
"""Where between wrist and MCP the thumb's CMC is put for a fit to begin with, and how much it counts there."""


class Hot3dTraining:
    """The hands of the training clips of one part by number, frame by frame.

    Args:
        folder: of the data set.
        rig: None for the open rig, a rig file, or MANO_RIGHT.pkl with MANO_LEFT.pkl beside it. With MANO joints, pose
            and shape are MANO's; with the others joints are UmeTrack's, without the thumb's CMC, and the rig is fitted.
        part: "aria", "aria-grey" or "quest3".
        complete: whether a clip that cannot be used ends it; without it such clips are left out and named in `damaged`,
            for who uses the rest to decide.

    Raises KnuckleError naming what is missing or damaged.
    """

    def __init__(self, folder: Path, rig: Path | None, *, part: str = "aria", complete: bool = True) -> None:
        self.rig = right_rig(rig, tips="smplx")
        self.maker = Maker.of(rig) if rig is not None and self.rig.name == "mano" else None
        self.tips = "umetrack" if self.maker is None else "smplx"
        paths = hot3d.clips_of(folder, part)
        if not paths:
            raise KnuckleError(
                f"{folder}: expected {hot3d.FOLDERS[part]}/clip-*.tar of HOT3D ({hot3d.SITE}), got none"
            )
        self.streams = hot3d.STREAMS[part]
        self.tars: list[hot3d.Tar] = []
        self.rows: list[tuple[int, int, int, int]] = []
        self.damaged: list[str] = []
        for path in paths:
            try:
                tar = hot3d.Tar.at(path)
                rows = self._rows(hot3d.read_clip(tar), len(self.tars))
            except KnuckleError as error:
                if complete:
                    raise
                self.damaged.append(str(error))
                continue
            self.tars.append(tar)
            self.rows += rows
        self.count = len(self.rows)
        if not self.count:
            why = f": {self.damaged[0]}" if self.damaged else ""
            raise KnuckleError(f"{folder}: expected hands in {hot3d.FOLDERS[part]}, got none{why}")

    def hands(self, numbers: range) -> list[LabelledHand]:
        """The labelled hands of these numbers."""
        return [self._hand(number)[0] for number in numbers]

    def name(self, number: int) -> str:
        """What reports call a hand."""
        at, frame_at, stream_at, which = self.rows[number]
        clip = hot3d.read_clip(self.tars[at])
        return f"{clip.tar.path.stem}/{clip.frames[frame_at]}/{self.streams[stream_at]} {SIDES[which]}"

    def rig_labels(self, numbers: range, joints_m: Float[np.ndarray, "n 21 3"]) -> RigLabels:
        """The rig in the pose of these hands, left ones mirrored already."""
        if self.maker is None:
            return fit_without_cmc(self.rig, joints_m)
        return to_labels(self.rig, self.parameters(numbers), joints_m)

    def parameters(self, numbers: range) -> Parameters:
        """MANO's parameters of these hands as right ones, in the frames of their pictures."""
        assert self.maker is not None
        found = []
        for number in numbers:
            seen, hand, eye, clip, side = self._hand(number)
            rotation = seen.lens_from_camera.T @ eye.rotation.T
            of_world = self.maker.parameters(hand, clip, side)
            own = in_camera(of_world, self.maker.rigs[side], rotation[None], (-rotation @ eye.position)[None])
            found.append(own if side == "right" else as_right(own, self.maker.rigs["left"], self.rig))
        return Parameters(*(np.concatenate(part) for part in zip(*found, strict=True)))

    def validity(self, numbers: range) -> dict[str, np.ndarray]:
        """What is labelled of these hands: all by MANO, all but the thumb's CMC by UmeTrack."""
        joints = np.ones((len(numbers), 21), bool)
        joints[:, UNLABELLED] = self.maker is not None
        whole = np.ones(len(numbers), bool)
        return {array_name("joints_2d"): joints, array_name("joints_3d"): joints} | {
            array_name(kind): whole for kind in ("pose", "shape", "mesh", "mask")
        }

    def _rows(self, clip: hot3d.Clip, number: int) -> list[tuple[int, int, int, int]]:
        """Clip, frame, stream and side of the hands of a clip that can be used."""
        if self.maker is None and clip.profile is None:
            raise KnuckleError(f"{clip.tar.path}: expected hand shapes of UmeTrack, got none")
        inside, rows = hot3d.members(clip.tar), []
        for at, frame in enumerate(clip.frames):
            eyes, hands = hot3d.read_eyes(clip.tar, frame), hot3d.read_hands(clip.tar, frame)
            for eye, stream in enumerate(self.streams):
                if stream not in eyes or f"{frame}.image_{stream}.jpg" not in inside:
                    raise KnuckleError(
                        f"{clip.tar.path}: {frame}: expected picture and camera {stream}, got none"
                    )
                for which, side in enumerate(SIDES):
                    joints = self._joints(hands.get(side), clip, side)
                    if joints is None:
                        continue
                    joints = hot3d.to_eye(joints, eyes[stream])
                    if hot3d.is_usable(hands[side], joints, eyes[stream], stream):
                        rows.append((number, at, eye, which))
        return rows

    def _joints(self, hand: hot3d.Hand | None, clip: hot3d.Clip, side: Side) -> np.ndarray | None:
        """Of the world; None where the form that is asked for is not there."""
        if hand is None:
            return None
        if self.maker is None:
            return hand.joints_m
        return self.maker.joints(hand, clip, side) if self.maker.is_there(hand, clip) else None

    def _hand(self, number: int) -> tuple[RectifiedHand, hot3d.Hand, hot3d.Eye, hot3d.Clip, Side]:
        at, frame_at, stream_at, which = self.rows[number]
        clip, side, stream = hot3d.read_clip(self.tars[at]), SIDES[which], self.streams[stream_at]
        frame = clip.frames[frame_at]
        eye, hands = hot3d.read_eyes(clip.tar, frame)[stream], hot3d.read_hands(clip.tar, frame)
        hand, other = hands[side], self._place(hands.get(SIDES[1 - which]), clip, SIDES[1 - which])
        joints = self._joints(hand, clip, side)
        assert joints is not None
        name = self.name(number)
        picture = clip.tar, f"{frame}.image_{stream}.jpg"
        seen = hot3d.view_of(
            name,
            picture,
            side,
            eye,
            hot3d.to_eye(joints, eye),
            other_m=None if other is None else hot3d.to_eye(other, eye),
        )
        return seen, hand, eye, clip, side

    def _place(self, hand: hot3d.Hand | None, clip: hot3d.Clip, side: Side) -> np.ndarray | None:
        """Joints of the world in whichever form there is."""
        found = self._joints(hand, clip, side)
        return found if found is not None or hand is None else hand.joints_m


class Maker:
    """The user's MANO files, and hands made of them."""

    def __init__(self, rigs: dict[Side, HandRig], components: dict[Side, np.ndarray]) -> None:
        self.rigs, self.components = rigs, components

    @classmethod
    def of(cls, right: Path) -> "Maker":
        """MANO_RIGHT.pkl and, beside it, MANO_LEFT.pkl, mended; raises KnuckleError if one is missing."""
        return cls(mano_sides(right, tips="smplx", left_shape="mended"), side_components(right))

    @staticmethod
    def is_there(hand: hot3d.Hand, clip: hot3d.Clip) -> bool:
        """Whether a hand has MANO's parameters: of some frames MANO could not be found."""
        return hand.thetas is not None and clip.shape is not None

    def parameters(self, hand: hot3d.Hand, clip: hot3d.Clip, side: Side) -> Parameters:
        """Of the world."""
        assert clip.shape is not None
        return hot3d.mano_of(hand, clip.shape, self.components[side])

    def joints(self, hand: hot3d.Hand, clip: hot3d.Clip, side: Side) -> np.ndarray:
        """Of the world; no mesh is made."""
        rig, hands = self.rigs[side], self.parameters(hand, clip, side)
        joints, _ = rig.posed_joints(rodrigues(hands.pose + rig.pose_mean), hands.shape)
        return joints[0] + hands.translation

    def posed(self, hand: hot3d.Hand, clip: hot3d.Clip, side: Side) -> tuple[np.ndarray, np.ndarray]:
        """Joints and vertices, of the world."""
        posed = self.rigs[side].posed(*self.parameters(hand, clip, side))
        return posed.joints[0], posed.vertices[0]


def fit_without_cmc(rig: HandRig, joints_m: Float[np.ndarray, "n 21 3"]) -> RigLabels:
    """The rig fitted to right hands whose thumb's CMC is not labelled; residual_m: of the other joints."""
    whole = joints_m.copy()
    wrist, mcp = whole[:, 0], whole[:, UNLABELLED + 1]
    whole[:, UNLABELLED] = wrist + _GUESS * (mcp - wrist)
    weights = np.ones(whole.shape[:2])
    weights[:, UNLABELLED] = _HARDLY
    fitted = fit_joints(rig, whole, weights=weights)
    joints = rig.posed(fitted.pose, fitted.shape, fitted.translation).joints
    off = np.linalg.norm(joints - whole, axis=-1)
    residual_m = np.delete(off, UNLABELLED, axis=1).mean(1)
    return RigLabels(fitted.pose + rig.pose_mean, fitted.shape, fitted.translation, residual_m)
