"""How exact wrists are said to be, and hands brought to where they are."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.inference import root_error
from knuckle.inference.root_error import RADIUS_68, place_better, root_covariance, root_figures
from knuckle.rig import load_rig

FIGURES = {
    "size": {},
    "root": {
        "range": {"spread": [-6, 0], "end-on": [-2, 1], "size": [-2, 2]},
        "farther": {"constant": 0.05, "spread": 0, "end-on": 0.02, "size": 0},
        "along": {"constant": -3.0, "spread": 0.2, "end-on": 0.0, "size": -0.1},
        "across": 0.1,
        "exif": 0.05,
        "calibrated": 0.01,
        "assumed": 0.3,
    },
}


@pytest.fixture(autouse=True)
def figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "metric.json"
    path.write_text(json.dumps(FIGURES))
    monkeypatch.setattr(root_error, "FIGURES", path)
    root_figures.cache_clear()
    yield path
    root_figures.cache_clear()


def hands(camera: Camera | None = None) -> Hands:
    camera = camera or Camera(600, 600, 320, 240, 640, 480)
    places = np.array([[0.2, 0.1, 0.5], [-0.1, 0.05, 0.8]])
    joints = load_rig("open").posed(np.zeros((2, 16, 3)), None, places).joints.astype(float)
    px = camera.project(joints)
    box = np.concatenate([px.min(1), np.ptp(px, axis=1)], axis=1)
    return Hands(
        camera,
        sides=("right", "right"),
        confidence=np.ones(2),
        boxes_px=box,
        joints_px=px,
        joints_m=joints,
        vertices_m=joints,
        pose_rad=np.zeros((2, 16, 3)),
        shape=np.zeros((2, 10)),
        joint_error_px=np.full((2, 21), 6.0),
    )


def spread(covariance: np.ndarray, wrist: np.ndarray) -> tuple[float, np.ndarray]:
    """Standard deviation along the line of sight, and the two across it."""
    ray = wrist / np.linalg.norm(wrist)
    assert np.allclose(covariance @ ray, (ray @ covariance @ ray) * ray)
    values = np.sqrt(np.linalg.eigvalsh(covariance))
    return float(np.sqrt(ray @ covariance @ ray)), values[:2]


def test_along_and_across_the_line_of_sight():
    seen = hands()
    for covariance, wrist, size_sd in zip(
        root_covariance(seen, relative_size_sd=np.array([0.0, 0.2])),
        seen.joints_m[:, 0],
        (0.0, 0.2),
        strict=True,
    ):
        along, across = spread(covariance, wrist)
        assert np.allclose(across, np.exp(0.1) * 6 / RADIUS_68 / 600 * wrist[2])
        assert along / np.linalg.norm(wrist) > size_sd
    least = root_covariance(seen, relative_size_sd=0.0)
    told = [spread(c, w)[0] / np.linalg.norm(w) for c, w in zip(least, seen.joints_m[:, 0], strict=True)]
    # As far from the camera, the hand is as sharp to its size, and half as large.
    assert 0.01 < told[0] < told[1] < 0.06


@pytest.mark.parametrize(
    ("source", "sd"), [("given", 0.0), ("calibrated", 0.01), ("exif", 0.05), ("assumed", 0.3)]
)
def test_what_the_focal_length_rests_on_counts(source, sd):
    known = hands()
    camera = replace(known.camera, source=source, assumed=source == "assumed")
    covariances = [
        root_covariance(one, relative_size_sd=0.0)[0] for one in (known, known.changed(camera=camera))
    ]
    added = np.zeros((3, 3))
    added[2, 2] = (sd * known.joints_m[0, 0, 2]) ** 2
    assert np.allclose(covariances[1] - covariances[0], added)


def test_hands_come_nearer_as_wholes_and_keep_their_size():
    seen = hands()
    better = place_better(seen)
    nearer = np.linalg.norm(better.joints_m.mean(1), axis=1) / np.linalg.norm(seen.joints_m.mean(1), axis=1)
    assert (nearer < 0.98).all() and (nearer > 0.9).all()
    moved = better.joints_m - seen.joints_m
    assert np.allclose(moved, moved[:, :1]) and np.allclose(better.vertices_m - seen.vertices_m, moved[:, :1])
    assert np.allclose(better.joints_px, better.camera.project(better.joints_m))
    none = Hands(seen.camera)
    assert place_better(none) is none and root_covariance(none, relative_size_sd=0.1).shape == (0, 3, 3)


def test_unknown_errors_of_joints_count_as_large():
    seen = hands()
    unknown = seen.changed(joint_error_px=np.full((2, 21), np.nan))
    one, other = (root_covariance(some, relative_size_sd=0.0) for some in (seen, unknown))
    assert (
        np.isfinite(other).all()
        and (np.trace(other, axis1=1, axis2=2) > np.trace(one, axis1=1, axis2=2)).all()
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"size": {}, "root": {}}'])
def test_damaged_figures_are_named(figures, text):
    figures.write_text(text)
    with pytest.raises(KnuckleError, match=r"metric\.json: expected figures of"):
        root_covariance(hands(), relative_size_sd=0.0)
