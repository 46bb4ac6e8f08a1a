"""Fingertips of converted sets: named, converted by the mesh, and refused where training expects others."""

from pathlib import Path

import numpy as np
import pytest

from knuckle.datasets.training_set import convert_set
from knuckle.errors import KnuckleError
from knuckle.rig.load import load_rig
from knuckle.rig.mano import load_mano
from knuckle.rig.tips import TIP_JOINTS, convert_tips
from knuckle.sets.reader import SynthSet
from knuckle.training.checks import check_rig

TIPS = list(TIP_JOINTS)


def tips_of(vertices: np.ndarray, mano: Path, name: str) -> np.ndarray:
    return vertices[:, load_mano(mano, "right", tips=name).tip_vertices]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", ["freihand", "ho3d"])
def test_the_joints_have_the_tips_asked_for(freihand, name, tmp_path):
    index = convert_set(
        "freihand", freihand.folder, tmp_path / "set", size=32, rig=freihand.mano, tips=name, limit=4
    )
    made = SynthSet(tmp_path / "set")
    assert made.tips == index["tips"] == name and made.rig_name == "mano"
    expected = freihand.joints_m[:1].copy()
    expected[:, TIPS] = tips_of(freihand.vertices_m[:1], freihand.mano, name)
    np.testing.assert_allclose(made.labels["joints_m"][:1], expected, atol=1e-4)
    # Labels in the picture follow.
    label = made.labels
    frame = expected[0, :, :2] / expected[0, :, 2:] * label["camera"][0, :2] + label["camera"][0, 2:]
    affine = label["patch_from_frame"][0]
    np.testing.assert_allclose(label["joints_px"][0], frame @ affine[:, :2].T + affine[:, 2], atol=0.05)


def test_obman_s_tips_become_the_ones_that_training_expects(obman, freihand, tmp_path):
    convert_set("obman", obman, tmp_path / "own", size=32, rig=freihand.mano, tips="manopth")
    convert_set("obman", obman, tmp_path / "set", size=32, rig=freihand.mano)
    own, made = SynthSet(tmp_path / "own").labels, SynthSet(tmp_path / "set").labels
    mano = load_mano(freihand.mano, "right", flat_hand_mean=True)
    vertices = mano.posed(*(own[name] for name in ("pose", "shape", "translation"))).vertices
    moved = convert_tips(own["joints_m"], vertices, source="manopth", target="freihand")
    np.testing.assert_allclose(made["joints_m"], moved, atol=1e-5)
    assert np.abs(made["joints_m"] - own["joints_m"])[:, TIPS].max() > 1e-3
    check_rig(SynthSet(tmp_path / "set"), str(freihand.mano))
    check_rig(SynthSet(tmp_path / "own"), f"{freihand.mano}#manopth")
    with pytest.raises(
        KnuckleError, match=r"own: expected fingertips of freihand, got manopth's.*--tips freihand"
    ):
        check_rig(SynthSet(tmp_path / "own"), str(freihand.mano))


def test_the_open_rig_s_tips_are_those_of_the_fit(freihand, tmp_path):
    convert_set("freihand", freihand.folder, tmp_path / "set", size=32, limit=4)
    made = SynthSet(tmp_path / "set")
    labels = made.labels
    fitted = load_rig("open").posed(*(labels[name] for name in ("pose", "shape", "translation"))).joints
    np.testing.assert_allclose(labels["joints_m"][:, TIPS], fitted[:, TIPS], atol=1e-6)
    check_rig(made, "open")
    with pytest.raises(
        KnuckleError, match=r"got those of the open rig; convert the set again with --rig .*MANO"
    ):
        check_rig(made, str(freihand.mano))
    with pytest.raises(
        KnuckleError, match="tips: expected a MANO file as rig to have ho3d's, got the open rig"
    ):
        convert_set("freihand", freihand.folder, tmp_path / "other", size=32, limit=4, tips="ho3d")


def test_a_set_from_before_has_the_open_rig_s_tips(freihand, tmp_path):
    for rig, folder in ((None, tmp_path / "open"), (freihand.mano, tmp_path / "mano")):
        convert_set("freihand", freihand.folder, folder, size=32, limit=4, rig=rig)
        index = folder / "index.json"
        index.write_text(index.read_text().replace('"tips"', '"unknown"'))
    check_rig(SynthSet(tmp_path / "open"), "open")
    with pytest.raises(KnuckleError, match="mano: expected fingertips of freihand, got open's"):
        check_rig(SynthSet(tmp_path / "mano"), str(freihand.mano))
