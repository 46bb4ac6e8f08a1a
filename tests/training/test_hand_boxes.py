"""Training pictures of the hand detector: labels stay on the hands, and are a function of seed and number; runs resume;
scores of known findings."""

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from knuckle.errors import KnuckleError
from knuckle.geometry.cells import FoundBoxes
from knuckle.geometry.crop import hand_roll
from knuckle.training.hand_boxes.batches import GrowingScenes, MixedBatches
from knuckle.training.hand_boxes.loop import CHECKPOINT, HandBoxesTrainer
from knuckle.training.hand_boxes.mixing import Area, Canvas, Mixed, Sources, mix
from knuckle.training.hand_boxes.pictures import UNKNOWN, LabelledHand, LabelledPicture, read_pictures
from knuckle.training.hand_boxes.recipe import HandBoxesRecipe, read_hand_boxes_recipe
from knuckle.training.hand_boxes.validation import detection_scores
from knuckle.training.launch import train_here

# A hand whose joints lie on a red rectangle, wrist at the bottom.
JOINTS = np.array([[40.0, 60]] + [[30 + x, 40 - y] for x in (0, 5, 10, 15, 20) for y in (0, 5, 10, 20)])
PALM = (30, 20, 20, 40)


def picture(*, joints: bool = True, complete: bool = True) -> LabelledPicture:
    image = np.full((100, 80, 3), 90, np.uint8)
    x, y, w, h = PALM
    image[y : y + h, x : x + w] = (250, 20, 20)
    corners = JOINTS if joints else np.array([[x, y], [x + w, y], [x, y + h], [x + w, y + h]], float)
    data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
    return LabelledPicture(data, 80, 100, (LabelledHand(corners, 1.0),), complete)


def empty() -> LabelledPicture:
    grey = cv2.imencode(".png", np.full((60, 60, 3), 90, np.uint8))[1].tobytes()
    return LabelledPicture(grey, 60, 60, ())


STRAIGHT = np.array([[1.0, 0, 0], [0, 1, 0]])


def moved(right: float) -> np.ndarray:
    """A view of a picture as it is, so many px further right."""
    return np.array([[1.0, 0, right], [0, 1, 0]])


def red(image: np.ndarray) -> np.ndarray:
    """x, y, w, h of what is red."""
    y, x = np.nonzero((image[..., 0].astype(int) - image[..., 1]) > 60)
    return np.array([x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1])


@pytest.mark.parametrize("mirrored", [False, True])
def test_labels_go_where_the_picture_goes(mirrored):
    canvas = Canvas(np.zeros((96, 128, 3), np.uint8))
    turn, scale = np.pi / 2, 0.8
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    if mirrored:
        linear = linear @ np.diag([-1.0, 1.0])
    view = np.column_stack([linear, np.array([70, 50]) - linear @ [40, 40]])
    canvas.show(picture(), Area(20, 10, 100, 80), view, beyond=90)
    mixed = canvas.finished()
    np.testing.assert_allclose(mixed.boxes[0], red(mixed.image), atol=1.5)
    assert mixed.right[0] == (0.0 if mirrored else 1.0)
    # Fingers-up, turned clockwise by a right angle: to the right, mirrored or not.
    roll = math.atan2(*mixed.direction[0, ::-1])
    expected = turn + (-1 if mirrored else 1) * hand_roll(JOINTS)
    assert roll == pytest.approx(expected, abs=1e-5)


def test_hands_that_a_picture_covers_or_cuts_are_ignored_or_gone():
    canvas = Canvas(np.zeros((100, 200, 3), np.uint8))
    canvas.show(picture(), Area(0, 0, 80, 100), STRAIGHT, beyond=None)
    canvas.show(picture(), Area(100, 0, 80, 100), moved(100), beyond=None)
    canvas.show(empty(), Area(0, 0, 60, 60), STRAIGHT, beyond=None)
    canvas.show(empty(), Area(146, 0, 40, 100), moved(140), beyond=None)
    assert len(canvas.finished().boxes) == 1
    canvas.show(empty(), Area(136, 0, 40, 100), moved(130), beyond=None)
    mixed = canvas.finished()
    assert not len(mixed.boxes)
    np.testing.assert_array_equal(mixed.ignored, [[130, 20, 20, 40]])


def test_where_labels_are_incomplete_nothing_counts_as_background():
    canvas = Canvas(np.zeros((100, 100, 3), np.uint8))
    canvas.show(picture(complete=False), Area(0, 0, 80, 90), STRAIGHT, beyond=None)
    np.testing.assert_array_equal(canvas.finished().ignored, [[0, 0, 80, 90]])


def test_training_pictures_are_functions_of_seed_and_number_with_labels_on_the_hands():
    sources = Sources([picture(), picture(joints=False)], [empty()], [picture()], 0.4)

    def at(number):
        return mix(sources, np.random.default_rng([1, number]), height=96, width=128)

    off, hands = [], 0
    for number in range(40):
        one = at(number)
        assert one.image.shape == (96, 128, 3)
        inside = (one.boxes[:, :2] >= 0).all(-1) & (one.boxes[:, :2] + one.boxes[:, 2:] <= [128, 96]).all(-1)
        hands += len(one.boxes)
        if len(one.boxes) == 1 and inside[0] and not len(one.ignored) and one.image[..., 0].std() > 5:
            x, y, w, h = one.boxes[0].round().astype(int)
            seen = one.image[y : y + h, x : x + w].astype(int)
            off.append(
                np.abs(seen[..., 0] - seen[..., 1]).mean() - np.abs(np.ptp(one.image[0, 0].astype(int)))
            )
    assert hands > 40
    assert len(off) > 2 and min(off) > 0
    np.testing.assert_array_equal(at(3).image, at(3).image)
    assert (at(3).image != at(4).image).any()


