"""Hand-free crops of converted sets: where they lie, what is stored, and runs that ask for them in vain."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from knuckle.datasets.freihand_training import FreihandTraining
from knuckle.datasets.hand_free import hand_area, hand_free_crop
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.training_set import convert_set
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.sets.reader import SynthSet


def corners(labels: dict[str, np.ndarray], row: int, size: int) -> np.ndarray:
    """Two corners of a crop, px of the frame."""
    affine = labels["patch_from_frame"][row].astype(float)
    ends = np.array([[0.0, 0.0], [size - 1, size - 1]])
    return (ends - affine[:, 2]) / affine[0, 0]


def test_a_share_of_the_set_is_squares_beside_the_hands(freihand, tmp_path):
    index = convert_set("freihand", freihand.folder, tmp_path / "set", size=32, negatives=0.25)
    made = SynthSet(tmp_path / "set")
    is_hand = made.labels["is_hand"]
    assert len(made) == 16 and is_hand[:12].all() and not is_hand[12:].any() and index["hand_free"] == 4
    source = FreihandTraining(freihand.folder, None)
    areas = [hand_area(hand) for hand in source.hands(range(12))]
    for row in range(12, 16):
        (left, top), (right, bottom) = corners(made.labels, row, 32).round().astype(int)
        assert 0 <= left < right <= 223 and 0 <= top < bottom <= 223
        assert any(not area[top : bottom + 1, left : right + 1].any() for area in areas)
        assert not made.labels["joints_m"][row].any() and made.labels["camera"][row, 0] == 480
    # Frames are taken evenly: pictures of different grey.
    assert len({int(np.median(made.images[row])) for row in range(12, 16)}) == 4
    assert index["residual_mm"] == pytest.approx(1e3 * made.labels["residual_m"][:12].mean(), abs=1e-3)


@pytest.mark.parametrize("inverted", [False, True])
def test_a_mask_is_taken_before_a_box(freihand, inverted):
    hand = FreihandTraining(freihand.folder, None).hands(range(1))[0]
    mask = np.zeros((224, 224), np.uint8)
    for u, v in hand.joints_px.round().astype(int):
        cv2.circle(mask, (int(u), int(v)), 8, 255, -1)
    path = freihand.folder / "training" / "mask" / "00000000.jpg"
    path.parent.mkdir()
    cv2.imwrite(str(path), 255 - mask if inverted else mask)
    masked = FreihandTraining(freihand.folder, None).hands(range(1))[0]
    area = hand_area(masked)
    assert area[mask > 128].all() and area.mean() < 2.5 * (mask > 128).mean()
    assert hand_area(hand).mean() > area.mean()
    for seed in range(6):
        crop = hand_free_crop(masked, np.random.default_rng(seed), size=16)
        assert crop is not None
        assert crop.warp(np.repeat(mask[..., None], 3, 2)).max() == 0


@pytest.mark.parametrize(
    ("shape", "value", "message"),
    [((224, 224), 0, "got a picture of one colour"), ((100, 224), 0, "expected a mask of 224x224 px")],
)
def test_an_empty_mask_is_one_sentence(freihand, shape, value, message, tmp_path):
    path = freihand.folder / "training" / "mask" / "00000000.jpg"
    path.parent.mkdir()
    cv2.imwrite(str(path), np.full(shape, value, np.uint8))
    with pytest.raises(KnuckleError, match=rf"00000000\.jpg: .*{message}"):
        convert_set("freihand", freihand.folder, tmp_path / "set", size=32, negatives=0.3)


def test_frames_full_of_hand_are_one_sentence(freihand, run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("knuckle.datasets.hand_free._MARGIN_OF_BOX", 9.0)
    with pytest.raises(KnuckleError, match="expected frames with room for 40x40 px without a hand, got none"):
        convert_set("freihand", freihand.folder, tmp_path / "set", size=32, negatives=0.1)
    for share in ("0.95", "nan"):
        arguments = ("convert", "freihand", str(freihand.folder), "--out", str(tmp_path / "a"))
        assert run(*arguments, "--negatives", share) == 2
        assert "negatives: expected a share from 0 to 0.9" in capsys.readouterr().err
    assert run("convert", "teacher", str(tmp_path), "--out", str(tmp_path / "a"), "--negatives", "0.1") == 2
    assert "hands without labels" in capsys.readouterr().err


def test_a_run_that_asks_for_negatives_and_has_none_stops_at_once(freihand, tmp_path):
    from knuckle.training.batches import open_sources
    from knuckle.training.checks import check_negatives
    from knuckle.training.recipe import Recipe

    for share in (0.0, 0.2):
        convert_set("freihand", freihand.folder, tmp_path / str(share), size=32, negatives=share)
    recipe = Recipe("r", data=str(tmp_path / "0.0"), validation=4)
    without = open_sources(recipe)
    with pytest.raises(
        KnuckleError, match=r"r: negatives: expected crops without a hand in .*--negatives, or set"
    ):
        check_negatives(recipe, without)
    for quiet in (replace(recipe, negatives=0.0), replace(recipe, negatives_from=1.0)):
        check_negatives(quiet, without)
    check_negatives(recipe, [*without, *open_sources(replace(recipe, data=str(tmp_path / "0.2")))])


def test_the_frames_other_hands_are_kept_out_too(tmp_path):
    """A set of two hands tells where the other one is."""
    hand = LabelledHand(
        "a", "test", tmp_path / "a.jpg", "right", Camera(100.0, 100.0, 50.0, 50.0, 100, 100),
        np.array([10.0, 10, 20, 20]), others_px=np.array([[60.0, 60, 30, 20], [-50, 0, 20, 20]]),
    )  # fmt: skip
    area = hand_area(hand)
    assert area[20, 20] and area[70, 75] and area[55, 57] and not area[45, 45] and not area[90:, :40].any()
    for seed in range(20):
        crop = hand_free_crop(hand, np.random.default_rng(seed), size=16)
        assert crop is None or not (abs(crop.centre_px[0] - 75) < 15 and abs(crop.centre_px[1] - 70) < 10)
