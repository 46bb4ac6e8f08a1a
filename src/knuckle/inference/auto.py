"""What `model=` may name, opened: a one-hand system, a two-hand system, or "auto", each hand by those fit for it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands, Mesh, check_mesh
from knuckle.inference.detection.evidence import Evidence, gather_evidence
from knuckle.inference.disagreement import Disagreement, Estimated
from knuckle.inference.merge import SIGNALS, Merged, MergeOdds, merge_pairs
from knuckle.inference.one_hand import Predictor, SeenHands
from knuckle.inference.pairing import MARGIN, PairEstimate, PairWindow, pair_boxes
from knuckle.inference.trust import merge_odds
from knuckle.inference.two_hands import PairPredictor
from knuckle.rig.fit.joints import FitStart
from knuckle.skeleton import Side
from knuckle.weights import AUTO, ONE_HAND, TWO_HANDS, Weights, resolve, shipped_name

LIKELY = 0.5
"""From this confidence on a hand counts as seen by a two-hand system."""

Merge = Callable[[PairEstimate, PairEstimate, np.ndarray, Camera, np.ndarray], Merged]
"""How a two-hand and a one-hand system's joints become one: as `knuckle.inference.merge.merge_pairs`."""
ALONE = 0.9
"""From this share on a system is named alone."""


def open_predictor(
    model: str | Weights,
    *,
    threads: int | None = None,
    refine: bool = True,
    looks: int = 2,
    evidence: bool = True,
    int8: bool = False,
    mesh: Mesh | None = None,
) -> "AnyPredictor":
    """The predictor of a model.

    Args:
        model: "auto", or what `knuckle.weights.resolve` takes. "auto" has a two-hand system too where one is installed,
            and works without.
        threads: of one run of a network; None lets onnxruntime choose.
        refine: fit the rig to the networks' joints.
        looks: how often a two-hand system is asked about a pair (`PairPredictor`).
        evidence: whether the landmark network's joints are used (`knuckle.inference.detection.evidence`).
        int8: run the quicker 8-bit files of networks where there are some, as for video.
        mesh: whose mesh the hands have (`Predictor`); what two-hand systems see has the fitted rig's.

    Raises KnuckleError for an unknown name or damaged weights, and where a model without a mesh of its own is asked for
    it.
    """
    if mesh is not None:
        check_mesh(mesh)
    if model == AUTO:
        if mesh == "network":
            raise KnuckleError(_no_own_mesh(AUTO))
        # Hands that are merged have the rig's, and so have all.
        one = Predictor(ONE_HAND, threads=threads, refine=refine, evidence=evidence, mesh="rig", int8=int8)
        if shipped_name(TWO_HANDS) is None:
            return one
        two = PairPredictor(TWO_HANDS, threads=threads, refine=refine, looks=looks, evidence=evidence)
        return AutoPredictor(one, two)
    found = resolve(model, int8=int8)
    if found.record.hands == 1:
        return Predictor(found, threads=threads, refine=refine, evidence=evidence, mesh=mesh)
    if mesh == "network":
        raise KnuckleError(_no_own_mesh(found.record.name))
    return PairPredictor(found, threads=threads, refine=refine, looks=looks, evidence=evidence)


def _no_own_mesh(model: str) -> str:
    return (
        f'mesh: expected "rig" with {model}, whose hands are joints that the rig is fitted to, got "network";'
        " one-hand models have a mesh of their own, such as handar"
    )


