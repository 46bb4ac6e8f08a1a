"""The open body: a skinned person whose hands are the open rig's, welded on at the wrists.

Body frame, metres: x to the person's left, -y to the front, z up. At rest all bones have the frame's axes.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from knuckle.errors import KnuckleError
from knuckle.geometry.mirror import MIRROR_POINT
from knuckle.rig.hand_rig import HandRig
from knuckle.synth.body.scene_mesh import build_mesh

BODY_FILE = Path(__file__).with_name("body.npz")
BLEND_M = 0.05
"""How far up the forearm the skin follows the wrist's edge of the hand that is put on."""
SIDE_NAMES = ("L", "R")
HANDS_LEFT, HANDS_RIGHT = 0, 1


@dataclass(frozen=True, eq=False)
class Body:
    """Topology, skin weights and shape space of the open body; vertices of both hands are those of the open rig."""

    vertices: Float[np.ndarray, "v 3"]
    """Of the mean person at rest, arms held away from the body."""
    heads: Float[np.ndarray, "b 3"]
    """Where the bones start."""
    modes: Float[np.ndarray, "k w 3"]
    """What each shape coefficient adds to the vertices and then the heads; coefficients have unit variance."""
    scores: Float[np.ndarray, "n k"]
    """Coefficients of the people that the space was made from."""
    bones: tuple[str, ...]
    parents: tuple[int, ...]
    weights: Float[np.ndarray, "v b"]
    faces: Int[np.ndarray, "f 3"]
    """The left hand's come first, then the right one's, then the body's."""
    uv_corner: Float[np.ndarray, "f 3 2"]
    face_hand: Int[np.ndarray, "f"]
    """0 left, 1 right, -1 elsewhere."""
    hands: Int[np.ndarray, "2 h"]
    """Vertices of the left and right hand, in the rig's order."""
    loops: Int[np.ndarray, "2 l"]
    """Of each wrist, those on the hands' edges."""
    follow: Int[np.ndarray, "2 v"]
    """The vertex of each wrist's loop that is nearest to a vertex at rest."""
    follow_share: Float[np.ndarray, "2 v"]
    """How much of that vertex's movement it takes; 0 on the hand itself."""
    rig_from_hand: Float[np.ndarray, "3 3"]
    """Turns the rig's frame to the right hand of the body at rest."""
    masks: dict[str, Float[np.ndarray, "v"]]
    """lips, toenails, eyelids: 0..1."""

    def bone(self, name: str) -> int:
        """Index of a bone."""
        return self.bones.index(name)

    def shaped(
        self, scores: Float[np.ndarray, "k"]
    ) -> tuple[Float[np.ndarray, "v 3"], Float[np.ndarray, "b 3"]]:
        """Vertices and bone heads of a person at rest."""
        both = np.concatenate([self.vertices, self.heads]) + np.tensordot(scores, self.modes, 1)
        return both[: len(self.vertices)], both[len(self.vertices) :]

    def world(
        self, local: Float[np.ndarray, "b 3 3"], heads: Float[np.ndarray, "b 3"]
    ) -> tuple[Float[np.ndarray, "b 3 3"], Float[np.ndarray, "b 3"]]:
        """Rotations against rest and places of all bones, from each bone's rotation against its parent."""
        turns, places = local.copy(), heads.copy()
        for bone, parent in enumerate(self.parents):
            if parent >= 0:
                turns[bone] = turns[parent] @ local[bone]
                places[bone] = places[parent] + turns[parent] @ (heads[bone] - heads[parent])
        return turns, places

    def skinned(
        self,
        vertices: Float[np.ndarray, "v 3"],
        heads: Float[np.ndarray, "b 3"],
        turns: Float[np.ndarray, "b 3 3"],
        places: Float[np.ndarray, "b 3"],
    ) -> Float[np.ndarray, "v 3"]:
        """Vertices of a shaped person (linear blend skinning) in a posture given by `world`."""
        moves = places - np.einsum("bij,bj->bi", turns, heads)
        flat = np.concatenate([turns.reshape(-1, 9), moves], 1)
        blended = self.weights @ flat
        return np.einsum("vij,vj->vi", blended[:, :9].reshape(-1, 3, 3), vertices) + blended[:, 9:]


