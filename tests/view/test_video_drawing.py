"""What frames of a video show more than photos: identities and states; meshes drawn quickly; lines of text."""

from dataclasses import replace

import numpy as np
import pytest
from made_hands import made_hands

from knuckle.geometry.camera import Camera
from knuckle.view.overlay import colour_of, draw_hands, hand_colour, label_of
from knuckle.view.palette import STATE_COLOURS
from knuckle.view.quick_mesh import draw_quick_meshes
from knuckle.view.status import draw_status


def grey(camera, value=128):
    return np.full((camera.height, camera.width, 3), value, np.uint8)


def test_labels_and_colours_follow_identities():
    hands = made_hands().changed(identities=(7, 3), states=("held", "doubtful"))
    assert [label_of(hand) for hand in hands] == ["7 left 0.99 held", "3 right 0.40 ?"]
    np.testing.assert_array_equal(colour_of(hands, 0), hand_colour(7))
    np.testing.assert_array_equal(colour_of(made_hands(), 1), hand_colour(1))


@pytest.mark.parametrize("state", ["held", "bridged"])
def test_bones_of_a_hand_that_is_not_seen_have_one_colour(state):
    seen = made_hands(centres_m=[(0.0, 0.0, 0.3)], sides=["right"])
    image = grey(seen.camera)
    other = draw_hands(image, seen.changed(states=(state,)), mesh=False, labels=False)
    plain = draw_hands(image, seen, mesh=False, labels=False)
    colour = STATE_COLOURS[state]
    near = (np.abs(other.astype(int) - colour).max(2) < 12).sum()
    assert near > 200 and near > 10 * (np.abs(plain.astype(int) - colour).max(2) < 12).sum()


@pytest.mark.parametrize("near_first", [True, False])
def test_nearer_meshes_hide_farther_ones(near_first):
    depths = (0.3, 0.5) if near_first else (0.5, 0.3)
    hands = made_hands(centres_m=[(0.0, 0.0, depth) for depth in depths])
    picture = grey(hands.camera)
    draw_quick_meshes(picture, hands)
    front, back = hand_colour(0 if near_first else 1), hand_colour(1 if near_first else 0)
    middle = picture[120, 160].astype(float) - 0.3 * 128
    # The light changes a colour's strength, not its hue.
    hue = [
        float(middle @ colour / np.linalg.norm(middle) / np.linalg.norm(colour)) for colour in (front, back)
    ]
    assert hue[0] > 0.999 > hue[1]


def test_quick_meshes_cover_what_the_shaded_ones_do():
    hands = made_hands()
    quick = grey(hands.camera)
    draw_quick_meshes(quick, hands)
    shaded = draw_hands(grey(hands.camera), hands, skeleton=False, labels=False)
    covered = [np.abs(each.astype(int) - 128).max(2) > 3 for each in (quick, shaded)]
    assert (covered[0] & covered[1]).sum() > 0.95 * (covered[0] | covered[1]).sum() > 1000


def test_quick_meshes_turn_over_with_a_mirrored_picture():
    hands = made_hands(centres_m=[(-0.08, 0.0, 0.5)], sides=["left"])
    plain, turned = grey(hands.camera), grey(hands.camera)
    draw_quick_meshes(plain, hands)
    draw_quick_meshes(turned, hands.changed(camera=replace(hands.camera.mirrored(), picture_mirrored=True)))
    assert (np.abs(plain.astype(int) - turned[:, ::-1]).max(2) > 8).mean() < 0.005
    assert (np.abs(plain.astype(int) - turned).max(2) > 8).mean() > 0.05


def test_what_is_outside_or_behind_is_left_alone():
    for centre in ((5.0, 0.0, 0.5), (0.0, 0.0, -0.5)):
        hands = made_hands(centres_m=[centre], sides=["right"])
        picture = grey(hands.camera)
        draw_quick_meshes(picture, hands)
        assert (picture == 128).all()
    empty = made_hands().rows([])
    draw_quick_meshes(grey(empty.camera), empty)


@pytest.mark.parametrize("size", [(640, 360), (64, 48)])
def test_status_lines_stand_in_the_lower_left_and_fit(size):
    picture = grey(Camera.from_size(*size), 200)
    draw_status(picture, ["auto   28 frames/s   45 ms from capture to picture", "recording 12 s"])
    changed = (picture != 200).any(2)
    assert changed[-1].all() and not changed[: size[1] // 3].any()
    bright = (picture[size[1] // 2 :] > 190).all(2) & changed[size[1] // 2 :]
    assert bright.any() and not bright[:, -max(1, size[0] // 40) :].any()