class AutoPredictor:
    """Hands near each other by a two-hand and a one-hand system together, lone hands by the one-hand system.

    Which boxes belong together: `knuckle.inference.pairing`. Both systems' joints of a pair are merged
    (`knuckle.inference.merge`), and the rig is fitted once to what comes out. A hand that, to the two-hand system, is
    rather not there than there (a detector may have put two boxes on one hand) is the one-hand system's, within reach
    of the other one. Each box has one answer, and no hand without a box is added. `Hands.models` tells whose it is: one
    system's name, or "dfl-lite+dahyf-lite" for a merged hand; how far a pair's wrists are comes from the two-hand
    system either way. The confidence is the two-hand system's where it has a share in the answer.

    Args:
        one: the one-hand system.
        two: the two-hand system.
        merge: instead of `merge_pairs` with the odds of the two systems.
        margin: as of `pair_boxes`.

    Raises KnuckleError for systems whose meshes differ.
    """

    def __init__(
        self,
        one: Predictor,
        two: PairPredictor,
        *,
        merge: Merge | None = None,
        margin: float = MARGIN,
    ) -> None:
        if one.record.rig != two.record.rig:
            raise KnuckleError(
                f"rig: expected the same of both systems, got {one.record.rig} and {two.record.rig}"
            )
        self.one, self._two, self._margin = one, two, margin
        self._names = one.record.name, two.record.name
        odds = MergeOdds(*merge_odds(f"{two.record.name}+{one.record.name}", SIGNALS))
        self._merge: Merge = merge or partial(merge_pairs, odds=odds)

    @property
    def uses_evidence(self) -> bool:
        """Whether the rig is fitted to the landmark network's joints too."""
        return self.one.uses_evidence

    @property
    def wants_evidence(self) -> bool:
        """Whether the landmark network is to be asked: for its joints, or for how far to turn crops."""
        return self.one.wants_evidence

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

        evidence: what is known of them already; without it the landmark network is asked.
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
        seen: SeenHands | None = None,
    ) -> Estimated:
        """As calling the predictor, and how far the answers to each hand lie apart. start: what the hands were like in
        the frame before. seen: the one-hand network's answer, where it was asked already."""
        boxes = np.asarray(boxes_px, dtype=float).reshape(-1, 4)
        known = gather_evidence(image, boxes, sides, known=evidence, wanted=self.one.wants_evidence)
        if seen is None:
            seen = self.one.ask(image, boxes, sides, camera, rolls=known.rotation_rad)
        pairs = np.array(pair_boxes(boxes, sides, margin=self._margin).pairs, dtype=int).reshape(-1, 2)
        if not len(pairs):
            return self.one.fit(seen, known, start=start)
        windows = [PairWindow.of_pair(boxes[right], boxes[left]) for right, left in pairs]
        two = self._two.ask(image, windows, camera)
        believed = two.confidence >= LIKELY
        if not believed.any():
            return self.one.fit(seen, known, start=start)
        # Fit and evidence come after the merge.
        own = self.one.joints(seen)
        one = PairEstimate(own.px[pairs], own.m[pairs], own.confidence[pairs])
        merged = self._merge(two, one, boxes[pairs], camera, believed)
        of_pairs = pairs.reshape(-1)
        began = None if start is None else start.rows(of_pairs)
        fitted = self._two.fit(merged.pairs, camera, known.rows(of_pairs), start=began).arrays()
        answered = pairs[merged.changed]
        rest = np.setdiff1d(np.arange(len(sides)), answered)
        began = None if start is None else start.rows(rest)
        alone, alone_apart = self.one.fit(seen.rows(rest), known.rows(rest), start=began)
        models = np.full(len(sides), self._names[0], dtype=object)
        models[answered] = [self._named(share) for share in merged.share[merged.changed]]
        paired_apart = Disagreement.of_arrays({name: value[merged.changed] for name, value in fitted.items()})
        apart = Disagreement.gathered(len(sides), [(answered, paired_apart), (rest, alone_apart)])
        fields: dict[str, Any] = {}
        for name in fitted.keys() - vars(apart).keys():
            values = fitted[name][merged.changed]
            fields[name] = np.zeros((len(sides), *values.shape[1:]))
            fields[name][answered] = values
            if len(rest):
                fields[name][rest] = getattr(alone, name)
        hands = Hands(
            camera,
            sides=tuple(sides),
            boxes_px=boxes,
            models=tuple(models),
            faces=alone.faces,
            **fields,
        )
        return Estimated(hands, apart)

    def _named(self, share: float) -> str:
        """Whose a hand is of which the two-hand system has that share."""
        one, two = self._names
        if share >= ALONE:
            return two
        return one if share <= 1 - ALONE else f"{two}+{one}"


AnyPredictor = Predictor | PairPredictor | AutoPredictor
"""What `open_predictor` opens."""
