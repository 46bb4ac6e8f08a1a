"""Finding the hands of a picture, from coarse to fine.

A proposal network says where one may be in the whole picture and, where it pays, in larger and larger views of it. The
landmark network looks there. What both say is judged, and findings of one hand become one. Two proposal networks may
take turns: MediaPipe's sees most hands of a usual picture in the least time; ours, asked next, sees small, hidden and
strange ones; and MediaPipe's again the many small ones of large views, in tiles.

How far it goes (`Effort`):
- fast: the whole picture once.
- normal: the whole picture at the sizes that the network wants; then larger and larger, as long as the last view showed
  no hand, or hands that are small in it, or places that could be such. A picture of one large hand takes little longer
  than fast.
- thorough: all sizes up to `MOST_LARGER` times the picture's own, and the picture within a margin, where hands that its
  border cuts and very large ones are found.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8

from knuckle.inference.detection.detection import Detection
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.detection.judge import Judge, judge_of, stacked, to_signals
from knuckle.inference.detection.landmarks import LandmarkNetwork, landmark_network
from knuckle.inference.detection.looks import look_at_squares
from knuckle.inference.detection.merging import (
    FoundHand,
    cut_by_window,
    distinct_hands,
    distinct_places,
    places_of_known,
)
from knuckle.inference.detection.palm import PalmNetwork
from knuckle.inference.detection.proposals import ProposalNetwork, Proposals, Window
from knuckle.inference.detection.search import (
    DEFAULT_NETWORK,
    DetectorName,
    Effort,
    ProposalName,
    check_search,
)
from knuckle.inference.detection.windows import Pass, padded, tiled, whole
from knuckle.skeleton import Side

MOST_LARGER = 1.75
"""Beyond this many times the picture's own size there is nothing more to see."""
MOST_PX: dict[Effort, int] = {"normal": 768, "thorough": 1536}
"""Of the longer side of the largest view."""
LEAST_PX = 24.0
"""Hands whose box's longer side is smaller, px of the picture, are not reported: nothing can be estimated of them, and
spots of that size are what is most often taken for a hand."""
SURE_PLACE = 0.8
"""Where all places in the whole picture have this score, the smaller passes over it are left out, in which hands are
seen that fill the picture; a place that is less sure may be such a hand (`benchmarks/accuracy/small_passes.py`)."""
MARGIN = 0.25
"""Of the padded view, of the picture's longer side, on every side."""


class View(NamedTuple):
    """The picture at one size, for one network."""

    network: ProposalNetwork
    passes: Sequence[Pass]
    enough: float = np.inf
    """A pass all of whose places (at least one) have this score leaves out those after it."""

    @property
    def scale(self) -> float:
        """Px of what the network is shown, in a px of the picture."""
        return self.passes[0].scale


