"""The 8-bit files: the same hands as the float ones, nearly."""

import numpy as np

from knuckle.geometry.camera import Camera
from knuckle.inference.detection.landmarks import LandmarkNetwork, joints_to_square
from knuckle.inference.one_hand import Predictor
from knuckle.photos.reading import read_image
from knuckle.photos.sample import SAMPLE_PHOTO, read_sample_labels
from knuckle.weights import INT8_FOLDER, resolve


def test_both_networks_see_the_same_hands():
    about, photo = read_sample_labels(), read_image(SAMPLE_PHOTO)
    boxes, sides = np.array(about["boxes"], float), about["sides"]
    camera = Camera(*about["camera"], photo.shape[1], photo.shape[0])
    quick, exact = (
        Predictor("dahyf", int8=int8, evidence=False)(photo, boxes, sides, camera) for int8 in (True, False)
    )
    apart_m = (quick.joints_m - quick.joints_m[:, :1]) - (exact.joints_m - exact.joints_m[:, :1])
    assert 0 < np.linalg.norm(apart_m, axis=-1).mean() < 0.004
    square = joints_to_square(exact.joints_px[0])
    (joints, answer), (expected, other) = (
        LandmarkNetwork(int8=int8).look(photo, square) for int8 in (True, False)
    )
    assert 0 < np.linalg.norm(joints - expected, axis=-1).mean() < 0.02 * square.side_px
    assert abs(answer.presence - other.presence) < 0.05 and abs(answer.right - other.right) < 0.05


def test_a_model_without_an_8_bit_file_is_run_as_it_is():
    assert resolve("dahyf-photo", int8=True).path.parent == INT8_FOLDER
    assert resolve("dfl", int8=True) == resolve("dfl")
