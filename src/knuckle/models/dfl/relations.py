"""Attention that adds up several streams' relations and gathers each stream by the sum (3.3, Eq 1 to 4)."""

import math
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from knuckle.models.dfl.streams import Streams


class Gathered(NamedTuple):
    """joints: what each carried stream gathered (B, 42, C); logits: each guide's scaled ones (B, heads, 42, n);
    attention: the softmax over the source of their sum."""

    joints: Streams
    logits: Streams
    attention: Float[Tensor, "B heads 42 n"]


class Relations(nn.Module):
    """Relations between joints and a source: image cells or the joints themselves.

    guides: streams whose scaled dot products are added before the softmax over the source; carried: streams that are
    gathered by the result. Heads are those of the guides, and each carried stream is cut into as many. No stream's
    features enter another's. A source of batch 1 serves the whole batch.
    """

    def __init__(self, widths: dict[str, int], guides: str, carried: str, *, heads: int) -> None:
        super().__init__()
        self.guides, self.carried, self.heads = guides, carried, heads
        self.scale = 1 / math.sqrt(sum(widths[s] // heads for s in guides))
        self.query = nn.ModuleDict({s: nn.Linear(widths[s], widths[s], bias=False) for s in guides})
        self.key = nn.ModuleDict({s: nn.Linear(widths[s], widths[s], bias=False) for s in guides})
        self.value = nn.ModuleDict({s: nn.Linear(widths[s], widths[s], bias=False) for s in carried})
        self.out = nn.ModuleDict({s: nn.Linear(widths[s], widths[s]) for s in carried})
        # Logits of size one from features of size one: smaller ones take long to become a peak.
        for layer in (*self.query.values(), *self.key.values(), *self.value.values(), *self.out.values()):
            nn.init.xavier_uniform_(layer.get_parameter("weight"))

    def forward(self, joints: Streams, source: Streams) -> Gathered:
        logits = {s: self._relation(s, joints[s], source[s]) for s in self.guides}
        attention = added(logits).softmax(-1)
        gathered = {s: self._gather(s, attention, source[s]) for s in self.carried}
        return Gathered(gathered, logits, attention)

    def _relation(self, stream: str, joints: Tensor, source: Tensor) -> Float[Tensor, "B heads 42 n"]:
        query = self._heads(self.query[stream](joints) * self.scale)
        return query @ self._heads(self.key[stream](source)).transpose(2, 3)

    def _gather(self, stream: str, attention: Tensor, source: Tensor) -> Float[Tensor, "B 42 C"]:
        gathered = attention @ self._heads(self.value[stream](source))
        return self.out[stream](gathered.transpose(1, 2).flatten(2))

    def _heads(self, tokens: Float[Tensor, "b n C"]) -> Float[Tensor, "b heads n d"]:
        return tokens.unflatten(2, (self.heads, -1)).transpose(1, 2)


class LiteralRelations(nn.Module):
    """`Relations` as Eq 1 to 4 print them: one head, no projection, nothing learned."""

    def __init__(self, widths: dict[str, int], guides: str, carried: str) -> None:
        super().__init__()
        self.guides, self.carried = guides, carried
        self.scale = 1 / math.sqrt(sum(widths[s] for s in guides))

    def forward(self, joints: Streams, source: Streams) -> Gathered:
        logits = {s: (joints[s] * self.scale @ source[s].transpose(1, 2))[:, None] for s in self.guides}
        attention = added(logits).softmax(-1)
        return Gathered({s: attention[:, 0] @ source[s] for s in self.carried}, logits, attention)


def added(logits: Streams) -> Tensor:
    """The streams' relations fused (3.3.3)."""
    first, *others = logits.values()
    return sum(others, start=first)
