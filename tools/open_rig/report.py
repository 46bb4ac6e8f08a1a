"""The figures printed after a build."""

from pathlib import Path

import numpy as np
from fist import fist_quality, fist_rotations
from hand import FINGERS, Hand, hand_from_source
from refit import SEGMENTS_MM
from shapes import BETAS, ShapeSpace
from source import SourceHand


def report(
    path: Path, arrays: dict[str, np.ndarray], source: SourceHand, hand: Hand, space: ShapeSpace
) -> None:
    """Print the file's size, and how near the rig is to its source, its own joints and published bones."""
    pose_count = arrays["pose_map"].shape[0]
    print(
        f"{path.name}: {path.stat().st_size / 1e3:.0f} kB, {len(hand.vertices)} vertices, {len(hand.faces)} faces, "
        f"{pose_count} correctives, {len(arrays['regressor_value'])} regressor weights"
    )
    print(
        "skinning against the source, 21 bones: mean {:.2e} mm, max {:.2e} mm".format(*_source_error(source))
    )
    print(
        f"shape: 9 components hold {space.explained:.1%} of the size-normalised variance; "
        f"10 betas reproduce a hand to {1e3 * space.error_mean_m:.2f} mm mean"
    )
    errors = regressor_errors(arrays, hand, space)
    print(
        f"joint regressor over random shapes: joint means {errors.mean(0).min():.2f}-"
        f"{errors.mean(0).max():.2f} mm, max {errors.max():.2f} mm"
    )
    print("  joint means, MANO order:", *np.round(errors.mean(0), 2))
    fist = fist_rotations(arrays["axes"].astype(float), arrays["rest_angles"].astype(float))
    basis, mapping = arrays["pose_basis"].astype(float), arrays["pose_map"].astype(float)
    for title, used in (("without", 0), ("with", 1)):
        lost, inside = fist_quality(hand, fist, used * basis, mapping)
        print(
            f"fist {title} correctives: {lost:.1%} of the volume lost, "
            f"{inside:.1%} of finger skin > 2 mm inside other skin"
        )
    for finger in FINGERS:
        lengths = 1e3 * np.linalg.norm(np.diff(hand.chain(finger), axis=0), axis=1)
        print(f"{finger:>7} {np.round(lengths, 1)} mm, target {SEGMENTS_MM[finger]}")


def regressor_errors(arrays: dict[str, np.ndarray], hand: Hand, space: ShapeSpace) -> np.ndarray:
    """(n, 16) mm between regressed and true joints of 500 random shapes."""
    betas = np.random.default_rng(1).standard_normal((500, BETAS))
    regressor = np.zeros((16, len(hand.vertices)))
    np.add.at(regressor, (arrays["regressor_joint"], arrays["regressor_vertex"]), arrays["regressor_value"])
    skin = arrays["vertices"] + np.einsum("vck,nk->nvc", arrays["shape_basis"].astype(float), betas)
    true = hand.joints + np.einsum("jck,nk->njc", space.joints, betas)
    return 1e3 * np.linalg.norm(np.einsum("jv,nvc->njc", regressor, skin) - true, axis=-1)


def _source_error(source: SourceHand) -> tuple[float, float]:
    """Mean and maximum distance (mm) between skinning by merged weights and the source's own forward pass.

    The metacarpals and the root lie still here, so that their merging into one joint changes nothing.
    """
    columns = [source.bone_labels.index(label) for label in _bone_of_joint()]
    merged = hand_from_source(source).weights
    motion, shift = source.check_rotations[:, columns], source.check_translations[:, columns]
    skinned = np.einsum("vj,njab,vb->nva", merged, motion, source.vertices) + np.einsum(
        "vj,nja->nva", merged, shift
    )
    error = 1e3 * np.linalg.norm(skinned - source.check_vertices, axis=-1)
    return float(error.mean()), float(error.max())


def _bone_of_joint() -> list[str]:
    number = {"index": 2, "middle": 3, "pinky": 5, "ring": 4, "thumb": 1}
    return ["wrist.R"] + [f"finger{number[finger]}-{part}.R" for finger in FINGERS for part in (1, 2, 3)]
