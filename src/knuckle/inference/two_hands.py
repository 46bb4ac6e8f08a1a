"""The predictor of two-hand systems: a picture, boxes, sides and a camera in; `Hands` in one camera frame out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop
from knuckle.geometry.mirror import mirror_px
from knuckle.hands import Hands
from knuckle.inference.detection.evidence import Evidence, gather_evidence
from knuckle.inference.disagreement import Disagreement, Estimated
from knuckle.inference.merge import join_looks
from knuckle.inference.onnx_model import OnnxModel
from knuckle.inference.pairing import PairEstimate, PairWindow, pair_boxes
from knuckle.inference.refine import fit_pairs
from knuckle.inference.window import ask_network, normalise, show
from knuckle.rig import load_rig
from knuckle.rig.fit.joints import FitStart
from knuckle.skeleton import Side
from knuckle.weights import TWO_HANDS, Weights, resolve

Join = Callable[[PairEstimate, PairEstimate, np.ndarray, Camera], PairEstimate]
"""How two looks become one: as `knuckle.inference.merge.join_looks`."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a network looked at in one window, as the picture shows it: the right hand first."""

    patch: UInt8[np.ndarray, "S S 3"]
    """RGB."""
    joints_patch: Float[np.ndarray, "2 21 2"]
    """Px of the patch."""
    attention: Float[np.ndarray, "T 2 2 21 m m"]
    """[iteration, appearance or position, hand, joint]: where that joint looked, from edge to edge of the patch."""
    confidence: Float[np.ndarray, "2"]