def write_index(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.png").write_bytes(picture().data)
    label = {"xywh": PALM, "hand": "right", "joints_px": JOINTS.tolist()}
    row = {"file": "a.png", "width": 80, "height": 100, "boxes": [label]}
    rows = [json.dumps({**row, "split": split}) for split in ("train", "val") * count]
    (folder / "boxes.jsonl").write_text("".join(line + "\n" for line in rows))
    return folder / "boxes.jsonl"


def recipe(folder: Path, **changes) -> HandBoxesRecipe:
    index = write_index(folder, 2)
    backgrounds = folder / "backgrounds"
    backgrounds.mkdir()
    (backgrounds / "a.png").write_bytes(empty().data)
    for name in ("index.jsonl", "no_hand.jsonl"):
        (backgrounds / name).write_text(json.dumps({"file": "a.png"}) + "\n")
    base = HandBoxesRecipe(
        "test", photos=str(index), data=str(folder), samples=8, batch=2, sizes=((32, 64), (64, 32))
    )
    return replace(base, **changes)


def test_a_run_that_was_cut_short_ends_as_one_that_was_not(tmp_path, monkeypatch):
    monkeypatch.setattr("knuckle.training.hand_boxes.loop.validation_pictures", lambda *_: {})
    short = recipe(tmp_path / "data", samples=4)
    whole = HandBoxesTrainer(short, tmp_path / "whole")
    whole.run()
    cut = HandBoxesTrainer(replace(short, checkpoint_seconds=0.0), tmp_path / "cut")
    steps = cut.step

    def killed(batch, step):
        if step == 1:
            raise KeyboardInterrupt
        return steps(batch, step)

    monkeypatch.setattr(cut, "step", killed)
    with pytest.raises(KeyboardInterrupt):
        cut.run()
    assert (tmp_path / "cut" / CHECKPOINT).exists()
    again = HandBoxesTrainer(short, tmp_path / "cut")
    again.run()
    for name, value in whole.average.items():
        assert torch.equal(value, again.average[name]), name


def test_scenes_are_taken_in_as_they_are_written(tmp_path):
    index = write_index(tmp_path / "scenes", 3)
    scenes = GrowingScenes(HandBoxesRecipe("test", scenes=str(index.parent), validation_scenes=2))
    assert len(scenes.held_out()) == 2
    scenes.reread()
    assert len(scenes.pictures) == 4
    line = index.read_text().splitlines()[0]
    with index.open("a") as file:
        file.write(line + "\n" + line[:20])
    scenes.reread()
    assert len(scenes.pictures) == 5


def test_what_is_no_index_or_recipe_is_refused(tmp_path):
    index = tmp_path / "boxes.jsonl"
    index.write_text('{"file": "a.png", "width": 8}\n')
    with pytest.raises(KnuckleError, match=r"boxes\.jsonl: line 1: expected a picture with its boxes"):
        list(read_pictures(index, tmp_path))
    file = tmp_path / "a.toml"
    file.write_text('system = "hand_boxes"\nsizes = [[250, 250]]\n')
    with pytest.raises(KnuckleError, match="recipe a: sizes: expected heights and widths that are multiples"):
        read_hand_boxes_recipe(file)
    with pytest.raises(KnuckleError, match="recipe test: data: expected the folder of photographs"):
        MixedBatches(HandBoxesRecipe("test", data=str(tmp_path / "no")))


def test_scores_of_known_findings():
    image = np.zeros((32, 32, 3), np.uint8)
    boxes = np.array([[0.0, 0, 10, 10], [20, 20, 10, 10]])
    ignored = np.array([[0.0, 20, 10, 10]])
    one = Mixed(image, boxes, np.array([1.0, UNKNOWN]), np.array([[1.0, 0], [0, 0]]), ignored)
    answers = [
        # A hand, a ghost, an ignored one, the other hand; the first hand again.
        FoundBoxes(
            np.array([[0.0, 0, 10, 10], [20, 0, 10, 10], [1, 21, 8, 8], [20, 21, 10, 10], [1, 0, 10, 10]]),
            np.array([0.9, 0.8, 0.7, 0.6, 0.5]),
            np.array([0.8, 0.5, 0.5, 0.1, 0.5]),
            np.array([0.1, 0, 0, 0, 0]),
        )
    ]
    told = detection_scores(lambda _: answers[0], [one])
    assert told.ap50 == pytest.approx((1 + 2 / 3) / 2)
    # One picture allows no ghost.
    assert (told.recall, told.threshold, told.side) == (0.5, 0.9, 1.0)
    assert told.turn_deg == pytest.approx(np.degrees(0.1))


def test_a_recipe_of_the_detector_trains_the_detector(tmp_path, monkeypatch):
    ran = []

    class Trainer:
        def __init__(self, read: HandBoxesRecipe, folder: Path) -> None:
            ran.append((read.name, read.batch, folder))

        def run(self) -> None:
            ran.append("ran")

    monkeypatch.setattr("knuckle.training.hand_boxes.loop.HandBoxesTrainer", Trainer)
    (tmp_path / "r.toml").write_text('system = "hand_boxes"\nbatch = 7\n')
    train_here(tmp_path / "r.toml", tmp_path)
    assert ran == [("r", 7, tmp_path), "ran"]
