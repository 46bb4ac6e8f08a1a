"""`Tracker`: frames of a video in, their hands out, each with an identity that lasts.

A frame's hands are looked for where they should be by now; only now and then, and where one is missing, is the frame
searched. What is seen passes the gate and the filter of its track.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.inference.auto import AnyPredictor, AutoPredictor, open_predictor
from knuckle.inference.certainty import DOUBTFUL
from knuckle.inference.detection.evidence import LEAST_PRESENCE, Evidence
from knuckle.inference.detection.finder import default_detector
from knuckle.inference.detection.landmarks import joints_to_square, landmark_network
from knuckle.inference.detection.looks import look_at_squares
from knuckle.inference.detection.proposals import Proposals
from knuckle.inference.estimate import Request
from knuckle.inference.root_error import place_better
from knuckle.inference.sides import decide_sides
from knuckle.inference.tracked import Memory, Predicted, TrackedHands, estimate_tracked
from knuckle.inference.trust import logit
from knuckle.live.association import hand_size_px, match_hands, on_each_other
from knuckle.live.hand_pose import HandPose
from knuckle.live.hand_size import HandSize, check_length, hand_length, rescaled
from knuckle.live.report import Reported, to_hands
from knuckle.live.schedule import MISSED_FOR_S, Schedule
from knuckle.live.track import Track
from knuckle.photos.reading import Photo, check_image
from knuckle.rig.fit.joints import FitStart
from knuckle.rig.load import load_rig
from knuckle.weights import AUTO

REGAINED_S = 1.0
"""A hand that was lost for longer comes back as another one."""
SLACK_PER_S = 2.0
"""How much farther a lost hand may have gone each second, over its size."""
SURE_SCORE = 0.9
"""A newcomer that is a hand with this probability is reported at once, ..."""
REPORTED_AFTER = 2
"""... others when they have been seen so often."""
OTHER_SIDE = 0.5
"""What a look of the other side counts against a sighting, in hand sizes, where two tracks led to one hand."""


AHEAD_S, STILL_INSIDE = 0.1, 0.6
"""A hand that was lost while less than this share of its joints was expected to be in the picture so much later has
left, and is not held."""


class Tracker:
    """Follows any number of hands through a video.

    >>> tracker = Tracker(camera=(600, 600, 319.5, 239.5))
    >>> for frame, time_s in video:
    ...     hands = tracker(frame, time_s)

    Args:
        camera: fx, fy, cx, cy px or a Camera; without it a focal length is assumed, as `estimate` does.
        model: as of `estimate`.
        mirrored: the frames are mirror images, as of `estimate`.
        gate: replace frames of little confidence by the last confident pose (`knuckle.live.gate`); False reports every
            frame as it was seen, and a hand that is not seen not at all.
        smooth: filter poses (`knuckle.live.pose_filter`).
        hand_length_m: of all hands, from the wrist to the tip of the middle finger, metres; without it each hand's is
            learnt from its frames and from what is known of people's (`knuckle.live.hand_size`).

    Raises KnuckleError for a camera, model or length that cannot be used.
    """

    def __init__(
        self,
        *,
        camera: Camera | Sequence[float] | None = None,
        model: str = AUTO,
        mirrored: bool = False,
        gate: bool = True,
        smooth: bool = True,
        hand_length_m: float | None = None,
    ) -> None:
        self._request = Request.checked(camera=camera, mirrored=mirrored)
        self._predictor: AnyPredictor = open_predictor(model)
        self._landmarks = landmark_network()
        one = self._predictor.one if isinstance(self._predictor, AutoPredictor) else self._predictor
        self._rig = one.record.rig
        self._faces = load_rig(self._rig).faces
        self._gated, self._smooth = gate, smooth
        self._hand_length_m = None if hand_length_m is None else check_length(hand_length_m)
        self._tracks: list[Track] = []
        self._lost: list[Track] = []
        self._schedule = Schedule()
        self._next_identity = 0
        self._time_s = -np.inf

    def __call__(self, frame: UInt8[np.ndarray, "H W 3"], time_s: float) -> Hands:
        """The hands of the next frame, in the order of their identities.

        frame: RGB. time_s: when it was taken, later than the frame before. Raises KnuckleError for a frame that is no
        RGB picture of 8 bits, or a time that is not later.
        """
        if not np.isfinite(time_s) or time_s <= self._time_s:
            raise KnuckleError(
                f"time_s: expected one after that of the last frame, {self._time_s:g}, got {time_s:g}"
            )
        pixels = check_image(frame)
        self._time_s = float(time_s)
        picture, _ = self._request.shown(Photo(pixels, pixels.shape[1], pixels.shape[0]))
        expected = self._expected(self._tracks)
        self._search(picture.pixels, expected)
        expected = self._expected(self._tracks)
        seen = self._ask(picture.pixels, picture.camera, expected)
        reported = self._update(seen, expected)
        return picture.given_hands(to_hands(reported, picture.camera, self._faces, time_s=self._time_s))

    def _expected(self, tracks: Sequence[Track]) -> Float[np.ndarray, "N 21 2"]:
        """Where the joints of hands should be by now."""
        return np.array([track.motion.predicted(self._time_s) for track in tracks]).reshape(-1, 21, 2)

    def _search(self, image: UInt8[np.ndarray, "H W 3"], expected: Float[np.ndarray, "N 21 2"]) -> None:
        """Take up hands that are not followed: those lost a moment ago, or new ones."""
        self._lost = [track for track in self._lost if self._missing_for(track) <= REGAINED_S]
        missing = not self._tracks or any(self._missing_for(track) <= MISSED_FOR_S for track in self._lost)
        # Where one hand comes the other follows.
        missing |= any(track.born_s > self._time_s - MISSED_FOR_S for track in self._tracks)
        if not self._schedule.due(self._time_s, missing=missing):
            return
        expected = self._look_for_lost(image, expected)
        closely = self._schedule.closely(self._time_s, missing=missing)
        finder = default_detector(effort="normal" if closely else "fast")
        known = Predicted.of_joints(expected, [track.side for track in self._tracks])
        places = Proposals(known.boxes_px, known.squares, np.ones(len(known)), np.full(len(known), 0.5))
        found = [
            hand
            for hand in finder(image, known=places)
            if hand.evidence is not None and hand.evidence.presence[0] >= LEAST_PRESENCE
        ]
        evidence = Evidence.joined([hand.evidence for hand in found if hand.evidence is not None])
        doubled = on_each_other(np.concatenate([expected, evidence.joints_px]))
        new = np.flatnonzero(~doubled[len(expected) :, : len(expected)].any(1))
        if not len(new):
            return
        found, evidence = [found[n] for n in new], evidence.rows(new)
        boxes = np.array([hand.box_px for hand in found])
        right = np.array([hand.right for hand in found])
        sides = decide_sides(image, boxes, evidence, detector_right=right)
        odds = np.array([1 if side == "right" else -1 for side in sides.sides]) * logit(sides.confidence)
        matches = match_hands(
            self._expected(self._lost),
            evidence.joints_px,
            known_odds=[track.side_odds for track in self._lost],
            found_odds=odds.tolist(),
            slack=[SLACK_PER_S * self._missing_for(track) for track in self._lost],
        )
        again = {found_number: self._lost[lost_number] for lost_number, found_number in matches}
        for number, (hand, joints) in enumerate(zip(found, evidence.joints_px, strict=True)):
            if number in again:
                track = again[number]
                track.hear(float(odds[number]))
                track.found_again(joints, self._time_s)
            else:
                track = Track.new(
                    self._next_identity,
                    joints,
                    self._time_s,
                    side_odds=float(odds[number]),
                    rig=self._rig,
                    size=HandSize(self._hand_length_m),
                )
                track.sightings = REPORTED_AFTER if hand.score >= SURE_SCORE else 0
                self._next_identity += 1
            self._tracks.append(track)
        self._lost = [track for track in self._lost if track.lost_s is not None]

    def _look_for_lost(
        self, image: UInt8[np.ndarray, "H W 3"], expected: Float[np.ndarray, "N 21 2"]
    ) -> Float[np.ndarray, "M 21 2"]:
        """Take up lost hands that are back where they went; where the joints of all hands should be, those included."""
        squares = [joints_to_square(joints) for joints in self._expected(self._lost)]
        for track, look in zip(self._lost, look_at_squares(self._landmarks, image, squares), strict=True):
            joints = look.joints_px[None]
            there = look.landmarks.presence >= LEAST_PRESENCE
            if there and not on_each_other(np.concatenate([joints, expected]))[0].any():
                track.hear(float(logit(np.array([look.landmarks.right]))[0]))
                track.found_again(look.joints_px, self._time_s)
                self._tracks.append(track)
                expected = np.concatenate([expected, joints])
        self._lost = [track for track in self._lost if track.lost_s is not None]
        return expected

    def _ask(
        self, image: UInt8[np.ndarray, "H W 3"], camera: Camera, expected: Float[np.ndarray, "N 21 2"]
    ) -> TrackedHands:
        """What the frame shows where the hands should be."""
        tracks = self._tracks
        if tracks:
            start = FitStart(*(np.concatenate(rows) for rows in zip(*(t.start for t in tracks), strict=True)))
            memory = Memory.joined([track.memory for track in tracks])
        else:
            start, memory = None, None
        predicted = Predicted.of_joints(
            expected, [track.side for track in tracks], start=start, memory=memory
        )
        sure = np.array([track.side_confidence for track in tracks])
        return estimate_tracked(
            self._predictor,
            image,
            camera,
            predicted,
            landmarks=self._landmarks,
            side_confidence=sure,
        )

    def _update(self, seen: TrackedHands, expected: Float[np.ndarray, "N 21 2"]) -> list[Reported]:
        """Bring tracks up to this frame; the hands to report."""
        kept = self._kept(seen, expected)
        size = np.array([seen.hands.camera.width, seen.hands.camera.height])
        metric = self._metric(seen.hands)
        reported, tracks = [], []
        for number, track in enumerate(self._tracks):
            one = np.array([number])
            hand = metric[number]
            if number not in kept:
                track.lost_s = self._time_s
                self._lost.append(track)
                continue
            tracks.append(track)
            track.sightings += 1
            if track.motion.time_s < self._time_s:
                track.motion = track.motion.seen(seen.hands.joints_px[number], self._time_s)
            track.start, track.memory = seen.start.rows(one), seen.memory.rows(one)
            track.model, track.confidence = hand.model, hand.confidence
            threshold = DOUBTFUL if self._gated else 0.0
            gated = track.gate.push(self._time_s, HandPose.of(hand), hand.confidence, threshold)
            if track.reported(REPORTED_AFTER):
                track.told = True
                reported.append(Reported.seen(track, hand, gated, posed=self._gated or self._smooth))
            # A look that is at the hand of the other side next to it is no reason to doubt one's own.
            if seen.looked[number]:
                track.hear(float(logit(seen.evidence.right[one])[0]))
        self._tracks = tracks
        for track in self._lost if self._gated else ():
            gated = track.gate.push(self._time_s, None, 0.0, DOUBTFUL)
            if gated.pose is not None and track.told and not self._left(track, size):
                reported.append(Reported.held(track, gated, self._missing_for(track)))
        return sorted(reported, key=lambda each: each.identity)

    def _metric(self, hands: Hands) -> Hands:
        """The frame's hands, one a track, brought to the size that is known of each, where they have it."""
        lengths = hand_length(hands.joints_m)
        for track, length, confidence in zip(self._tracks, lengths, hands.confidence, strict=True):
            if confidence >= DOUBTFUL:
                track.size.observe(float(length), self._time_s)
        ratios = [float(t.size.ratio(length)) for t, length in zip(self._tracks, lengths, strict=True)]
        return rescaled(place_better(hands), np.array(ratios), rig=load_rig(self._rig))

    def _kept(self, seen: TrackedHands, expected: Float[np.ndarray, "N 21 2"]) -> set[int]:
        """Which tracks have seen their hand: where two were led to one, it is that one's whose side it is of, or that
        expected it nearer."""
        joints = seen.hands.joints_px
        away = np.array(
            [
                np.linalg.norm(own - hand, axis=-1).mean() / hand_size_px(hand)
                for own, hand in zip(joints, expected, strict=True)
            ]
        )
        right = seen.evidence.right >= 0.5
        away = away + OTHER_SIDE * (right != [track.is_right for track in self._tracks])
        same = on_each_other(joints)
        kept: list[int] = []
        for number in np.argsort(away, kind="stable").tolist():
            if seen.evidence.presence[number] >= LEAST_PRESENCE and not same[number, kept].any():
                kept.append(number)
        return set(kept)

    def _left(self, track: Track, size: Float[np.ndarray, "2"]) -> bool:
        """Whether a lost hand is one that went out of the picture (width, height)."""
        ahead_px = track.motion.predicted(self._time_s + AHEAD_S)
        inside = ((ahead_px > -0.5) & (ahead_px < size - 0.5)).all(1)
        return bool(inside.mean() < STILL_INSIDE)

    def _missing_for(self, track: Track) -> float:
        """Seconds since a lost hand was seen."""
        return 0.0 if track.lost_s is None else self._time_s - track.lost_s

    def saved(self) -> dict[str, Any]:
        """All that the next frame depends on, as plain numbers: JSON keeps it exactly."""
        return {
            "time_s": self._time_s if np.isfinite(self._time_s) else None,
            "next_identity": self._next_identity,
            "tracks": [track.saved() for track in self._tracks],
            "lost": [track.saved() for track in self._lost],
            "schedule": self._schedule.saved(),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on where a tracker with the same arguments was `saved`. Raises KnuckleError for anything else."""
        try:
            self._time_s = -np.inf if saved["time_s"] is None else float(saved["time_s"])
            self._next_identity = int(saved["next_identity"])
            self._tracks = [Track.restored(each) for each in saved["tracks"]]
            self._lost = [Track.restored(each) for each in saved["lost"]]
            self._schedule = Schedule.restored(saved["schedule"])
        except (KeyError, TypeError, ValueError) as error:
            raise KnuckleError(f"state of a tracker: expected what saved() gives, got {error!r}") from error
