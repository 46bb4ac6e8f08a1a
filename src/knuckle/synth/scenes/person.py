"""A person of a scene: the open body in a posture, dressed, with posed hands of the open rig."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from knuckle.geometry.mirror import AS_RIGHT
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.rotations import rodrigues
from knuckle.synth.look.ambient_kernels import smooth_over_faces
from knuckle.synth.look.lighting import srgb_to_linear
from knuckle.synth.look.mesh_kernels import vertex_normals
from knuckle.synth.scenes.body import HANDS_LEFT, HANDS_RIGHT, Body
from knuckle.synth.scenes.figure import Figure, FigureHand
from knuckle.synth.scenes.held import Holding, add_thing
from knuckle.synth.scenes.outfit import SHOES, TOP, Look, sample_look
from knuckle.synth.scenes.posture import Posture, sample_posture

AS_OWN_SIDE = AS_RIGHT[::-1]
"""Times the points of a left and of a right hand: `AS_RIGHT` in the order of the body's hands."""
_SHOE_ROUNDS = 12
"""Of smoothing, until toes have gone."""
_SIDES = ("left", "right")
_LIPS = np.array([150, 75, 70])
_IRISES = np.array([[60, 35, 18], [95, 60, 30], [70, 100, 130], [80, 105, 60], [110, 120, 125]])


@dataclass(frozen=True, eq=False)
class HandPose:
    """What one hand of a person does: the rig's pose (global rotation unused), its shape, and what it holds."""

    pose: Float[np.ndarray, "16 3"]
    shape: Float[np.ndarray, "10"]
    holding: Holding | None = None


@dataclass(frozen=True, eq=False)
class Person:
    """A figure in the body's frame and the posture that it has."""

    figure: Figure
    posture: Posture


def sample_person(
    body: Body,
    rig: HandRig,
    rng: np.random.Generator,
    hands: tuple[HandPose, HandPose],
    *,
    places: dict[str, float] | None = None,
    headless: bool = False,
) -> Person:
    """Draw a person with these hands (left, right).

    Args:
        body: the open body.
        rig: the open rig, right.
        rng: what shape, posture and looks are drawn from.
        hands: poses of the left and the right hand.
        places: where the hands are held, by odds; see `sample_posture`.
        headless: leave out the head, which the wearer of a camera does not see.
    """
    scores = body.scores[int(rng.integers(len(body.scores)))] + rng.normal(0, 0.15, len(body.modes))
    rest, heads = body.shaped(scores)
    posture = sample_posture(body, heads, rng, places=places)
    vertices = body.skinned(rest, heads, posture.turns, posture.places)
    look = sample_look(body, rig, rng)
    joints = [
        put_on_hand(body, rig, vertices, posture, side, hands[side]) for side in (HANDS_LEFT, HANDS_RIGHT)
    ]
    dress(body, vertices, look)
    figure = look_figure(body, rig, look, rng)
    figure.vertices = vertices
    figure.hands = [FigureHand(side, joints[k]) for k, side in enumerate(_SIDES)]  # pyright: ignore[reportArgumentType]
    keep = np.ones(len(figure.faces), bool)
    if headless:
        hidden = body.weights[:, [body.bone("head"), body.bone("neck01")]].sum(1) > 0.3
        keep &= ~hidden[figure.faces].any(1)
    if not keep.all():
        figure.faces, figure.uv_corner = figure.faces[keep], figure.uv_corner[keep]
        figure.face_material, figure.face_hand = figure.face_material[keep], figure.face_hand[keep]
    for side in (HANDS_LEFT, HANDS_RIGHT):
        holding = hands[side].holding
        if holding is not None:
            size, flip = hand_scale(body, vertices, rig, side), AS_OWN_SIDE[side]
            add_thing(figure, holding, posture.hands[side], joints[side][0] * flip, flip, size)
    return Person(figure, posture)


def look_figure(body: Body, rig: HandRig, look: Look, rng: np.random.Generator) -> Figure:
    """A person's faces and colours, at rest and without hands' joints; rng: what the eyes' colour is drawn from."""
    # The first hand face belongs to the rig; the order of faces is left, right, body.
    return Figure(
        vertices=body.vertices,
        faces=body.faces,
        uv_corner=body.uv_corner,
        face_material=np.where(body.face_hand >= 0, 1, 0).astype(np.int32),
        face_hand=body.face_hand,
        albedo=_albedo(body, rig, look, rng),
        materials=list(look.materials),
        covers=look.covers,
        shine=np.where(body.masks["eyes"] > 0.5, 2.5, 1.0),
    )


def hand_scale(body: Body, vertices: Float[np.ndarray, "v 3"], rig: HandRig, side: int) -> float:
    """Scale of a hand: as broad at the wrist as the body is there."""
    own = vertices[body.loops[side]]
    whole = np.asarray(rig.vertices)[np.asarray(rig.wrist_loop)]
    breadth = [np.linalg.norm(loop - loop.mean(0), axis=1).mean() for loop in (own, whole)]
    return float(breadth[0] / breadth[1])


