"""Lone hands with a forearm, of any side, perhaps in a sleeve or a glove or holding something; and touching pairs."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from knuckle.geometry.mirror import AS_RIGHT
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.rotations import rodrigues
from knuckle.synth.body.arm import grow_arm, sample_arm
from knuckle.synth.body.scene_mesh import ARM_RINGS, SceneMesh, build_mesh
from knuckle.synth.look.lighting import srgb_to_linear
from knuckle.synth.look.paint import hand_map, paint_arm, paint_cloth
from knuckle.synth.look.skin import Skin, sample_skin
from knuckle.synth.pairs.arms import grow_pair_arms
from knuckle.synth.pairs.placement import turn_pair
from knuckle.synth.pairs.pool import PosedPair
from knuckle.synth.scenes.figure import Figure, FigureHand, Material
from knuckle.synth.scenes.held import Holding, add_thing
from knuckle.synth.studio import ARM_MAPS, CLOTH_MAPS, HAND_MAPS
from knuckle.synth.wear.glove import Glove, sample_glove

GLOVE_SHARE, BAND_SHARE = 0.05, 0.2


@dataclass(frozen=True, eq=False)
class Wardrobe:
    """What an arm looks like."""

    skin: Skin
    glove: Glove | None
    repeat: float
    """How often the sleeve's pattern goes round it."""
    band: Float[np.ndarray, "3"] | None
    """Linear colour of a watch's or bracelet's band, where there is no sleeve."""


def arm_of_hand(
    rig: HandRig,
    rng: np.random.Generator,
    *,
    turn: Float[np.ndarray, "3 3"],
    pose: Float[np.ndarray, "16 3"],
    shape: Float[np.ndarray, "10"],
    left: bool,
    holding: Holding | None = None,
    length_m: float = 0.6,
    wardrobe: Wardrobe | None = None,
) -> Figure:
    """A hand with its forearm, about its wrist joint.

    Args:
        rig: the open rig, right.
        rng: what the arm and its looks are drawn from.
        turn: camera_from_hand of a right hand; a left one is mirrored afterwards.
        pose: of the rig; its global rotation is not used.
        shape: of the rig.
        left: whether it is a left hand.
        holding: what it holds; its pose and shape are to be those above.
        length_m: of the forearm.
        wardrobe: skin and clothes; drawn where None.
    """
    mesh = build_mesh(rig)
    rotations = rodrigues(pose)
    rotations[0] = turn
    posed = rig.posed_by_matrices(rotations.astype(np.float32), shape.astype(np.float32))
    vertices = np.zeros((mesh.vertex_count, 3))
    wrist = posed.joints[0].astype(float)
    vertices[: mesh.hand_vertices] = posed.vertices - wrist
    arm = replace(sample_arm(rng, turn), length=length_m)
    grow_arm(vertices, mesh, turn, arm)
    wardrobe = wardrobe or sample_wardrobe(rng)
    figure = dress_arm(rig, mesh, vertices, wardrobe, sleeve=arm.sleeve, left=left)
    figure.hands = [FigureHand("left" if left else "right", (posed.joints - wrist) * AS_RIGHT[int(left)])]
    if holding is not None:
        add_thing(figure, holding, turn, np.zeros(3), AS_RIGHT[int(left)], 1.0)
    return figure


def sample_wardrobe(rng: np.random.Generator) -> Wardrobe:
    """Draw skin and clothes of an arm."""
    skin = sample_skin(rng, hand_maps=HAND_MAPS, arm_maps=ARM_MAPS, cloth_maps=CLOTH_MAPS)
    glove = sample_glove(rng) if rng.random() < GLOVE_SHARE else None
    band = srgb_to_linear(rng.uniform(8, 60, 3) if rng.random() < 0.6 else rng.uniform(30, 220, 3))
    return Wardrobe(skin, glove, float(rng.integers(1, 4)), band if rng.random() < BAND_SHARE else None)


def dress_arm(
    rig: HandRig, mesh: SceneMesh, vertices: np.ndarray, wardrobe: Wardrobe, *, sleeve: bool, left: bool
) -> Figure:
    """The figure of one arm that is grown; vertices of a right hand, mirrored here for a left one."""
    skin, glove = wardrobe.skin, wardrobe.glove
    dressed = skin if glove is None else glove.dress(skin)
    count = len(mesh.faces) if sleeve else mesh.first_sleeve
    number = np.zeros(count, np.int32)
    number[mesh.first_arm :], number[mesh.first_sleeve :] = 1, 2
    if wardrobe.band is not None and not sleeve:
        ring = 2 * len(mesh.loop)
        number[mesh.first_arm + ring : mesh.first_arm + 2 * ring] = 3
    albedo = np.tile(skin.back, (mesh.vertex_count, 1))
    palm, nail = (
        np.append(np.asarray(values) / 255.0, 0)[: mesh.hand_vertices] for values in (rig.palm_side, rig.nail)
    )
    if glove is None:
        palm[mesh.loop] *= 0.5
    hand = dressed.back + (dressed.palm - dressed.back) * palm[:, None]
    albedo[: mesh.hand_vertices] = hand + (dressed.nail - hand) * nail[:, None]
    shine = np.ones(mesh.vertex_count)
    shine[: mesh.hand_vertices] += nail
    faces, corner = mesh.faces[:count], mesh.uv_corner[:count]
    if left:
        faces, corner = faces[:, ::-1], corner[:, ::-1]
    hand_map_of = hand_map(rig, skin.hand_map) if glove is None else glove.detail(rig)
    return Figure(
        vertices=vertices * AS_RIGHT[int(left)],
        faces=np.ascontiguousarray(faces),
        uv_corner=corner,
        face_material=number,
        face_hand=np.where(number == 0, 0, -1).astype(np.int32),
        albedo=albedo,
        materials=[
            Material(hand_map_of, gloss=dressed.gloss),
            Material(paint_arm(skin.arm_map), gloss=skin.gloss),
            Material(paint_cloth(skin.cloth_map), albedo=skin.cloth, repeat=wardrobe.repeat),
            Material(
                paint_cloth(0), albedo=skin.cloth if wardrobe.band is None else wardrobe.band, gloss=0.8
            ),
        ],
        shine=shine,
    )


def arm_end(figure: Figure, mesh: SceneMesh) -> Float[np.ndarray, "3"]:
    """Where a lone arm's forearm stops."""
    ring = len(mesh.loop)
    start = mesh.hand_vertices + (ARM_RINGS - 1) * ring
    return figure.vertices[start : start + ring].mean(0)


def pair_of_arms(
    rig: HandRig, rng: np.random.Generator, pair: PosedPair, camera_from_pair: Float[np.ndarray, "3 3"]
) -> list[Figure]:
    """A right and a left hand that meet, with their arms, about their own middle."""
    mesh = build_mesh(rig)
    turned = turn_pair(rig, pair, camera_from_pair)
    own = np.zeros((2, mesh.vertex_count, 3))
    posed = rig.posed_by_matrices(turned.rotations.astype(np.float32), pair.shape.astype(np.float32))
    own[:, : mesh.hand_vertices] = posed.vertices + (turned.translation * AS_RIGHT)[:, None]
    sleeve = grow_pair_arms(rng, mesh, own, turned.rotations[:, 0], turned.joints)
    wardrobe = sample_wardrobe(rng)
    figures = []
    for side in (0, 1):
        figure = dress_arm(rig, mesh, own[side], wardrobe, sleeve=sleeve, left=side == 1)
        figure.hands = [FigureHand("left" if side else "right", turned.joints[side])]
        figures.append(figure)
    return figures
