"""Pre-norm transformer blocks: self-attention, and cross-attention from one token set to another."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Multi-head scaled dot-product attention, `width` channels in and out (no bias on queries, keys, values)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(
        self, queries: Float[Tensor, "B n C"], source: Float[Tensor, "B m C"]
    ) -> Float[Tensor, "B n C"]:
        query = self.query(queries).unflatten(2, (self.heads, -1)).transpose(1, 2)
        key, value = self.key_value(source).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        answer = F.scaled_dot_product_attention(query, key, value)
        return self.out(answer.transpose(1, 2).flatten(2))


class SelfAttentionBlock(nn.Module):
    """x + attention(norm(x)), then x + MLP(norm(x)) with a GELU."""

    def __init__(self, width: int, heads: int, *, mlp_ratio: int = 4) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = _mlp(width, mlp_ratio)

    def forward(self, tokens: Float[Tensor, "B n C"]) -> Float[Tensor, "B n C"]:
        normed = self.norm(tokens)
        tokens = tokens + self.attention(normed, normed)
        return tokens + self.mlp(tokens)


class CrossAttentionBlock(nn.Module):
    """As `SelfAttentionBlock`, the keys and values coming from another token set."""

    def __init__(self, width: int, heads: int, *, mlp_ratio: int = 4) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.source_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = _mlp(width, mlp_ratio)

    def forward(
        self, tokens: Float[Tensor, "B n C"], source: Float[Tensor, "B m C"]
    ) -> Float[Tensor, "B n C"]:
        tokens = tokens + self.attention(self.norm(tokens), self.source_norm(source))
        return tokens + self.mlp(tokens)


def _mlp(width: int, ratio: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, ratio * width), nn.GELU(), nn.Linear(ratio * width, width)
    )