class HandFinder:
    """The `Detector` of this package, which any number of threads may ask at once.

    Args:
        effort: how far to go.
        network: what says where hands may be; MediaPipe's palm network where none is given.
        closer: what says so in the larger views, where it is not the same.
        landmarks: the landmark network where it is open already.
        judge: what weighs a proposal network's and the landmark network's words; the one learnt for each proposal
            network where none is given.
        threads: of one run of a network, as `knuckle.inference.onnx_model` has it.

    Pictures are RGB as the camera saw them, not mirrored. Raises KnuckleError when a file is missing or damaged.
    """

    def __init__(
        self,
        *,
        effort: Effort = "normal",
        network: ProposalNetwork | None = None,
        closer: ProposalNetwork | None = None,
        landmarks: LandmarkNetwork | None = None,
        judge: Judge | None = None,
        threads: int | None = None,
    ) -> None:
        self.effort: Effort = effort
        self.landmarks = landmarks or LandmarkNetwork(threads=threads)
        self.network = network or PalmNetwork(threads=threads)
        self.closer = closer or self.network
        self.judges = {each.name: judge or judge_of(each.name) for each in (self.network, self.closer)}

    def __call__(
        self, image: UInt8[np.ndarray, "H W 3"], /, *, known: Proposals | None = None
    ) -> list[Detection]:
        """The hands of a picture, most probable first; known: hands that are not to be looked for, as of a track."""
        return [_detection(hand) for hand in self.find(image, known=known)]

    def find(self, image: UInt8[np.ndarray, "H W 3"], *, known: Proposals | None = None) -> list[FoundHand]:
        """The hands of a picture, but those known, with all that is known of each, most probable first."""
        hands: list[FoundHand] = []
        there = Proposals.joined([] if known is None else [known])
        # By network: of two hands that lie on each other one may propose one place, the other both.
        seen = {name: there for name in self.judges}
        for view in self.views(image):
            # A known hand's place says nothing of the others.
            places, cut = self.propose(image, view._replace(enough=np.inf) if len(there) else view)
            theirs = places_of_known(there, places)
            before = Proposals.joined([seen[view.network.name], places.rows(theirs)])
            new = self.unseen(before, places.rows(~theirs), cut[~theirs], least=view.network.look_score)
            seen[view.network.name] = Proposals.joined([before, new])
            found = self.look(image, new, view)
            hands = distinct_hands([*hands, *found])
            if self.effort == "thorough":
                continue
            none_yet = not found and not len(there)
            if not none_yet and not self._may_have_more(places, found, view):
                break
        return hands

    def views(self, image: UInt8[np.ndarray, "H W 3"]) -> Iterator[View]:
        """What is shown to whom, from coarse to fine."""
        picture, size = whole(image), max(image.shape[:2])
        yield self._first_view(self.network, picture)
        if self.effort == "fast":
            return
        if self.closer is not self.network:
            yield self._first_view(self.closer, picture)
        most = min(MOST_LARGER * size, MOST_PX[self.effort])
        for network, input_px in self._larger():
            if input_px <= most:
                yield View(network, tiled(picture, input_px, tile_px=network.tile_px))

    def _larger(self) -> list[tuple[ProposalNetwork, int]]:
        """Networks and sizes of the views after the first, from small to large. Of two networks the closer one is shown
        what it takes at once, and the first one, whose tiles are small, what is larger."""
        ranges = [(self.network, 2, 16)]
        if self.closer is not self.network:
            ranges = [(self.closer, 2, self.closer.tile_px // self.closer.input_px), (self.network, 4, 16)]
        return [
            (network, times * network.input_px)
            for network, low, high in ranges
            for times in (2, 4, 8, 16)
            if low <= times <= high
        ]

    def _first_view(self, network: ProposalNetwork, picture: Window) -> View:
        """The whole picture, at the sizes that a network wants."""
        passes = [Pass(picture, px) for px in network.whole_px[self.effort]]
        if self.effort == "thorough":
            passes.append(Pass(padded(picture, MARGIN), network.input_px))
            return View(network, passes)
        return View(network, passes, SURE_PLACE)

    def propose(
        self, image: UInt8[np.ndarray, "H W 3"], view: View
    ) -> tuple[Proposals, Bool[np.ndarray, "N"]]:
        """What its network sees in the passes of a view, and which of it their windows cut."""
        parts, cut = [], []
        for each in view.passes:
            part = view.network.propose(image, each.window, input_px=each.input_px)
            parts.append(part)
            cut.append(cut_by_window(part.boxes_px, each.window, image.shape[:2]))
            if len(part) and part.scores.min() >= view.enough:
                break
        return Proposals.joined(parts), np.concatenate(cut)

    def unseen(
        self, seen: Proposals, places: Proposals, cut: Bool[np.ndarray, "N"], *, least: float
    ) -> Proposals:
        """The places of a view that are worth a look, by their scores, and have not had one, best first."""
        worth = places.scores >= least
        known = len(seen)
        both = Proposals.joined([seen, places.rows(worth)])
        ends = np.concatenate([np.zeros(known, dtype=bool), cut[worth]])
        kept = distinct_places(both, ends, first=known)
        return both.rows(kept[kept >= known])

    def look(self, image: UInt8[np.ndarray, "H W 3"], places: Proposals, view: View) -> list[FoundHand]:
        """The hands that the landmark network sees at places of a view."""
        looks = look_at_squares(self.landmarks, image, places.squares)
        told = [
            to_signals(look, place_score=score, place_px=box, scale=view.scale)
            for look, score, box in zip(looks, places.scores, places.boxes_px, strict=True)
        ]
        judge = self.judges[view.network.name]
        scores = judge.probabilities(stacked(told))
        hands = [
            FoundHand(look, box, float(right), each, float(score))
            for look, box, right, each, score in zip(
                looks, places.boxes_px, places.right, told, scores, strict=True
            )
        ]
        return [hand for hand in hands if hand.score >= judge.threshold and hand.box_px[2:].max() >= LEAST_PX]

    def _may_have_more(self, places: Proposals, found: Sequence[FoundHand], view: View) -> bool:
        """Whether a larger view may show more hands than those found in this one, by their sizes and its places."""
        small_px = view.network.small_px / view.scale
        if any(hand.look.square.side_px < small_px for hand in found):
            return True
        hints = [
            score
            for score, square in zip(places.scores, places.squares, strict=True)
            if score < view.network.look_score and square.side_px < small_px
        ]
        return sum(hints) > view.network.hints


def _detection(hand: FoundHand) -> Detection:
    look = hand.look
    right = look.landmarks.right if hand.seen else hand.place_right
    side: Side = "right" if right >= 0.5 else "left"
    evidence = Evidence.of_look(hand.box_px, look.joints_px, look.landmarks, look.square)
    return Detection(hand.box_px, side, hand.score, look.square.rotation_rad, evidence, hand.place_right)


@cache
def proposal_network(name: ProposalName, *, threads: int | None = None) -> ProposalNetwork:
    """The network of that name, opened once for all who ask; threads: of one run.

    Raises KnuckleError when its files are missing or damaged.
    """
    if name == "hand_boxes":
        from knuckle.inference.detection.hand_boxes import HandBoxNetwork

        return HandBoxNetwork(threads=threads)
    return PalmNetwork(threads=threads)


@cache
def default_detector(
    *, effort: Effort = "normal", network: DetectorName = DEFAULT_NETWORK, threads: int | None = None
) -> HandFinder:
    """The detector `estimate` uses where no boxes are given, opened once for all who ask.

    Raises KnuckleError for an effort or a name that there is not, or when a network's files are missing or damaged.
    """
    check_search(effort, network)
    first: ProposalName = "palm" if network == "both" else network
    closer: ProposalName = "hand_boxes" if network == "both" else network
    return HandFinder(
        effort=effort,
        network=proposal_network(first, threads=threads),
        # Fast never looks closer.
        closer=None if effort == "fast" else proposal_network(closer, threads=threads),
        landmarks=landmark_network() if threads is None else LandmarkNetwork(threads=threads),
    )