class PairPredictor:
    """A two-hand system's weights, ready to estimate hands in pictures.

    A picture and its mirror image give mirrored hands (`pairing.seen_mirrored`).

    Args:
        model: a shipped model's name, the path of an .onnx file with its record beside it, or either resolved already
            (`knuckle.weights.resolve`).
        threads: of one run of the network; None lets onnxruntime choose.
        refine: joints are those of the rig fitted to them, as the mesh always is.
        looks: 2 shows every window as it is and mirrored, and `join` makes one answer of both; 1 asks the network once,
            in half the time.
        evidence: fit the rig to the landmark network's joints too (`knuckle.inference.detection.evidence`).
        join: as `knuckle.inference.merge.join_looks`.

    Raises KnuckleError for an unknown model, damaged weights, a one-hand system or another number of looks.
    """

    def __init__(
        self,
        model: str | Weights = TWO_HANDS,
        *,
        threads: int | None = None,
        refine: bool = True,
        looks: int = 2,
        evidence: bool = True,
        join: Join = join_looks,
    ) -> None:
        self._looks = check_looks(looks)
        path, self.record = resolve(model)
        self._network = OnnxModel(path, threads=threads)
        if self._network.hands != 2:
            raise KnuckleError(f"{path}: expected a two-hand system, got {self.record.name}: use Predictor")
        self.rig = load_rig(self.record.rig)
        self._refine, self._join, self._evidence = refine, join, evidence

    @property
    def uses_evidence(self) -> bool:
        """Whether the rig is fitted to the landmark network's joints too."""
        return self._refine and self._evidence

    @property
    def wants_evidence(self) -> bool:
        """Whether the landmark network is to be asked."""
        return self.uses_evidence

    def __call__(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        boxes_px: Float[np.ndarray, "N 4"],
        sides: Sequence[Side],
        camera: Camera,
        *,
        evidence: Evidence | None = None,
    ) -> Hands:
        """Estimate the hands in boxes (x, y, w, h px of the image), each of the side given.

        evidence: what is known of them already; without it the landmark network is asked. Boxes that belong together
        (`knuckle.inference.pairing`) share a crop; a lone one gets its own, and the hand of its side is the answer.
        confidence: the network's own, that this hand is there.
        """
        return self.estimate(image, boxes_px, sides, camera, evidence=evidence).hands

    def estimate(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        boxes_px: Float[np.ndarray, "N 4"],
        sides: Sequence[Side],
        camera: Camera,
        *,
        evidence: Evidence | None = None,
        start: FitStart | None = None,
    ) -> Estimated:
        """As calling the predictor, and how far the answers to each hand lie apart. start: what the hands were like in
        the frame before."""
        if not len(sides):
            nothing = Hands(camera, model=self.record.name, faces=self.rig.faces)
            return Estimated(nothing, Disagreement.none(0))
        boxes = np.asarray(boxes_px, dtype=float)
        pairing = pair_boxes(boxes, sides)
        windows = [PairWindow.of_pair(boxes[right], boxes[left]) for right, left in pairing.pairs]
        windows += [PairWindow.of_hand(boxes[index], sides[index]) for index in pairing.lone]
        row = {index: number for number, pair in enumerate(pairing.pairs) for index in pair}
        row |= {index: number for number, index in enumerate(pairing.lone, start=len(pairing.pairs))}
        rows = np.array([row[i] for i in range(len(sides))])
        hand = np.array([int(side == "left") for side in sides])
        found = gather_evidence(image, boxes, sides, known=evidence, wanted=self.uses_evidence)
        known = found.placed(2 * rows + hand, 2 * len(windows))
        began = None if start is None else start.placed(2 * rows + hand, 2 * len(windows))
        pairs = self.fit(self.ask(image, windows, camera), camera, known, start=began).arrays()
        chosen = {name: value[rows, hand] for name, value in pairs.items()}
        apart = Disagreement.of_arrays(chosen)
        hands = Hands(
            camera,
            sides=tuple(sides),
            boxes_px=boxes,
            model=self.record.name,
            faces=self.rig.faces,
            **{name: value for name, value in chosen.items() if name not in vars(apart)},
        )
        return Estimated(hands, apart)

    def ask(
        self, image: UInt8[np.ndarray, "H W 3"], windows: Sequence[PairWindow], camera: Camera
    ) -> PairEstimate:
        """The network's own answer to both hands of every window (at least one): `fit` makes hands of it."""
        first = self.ask_once(image, windows, camera)
        if self._looks == 1:
            return first
        second = self.ask_once(image, [window.turned() for window in windows], camera)
        return self._join(first, second, np.stack([window.hands_px for window in windows]), camera)

    def ask_once(
        self, image: UInt8[np.ndarray, "H W 3"], windows: Sequence[PairWindow], camera: Camera
    ) -> PairEstimate:
        """As `ask`, every window shown as it says, and only so."""
        mirrored = np.array([window.mirrored for window in windows])
        crops = [self._crop(window) for window in windows]
        answer = ask_network(self._network, image, camera, crops, mirrored, mirror_first=True)
        return PairEstimate.of_outputs(answer.outputs).joints_mirrored(mirrored, image.shape[1])

    def fit(
        self,
        pairs: PairEstimate,
        camera: Camera,
        evidence: Evidence | None = None,
        *,
        start: FitStart | None = None,
    ) -> PairEstimate:
        """Hands of joints. evidence, start: of the 2 P hands, pair by pair."""
        lenses = np.tile(camera.vector, (len(pairs.joints_m), 1))
        used = self.uses_evidence and evidence is not None and evidence.found.any()
        known = evidence if used else None
        return fit_pairs(pairs, lenses, rig=self.rig, refine=self._refine, evidence=known, start=start)

    def explain(self, image: UInt8[np.ndarray, "H W 3"], window: PairWindow, camera: Camera) -> Explanation:
        """Where the network looked in a window. Raises KnuckleError for a system without attention."""
        if not self._network.has_attention:
            raise KnuckleError(f"model: expected a system with attention to explain, got {self.record.name}")
        shown = show(image, camera, [self._crop(window)], np.array([window.mirrored]), mirror_first=True)
        outputs = self._network(normalise(shown.patches), shown.crops, shown.cameras, attention=True)
        patch, confidence = shown.patches[0], outputs["confidence"][0]
        attention, joints = outputs["attention"][0], outputs["joints_patch"][0].astype(float)
        attention = attention.reshape(*attention.shape[:2], 2, 21, *attention.shape[-2:])
        if not window.mirrored:
            return Explanation(patch, joints, attention, confidence)
        return Explanation(
            patch[:, ::-1],
            mirror_px(joints[::-1], patch.shape[1]),
            attention[:, :, ::-1, :, :, ::-1],
            confidence[::-1],
        )

    def _crop(self, window: PairWindow) -> Crop:
        return Crop.from_box(window.box_px, self.record.size, expand=self.record.expand)


def check_looks(looks: Any) -> int:
    """How often a two-hand system looks at a pair; raises KnuckleError for anything but 1 and 2."""
    if looks not in (1, 2):
        raise KnuckleError(f"looks: expected 1 or 2, got {looks!r}")
    return int(looks)
