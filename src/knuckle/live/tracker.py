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
from knuckle.inference.detection.landmarks import landmark_network
from knuckle.inference.detection.search import Effort
from knuckle.inference.estimate import Request
from knuckle.inference.root_error import place_better
from knuckle.inference.sides import with_partners
from knuckle.inference.tracked import Memory, Predicted, estimate_tracked
from knuckle.inference.trust import logit
from knuckle.live.association import boxes_of, match_hands
from knuckle.live.gate import SURE
from knuckle.live.hand_pose import HandPose
from knuckle.live.hand_size import HandSize, check_length, hand_length, rescaled
from knuckle.live.report import Reported, to_hands
from knuckle.live.schedule import MISSED_FOR_S, Schedule
from knuckle.live.search import Found, look_for, search
from knuckle.live.sightings import Sighting, exchanged, joints_of, kept, speaks_against, strayed
from knuckle.live.track import Track
from knuckle.photos.reading import Photo, check_image
from knuckle.rig.fit.joints import FitStart
from knuckle.rig.load import load_rig
from knuckle.weights import AUTO

REGAINED_S = 1.0
"""So long a lost hand is looked for where it went, and a hand found near is taken for it."""
REMEMBERED_S = 3.0
"""So long it is known again where a search finds a hand near that is none of those that were lost later."""
SLACK_PER_S = 2.0
"""How much farther a lost hand may have gone each second until `REGAINED_S`, over its size."""
SURE_SCORE = 0.9
"""A newcomer that is a hand with this probability is reported at once, ..."""
REPORTED_AFTER = 2
"""... others when they have been seen so often."""
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
        hand_length_m: of all hands, from the wrist to the tip of the middle finger, metres; without it that of
            people's hands, which frames change very little (`knuckle.live.hand_size` says why).

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
        self._predictor: AnyPredictor = open_predictor(model, mesh="rig", int8=True)
        self._landmarks = landmark_network(int8=True)
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
        seen = self._ask(picture.pixels, picture.camera, self._tracks)
        swapped = exchanged(seen, self._time_s)
        if swapped:
            seen = [each for each in seen if each.track not in swapped]
            seen += self._ask(picture.pixels, picture.camera, swapped)
        strays = strayed(seen, self._missed(), self._time_s)
        if strays:
            seen = [each for each in seen if all(each is not stray for stray, _ in strays)]
            for stray, owner in strays:
                self._follow_again(owner, stray.told.hands.joints_px[stray.row])
            seen += self._ask(picture.pixels, picture.camera, [owner for _, owner in strays])
        # One after the other: what is seen already is not taken for another hand.
        for look in (self._recover, self._search):
            seen += self._ask(picture.pixels, picture.camera, look(picture.pixels, seen))
        reported = self._update(seen, picture.camera)
        return picture.given_hands(to_hands(reported, picture.camera, self._faces, time_s=self._time_s))

    def _expected(self, tracks: Sequence[Track], *, lost: bool = False) -> Float[np.ndarray, "N 21 2"]:
        """Where the joints of hands should be by now; lost: of those that were lost, with the size they had."""
        places = [track.motion.predicted(self._time_s, only_moved=lost) for track in tracks]
        return np.array(places).reshape(-1, 21, 2)

    def _search(self, image: UInt8[np.ndarray, "H W 3"], seen: Sequence[Sighting]) -> list[Track]:
        """Take up hands that are not followed: those lost a moment ago, or new ones."""
        self._lost = [track for track in self._lost if self._missing_for(track) <= REMEMBERED_S]
        missed = self._missed()
        missing = not self._tracks or any(self._missing_for(track) <= MISSED_FOR_S for track in self._lost)
        # Where one hand comes the other follows.
        missing |= any(track.born_s > self._time_s - MISSED_FOR_S for track in self._tracks)
        if not self._schedule.due(self._time_s, missing=missing):
            return []
        count, known = len(self._tracks), joints_of(seen)
        places = list(self._expected(missed, lost=True))
        found = look_for(self._landmarks, image, places, known)
        for track, hand in zip(missed, found, strict=True):
            if hand is not None and not speaks_against(track, 1 / (1 + np.exp(-hand.side_odds))):
                self._take_up(track, hand)
                known = np.concatenate([known, hand.joints_px[None]])
        closely = self._schedule.closely(self._time_s, missing=missing, none=not len(known))
        effort: Effort = "normal" if closely else "fast"
        newcomers = search(image, known, effort=effort)
        missed = self._missed()
        matches = {f: missed[n] for n, f in self._matches(missed, newcomers)}
        others = [f for f in range(len(newcomers)) if f not in matches]
        gone = [track for track in self._lost if track not in missed]
        again = self._matches(gone, [newcomers[f] for f in others])
        matches |= {others[f]: gone[n] for n, f in again}
        for number, hand in enumerate(newcomers):
            if number in matches:
                self._take_up(matches[number], hand)
            else:
                self._tracks.append(self._new_track(hand))
        return self._tracks[count:]

    def _missed(self) -> list[Track]:
        """Hands that were lost a moment ago."""
        return [track for track in self._lost if self._missing_for(track) <= REGAINED_S]

    def _matches(self, tracks: Sequence[Track], found: Sequence[Found]) -> list[tuple[int, int]]:
        """Which of the hands found are which lost ones."""
        return match_hands(
            self._expected(tracks, lost=True),
            np.array([hand.joints_px for hand in found]).reshape(-1, 21, 2),
            known_odds=[track.side_odds for track in tracks],
            found_odds=[hand.side_odds for hand in found],
            slack=[SLACK_PER_S * min(self._missing_for(track), REGAINED_S) for track in tracks],
        )

    def _take_up(self, track: Track, hand: Found) -> None:
        """Follow a lost hand again, as a search found it."""
        track.hear(hand.side_odds)
        self._follow_again(track, hand.joints_px)

    def _follow_again(self, track: Track, joints_px: Float[np.ndarray, "21 2"]) -> None:
        """Follow a lost hand again from there."""
        track.found_again(joints_px, self._time_s)
        self._lost.remove(track)
        self._tracks.append(track)

    def _new_track(self, hand: Found) -> Track:
        joints = [*self._expected(self._tracks), hand.joints_px]
        odds = np.array([*(track.side_odds for track in self._tracks), hand.side_odds])
        partner = with_partners(odds, boxes_of(np.array(joints)))[-1] - hand.side_odds
        track = Track.new(
            self._next_identity,
            hand.joints_px,
            self._time_s,
            side_odds=hand.side_odds,
            partner_odds=float(partner),
            rig=self._rig,
            size=HandSize(self._hand_length_m),
            smooth=self._smooth,
        )
        track.sightings = REPORTED_AFTER if hand.score >= SURE_SCORE else 0
        self._next_identity += 1
        return track

    def _ask(
        self, image: UInt8[np.ndarray, "H W 3"], camera: Camera, tracks: Sequence[Track]
    ) -> list[Sighting]:
        """What the frame shows where hands should be: those of them that it shows."""
        if not tracks:
            return []
        expected = self._expected(tracks)
        start = FitStart(*(np.concatenate(rows) for rows in zip(*(t.start for t in tracks), strict=True)))
        predicted = Predicted.of_joints(
            expected,
            [track.side for track in tracks],
            start=start,
            memory=Memory.joined([track.memory for track in tracks]),
        )
        sure = np.array([track.side_confidence for track in tracks])
        told = estimate_tracked(
            self._predictor, image, camera, predicted, landmarks=self._landmarks, side_confidence=sure
        )
        lengths = hand_length(told.hands.joints_m)
        for track, length, confidence in zip(tracks, lengths, told.hands.confidence, strict=True):
            if confidence >= DOUBTFUL:
                track.size.observe(float(length), self._time_s)
        ratios = np.array([float(t.size.ratio(length)) for t, length in zip(tracks, lengths, strict=True)])
        metric = rescaled(place_better(told.hands), ratios, rig=load_rig(self._rig))
        return [
            Sighting(tracks[number], told, number, metric[number])
            for number in sorted(kept(tracks, told, expected))
        ]

    def _recover(self, image: UInt8[np.ndarray, "H W 3"], seen: Sequence[Sighting]) -> list[Track]:
        """Hands that this frame does not show where they should be, but where they were, or elsewhere: of a hand that
        turned back, say. The others are lost."""
        held = {each.track.identity for each in seen}
        missed = [track for track in self._tracks if track.identity not in held]
        if not missed:
            return []
        for track in missed:
            track.lost_s = self._time_s
        self._tracks = [each.track for each in seen]
        self._lost += missed
        known = joints_of(seen)
        at_last = look_for(self._landmarks, image, [track.motion.joints_px for track in missed], known)
        back = {
            track.identity: hand
            for track, hand in zip(missed, at_last, strict=True)
            if hand is not None and not speaks_against(track, 1 / (1 + np.exp(-hand.side_odds)))
        }
        rest = [track for track in missed if track.identity not in back]
        if rest:
            known = np.concatenate([known, *(hand.joints_px[None] for hand in back.values())])
            found = search(image, known, effort="fast", sides=False)
            back |= {rest[number].identity: found[f] for number, f in self._matches(rest, found)}
        again = [track for track in missed if track.identity in back]
        for track in again:
            self._take_up(track, back[track.identity])
        return again

    def _update(self, seen: Sequence[Sighting], camera: Camera) -> list[Reported]:
        """Bring tracks up to this frame; the hands to report."""
        followed = {each.track.identity for each in seen}
        for track in self._tracks:
            if track.identity not in followed:
                track.lost_s = self._time_s
                self._lost.append(track)
        self._tracks = [each.track for each in seen]
        reported: list[Reported] = []
        for each in seen:
            track, hand = each.track, each.hand
            one = np.array([each.row])
            track.sightings += 1
            if track.motion.time_s < self._time_s:
                track.motion = track.motion.seen(each.told.hands.joints_px[each.row], self._time_s)
            track.start, track.memory = each.told.start.rows(one), each.told.memory.rows(one)
            track.model, track.confidence = hand.model, hand.confidence
            threshold = SURE if self._gated else 0.0
            gated = track.gate.push(self._time_s, HandPose.of(hand), hand.confidence, threshold)
            if track.reported(REPORTED_AFTER):
                track.told = True
                reported.append(Reported.seen(track, hand, gated, posed=self._gated or self._smooth))
            if each.told.looked[each.row]:
                track.hear(float(logit(each.told.evidence.right[one])[0]))
        self._decide_sides()
        for track in self._lost if self._gated else ():
            gated = track.gate.push(self._time_s, None, 0.0, SURE)
            if gated.pose is not None and track.told and not self._left(track, camera):
                reported.append(Reported.held(track, gated, self._missing_for(track)))
        return sorted(reported, key=lambda each: each.identity)

    def _decide_sides(self) -> None:
        """Sides of the next frame's crops, by what was said of each hand and of its partner."""
        odds = np.array([track.side_odds for track in self._tracks])
        joints = np.array([track.motion.joints_px for track in self._tracks]).reshape(-1, 21, 2)
        for track, both in zip(self._tracks, with_partners(odds, boxes_of(joints)), strict=True):
            track.decide(float(both) - track.side_odds)

    def _left(self, track: Track, camera: Camera) -> bool:
        """Whether a lost hand is one that went out of the picture."""
        size = np.array([camera.width, camera.height])
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
