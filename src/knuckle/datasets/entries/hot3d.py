"""HOT3D-Clips for `knuckle data`; the layout is in `knuckle.datasets.hot3d`."""

from pathlib import Path
from typing import Any

import numpy as np

from knuckle.datasets import hot3d
from knuckle.datasets.decoder_warnings import read_whole
from knuckle.datasets.hot3d_training import Hot3dTraining, Maker
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.photos import decode_rgb
from knuckle.datasets.report import Report, spread
from knuckle.errors import KnuckleError
from knuckle.skeleton import SIDES, Side

_ENDS = b"\xff\xd8", b"\xff\xd9"
_TAIL = 64


def check(folder: Path, *, decode: bool = False) -> Report:
    """Clips of both devices; in each its frames, and of every frame cameras, hands and pictures."""
    report = Report("HOT3D-Clips")
    paths = [*hot3d.clips_of(folder, "aria"), *hot3d.clips_of(folder, "quest3")]
    report.add("train_aria/*.tar and train_quest3/*.tar", len(paths), hot3d.CLIPS)
    broken, short, faults, pictures = [], [], [], []
    hands = without = 0
    for path in paths:
        try:
            clip = hot3d.read_clip(hot3d.Tar.at(path))
        except KnuckleError as error:
            broken.append(str(error))
            continue
        if len(clip.frames) != hot3d.FRAMES:
            short.append(f"{path.relative_to(folder)} ({len(clip.frames)} of {hot3d.FRAMES})")
        if clip.shape is None or clip.profile is None:
            faults.append(f"{path}: expected {hot3d.SHAPES} with mano and umetrack, got none")
        for frame in clip.frames:
            try:
                found = hot3d.read_hands(clip.tar, frame)
                hands += len(found)
                without += sum(hand.thetas is None for hand in found.values())
                if f"{frame}.hands.json" not in hot3d.members(clip.tar):
                    raise KnuckleError(f"{path}: expected {frame}.hands.json in it, got no such file")
                for stream in hot3d.read_eyes(clip.tar, frame):
                    name = f"{frame}.image_{stream}.jpg"
                    if not _is_whole(hot3d.read_member(clip.tar, name), decode=decode):
                        pictures.append(f"{path.relative_to(folder)}: {name}")
            except KnuckleError as error:
                faults.append(str(error))
    report.add_faults("clips that cannot be used", broken)
    report.add_faults("clips with another number of frames", short)
    report.add_faults("missing or damaged files in clips", faults)
    report.add_faults("damaged pictures", pictures)
    if hands:
        report.notes.append(f"{hands} labelled hands, {without} of them without MANO's parameters")
    tests = sum(1 for part in ("test_aria", "test_quest3") for _ in (folder / part).glob("clip-*.tar"))
    if tests:
        report.notes.append(f"{tests} test clips: their hands are not published")
    return report


def preview(folder: Path, *, count: int, rig: Path | None = None) -> list[LabelledHand]:
    """Hands of all clips and cameras in turn: by MANO where it is given, else by UmeTrack, whose mesh comes along."""
    paths = [*hot3d.clips_of(folder, "aria"), *hot3d.clips_of(folder, "quest3")]
    if not paths:
        raise KnuckleError(f"{folder}: expected train_aria or train_quest3 of HOT3D ({hot3d.SITE}), got none")
    maker = None if rig is None else Maker.of(rig)
    hands = []
    for turn in range(count):
        clip = hot3d.read_clip(hot3d.Tar.at(paths[turn % len(paths)]))
        hands += _hand(clip, turn // len(paths), maker)
    return hands


def open_source(folder: Path, rig: Path | None, *, complete: bool, variant: Any) -> Hot3dTraining:
    """The training clips of a device's colour or grey cameras, as many as there are: what all are no file says."""
    return Hot3dTraining(folder, rig, part=variant, complete=False)


def _hand(clip: hot3d.Clip, turn: int, maker: Maker | None) -> list[LabelledHand]:
    """One hand that is seen, of a frame, camera and side that change with `turn`; none where there is none."""
    for at in spread(len(clip.frames), 12):
        frame = clip.frames[(at + 7 * turn) % len(clip.frames)]
        eyes, hands = hot3d.read_eyes(clip.tar, frame), hot3d.read_hands(clip.tar, frame)
        for step in range(2 * len(eyes)):
            stream, side = sorted(eyes)[(turn + step // 2) % len(eyes)], SIDES[(turn + step) % 2]
            hand, eye = hands.get(side), eyes[stream]
            if hand is None or (maker is not None and not maker.is_there(hand, clip)):
                continue
            joints, mesh = _umetrack(hand, clip, side) if maker is None else maker.posed(hand, clip, side)
            if joints is None:
                continue
            joints, mesh = hot3d.to_eye(joints, eye), None if mesh is None else hot3d.to_eye(mesh, eye)
            if hot3d.is_usable(hand, joints, eye, stream):
                name, member = f"{clip.tar.path.stem}/{frame}/{stream}", f"{frame}.image_{stream}.jpg"
                return [hot3d.view_of(name, (clip.tar, member), side, eye, joints, mesh)]
    return []


def _umetrack(hand: hot3d.Hand, clip: hot3d.Clip, side: Side) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Joints and vertices of the world by UmeTrack; None where there are none."""
    if clip.profile is None or hand.umetrack is None:
        return None, None
    return hand.joints_m, clip.profile.mesh_m(*hand.umetrack, side)


def _is_whole(data: bytes, *, decode: bool) -> bool:
    """Whether a JPEG has its first and last bytes; decode: whether it can be read, too, without damage inside."""
    if not data.startswith(_ENDS[0]) or _ENDS[1] not in data[-_TAIL:]:
        return False
    if decode:
        try:
            read_whole(lambda: decode_rgb(data, "member"), Path("member"))
        except KnuckleError:
            return False
    return True