def put_on_hand(
    body: Body,
    rig: HandRig,
    vertices: Float[np.ndarray, "v 3"],
    posture: Posture,
    side: int,
    hand: HandPose,
    *,
    size: float | None = None,
) -> Float[np.ndarray, "21 3"]:
    """Put a posed hand in the place of the body's own, in place; returns its joints, body frame.

    Args:
        body: the open body.
        rig: the open rig, right.
        vertices: of the body in its posture; changed.
        posture: of the body.
        side: 0 left, 1 right.
        hand: what the hand does.
        size: its scale; by default as broad at the wrist as the body is in this posture.
    """
    posed = rig.posed_by_matrices(*_hand_parameters(posture, side, hand))
    wrist = posture.places[body.bone(f"wrist.{'LR'[side]}")]
    size, flip = hand_scale(body, vertices, rig, side) if size is None else size, AS_OWN_SIDE[side]
    at = posed.joints[0].astype(float)
    placed = (size * (posed.vertices[:-1] - at)) * flip + wrist
    before = vertices[body.loops[side]]
    vertices[body.hands[side]] = placed
    moved = np.zeros_like(vertices)
    moved[body.loops[side]] = vertices[body.loops[side]] - before
    vertices += body.follow_share[side][:, None] * moved[body.follow[side]]
    return (size * (posed.joints - at)) * flip + wrist


def hand_joints(
    body: Body, rig: HandRig, posture: Posture, side: int, hand: HandPose, size: float
) -> Float[np.ndarray, "21 3"]:
    """The joints that `put_on_hand` would return."""
    joints = rig.posed_joints(*_hand_parameters(posture, side, hand))[0]
    wrist = posture.places[body.bone(f"wrist.{'LR'[side]}")]
    return (size * (joints - joints[0].astype(float))) * AS_OWN_SIDE[side] + wrist


def _hand_parameters(posture: Posture, side: int, hand: HandPose) -> tuple[np.ndarray, np.ndarray]:
    """Rotations and shape of the rig."""
    rotations = rodrigues(hand.pose)
    rotations[0] = posture.hands[side]
    return rotations.astype(np.float32), hand.shape.astype(np.float32)


def dress(body: Body, vertices: np.ndarray, look: Look) -> None:
    """Move what is covered outwards by the thickness of clothes, shoes and hair, in place."""
    inside = np.clip(look.covers / 0.004, 0, 1)
    # Cloth hangs over what is fine in the body; shoes have no toes.
    worn = vertices
    smooth, total, weight = vertices.copy(), np.zeros_like(vertices), np.zeros(len(vertices))
    for round_ in range(_SHOE_ROUNDS):
        smooth_over_faces(smooth, body.faces, total, weight)
        if round_ == look.smoothing:
            cloth = inside[:, TOP:].max(1)[:, None]
            worn = vertices + (smooth - vertices) * cloth
    shoe = inside[:, SHOES, None]
    vertices[:] = np.where(shoe > 0, vertices + (smooth - vertices) * shoe, worn)
    normals = np.zeros_like(vertices)
    vertex_normals(vertices, body.faces, normals)
    # Hair stands out more on top than at its edge.
    inside[:, 0] *= np.clip(0.35 + look.covers[:, 0] / 0.06, 0, 1)
    vertices += normals * (inside * look.thickness).max(1)[:, None]


def _albedo(body: Body, rig: HandRig, look: Look, rng: np.random.Generator) -> Float[np.ndarray, "v 3"]:
    skin = look.skin
    albedo = np.tile(skin.back, (len(body.vertices), 1))
    lips = np.clip(skin.back * 0.6 + srgb_to_linear(_LIPS) * 0.5 * rng.uniform(0.5, 1.2, 3), 0, 0.9)
    for name, colour in (("lips", lips), ("toenails", skin.nail)):
        albedo += (colour - albedo) * body.masks[name][:, None]
    eyes = body.masks["eyes"] > 0.5
    for sign in (1, -1):
        own = np.flatnonzero(eyes & (np.sign(body.vertices[:, 0]) == sign))
        away = body.vertices[own] - body.vertices[own].mean(0)
        facing = -away[:, 1] / (np.linalg.norm(away, axis=1) + 1e-9)
        albedo[own] = 0.75
        albedo[own[facing > 0.8]] = srgb_to_linear(_IRISES[int(rng.integers(len(_IRISES)))])
        albedo[own[facing > 0.95]] = 0.01
    glove = look.glove
    back, palm, nail = (
        (skin.back, skin.palm, skin.nail) if glove is None else (glove.colour, glove.palm, glove.colour)
    )
    palm_side, nails = np.asarray(rig.palm_side)[:-1] / 255.0, np.asarray(rig.nail)[:-1] / 255.0
    hand = back + (palm - back) * palm_side[:, None]
    hand += (nail - hand) * nails[:, None]
    for side in (HANDS_LEFT, HANDS_RIGHT):
        albedo[body.hands[side]] = hand
        if glove is None:
            albedo[body.loops[side]] = skin.back + 0.5 * (albedo[body.loops[side]] - skin.back)
    return albedo
