"""Clip i of a seed: its kind, camera, room, light and choreography."""

from collections.abc import Sequence

import numpy as np

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import middle_px
from knuckle.rig.load import load_rig
from knuckle.rig.rotations import rodrigues
from knuckle.synth.clips.clip import Clip, Look
from knuckle.synth.clips.kinds import KINDS
from knuckle.synth.clips.labels import ClipKind
from knuckle.synth.clips.room import Room
from knuckle.synth.clips.stage import Stage, find_flaw
from knuckle.synth.look.lighting import sample_light

RATES = {"shake": 30.0}
"""Frames a second of kinds that need more than RATE: a hand that is shaken would move by its own breadth."""
RATE, DURATION_S = 15.0, 10.0
WIDTH, HEIGHT = 640, 480
_KEY = 0xC119
_TRIES = 40


def checked_kinds(seed: int, kinds: Sequence[ClipKind]) -> tuple[ClipKind, ...]:
    """The kinds of a seed's clips, all where none is given.

    Raises KnuckleError for a negative seed or an unknown kind.
    """
    if seed < 0:
        raise KnuckleError(f"seed: expected 0 or more, got {seed}")
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise KnuckleError(f"kind: expected some of {', '.join(KINDS)}, got {', '.join(unknown)}")
    return tuple(kinds) or tuple(KINDS)


def make_clip(seed: int, index: int, *, kinds: Sequence[ClipKind] = ()) -> Clip:
    """Clip `index` of a seed; kinds (all where none is given) take turns. It depends on the arguments alone.

    Raises KnuckleError for a negative seed or an unknown kind.
    """
    kinds = checked_kinds(seed, kinds)
    kind = kinds[index % len(kinds)]
    number = list(KINDS).index(kind)
    rng = np.random.default_rng([seed, index, number, _KEY])
    focal = rng.uniform(470, 640)
    camera = Camera(focal, focal, middle_px(WIDTH), middle_px(HEIGHT), WIDTH, HEIGHT)
    room = Room(rng)
    look = _sample_look(rng)
    rig = load_rig("open", side="right")
    stage = Stage(rig, camera, DURATION_S, index // len(kinds))
    for _ in range(_TRIES):
        actors, camera_path = KINDS[kind](stage, rng)
        flaw = find_flaw(actors, camera, camera_path or (lambda _: np.eye(4)), DURATION_S)
        if flaw is None:
            break
    else:
        raise KnuckleError(
            f"clip {index} of seed {seed}: no {kind} was found in {_TRIES} tries; take another seed"
        )
    return Clip(
        name=f"{index:02d}-{kind}",
        kind=kind,
        seed=seed,
        index=index,
        camera=camera,
        actors=actors,
        camera_path=camera_path,
        room=room,
        look=look,
        rate=RATES.get(kind, RATE),
        duration_s=DURATION_S,
    )


def _sample_look(rng: np.random.Generator) -> Look:
    light = sample_light(rng, np.zeros((0, 9, 3)))
    contrast, balance = rng.uniform(0.88, 1.12), 1 + rng.normal(0, 0.03, 3)
    value = np.linspace(0, 1, 256)[:, None] ** rng.lognormal(0, 0.07) * rng.uniform(0.85, 1.08) * balance
    tone = np.clip(255 * ((value - 0.5) * contrast + 0.5), 0, 255).astype(np.uint8)
    return Look(
        light=light,
        turn=rodrigues(rng.normal(size=3) * 1.5),
        exposure=float(rng.uniform(0.6, 1.0)),
        tone=tone,
        noise=float(rng.uniform(0.6, 1.8)),
    )
