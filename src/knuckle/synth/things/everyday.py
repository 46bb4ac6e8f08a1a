"""Everyday things as solids: what fills a palm, what two fingers hold, what lies on a hand."""

import numpy as np

from knuckle.synth.things.solid import Solids, blob, box, turned

Generator = np.random.Generator
_ARC = np.linspace(-np.pi / 2, np.pi / 2, 14)


def bar(rng: Generator) -> Solids:
    """Something long for the palm: bottle, can, cup, handle, rod; y is its axis, 0 where it is held."""
    kind = rng.random()
    if kind < 0.28:
        return _bottle(rng)
    if kind < 0.46:
        return _can(rng.uniform(0.024, 0.038), rng.uniform(0.09, 0.17), rng)
    if kind < 0.6:
        return _cup(rng)
    if kind < 0.78:
        return _tool(rng)
    if kind < 0.9:
        return _can(rng.uniform(0.006, 0.02), rng.uniform(0.12, 0.3), rng)
    half = (rng.uniform(0.008, 0.028), rng.uniform(0.06, 0.12), rng.uniform(0.008, 0.028))
    return box(half, rng.uniform(0.001, 0.005))


def slab(rng: Generator) -> Solids:
    """A phone, a wallet, a small book: y its longer side, z its thickness."""
    half = np.array([rng.uniform(0.026, 0.039), rng.uniform(0.055, 0.085), rng.uniform(0.0035, 0.011)])
    return box(half.tolist(), float(rng.uniform(0.0015, 0.9 * min(half[2], 0.006))))


def lump(rng: Generator) -> Solids:
    """A ball, an apple, a soap, a stone for the whole hand."""
    size = rng.uniform(0.022, 0.042)
    if rng.random() < 0.4:
        return _ball(size, size)
    half = size * rng.uniform(0.75, 1.25, 3)
    half[2] = min(half[2], 0.04)
    return blob(half.tolist(), float(rng.uniform(2.0, 5.0)))


def tray(rng: Generator) -> Solids:
    """A book, a box, a plate or a bar of soap for the flat hand; z is its thickness."""
    kind = rng.random()
    if kind < 0.65:
        half = (rng.uniform(0.03, 0.1), rng.uniform(0.04, 0.12), rng.uniform(0.004, 0.035))
        return box(half, float(rng.uniform(0.001, 0.0035)))
    half = (rng.uniform(0.025, 0.06), rng.uniform(0.03, 0.07), rng.uniform(0.012, 0.035))
    return blob(half, float(rng.uniform(2.2, 5.0)))


def pen(gap_m: float, rng: Generator) -> Solids:
    """A pen or stick of a thickness; y runs from its tip, 0 is where the fingers are."""
    radius, below, above = gap_m / 2, rng.uniform(0.022, 0.045), rng.uniform(0.07, 0.12)
    if rng.random() < 0.6:
        tip = [(0.0, -below), (0.0008, -below), (0.75 * radius, -below + 0.008), (radius, -below + 0.014)]
    else:
        tip = [(0.0, -below), (radius, -below)]
    return turned([*tip, (radius, above - 0.001), (0.9 * radius, above), (0.0, above)])


def sheet(gap_m: float, rng: Generator) -> Solids:
    """A card, a book or a phone of a thickness z, held at the edge y = -half its length."""
    half = (rng.uniform(0.025, 0.07), rng.uniform(0.03, 0.09), gap_m / 2)
    return box(half, float(min(rng.uniform(0.0005, 0.003), 0.8 * gap_m / 2)))


def bit(gap_m: float, rng: Generator) -> Solids:
    """Something small of a thickness z: a ball, a cube, a pebble, a lid."""
    half, kind = gap_m / 2, rng.random()
    if kind < 0.3:
        return _ball(half, half * rng.uniform(1.0, 1.6))
    if kind < 0.6:
        wide = half * rng.uniform(0.7, 1.5, 2)
        return box(
            (float(wide[0]), float(wide[1]), half), float(rng.uniform(0.05, 0.3) * min(half, wide.min()))
        )
    wide = half * rng.uniform(0.8, 1.7, 2)
    return blob((float(wide[0]), float(wide[1]), half), float(rng.uniform(2.0, 4.0)))


def _ball(radius: float, half_length: float) -> Solids:
    return turned([(max(radius * float(np.cos(a)), 0.0), half_length * float(np.sin(a))) for a in _ARC])


def _can(radius: float, length: float, rng: Generator) -> Solids:
    shift, bevel = rng.uniform(-0.2, 0.2) * length, min(rng.uniform(0.0005, 0.004), 0.5 * radius)
    low, high = shift - length / 2, shift + length / 2
    if rng.random() < 0.2:
        rise = radius * (1 + np.sin(_ARC[:7]))
        foot = [(radius * float(np.cos(a)), low + float(r)) for a, r in zip(_ARC[:7], rise, strict=True)]
        return turned([*foot, *[(r, shift * 2 - y) for r, y in reversed(foot)]])
    foot = [(0.0, low), (radius - bevel, low), (radius, low + bevel)]
    return turned([*foot, (radius, high - bevel), (radius - bevel, high), (0.0, high)])


def _cup(rng: Generator) -> Solids:
    foot, head, length = rng.uniform(0.02, 0.034), rng.uniform(0.028, 0.042), rng.uniform(0.07, 0.14)
    low, high = -length * rng.uniform(0.35, 0.6), 0.0
    high = low + length
    return turned(
        [(0.0, low), (foot, low), (head, high), (head - 0.002, high), (0.8 * head, high), (0.0, high)]
    )


def _bottle(rng: Generator) -> Solids:
    radius, neck = rng.uniform(0.024, 0.039), rng.uniform(0.009, 0.015)
    below, above = rng.uniform(0.05, 0.11), rng.uniform(0.03, 0.07)
    shoulder, top = above + rng.uniform(0.015, 0.05), rng.uniform(0.015, 0.06)
    cap = neck + rng.uniform(0.001, 0.004)
    return turned(
        [
            (0.0, -below),
            (radius - 0.003, -below),
            (radius, -below + 0.004),
            (radius, above),
            (0.5 * (radius + neck) + 0.003, 0.5 * (above + shoulder)),
            (neck, shoulder),
            (neck, shoulder + top),
            (cap, shoulder + top),
            (cap, shoulder + top + 0.015),
            (0.0, shoulder + top + 0.015),
        ]
    )


def _tool(rng: Generator) -> Solids:
    """A handle, thicker than the shaft that comes out of it on the thumb's side."""
    grip, shaft = rng.uniform(0.011, 0.021), rng.uniform(0.003, 0.009)
    below, above, length = rng.uniform(0.045, 0.06), rng.uniform(0.04, 0.06), rng.uniform(0.05, 0.16)
    waist = grip * rng.uniform(0.75, 1.0)
    return turned(
        [
            (0.0, -below),
            (0.8 * grip, -below),
            (grip, -below + 0.006),
            (waist, 0.2 * above),
            (grip, above - 0.004),
            (0.85 * grip, above),
            (shaft, above + 0.001),
            (shaft, above + length),
            (0.0, above + length),
        ]
    )
