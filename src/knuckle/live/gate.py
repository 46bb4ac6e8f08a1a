"""The gate of a track: frames of little confidence take the pose of the last confident one, then a filter runs.

DaHyF, sections 1 and 3.4: a picture that is small, blurred or no hand at all gives a wrong pose, and a filter smears
what is wrong over the frames that follow. So a frame whose confidence lies below a threshold is replaced by the nearest
confident one before it, and only then are poses filtered.
"""

from typing import Any, NamedTuple

import numpy as np

from knuckle.errors import KnuckleError
from knuckle.hands import State
from knuckle.live.hand_pose import HandPose, between, reach_m, seen_at
from knuckle.live.pose_filter import PoseCutoffs, PoseFilter, palm_middle_m
from knuckle.rig.hand_rig import HandRig

SURE = 0.8
"""The threshold for calibrated confidences (`Hands.confidence`): a track is known to be of a hand, so more is
asked of its frames than of a hand in a photo. A network's own confidence goes with its record's threshold."""


class Gated(NamedTuple):
    """What the gate gives for a frame."""

    pose: HandPose | None
    """None: the hand is lost."""
    state: State | None
    """ "observed"; "held": an earlier frame's pose; "doubtful": the frame's own, blended in after a held one or given
    although its confidence is low; None: the hand is lost."""


class Gate:
    """The gate and the filter of one track.

    Args:
        rig: of the hand's side.
        cutoffs: of the filter.
        filtered: whether to filter what has passed the gate.
        hold_s: for how long a pose is kept at most. After that a frame's own pose is given as doubtful, and a frame
            without one loses the hand.
        blend_s: over what time a hand that is back is blended in, at most as long as it was held; 0: at once.
        coast_s: while held, the hand goes on as it moved in the picture, slowing down with this time constant; 0: it
            stays where it was.
        follows: a held hand is seen in the direction in which its frame shows it, if it does; pose and distance are
            kept. (The paper replaces pose parameters alone; distances of such frames are as wrong as their poses.)
    """

    def __init__(
        self,
        rig: HandRig,
        *,
        cutoffs: PoseCutoffs | None = None,
        filtered: bool = True,
        hold_s: float = 0.5,
        blend_s: float = 0.1,
        coast_s: float = 0.1,
        follows: bool = True,
    ) -> None:
        self._palm_middle, self._follows = palm_middle_m(rig), follows
        self._filter = PoseFilter(rig, cutoffs=cutoffs, restart_s=max(hold_s, 0.5))
        self._filtered = filtered
        self._hold_s, self._blend_s, self._coast_s = hold_s, blend_s, coast_s
        self.reset()

    def reset(self) -> None:
        """Forget the hand."""
        self._filter.reset()
        self._time_s: float | None = None
        self._sure_s: float | None = None
        """When the last confident frame was,"""
        self._seen_s: float | None = None
        """and the last with a pose at all."""
        self._given: HandPose | None = None
        """What passed the gate last, before the filter."""
        self._kept: HandPose | None = None
        """The held pose, while held and while another is blended in."""
        self._velocity = np.zeros(3)
        """Of the hand when holding began (`PoseFilter.velocity`),"""
        self._still_s: float | None = None
        """which was at this time."""
        self._back_s: float | None = None
        """When blending began: the last frame in which the hand was held."""
        self._blend_for_s = 0.0

    def push(self, time_s: float, pose: HandPose | None, confidence: float, threshold: float) -> Gated:
        """The next frame.

        Args:
            time_s: seconds; the frames' own, which may come at any distance.
            pose: what was seen; None: nothing.
            confidence: that it is a hand, on any scale.
            threshold: the confidence from which on it is believed.

        Raises KnuckleError for a time before that of the last frame.
        """
        if self._time_s is not None and time_s < self._time_s:
            raise KnuckleError(
                f"time_s: expected times that run forward, got {time_s:g} after {self._time_s:g}"
            )
        gated = self._chosen(time_s, pose, confidence >= threshold)
        self._time_s, self._given = time_s, gated.pose
        if gated.pose is None:
            self.reset()
            return gated
        # Filtered in any case: a held hand goes on at the speed that the filter knows.
        smooth = self._filter.push(time_s, gated.pose)
        return Gated(smooth, gated.state) if self._filtered else gated

    def _chosen(self, time_s: float, pose: HandPose | None, sure: bool) -> Gated:
        since = self._sure_s if pose is not None else self._seen_s
        if not sure and since is not None and self._given is not None and time_s - since <= self._hold_s:
            if self._kept is None:
                self._velocity, self._still_s = self._filter.velocity, self._time_s
            followed = None
            if self._follows and pose is not None and self._time_s is not None:
                reach = reach_m(time_s - self._time_s)
                followed = seen_at(self._given, pose, self._palm_middle, within_m=reach)
            self._kept = followed or self._coasted(time_s, self._given)
            self._back_s = None
            return Gated(self._kept, "held")
        if pose is None:
            return Gated(None, None)
        self._seen_s = time_s
        given = self._blended(time_s, pose)
        if sure:
            self._sure_s = time_s
        return Gated(given, "observed" if sure and self._kept is None else "doubtful")

    def _coasted(self, time_s: float, pose: HandPose) -> HandPose:
        """A held pose, gone on since the last frame."""
        if not self._coast_s or self._time_s is None or self._still_s is None:
            return pose
        since = np.array([self._time_s, time_s]) - self._still_s
        travelled_s = self._coast_s * -np.diff(np.exp(-since / self._coast_s))[0]
        root = pose.root_m
        ray = root[:2] / root[2] + self._velocity[:2] * travelled_s
        return pose._replace(root_m=np.append(ray * root[2], root[2]))

    def _blended(self, time_s: float, pose: HandPose) -> HandPose:
        """A frame's own pose, mixed with the held one where the hand has just come back."""
        if self._kept is None:
            return pose
        if self._back_s is None:
            self._back_s = time_s if self._time_s is None else self._time_s
            held_s = self._back_s - (self._back_s if self._still_s is None else self._still_s)
            self._blend_for_s = min(self._blend_s, held_s)
        share = (time_s - self._back_s) / max(self._blend_for_s, 1e-9)
        if share >= 1 - 1e-6:
            self._kept = self._back_s = None
            return pose
        blended = between(self._kept, pose, share)
        if not self._follows:
            return blended
        return seen_at(blended, pose, self._palm_middle, within_m=np.inf) or blended

    def saved(self) -> dict[str, Any]:
        """What it knows, as plain numbers and lists."""
        poses = {name: getattr(self, name) for name in _POSES}
        return {
            "filter": self._filter.saved(),
            "velocity": self._velocity.tolist(),
            **{name[1:]: None if pose is None else pose.to_dict() for name, pose in poses.items()},
            **{name[1:]: getattr(self, name) for name in _TIMES},
        }

    def restore(self, data: dict[str, Any]) -> None:
        """Go on from what `saved` gave. Raises KnuckleError for anything else."""
        try:
            self._filter.restore(data["filter"])
            self._velocity = np.array(data["velocity"], dtype=float)
            for name in _POSES:
                pose = data[name[1:]]
                setattr(self, name, None if pose is None else HandPose.from_dict(pose))
            for name in _TIMES:
                value = data[name[1:]]
                setattr(self, name, None if value is None else float(value))
        except (KeyError, TypeError, ValueError) as error:
            raise KnuckleError(f"state of a gate: expected what saved() gives, got {error!r}") from error


_POSES = ("_given", "_kept")
_TIMES = ("_time_s", "_sure_s", "_seen_s", "_still_s", "_back_s", "_blend_for_s")
