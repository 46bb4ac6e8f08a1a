"""The open rig as one small file for the web page: `rig.bin`, read by web/src/hand/rig_file.ts.

python -m tools.web_assets.rig [--out web/generated/rig.bin]

Layout, little-endian: the bytes "KNUCKLE1", the header's length (uint32), the header (JSON, UTF-8, padded with blanks
to a multiple of 8), then the arrays, each from a multiple of 8 on. The header names every array with its type, shape
and place (bytes from the end of the header). All is of the right hand; the left one is its mirror image.

Exactly the rig's numbers: what the package keeps as 16-bit floats is written so, and what is computed from them (the
rest joints, the axes of the joints' angles) as 64-bit ones. Of the 30 pose correctives only the vertices that they move
are written: 3,975 of 48,300. The header also has the few learnt figures that tracking needs beside the rig.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from knuckle.files import atomic_path
from knuckle.inference.root_error import SIGNALS, load_figures
from knuckle.inference.sides import TABLE, read_table
from knuckle.live.hand_size import resized_shape
from knuckle.rig.fit.solve import fit_model
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.limits import basis, joint_limits
from knuckle.rig.load import load_rig

MAGIC = b"KNUCKLE1"
_ALIGNED = 8
_TYPES = {"float64": "<f8", "float32": "<f4", "float16": "<f2", "uint16": "<u2", "uint8": "u1"}


def rig_bytes(rig: HandRig) -> bytes:
    """The file of a right-hand rig whose fingertips move with their last joints alone, as the open one's do."""
    arrays = rig_arrays(rig)
    places: dict[str, Any] = {}
    parts: list[bytes] = []
    offset = 0
    for name, array in arrays.items():
        raw = np.ascontiguousarray(array, _TYPES[array.dtype.name]).tobytes()
        raw += bytes(-len(raw) % _ALIGNED)
        places[name] = {"type": array.dtype.name, "shape": list(array.shape), "offset": offset}
        parts.append(raw)
        offset += len(raw)
    header = {
        "name": rig.name,
        "licence": rig.licence,
        "source": rig.source,
        "fingerprint": rig.fingerprint,
        "arrays": places,
        "tracking": tracking_figures(),
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(MAGIC) + 4 + len(text)) % _ALIGNED)
    return b"".join([MAGIC, np.uint32(len(text)).astype("<u4").tobytes(), text, *parts])


def rig_arrays(rig: HandRig) -> dict[str, np.ndarray]:
    """What posing and fitting need, by the names that the page reads."""
    assert rig.side == "right"
    assert fit_model(rig).rigid_tips
    assert not rig.pose_mean.any()
    arrays = rig.arrays(np.float64)
    axes, rest_angles, handed = basis(rig)
    low, high = joint_limits()
    influences = int((rig.skin_weights > 0).sum(1).max())
    skin_index = np.argsort(-rig.skin_weights, axis=1, kind="stable")[:, :influences]
    moved = np.abs(rig.pose_basis).max(1) > 0
    vertex, corrective = np.nonzero(moved)
    return {
        "vertices": rig.vertices.astype(np.float32),
        "faces": rig.faces.astype(np.uint16),
        "shape_basis": _as_half(rig.shape_basis),
        "skin_index": skin_index.astype(np.uint8),
        "skin_weight": np.take_along_axis(rig.skin_weights, skin_index, 1).astype(np.float32),
        "corrective_vertex": vertex.astype(np.uint16),
        "corrective": corrective.astype(np.uint8),
        "corrective_move": _as_half(rig.pose_basis.transpose(0, 2, 1)[moved]),
        "corrective_map": rig.pose_map.astype(np.float32),
        "joint_rest": arrays.joint_template.reshape(16, 3),
        "joint_basis": arrays.joint_basis.T.reshape(16, 3, 10),
        "tip_vertices": rig.tip_vertices.astype(np.uint16),
        "axes": axes,
        "rest_angles": rest_angles,
        "handed": handed,
        "angles_low": low,
        "angles_high": high,
    }


def tracking_figures() -> dict[str, Any]:
    """Of `knuckle.live.hand_size`, `knuckle.inference.root_error` and `knuckle.inference.sides`."""
    figures = load_figures()
    root = figures["root"]
    return {
        "size": figures["size"],
        "farther": [root["farther"][name] for name in ("constant", *SIGNALS)],
        "range": [root["range"][name] for name in SIGNALS],
        "pair": read_table(TABLE).pair,
        # What of the shapes makes the mean hand as large again.
        "shape_of_mean": resized_shape(np.zeros((1, 10)), np.array([2.0]))[0].tolist(),
    }


def _as_half(values: np.ndarray) -> np.ndarray:
    """As 16-bit floats, which the package's file has too."""
    half = values.astype(np.float16)
    assert (half == values).all()
    return half


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("web/generated/rig.bin"))
    out: Path = parser.parse_args().out
    rig = load_rig()
    raw = rig_bytes(rig)
    with atomic_path(out) as path:
        path.write_bytes(raw)
    print(f"{out}: {len(raw) / 1000:.0f} kB, {len(rig_arrays(rig))} arrays")


if __name__ == "__main__":
    main()
