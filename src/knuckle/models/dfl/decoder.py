"""DFL's decoder: first joint features, then iterations of joints-joints and joints-image relations (3.3)."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from knuckle.models.dfl.config import DflConfig
from knuckle.models.dfl.relations import Gathered, LiteralRelations, Relations
from knuckle.models.dfl.streams import JOINTS, LayerPlan, Plan, Streams


class Decoded(NamedTuple):
    """start: how the first features were gathered; iterations: the joints-image relations of each, `joints` being the
    features that it ends with."""

    start: Gathered
    iterations: list[Gathered]


class Decoder(nn.Module):
    """The joints' features from the image's, scale by scale."""

    def __init__(self, config: DflConfig, plan: Plan) -> None:
        super().__init__()
        coded = plan.first if config.joint_codes and config.attn == "multihead" else ""
        self.codes = nn.ParameterDict(
            {
                s: nn.Parameter(torch.randn(1, JOINTS, plan.widths[s]) * (1.0 if s in plan.init else 0.2))
                for s in sorted({*plan.init, *coded})
            }
        )
        self.start = Gather(config, plan.widths, plan.init, plan.first)
        self.layers = nn.ModuleList(Iteration(config, plan.widths, layer) for layer in plan.layers)

    def forward(self, image: dict[int, Streams], batch: int) -> Decoded:
        """image: the streams' features at each scale that is read, 0 the coarsest."""
        codes = {s: code.expand(batch, -1, -1) for s, code in self.codes.items()}
        start: Gathered = self.start(codes, image[0])
        iterations: list[Gathered] = []
        for layer in self.layers:
            joints = iterations[-1].joints if iterations else start.joints
            iterations.append(layer(joints, image))
        return Decoded(start, iterations)


class Iteration(nn.Module):
    """Joints gather from joints (3.3.2), then from the image (3.3.3), then each stream's feed-forward layers."""

    def __init__(self, config: DflConfig, widths: dict[str, int], plan: LayerPlan) -> None:
        super().__init__()
        self.scale = plan.scale
        if plan.jj:
            self.joints = Gather(config, widths, plan.jj, plan.inside)
        self.image = Gather(config, widths, plan.ji, plan.out)
        if config.attn == "multihead":
            self.feed = nn.ModuleDict(
                {s: FeedForward(widths[s], config.ffn, dropout=config.dropout) for s in plan.out}
            )

    def forward(self, joints: Streams, image: dict[int, Streams]) -> Gathered:
        if hasattr(self, "joints"):
            joints = self.joints(joints, joints).joints
        gathered: Gathered = self.image(joints, image[self.scale])
        if hasattr(self, "feed"):
            fed = {s: self.feed[s](features) for s, features in gathered.joints.items()}
            return gathered._replace(joints=fed)
        return gathered


class Gather(nn.Module):
    """Relations and what they gather; with projections, added to the joints' own features and normalised."""

    def __init__(self, config: DflConfig, widths: dict[str, int], guides: str, carried: str) -> None:
        super().__init__()
        if config.attn == "literal":
            self.relations: nn.Module = LiteralRelations(widths, guides, carried)
            return
        self.relations = Relations(widths, guides, carried, heads=config.heads)
        self.dropout = nn.Dropout(config.dropout)
        self.norms = nn.ModuleDict({s: nn.LayerNorm(widths[s]) for s in carried})

    def forward(self, joints: Streams, source: Streams) -> Gathered:
        gathered: Gathered = self.relations(joints, source)
        if not hasattr(self, "norms"):
            return gathered
        normed = {}
        for stream, norm in self.norms.items():
            features = self.dropout(gathered.joints[stream])
            normed[stream] = norm(joints[stream] + features if stream in joints else features)
        return gathered._replace(joints=normed)


class FeedForward(nn.Module):
    """norm(x + MLP(x)) with a ReLU."""

    def __init__(self, width: int, hidden: int, *, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, width),
            nn.Dropout(dropout),
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, joints: Float[Tensor, "B 42 C"]) -> Float[Tensor, "B 42 C"]:
        return self.norm(joints + self.layers(joints))
