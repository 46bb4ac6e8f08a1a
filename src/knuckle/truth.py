"""Which parts of a hand's truth are labelled: a photograph may have joints in 2D alone, a fit may be missing."""

from typing import NamedTuple

from jaxtyping import Bool

from knuckle.geometry.array import Array
from knuckle.skeleton import JOINT_COUNT


class Validity(NamedTuple):
    """Of one hand or of many: which labels are there and may count. Rows of an absent hand mean nothing."""

    joints_2d: Bool[Array, "*hands 21"]
    """In the picture."""
    joints_3d: Bool[Array, "*hands 21"]
    """In the camera frame."""
    pose: Bool[Array, "*hands"]
    shape: Bool[Array, "*hands"]
    mesh: Bool[Array, "*hands"]
    """Whether the rig under pose and shape, middle MCP on the label's, is the hand's surface."""
    mask: Bool[Array, "*crops"]
    """Of a crop: of a one-hand crop, whether its true mesh tells where the hand is seen; of a two-hand one, whether
    there is a part mask."""

    def of_hand(self, hand: int) -> "Validity":
        """Of one hand of a batch of pairs."""
        return Validity(**{name: part[:, hand] for name, part in self._of_hands()}, mask=self.mask)

    def mirrored(self) -> "Validity":
        """Of one pair whose hands change places."""
        return Validity(**{name: part[::-1] for name, part in self._of_hands()}, mask=self.mask)

    def _of_hands(self) -> list[tuple[str, Array]]:
        return [(name, part) for name, part in self._asdict().items() if name != "mask"]


def array_name(kind: str) -> str:
    """What a set on disk calls a field of `Validity`."""
    return f"valid_{kind}"


def validity_table(hands: int) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and dtype of the arrays that a set of one-hand or two-hand crops stores where labels are missing.

    A set stores those that it needs: what an array that is not there would tell is that all is labelled (of
    valid_mesh: where pose and shape are; of valid_mask in sets of pairs: where there is a part mask).
    """
    lead = (hands,) if hands > 1 else ()
    shapes = {kind: lead for kind in Validity._fields}
    shapes |= {"joints_2d": (*lead, JOINT_COUNT), "joints_3d": (*lead, JOINT_COUNT), "mask": ()}
    return {array_name(kind): (shape, "bool") for kind, shape in shapes.items()}
