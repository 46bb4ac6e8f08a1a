"""Overlays: where things are drawn, what hides what, and odd photos."""

import numpy as np
import pytest
from made_hands import made_hands

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.raster.numpy_raster import rasterise
from knuckle.view import shading
from knuckle.view.overlay import draw_hands, hand_colour, label_of, side_of
from knuckle.view.palette import FINGER_COLOURS


def test_labels_say_what_is_not_sure():
    hands = made_hands().changed(side_confidence=[0.62, 1], states=("observed", "doubtful"))
    assert [label_of(hand) for hand in hands] == ["left 62% 0.99", "right 0.40 ?"]
    assert [side_of(hand) for hand in hands] == ["left 62%", "right"]


def test_doubtful_joints_are_hollow_within_their_radius():
    hands = made_hands(centres_m=[(0.0, 0.0, 0.5)], sides=["right"])
    error = np.full((1, 21), 1.0)
    error[0, 20] = 9.0
    doubtful = hands.changed(joint_error_px=error, joint_error_m=error / 1e3)
    x, y = hands.joints_px[0, 20].round().astype(int)
    before, after = (
        draw_hands(photo(hands.camera), of, mesh=False, labels=False) for of in (hands, doubtful)
    )
    assert changed(before, after)[y, x]
    ring = np.round([x, y] + 9 * np.array([[0, 1], [0, -1], [1, 0], [-1, 0]])).astype(int)
    assert changed(before, after)[ring[:, 1], ring[:, 0]].any()
    far = np.abs(np.mgrid[: hands.camera.height, : hands.camera.width][::-1].T.swapaxes(0, 1) - [x, y]).max(
        -1
    )
    assert not changed(before, after)[far > 60].any()


def photo(camera, value=120):
    return np.full((camera.height, camera.width, 3), value, dtype=np.uint8)


def changed(before, after):
    return (before.astype(int) != after).any(-1)


def test_the_photo_is_copied_and_changed_only_at_the_hands():
    hands = made_hands()
    image = photo(hands.camera)
    kept = image.copy()
    drawn = draw_hands(image, hands, labels=False)
    np.testing.assert_array_equal(image, kept)
    uv = hands.camera.project(hands.vertices_m).reshape(-1, 2)
    v, u = np.nonzero(changed(image, drawn))
    assert u.min() >= uv[:, 0].min() - 2 and u.max() <= uv[:, 0].max() + 2
    assert v.min() >= uv[:, 1].min() - 2 and v.max() <= uv[:, 1].max() + 2
    assert len(u) > 8000


@pytest.mark.parametrize(("width", "max_side"), [(64, 1024), (320, 1024), (320, 100), (1200, 300)])
def test_the_mesh_lies_where_the_camera_projects_it(monkeypatch, width, max_side):
    """At every internal resolution: finer than the photo, and coarser."""
    monkeypatch.setattr(shading, "_MAX_SIDE", max_side)
    camera = Camera(1.25 * width, 1.25 * width, 0.48 * width, 0.37 * width, width, int(0.75 * width))
    hands = made_hands(camera, centres_m=[(0.02, 0.01, 0.5)], sides=["right"])
    black, white = (draw_hands(photo(camera, v), hands, skeleton=False, labels=False) for v in (0, 255))
    points = np.concatenate([camera.project(hands.vertices_m[0]), hands.vertices_m[0, :, 2:]], 1)
    sharp = rasterise(points, hands.faces, camera.height, camera.width)[0] >= 0
    covered = white.astype(int).mean(-1) - black.mean(-1) < 255 * 0.7  # at least half of the mesh's opacity
    assert (covered & sharp).sum() / (covered | sharp).sum() > 0.9
    for got, wanted in zip(np.nonzero(covered), np.nonzero(sharp), strict=True):
        assert got.mean() == pytest.approx(wanted.mean(), abs=0.12 * max(1, width / max_side))


@pytest.mark.parametrize("near_first", [True, False])
def test_the_nearer_hand_hides_the_other_whatever_their_order(near_first):
    centres = [(0.0, 0.0, 0.4), (0.02, 0.0, 0.7)]
    hands = made_hands(centres_m=centres if near_first else centres[::-1])
    drawn = draw_hands(photo(hands.camera), hands, skeleton=False, labels=False)
    alone = made_hands(centres_m=[centres[0]], sides=["left" if near_first else "right"])
    colour = drawn[115:125, 155:165].reshape(-1, 3).mean(0) - 120
    front, back = hand_colour(0 if near_first else 1), hand_colour(1 if near_first else 0)
    assert np.corrcoef(colour, front - 128)[0, 1] > np.corrcoef(colour, back - 128)[0, 1] + 0.5
    assert len(alone) == 1


