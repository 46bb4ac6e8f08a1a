"""Finding the hands of a picture, from coarse to fine.

A proposal network says where one may be in the whole picture and, where it pays, in larger and larger views of it. The
landmark network looks there. What both say is judged, and findings of one hand become one.

How far it goes (`Effort`):
- fast: the whole picture once.
- normal: the whole picture, once or at two sizes, as the network wants it; then twice as large as the network was made
  for, and again, as long as the last view showed no hand, or hands that are small in it, or places that could be such.
  A picture of one large hand takes little longer than fast.
- thorough: all sizes up to `MOST_LARGER` times the picture's own, and the picture within a margin, where hands that its
  border cuts and very large ones are found.
"""

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from jaxtyping import Bool, UInt8

from knuckle.inference.detection.detection import Detection, Detector
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.detection.judge import Judge, judge_of, stacked, to_signals
from knuckle.inference.detection.landmarks import LandmarkNetwork, landmark_network
from knuckle.inference.detection.looks import look_at_squares
from knuckle.inference.detection.merging import FoundHand, cut_by_window, distinct_hands, distinct_places
from knuckle.inference.detection.palm import PalmNetwork
from knuckle.inference.detection.proposals import ProposalNetwork, Proposals
from knuckle.inference.detection.search import DEFAULT_NETWORK, DetectorName, Effort, check_search
from knuckle.inference.detection.windows import Pass, padded, tiled, whole
from knuckle.skeleton import Side

LARGER = 2
"""How many times larger each view is than the one before."""
MOST_LARGER = 1.75
"""Beyond this many times the picture's own size there is nothing more to see."""
MOST_PX: dict[Effort, int] = {"normal": 768, "thorough": 1536}
"""Of the longer side of the largest view."""
MARGIN = 0.25
"""Of the padded view, of the picture's longer side, on every side."""


