"""Networks run by onnxruntime."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.inference.sessions import open_session

INPUTS = ("patch", "crop", "camera")
ROLL = "roll"
OUTPUTS = ("joints_px", "joints_m", "vertices_m", "confidence")
OPTIONAL_OUTPUTS = ("rotations", "shape", "joints_patch", "rough_vertices_m", "mesh_joints_m")
PAIR_OUTPUTS = ("joints_px", "joints_m", "confidence", "joints_patch")
ATTENTION = "attention"

_TAILS: dict[str, tuple[int, ...]] = {
    **{name: (21, 3) for name in ("joints_m", "mesh_joints_m")},
    **{name: (21, 2) for name in ("joints_px", "joints_patch")},
    "confidence": (),
}


class OnnxModel:
    """A system exported to onnx: patches with their crops and cameras in, a dict of outputs out.

    patch (B, 3, S, S) normalised RGB; crop (B, 3) = centre u, centre v, side px and camera (B, 4) = fx, fy,
    cx, cy of the frame. hands: how many a patch shows, by the shape of joints_px. One: every hand is a right one. Two:
    outputs have an axis of hands after the batch, the right one first. vertex_count: of its mesh, where the file says
    so. upright: whether crops are to be turned so that the hand points up; such a file takes their angle too.
    has_attention: whether it can also tell where it looked. threads: as `knuckle.inference.sessions` has it. Raises
    KnuckleError when the file is not such a network.
    """

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        self._session = open_session(path, threads=threads)
        inputs = {value.name for value in self._session.get_inputs()}
        shapes = {value.name: tuple(value.shape) for value in self._session.get_outputs()}
        self.hands = 2 if len(shapes.get("joints_px", ())) == 4 else 1
        wanted = OUTPUTS if self.hands == 1 else PAIR_OUTPUTS
        self.upright = ROLL in inputs
        if inputs - {ROLL} != set(INPUTS) or not shapes.keys() >= set(wanted):
            raise KnuckleError(
                f"{path}: expected a network with the inputs {', '.join(INPUTS)}"
                f" and the outputs {', '.join(wanted)},"
                f" got {', '.join(sorted(inputs))} and {', '.join(sorted(shapes))}"
            )
        _check_shapes(path, shapes, self.hands)
        count = shapes["vertices_m"][1] if self.hands == 1 else None
        self.vertex_count: int | None = count if isinstance(count, int) else None
        optional = OPTIONAL_OUTPUTS if self.hands == 1 else ()
        self._outputs = [*wanted, *(name for name in optional if name in shapes)]
        self.has_attention = self.hands == 2 and ATTENTION in shapes

    def __call__(
        self,
        patch: Float[np.ndarray, "b 3 s s"],
        crop: Float[np.ndarray, "b 3"],
        camera: Float[np.ndarray, "b 4"],
        *,
        roll: Float[np.ndarray, "b"] | None = None,
        attention: bool = False,
    ) -> dict[str, Float[np.ndarray, "b ..."]]:
        """The outputs, in the frame's axes.

        roll: radians by which each crop is turned (`knuckle.geometry.crop.Crop`), for an upright network; without it
        none is. attention (B, T, 2, 42, m, m) only where it is asked for and the network has it.
        """
        arrays = {"patch": patch, "crop": crop, "camera": camera}
        if self.upright:
            arrays[ROLL] = np.zeros(len(patch)) if roll is None else roll
        feed = {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in arrays.items()}
        names = [*self._outputs, ATTENTION] if attention and self.has_attention else self._outputs
        values = self._session.run(names, feed)
        return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}


def _check_shapes(path: Path, shapes: dict[str, tuple[int | str, ...]], hands: int) -> None:
    """Joints and confidence as the contract has them; sizes the file leaves open pass."""
    for name, tail in _TAILS.items():
        wanted = ("batch", *((2,) if hands == 2 else ()), *tail)
        got = shapes.get(name, wanted)
        fits = len(got) == len(wanted) and all(
            size == want or not isinstance(size, int) for size, want in zip(got[1:], wanted[1:], strict=True)
        )
        if not fits:
            raise KnuckleError(f"{path}: {name}: expected {_text(wanted)}, got {_text(got)}")


def _text(shape: tuple[int | str, ...]) -> str:
    return f"({', '.join(str(size) for size in shape)})"
