"""Hands that hold something: a grip fit for a thing, the thing put in place, the fingers closed on it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from knuckle.poses.gestures import natural_angles
from knuckle.poses.penetration import joints_penetration
from knuckle.poses.touch import pinch_angles
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.kinematics import joints_by_angles
from knuckle.rig.limits import converge_fingers
from knuckle.synth.things import everyday
from knuckle.synth.things.grip_close import Held, clear_fingers, close_on, depth_in
from knuckle.synth.things.grip_place import across, measure_pads, palm_frame, place_in_palm, posture, unit
from knuckle.synth.things.solid import Solids, clearance, stacked

Generator = np.random.Generator
Shapes = Float[np.ndarray, "n 10"]
_NEAR_M = 0.003
_MOST_DEPTH_M, _MOST_OWN_DEPTH_M = 0.0035, 0.005
_ARM_M, _ARM_RADIUS_M = 0.09, 0.026
_WIDE = ((4, 8, 5), ((-8, 16, -12), 0, 0))
_FIST = ((88, 104, 72), ((14, 8, 40), 50, 60))
_FLAT = ((1, 5, 3), ((-2, 4, -12), 4, 2))
_CUPPED = ((18, 15, 10), ((6, 2, 10), 18, 18))
_AWAY = ((-18, 0, -3), ((-14, 20, -28), -8, -10))
_WAYS = 12
_PROXIMAL = (3, 6, 9, 12)
_ALL_LINKS = tuple(range(3, 15))


class Grips(NamedTuple):
    """n hands (anatomical angles, wrist unturned) and what they hold."""

    angles: Float[np.ndarray, "n 16 3"]
    held: Held

    def rows(self, chosen: np.ndarray) -> "Grips":
        """Some of them."""
        return Grips(self.angles[chosen], self.held.rows(chosen))


class _Palm(NamedTuple):
    """How things of a kind lie in the palm: (mean, spread) of the place and the turn, postures, what may touch."""

    draw: Callable[[Generator], Solids]
    share: tuple[float, float]
    turn_degrees: tuple[float, float]
    start: tuple
    goal: tuple
    links: tuple[int, ...]


_PALMS = {
    "bar": _Palm(everyday.bar, (0.86, 0.07), (16, 14), _WIDE, _FIST, _PROXIMAL),
    "slab": _Palm(everyday.slab, (0.95, 0.1), (38, 25), _WIDE, _FIST, _PROXIMAL),
    "lump": _Palm(everyday.lump, (0.95, 0.1), (0, 90), _WIDE, _FIST, _PROXIMAL),
    "tray": _Palm(everyday.tray, (1.15, 0.2), (0, 90), _FLAT, _CUPPED, _ALL_LINKS),
}
_SMALL = {"pen": everyday.pen, "sheet": everyday.sheet, "bit": everyday.bit}
_THICK_M = {"pen": (0.006, 0.013), "sheet": (0.0015, 0.03), "bit": (0.008, 0.045)}
_TURNING = {"pen": 1.0, "sheet": 0.3, "bit": 10.0}
"""How freely a thing between pads turns about the line between them."""
GRIP_SHARES = {"bar": 0.34, "slab": 0.12, "lump": 0.12, "tray": 0.1, "pen": 0.1, "sheet": 0.1, "bit": 0.12}
"""How often each kind of grip is tried."""


class _Begun(NamedTuple):
    """Hands with something at them: where their fingers start, where they would close to, which may give way to the
    thing at the start, and which close."""

    start: Float[np.ndarray, "n 16 3"]
    goal: Float[np.ndarray, "n 16 3"]
    held: Held
    free: Bool[np.ndarray, "n 5"]
    closing: Bool[np.ndarray, "n 5"]


def draw_grips(
    rig: HandRig, kinds: np.ndarray, shape: Shapes, rng: Generator
) -> tuple[Grips, Bool[np.ndarray, "n"]]:
    """One grip for every kind named (GRIP_SHARES' keys), and whether it holds: fingers on the thing and nothing of
    the hand or forearm in it."""
    rows = [np.flatnonzero(kinds == kind) for kind in _PALMS]
    begun = [
        _in_palm(rig, _PALMS[kind], shape[r], rng) for kind, r in zip(_PALMS, rows, strict=True) if len(r)
    ]
    pinched = np.flatnonzero(~np.isin(kinds, list(_PALMS)))
    if len(pinched):
        begun.append(_pinched(rig, kinds[pinched], shape[pinched], rng))
    order = np.argsort(np.concatenate([*rows, pinched]))
    start, goal, free, closing = (np.concatenate([b[k] for b in begun])[order] for k in (0, 1, 3, 4))
    solids = stacked([b.held.solids for b in begun]).rows(order)
    axes, centre = (np.concatenate([b.held[k] for b in begun])[order] for k in (1, 2))
    held = Held(solids, axes, centre)
    away = posture(rig, rng, len(kinds), *_AWAY)
    start = clear_fingers(rig, start, away, shape, held, free)
    grips = Grips(close_on(rig, start, goal, shape, held, closing), held)
    return grips, _holds(rig, grips, shape, kinds, rng)


def _in_palm(rig: HandRig, palm: _Palm, shape: Shapes, rng: Generator) -> _Begun:
    count = len(shape)
    start = posture(rig, rng, count, *palm.start)
    goal = posture(rig, rng, count, *palm.goal, noise=6)
    joints, _ = joints_by_angles(rig, start, shape)
    turn = np.deg2rad(rng.normal(*palm.turn_degrees, count))
    turn += np.pi * (rng.random(count) < 0.15)
    held = place_in_palm(
        rig,
        joints.astype(np.float64),
        stacked([palm.draw(rng) for _ in range(count)]),
        place=np.stack([rng.normal(*palm.share, count), rng.normal(0, 0.006, count)], 1),
        turn=turn,
        tilt=0.07 * rng.standard_normal((count, 2)),
        links=palm.links,
    )
    closing = rng.random((count, 5)) > (0.0 if palm.links == _ALL_LINKS else 0.06)
    return _Begun(start, goal, held, np.ones((count, 5), bool), closing)


def _pinched(rig: HandRig, kinds: np.ndarray, shape: Shapes, rng: Generator) -> _Begun:
    count, rows = len(shape), np.arange(len(shape))
    low, high = np.array([_THICK_M[kind] for kind in kinds]).T
    wanted = np.exp(rng.uniform(np.log(low), np.log(high), count))
    finger = (rng.random(count) < 0.2).astype(int)
    others = natural_angles(count, rng)
    others[:, 1:13, 2] *= rng.uniform(0.1, 0.9, (count, 1))
    start = pinch_angles(rig, rng, converge_fingers(rig, others), finger=finger, gap_m=wanted)
    joints = joints_by_angles(rig, start, shape)[0].astype(np.float64)
    middle, direction, gap = measure_pads(rig, joints, finger)
    gap = np.maximum(gap + 0.001, 0.0012)
    solids = stacked([_SMALL[kind](float(g), rng) for kind, g in zip(kinds, gap, strict=True)])
    axes = _ways(kinds, joints, middle, direction, rng)
    inset = solids.half[:, 1] - rng.uniform(0.006, 0.016, count)
    centre = middle[:, None] + np.where(kinds == "sheet", inset, 0.0)[:, None, None] * axes[..., 1]
    held = _freest(rig, joints, solids, axes, centre)
    free = np.ones((count, 5), bool)
    free[:, 0] = free[rows, finger + 1] = False
    goal = start.copy()
    goal[:, 1:13, 2] += np.deg2rad(40)
    return _Begun(start, goal, held, free, free & (rng.random((count, 5)) < 0.6))


def _ways(
    kinds: np.ndarray,
    joints: Float[np.ndarray, "n 21 3"],
    middle: Float[np.ndarray, "n 3"],
    direction: Float[np.ndarray, "n 3"],
    rng: Generator,
) -> Float[np.ndarray, "n w 3 3"]:
    """Axes in which a thing between pads at `middle`, apart along `direction`, may be held; the likelier first."""
    radial, _, out = palm_frame(joints)
    noise = rng.standard_normal((_WAYS, len(joints), 3)) * np.linspace(0.1, 1.0, _WAYS)[:, None, None]
    towards = unit(
        np.where(
            (kinds == "pen")[:, None],
            joints[:, 5] + 0.02 * radial - middle,
            middle - joints[:, 9] + 0.03 * out,
        )
    )
    leaning = np.where(kinds == "sheet", 0.6, 0.0)[:, None]
    turning = np.array([_TURNING[kind] for kind in kinds])[:, None]
    return np.stack([across(unit(direction + leaning * w), towards + turning * w) for w in noise], 1)


def _freest(
    rig: HandRig,
    joints: Float[np.ndarray, "n 21 3"],
    solids: Solids,
    axes: Float[np.ndarray, "n w 3 3"],
    centre: Float[np.ndarray, "n w 3"],
) -> Held:
    """The first way in which no thumb, index finger or palm is in the thing; else the one in which they are least."""
    count, ways = axes.shape[:2]
    rows = np.repeat(np.arange(count), ways)
    tried = Held(solids.rows(rows), axes.reshape(-1, 3, 3), centre.reshape(-1, 3))
    fingers, palm = depth_in(rig, joints[rows], tried)
    depth = np.maximum(fingers[:, :2].max((1, 2)), palm.max(1)).reshape(count, ways)
    best = np.maximum(depth, 0.8 * _MOST_DEPTH_M).argmin(1) + ways * np.arange(count)
    return tried.rows(best)


def _holds(
    rig: HandRig, grips: Grips, shape: Shapes, kinds: np.ndarray, rng: Generator
) -> Bool[np.ndarray, "n"]:
    joints, _ = joints_by_angles(rig, grips.angles, shape)
    depth, palm = depth_in(rig, joints, grips.held, samples=10)
    touching = depth.max(2) > -_NEAR_M
    free = (depth.max((1, 2)) <= _MOST_DEPTH_M) & (palm.max(1) <= _MOST_DEPTH_M)
    free &= joints_penetration(rig, joints) <= _MOST_OWN_DEPTH_M
    # The forearm goes on from the palm.
    _, along, _ = palm_frame(joints.astype(np.float64))
    arm = joints[:, :1] - np.linspace(0.01, _ARM_M, 6)[:, None] * along[:, None]
    free &= _clear(grips.held, arm) > _ARM_RADIUS_M
    # A thumb may lie beside what fills the palm; between pads it may not be missing.
    loose = (kinds == "tray") | (np.isin(kinds, list(_PALMS)) & (rng.random(len(kinds)) < 0.3))
    needed = np.where(np.isin(kinds, ["bar", "slab", "lump"]), 2, 1)
    return free & (touching[:, 0] | loose) & (touching[:, 1:].sum(1) >= needed)


def _clear(held: Held, points: Float[np.ndarray, "n m 3"]) -> Float[np.ndarray, "n"]:
    return clearance(held.solids, held.axes, held.centre, points).min(1)


def hidden_share(
    held: Held, joints_m: Float[np.ndarray, "n 21 3"], to_camera: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n"]:
    """Share of the joints that the solids hide from a camera far away in a direction (hands' frames)."""
    steps = np.linspace(0.005, 0.26, 26)[:, None]
    points = joints_m[:, :, None] + steps * to_camera[:, None, None]
    gap = clearance(held.solids, held.axes, held.centre, points.reshape(len(points), -1, 3))
    return (gap.reshape(points.shape[:3]) < 0).any(2).mean(1)
