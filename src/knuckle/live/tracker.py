"""`Tracker`: frames of a video in, their hands out, each with an identity that lasts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.inference.auto import AnyPredictor, open_predictor
from knuckle.inference.certainty import annotate
from knuckle.inference.detection.evidence import LEAST_PRESENCE, Evidence
from knuckle.inference.detection.finder import default_detector
from knuckle.inference.detection.landmarks import joints_to_square, landmark_network
from knuckle.inference.detection.looks import Look, look_at_squares
from knuckle.inference.detection.proposals import Proposals
from knuckle.inference.estimate import Request
from knuckle.inference.sides import decide_sides
from knuckle.inference.trust import logit
from knuckle.live.association import hand_size_px, match_hands, on_each_other
from knuckle.live.motion import Motion
from knuckle.live.schedule import MISSED_FOR_S, Schedule
from knuckle.live.track import MOST_ODDS, Track
from knuckle.photos.reading import Photo, check_image
from knuckle.weights import AUTO

REGAINED_S = 1.0
"""A hand that was lost for longer comes back as another one."""
SLACK_PER_S = 2.0
"""How much farther a lost hand may have gone each second, over its size."""
SURE_SCORE = 0.9
"""A newcomer that is a hand with this probability is reported at once, ..."""
REPORTED_AFTER = 2
"""... others when they are seen once more."""
OTHER_SIDE = 0.5
"""What a look of the other side counts against a sighting, in hand sizes, where two tracks led to one hand."""


@dataclass(frozen=True, eq=False)
class Sighting:
    """A followed hand as the landmark network sees it in a frame."""

    track: Track
    joints_px: Float[np.ndarray, "21 2"]
    evidence: Evidence

    @classmethod
    def of_look(cls, track: Track, look: Look) -> "Sighting":
        """By a look at where the track led."""
        told = track.told(float(logit(np.array([look.landmarks.right]))[0]))
        evidence = Evidence.of_look(look.box_px, look.joints_px, look.landmarks, look.square)
        return cls(replace(told, presence=look.landmarks.presence), look.joints_px, evidence)


class Tracker:
    """Follows any number of hands through a video.

    >>> tracker = Tracker(camera=(600, 600, 319.5, 239.5))
    >>> for frame, time_s in video:
    ...     hands = tracker(frame, time_s)

    Args:
        camera: fx, fy, cx, cy px or a Camera; without it a focal length is assumed, as `estimate` does.
        model: as of `estimate`.
        mirrored: the frames are mirror images, as of `estimate`.

    Raises KnuckleError for a camera or model that cannot be used.
    """

    def __init__(
        self,
        *,
        camera: Camera | Sequence[float] | None = None,
        model: str = AUTO,
        mirrored: bool = False,
    ) -> None:
        self._request = Request.checked(camera=camera, mirrored=mirrored)
        self._predictor: AnyPredictor = open_predictor(model)
        self._landmarks = landmark_network()
        self._tracks: list[Track] = []
        self._lost: list[Track] = []
        self._schedule = Schedule()
        self._next_identity = 0
        self._time_s = -np.inf

    def __call__(self, frame: UInt8[np.ndarray, "H W 3"], time_s: float) -> Hands:
        """The hands of the next frame.

        frame: RGB. time_s: when it was taken, later than the frame before. Raises KnuckleError for a frame that is no
        RGB picture of 8 bits, or a time that is not later.
        """
        if not np.isfinite(time_s) or time_s <= self._time_s:
            raise KnuckleError(
                f"time_s: expected one after the last frame's {self._time_s:g}, got {time_s:g}"
            )
        self._time_s = float(time_s)
        pixels = check_image(frame)
        photo = Photo(pixels, pixels.shape[1], pixels.shape[0])
        picture, _ = self._request.shown(photo)
        seen = self._follow(picture.pixels)
        seen += self._search(picture.pixels, seen)
        self._lost = [track for track in self._lost if self._time_s - self._lost_since(track) <= REGAINED_S]
        return picture.given_hands(self._estimate(picture.pixels, picture.camera, seen))

    def _follow(self, image: UInt8[np.ndarray, "H W 3"]) -> list[Sighting]:
        """Look for each hand where it should be by now; those not seen are lost."""
        expected = np.array([track.motion.predicted(self._time_s) for track in self._tracks]).reshape(
            -1, 21, 2
        )
        looks = look_at_squares(self._landmarks, image, [joints_to_square(joints) for joints in expected])
        seen = [Sighting.of_look(track, look) for track, look in zip(self._tracks, looks, strict=True)]
        kept = self._kept(seen, expected)
        for number, each in enumerate(seen):
            if number not in kept:
                self._lost.append(replace(each.track, lost_s=self._time_s, presence=0.0))
        self._tracks = []
        return [seen[number] for number in kept]

    def _kept(self, seen: Sequence[Sighting], expected: Float[np.ndarray, "N 21 2"]) -> list[int]:
        """Which sightings are hands, each once: where two tracks led to one hand, it is that one's whose side it is of,
        or that was expected nearer."""
        present = [n for n, each in enumerate(seen) if each.track.presence >= LEAST_PRESENCE]
        joints = np.array([each.joints_px for each in seen]).reshape(-1, 21, 2)
        same = on_each_other(joints)
        away = np.linalg.norm(joints - expected, axis=-1).mean(-1)
        away = np.array([gap / hand_size_px(hand) for gap, hand in zip(away, expected, strict=True)])
        for n, each in enumerate(seen):
            right = each.evidence.right[0] >= 0.5
            away[n] += OTHER_SIDE * (right != each.track.is_right)
        kept: list[int] = []
        for n in sorted(present, key=lambda n: away[n]):
            if not same[n, kept].any():
                kept.append(n)
        return sorted(kept)

    def _search(self, image: UInt8[np.ndarray, "H W 3"], seen: Sequence[Sighting]) -> list[Sighting]:
        """Hands that were not followed: those lost a moment ago, or new ones."""
        missing = not seen or any(
            self._time_s - self._lost_since(track) <= MISSED_FOR_S for track in self._lost
        )
        if not self._schedule.due(self._time_s, missing=missing):
            return []
        finder = default_detector(effort="normal" if self._schedule.closely(self._time_s) else "fast")
        found = finder(image, known=_as_proposals(seen))
        evidence = [hand.evidence for hand in found if hand.evidence is not None]
        joints = np.array([each.joints_px[0] for each in evidence]).reshape(-1, 21, 2)
        both = np.concatenate([np.array([each.joints_px for each in seen]).reshape(-1, 21, 2), joints])
        doubled = on_each_other(both)[len(seen) :, : len(seen)].any(1)
        new = [n for n in range(len(found)) if not doubled[n] and evidence[n].presence[0] >= LEAST_PRESENCE]
        if not new:
            return []
        boxes = np.array([found[n].box_px for n in new])
        right = np.array([found[n].right for n in new])
        sides = decide_sides(image, boxes, Evidence.joined([evidence[n] for n in new]), detector_right=right)
        signs = np.array([1 if side == "right" else -1 for side in sides.sides])
        odds = signs * logit(sides.confidence)
        old = {
            f: k
            for k, f in match_hands(
                np.array([t.motion.predicted(self._time_s) for t in self._lost]).reshape(-1, 21, 2),
                joints[new],
                known_odds=[track.side_odds for track in self._lost],
                found_odds=odds.tolist(),
                slack=[SLACK_PER_S * (self._time_s - self._lost_since(track)) for track in self._lost],
            )
        }
        sightings = []
        for f, n in enumerate(new):
            if f in old:
                track = replace(self._lost[old[f]].told(float(odds[f])), lost_s=None)
                track = replace(track, motion=Motion(joints[n], self._time_s))
            else:
                track = self._new_track(joints[n], float(odds[f]), sure=found[n].score >= SURE_SCORE)
            sightings.append(Sighting(replace(track, presence=found[n].score), joints[n], evidence[n]))
        self._lost = [track for k, track in enumerate(self._lost) if k not in old.values()]
        return sightings

    def _new_track(self, joints_px: Float[np.ndarray, "21 2"], odds: float, *, sure: bool) -> Track:
        track = Track(
            self._next_identity,
            Motion(joints_px, self._time_s),
            side_odds=float(np.clip(odds, -MOST_ODDS, MOST_ODDS)),
            is_right=odds >= 0,
            born_s=self._time_s,
            sightings=REPORTED_AFTER if sure else 1,
        )
        self._next_identity += 1
        return track

    def _estimate(self, image: UInt8[np.ndarray, "H W 3"], camera: Camera, seen: Sequence[Sighting]) -> Hands:
        """The hands seen, in the order of their identities."""
        seen = sorted(seen, key=lambda each: each.track.identity)
        boxes = np.array([each.evidence.box_px[0] for each in seen]).reshape(-1, 4)
        sides = [each.track.side for each in seen]
        evidence = Evidence.joined([each.evidence for each in seen])
        estimated = self._predictor.estimate(image, boxes, sides, camera, evidence=evidence)
        odds = np.array([(1 if each.track.is_right else -1) * each.track.side_odds for each in seen])
        told = evidence if self._predictor.uses_evidence else None
        hands = annotate(estimated, told, 1 / (1 + np.exp(-odds)))
        for number, each in enumerate(seen):
            motion = each.track.motion
            if motion.time_s < self._time_s:
                motion = motion.seen(hands.joints_px[number], self._time_s)
            self._tracks.append(replace(each.track, motion=motion, sightings=each.track.sightings + 1))
        reported = [n for n, track in enumerate(self._tracks) if track.sightings > REPORTED_AFTER]
        return hands.rows(reported).changed(
            identities=tuple(self._tracks[n].identity for n in reported), time_s=self._time_s
        )

    def _lost_since(self, track: Track) -> float:
        return self._time_s if track.lost_s is None else track.lost_s

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
        """Go on where a tracker with the same arguments was `saved`."""
        self._time_s = -np.inf if saved["time_s"] is None else float(saved["time_s"])
        self._next_identity = int(saved["next_identity"])
        self._tracks = [Track.restored(each) for each in saved["tracks"]]
        self._lost = [Track.restored(each) for each in saved["lost"]]
        self._schedule = Schedule.restored(saved["schedule"])


def _as_proposals(seen: Sequence[Sighting]) -> Proposals:
    """Hands that need not be found again, as places a detector knows already."""
    return Proposals(
        np.array([each.evidence.box_px[0] for each in seen]).reshape(-1, 4),
        tuple(joints_to_square(each.joints_px) for each in seen),
        np.ones(len(seen)),
        np.full(len(seen), 0.5),
    )
