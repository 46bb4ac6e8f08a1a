"""Things that hands of a scene hold: grips drawn once a set, and the thing added to the figure whose hand holds it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from knuckle.rig.hand_rig import HandRig
from knuckle.rig.kinematics import joints_by_angles
from knuckle.rig.limits import angles_to_pose
from knuckle.synth.scenes.figure import Figure, Material
from knuckle.synth.things.grip import GRIP_SHARES, draw_grips
from knuckle.synth.things.held_mesh import LABELS, Look, paint_label, sample_look
from knuckle.synth.things.solid import TURNED, Solids
from knuckle.synth.things.solid_mesh import grid_mesh, ring_mesh, surface

_KEY = 0x5CE2


@dataclass(frozen=True, eq=False)
class Holding:
    """How a hand of a shape holds a thing: the thing's axes (columns) and its centre from the wrist (m), in the frame
    of a right hand with its wrist unturned."""

    pose: Float[np.ndarray, "16 3"]
    shape: Float[np.ndarray, "10"]
    solid: Solids
    axes: Float[np.ndarray, "3 3"]
    from_wrist: Float[np.ndarray, "3"]
    look: Look


def draw_holdings(rig: HandRig, seed: int, count: int) -> list[Holding]:
    """`count` tries to hold something; fewer succeed. The same seed gives the same ones."""
    rng = np.random.default_rng([seed, _KEY])
    odds = np.array(list(GRIP_SHARES.values()))
    kinds = rng.choice(list(GRIP_SHARES), count, p=odds / odds.sum())
    shape = np.clip(rng.normal(0, 0.7, (count, 10)), -2, 2)
    grips, good = draw_grips(rig, kinds, shape, rng)
    joints = joints_by_angles(rig, grips.angles, shape)[0].astype(np.float64)
    poses = angles_to_pose(rig, grips.angles)
    found = []
    for row in np.flatnonzero(good):
        held = grips.held.rows(np.array([row]))
        found.append(
            Holding(
                poses[row],
                shape[row],
                held.solids,
                held.axes[0],
                held.centre[0] - joints[row, 0],
                sample_look(rng),
            )
        )
    return found


def thing_figure(solid: Solids, look: Look) -> Figure:
    """A thing by itself, in its own frame."""
    mesh = ring_mesh() if solid.kind[0] == TURNED else grid_mesh()
    vertices, corner = surface(solid)
    return Figure(
        vertices=vertices,
        faces=mesh.faces,
        uv_corner=corner.astype(np.float32),
        face_material=np.zeros(len(mesh.faces), np.int32),
        face_hand=np.full(len(mesh.faces), -1, np.int32),
        albedo=np.tile(look.albedo, (len(vertices), 1)),
        materials=[Material(paint_label(look.label % LABELS), gloss=look.gloss)],
    )


def add_thing(
    figure: Figure,
    holding: Holding,
    hand_turn: Float[np.ndarray, "3 3"],
    wrist: Float[np.ndarray, "3"],
    flip: Float[np.ndarray, "3"],
    size: float,
) -> None:
    """Add the held thing to a figure, in place.

    Args:
        figure: whose hand holds it.
        holding: the thing.
        hand_turn: rotation of the hand as a right one (mirrored frame for left hands).
        wrist: the wrist joint in the same frame, m.
        flip: times a point of that frame: a point of the figure's.
        size: of the hand, in the rig's.
    """
    thing = thing_figure(holding.solid, holding.look)
    placed = (size * (thing.vertices @ holding.axes.T + holding.from_wrist) @ hand_turn.T + wrist) * flip
    faces = thing.faces if flip[0] > 0 else thing.faces[:, ::-1]
    corner = thing.uv_corner if flip[0] > 0 else thing.uv_corner[:, ::-1]
    first = len(figure.vertices)
    clothes = 0 if figure.covers is None else figure.covers.shape[1]
    number = len(figure.materials) - clothes
    figure.materials = [*figure.materials[:number], *thing.materials, *figure.materials[number:]]
    figure.vertices = np.concatenate([figure.vertices, placed])
    figure.faces = np.concatenate([figure.faces, faces + first]).astype(np.int32)
    figure.uv_corner = np.concatenate([figure.uv_corner, corner]).astype(np.float32)
    figure.face_material = np.concatenate([figure.face_material, np.full(len(faces), number, np.int32)])
    figure.face_hand = np.concatenate([figure.face_hand, thing.face_hand])
    figure.albedo = np.concatenate([figure.albedo, thing.albedo])
    if figure.covers is not None:
        figure.covers = np.concatenate([figure.covers, np.full((len(placed), clothes), -1.0)])
    if figure.shine is not None:
        figure.shine = np.concatenate([figure.shine, np.ones(len(placed))])