def test_the_photo_shows_through():
    hands = made_hands()
    light, dark = (draw_hands(photo(hands.camera, v), hands, skeleton=False, labels=False) for v in (220, 20))
    centre = tuple(hands.camera.project(hands.joints_m[0].mean(0)).round().astype(int)[::-1])
    assert 30 < int(light[centre].astype(int).sum() - dark[centre].astype(int).sum()) / 3 < 120


def test_joints_are_marked_in_their_fingers_colours():
    camera = Camera(1200.0, 1200.0, 479.5, 359.5, 960, 720)
    hands = made_hands(camera, centres_m=[(0.0, 0.0, 0.5)], sides=["right"])
    drawn = draw_hands(photo(camera), hands, mesh=False, labels=False)
    for joint in (4, 8, 12, 16, 20):
        u, v = hands.joints_px[0, joint].round().astype(int)
        np.testing.assert_allclose(drawn[v, u], FINGER_COLOURS[joint // 4 - 1], atol=3)


def test_small_skeletons_are_drawn_at_their_joints():
    camera = Camera(80.0, 80.0, 31.5, 23.5, 64, 48)
    hands = made_hands(camera, centres_m=[(0.0, 0.0, 0.3)], sides=["right"])
    image = photo(camera)
    marked = changed(image, draw_hands(image, hands, mesh=False))
    u, v = hands.joints_px[0].round().astype(int).T
    assert marked[v, u].all()
    assert marked.mean() < 0.5


def test_outside_and_behind_is_left_out():
    camera = made_hands().camera
    image = photo(camera)
    hidden = made_hands(centres_m=[(3.0, 0.0, 0.5), (0.0, 0.0, -0.5)])
    np.testing.assert_array_equal(draw_hands(image, hidden), image)
    partly = draw_hands(image, made_hands(centres_m=[(-0.2, 0.0, 0.5)], sides=["left"]))
    assert changed(image, partly)[:, :60].any() and not changed(image, partly)[:, 120:].any()


def test_a_hand_the_camera_is_inside_of_does_not_fail():
    hands = made_hands(centres_m=[(0.0, 0.0, 0.01)], sides=["right"])
    assert draw_hands(photo(hands.camera), hands).shape == (240, 320, 3)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 2), (17, 400), (900, 30)])
def test_odd_photo_sizes(width, height):
    camera = Camera.from_size(width, height)
    image = photo(camera)
    drawn = draw_hands(image, made_hands(camera, centres_m=[(0.0, 0.0, 0.3)], sides=["right"]))
    assert drawn.shape == image.shape and changed(image, drawn).any()


def test_no_hands_is_the_photo_itself():
    camera = Camera.from_size(40, 30)
    image = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    np.testing.assert_array_equal(draw_hands(image, Hands(camera)), image)


def test_a_grazing_layer_never_exceeds_the_range():
    hands = made_hands()
    window = shading.Window(0, 0, 320, 240)
    meshes = [shading.Mesh(h.vertices_m, hands.faces_of(h.side), np.array([255, 255, 255])) for h in hands]
    layer = shading.draw_layer(meshes, hands.camera, window).astype(int)
    assert (layer[..., :3].max(-1) <= layer[..., 3] + 1).all()


def test_normals_of_both_sides_point_outwards():
    hands = made_hands()
    for hand in hands:
        normals = shading.vertex_normals(hand.vertices_m, hands.faces_of(hand.side))
        outwards = hand.vertices_m - hand.vertices_m.mean(0)
        assert ((normals * outwards).sum(-1) > 0).all()
        np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1)


def test_wrong_images_are_named():
    hands = made_hands()
    with pytest.raises(KnuckleError, match="RGB uint8"):
        draw_hands(np.zeros((240, 320), np.uint8), hands)
    with pytest.raises(KnuckleError, match="320x240 px, got 100x50"):
        draw_hands(np.zeros((50, 100, 3), np.uint8), hands)
