"""First coordinates of all 21 graph nodes from the joints that the TW-stage gives."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from knuckle.models.ehpe.config import LETTERS, joints_of
from knuckle.skeleton import JOINT_COUNT

_FINGER_LETTERS = LETTERS[1:]
_ALONG_FINGERS = {"W": 0.0, "M": 0.28, "P": 0.62, "D": 0.85, "T": 1.0}
_ALONG_THUMB = {"W": 0.0, "M": 0.35, "P": 0.68, "D": 0.88, "T": 1.0}
"""Where the joints lie between wrist (0) and tip (1), as the public code of EHPE has it."""


class NodeStart(nn.Module):
    """Joints of the TW-stage unchanged, the others on straight lines between them, with learned ratios.

    A missing joint lies between the nearest known joints before and after it on its finger, the wrist being the
    first; a missing tip on the line of the last two. Without a known wrist, that is first put at a learned offset
    from the mean of the known joints; with the wrist alone, every joint stands at a learned offset from it. Both
    offsets start as those of `mean_hand`.
    """

    def __init__(self, tw_joint_set: str, mean_hand: Float[Tensor, "21 3"]) -> None:
        super().__init__()
        self.known = [letter for letter in LETTERS if letter in tw_joint_set]
        self.joints = joints_of(tw_joint_set)
        if "W" not in self.known:
            self.wrist_offset = nn.Parameter(mean_hand[0] - mean_hand[list(self.joints)].mean(0))
        if self.known == ["W"]:
            self.offsets = nn.Parameter((mean_hand[1:] - mean_hand[0]).unflatten(0, (5, 4)).clone())
            return
        self.ends = {letter: self._ends(letter) for letter in _FINGER_LETTERS if letter not in self.known}
        self.ratios = nn.ParameterDict(
            {letter: nn.Parameter(_ratios(letter, *ends)) for letter, ends in self.ends.items()}
        )

    def _ends(self, letter: str) -> tuple[str, str]:
        """The two classes whose line the class's joints are put on."""
        chain = ["W", *(known for known in self.known if known != "W")]
        before = [known for known in chain if LETTERS.index(known) < LETTERS.index(letter)]
        after = [known for known in chain if LETTERS.index(known) > LETTERS.index(letter)]
        return (before[-1], after[0]) if after else (before[-2], before[-1])

    def forward(self, tw_joints: Float[Tensor, "B J 3"]) -> Float[Tensor, "B 21 3"]:
        """tw_joints: in ascending order of the common indices."""
        if "W" in self.known:
            wrist, rest = tw_joints[:, :1], tw_joints[:, 1:]
        else:
            wrist, rest = tw_joints.mean(1, keepdim=True) + self.wrist_offset, tw_joints
        if self.known == ["W"]:
            return torch.cat([wrist, (wrist[:, None] + self.offsets).flatten(1, 2)], dim=1)
        on_finger = [letter for letter in self.known if letter != "W"]
        classes = dict(zip(on_finger, rest.unflatten(1, (5, len(on_finger))).unbind(2), strict=True))
        classes["W"] = wrist
        for letter, (start, end) in self.ends.items():
            ratio = self.ratios[letter][:, None]
            classes[letter] = classes[start] + ratio * (classes[end] - classes[start])
        fingers = torch.stack([classes[letter] for letter in _FINGER_LETTERS], dim=2)
        nodes = torch.cat([wrist, fingers.flatten(1, 2)], dim=1)
        assert nodes.shape[1] == JOINT_COUNT
        return nodes


def _ratios(letter: str, start: str, end: str) -> Float[Tensor, "5"]:
    """Share of the way from `start` to `end` at which the class lies, thumb first."""
    tables = [_ALONG_THUMB] + [_ALONG_FINGERS] * 4
    return torch.tensor([(t[letter] - t[start]) / (t[end] - t[start]) for t in tables])