class HandFinder:
    """The `Detector` of this package, which any number of threads may ask at once.

    Args:
        effort: how far to go.
        network: what says where hands may be; MediaPipe's palm network where none is given.
        landmarks: the landmark network where it is open already.
        judge: what weighs the two networks' words; the one learnt for the network where none is given.
        threads: of one run of a network, as `knuckle.inference.onnx_model` has it.

    Pictures are RGB as the camera saw them, not mirrored. Raises KnuckleError when a file is missing or damaged.
    """

    def __init__(
        self,
        *,
        effort: Effort = "normal",
        network: ProposalNetwork | None = None,
        landmarks: LandmarkNetwork | None = None,
        judge: Judge | None = None,
        threads: int | None = None,
    ) -> None:
        self.effort: Effort = effort
        self.landmarks = landmarks or LandmarkNetwork(threads=threads)
        self.network = network or PalmNetwork(threads=threads)
        self.judge = judge or judge_of(self.network.name)

    def __call__(self, image: UInt8[np.ndarray, "H W 3"], /) -> list[Detection]:
        return [_detection(hand) for hand in self.find(image)]

    def find(self, image: UInt8[np.ndarray, "H W 3"]) -> list[FoundHand]:
        """The hands of a picture with all that is known of each, most probable first."""
        hands: list[FoundHand] = []
        seen = Proposals.joined([])
        for passes in self.views(image):
            places, cut = self.propose(image, passes)
            new = self.unseen(seen, places, cut)
            seen = Proposals.joined([seen, new])
            scale = passes[0].scale
            found = [hand for hand in self.look(image, new, scale) if hand.score >= self.judge.threshold]
            hands = distinct_hands([*hands, *found])
            if self.effort != "thorough" and not self._may_have_more(places, found, scale):
                break
        return hands

    def views(self, image: UInt8[np.ndarray, "H W 3"]) -> Iterator[list[Pass]]:
        """The passes of each view, from coarse to fine."""
        picture, size = whole(image), max(image.shape[:2])
        input_px, tile_px = self.network.input_px, self.network.tile_px
        first = [Pass(picture, px) for px in self.network.whole_px[self.effort]]
        if self.effort == "thorough":
            first.append(Pass(padded(picture, MARGIN), input_px))
        yield first
        if self.effort == "fast":
            return
        most = min(MOST_LARGER * size, MOST_PX[self.effort])
        while (input_px := LARGER * input_px) <= most:
            yield tiled(picture, input_px, tile_px=tile_px)

    def propose(
        self, image: UInt8[np.ndarray, "H W 3"], passes: Sequence[Pass]
    ) -> tuple[Proposals, Bool[np.ndarray, "N"]]:
        """What the network sees in the passes of a view, and which of it their windows cut."""
        parts = [self.network.propose(image, each.window, input_px=each.input_px) for each in passes]
        cut = [
            cut_by_window(part.boxes_px, each.window, image.shape[:2])
            for part, each in zip(parts, passes, strict=True)
        ]
        return Proposals.joined(parts), np.concatenate(cut)

    def unseen(self, seen: Proposals, places: Proposals, cut: Bool[np.ndarray, "N"]) -> Proposals:
        """The places of a view that are worth a look and have not had one, best first."""
        worth = places.scores >= self.network.look_score
        known = len(seen)
        both = Proposals.joined([seen, places.rows(worth)])
        ends = np.concatenate([np.zeros(known, dtype=bool), cut[worth]])
        kept = distinct_places(both, ends, first=known)
        return both.rows(kept[kept >= known])

    def look(self, image: UInt8[np.ndarray, "H W 3"], places: Proposals, scale: float) -> list[FoundHand]:
        """What the landmark network sees at each place, judged. scale: px of what the proposal network was shown, in a
        px of the picture."""
        looks = look_at_squares(self.landmarks, image, places.squares)
        told = [
            to_signals(look, place_score=score, place_px=box, scale=scale)
            for look, score, box in zip(looks, places.scores, places.boxes_px, strict=True)
        ]
        scores = self.judge.probabilities(stacked(told))
        return [
            FoundHand(look, box, float(right), each, float(score))
            for look, box, right, each, score in zip(
                looks, places.boxes_px, places.right, told, scores, strict=True
            )
        ]

    def _may_have_more(self, places: Proposals, found: Sequence[FoundHand], scale: float) -> bool:
        """Whether a larger view may show hands that this one does not: its places, the hands found there, and px of it
        in a px of the picture."""
        if not found:
            return True
        small_px = self.network.small_px / scale
        if min(hand.look.square.side_px for hand in found) < small_px:
            return True
        hints = [
            score
            for score, square in zip(places.scores, places.squares, strict=True)
            if score < self.network.look_score and square.side_px < small_px
        ]
        return sum(hints) > self.network.hints


def _detection(hand: FoundHand) -> Detection:
    look = hand.look
    right = look.landmarks.right if hand.seen else hand.place_right
    side: Side = "right" if right >= 0.5 else "left"
    evidence = Evidence.of_look(hand.box_px, look.joints_px, look.landmarks, look.square)
    return Detection(hand.box_px, side, hand.score, look.square.rotation_rad, evidence, hand.place_right)


@cache
def proposal_network(name: DetectorName, *, threads: int | None = None) -> ProposalNetwork:
    """The network of that name, opened once for all who ask; threads: of one run.

    Raises KnuckleError when its files are missing or damaged.
    """
    if name == "hand_boxes":
        from knuckle.inference.detection.hand_boxes import HandBoxNetwork

        return HandBoxNetwork(threads=threads)
    return PalmNetwork(threads=threads)


@cache
def default_detector(*, effort: Effort = "normal", network: DetectorName = DEFAULT_NETWORK) -> Detector:
    """The detector `estimate` uses where no boxes are given, opened once for all who ask.

    Raises KnuckleError for an effort or a name that there is not, or when a network's files are missing or damaged.
    """
    check_search(effort, network)
    landmarks = landmark_network()
    return HandFinder(effort=effort, network=proposal_network(network), landmarks=landmarks)