@lru_cache(maxsize=2)
def load_body(rig: HandRig) -> Body:
    """The open body with the hands of the open rig, a right one. Raises KnuckleError where its file cannot be read or
    does not fit the rig."""
    try:
        with np.load(BODY_FILE, allow_pickle=False) as archive:
            data = {key: archive[key] for key in archive.files}
    except (OSError, ValueError) as error:
        raise KnuckleError(f"{BODY_FILE}: expected the open body ({error})") from error
    vertices = data["vertices"].astype(float)
    hands = data["hands"].astype(np.intp)
    mesh = build_mesh(rig)
    if rig.wrist_loop is None or hands.shape[1] != len(rig.vertices) - 1:
        raise KnuckleError(
            f"{BODY_FILE}: expected hands of the rig's {len(rig.vertices) - 1} vertices, got {hands.shape[1]}"
        )
    names = tuple(str(name) for name in data["bones"])
    weights = np.zeros((len(vertices), len(names)))
    rows = np.broadcast_to(np.arange(len(vertices))[:, None], data["skin_index"].shape)
    np.add.at(weights, (rows, data["skin_index"].astype(np.intp)), data["skin_weight"] / 255.0)
    faces, uv_corner, face_hand = _faces(data, hands, mesh)
    loops = hands[:, np.asarray(rig.wrist_loop, np.intp)]
    follow, share = _followers(vertices, hands, loops)
    turn = _rotation(np.asarray(rig.vertices, float)[:-1], vertices[hands[HANDS_RIGHT]])
    return Body(
        vertices=vertices,
        heads=data["heads"].astype(float),
        modes=data["modes"] * data["mode_scale"].astype(float)[:, None, None],
        scores=data["scores"].astype(float),
        bones=names,
        parents=tuple(int(parent) for parent in data["parents"]),
        weights=weights / weights.sum(1, keepdims=True),
        faces=faces,
        uv_corner=uv_corner,
        face_hand=face_hand,
        hands=hands,
        loops=loops,
        follow=follow,
        follow_share=share,
        rig_from_hand=turn,
        masks={str(name): mask / 255.0 for name, mask in zip(data["mask_names"], data["masks"], strict=True)},
    )


def _faces(data: dict[str, np.ndarray], hands: np.ndarray, mesh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces, their texture coordinates and whose hand they belong to: the rig's hands first, then the rest."""
    body, uv = data["faces"].astype(np.int32), data["uv"].astype(np.float32)[data["uv_faces"]] / 65535
    of_hand = np.full(len(data["vertices"]), -1)
    of_hand[hands[HANDS_LEFT]], of_hand[hands[HANDS_RIGHT]] = HANDS_LEFT, HANDS_RIGHT
    rest = np.logical_not((of_hand[body] >= 0).all(1))
    one, corner = mesh.faces[: mesh.first_arm], mesh.uv_corner[: mesh.first_arm]
    parts = [
        (hands[HANDS_LEFT][one][:, ::-1], corner[:, ::-1], HANDS_LEFT),
        (hands[HANDS_RIGHT][one], corner, HANDS_RIGHT),
    ]
    parts.append((body[rest], uv[rest], -1))
    return (
        np.ascontiguousarray(np.concatenate([part[0] for part in parts]), np.int32),
        np.ascontiguousarray(np.concatenate([part[1] for part in parts]), np.float32),
        np.concatenate([np.full(len(part[0]), part[2], np.int32) for part in parts]),
    )


def _followers(vertices: np.ndarray, hands: np.ndarray, loops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    follow, share = np.zeros((2, len(vertices)), np.intp), np.zeros((2, len(vertices)))
    for side in (HANDS_LEFT, HANDS_RIGHT):
        gap = np.linalg.norm(vertices[:, None] - vertices[loops[side]][None], axis=-1)
        follow[side] = loops[side][gap.argmin(1)]
        near = np.clip(1 - gap.min(1) / BLEND_M, 0, 1)
        share[side] = near * near * (3 - 2 * near)
        share[side][hands[side]] = 0
    return follow, share


def _rotation(points: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """The rotation that brings points onto others (Kabsch)."""
    a, b = points - points.mean(0), onto - onto.mean(0)
    left, _, right = np.linalg.svd(b.T @ a)
    sign = np.array([1, 1, np.sign(np.linalg.det(left @ right))])
    return left @ np.diag(sign) @ right


def mirrored(turn: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3 3"]:
    """The rotation that a turn is in the mirrored body (x -> -x)."""
    return turn * MIRROR_POINT[:, None] * MIRROR_POINT
