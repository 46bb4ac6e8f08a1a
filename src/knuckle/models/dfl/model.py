"""DFL: decoupled appearance and position features for the joints of two interacting hands.

Section and equation numbers are the paper's. What the paper leaves open or prints wrongly, and what was chosen,
stands in the README of this folder.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from knuckle.layers.backbones import Backbone
from knuckle.layers.camera_head import lift, patch_to_frame
from knuckle.models.contract import System, TwoHandOutput
from knuckle.models.dfl.attention_maps import attention_maps
from knuckle.models.dfl.config import PARTS, SCALES, DflConfig
from knuckle.models.dfl.coordinates import to_depth_m, to_patch, to_px, to_px_bins
from knuckle.models.dfl.decoder import Decoded, Decoder
from knuckle.models.dfl.encoder import AppearanceFeatures, PositionFeatures
from knuckle.models.dfl.heads import JointHead, PairHead, PairState, PooledJoints, wrist_depths
from knuckle.models.dfl.refinement import spatial_refinement
from knuckle.models.dfl.relations import Gathered
from knuckle.models.dfl.streams import JOINTS, Streams, make_plan


class DflOutput(NamedTuple):
    """Everything the losses need; None: no part of this configuration.

    joints_25d: (u px, v px, d bins behind the own wrist) of a 256-px crop; joints_2d: (u, v) of every iteration;
    attention: of the first features and every iteration, over the cells of the map that it reads, mean over heads;
    none without a loss on it;
    log_parts: logarithms of the parts' probabilities at every cell of the finest map, rows first.
    """

    joints_25d: Float[Tensor, "B 2 21 3"]
    joints_2d: Float[Tensor, "B T 2 21 2"] | None
    attention: list[Float[Tensor, "B 42 _"]]
    log_parts: Float[Tensor, "B n 33"] | None
    pair: PairState


class Dfl(System):
    """Two hands per patch, the right one first. `forward(patch, crop, camera)`; see `DflOutput`."""

    hands = 2
    config: DflConfig

    def __init__(self, config: DflConfig, *, pretrained: bool = False) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config.backbone, finest=4, pretrained=pretrained)
        channels = self.backbone.channels
        self.joint_width = 0
        if config.baseline == "id1":
            self.appearance = AppearanceFeatures(config, channels, range(SCALES))
            self.pooled_joints = PooledJoints(SCALES * self.appearance.width)
        else:
            self._build_decoder(config, channels)
        self.pair = PairHead(config, channels[-1] + (PARTS if config.seg else 0), self.joint_width)

    def _build_decoder(self, config: DflConfig, channels: list[int]) -> None:
        plan = make_plan(config)
        self.plan = plan
        own = {"a": "a", "p": "p"} if config.decoupled else {"a": "f", "p": "f"}
        seen, placed = plan.scales_of(own["a"]), plan.scales_of(own["p"])
        if config.position_from == "appearance":
            seen |= placed
        self.appearance = AppearanceFeatures(config, channels, seen)
        if placed:
            self.position = PositionFeatures(config, placed)
        self.decoder = Decoder(config, plan)
        width = self.joint_width = sum(plan.widths[stream] for stream in plan.reg)
        self.joints_2d = nn.ModuleList(JointHead(width, 2) for _ in plan.layers)
        self.refine = spatial_refinement(config, width) if config.has_spr else nn.Identity()
        self.joints = JointHead(width, 3)

    def forward(
        self, patch: Float[Tensor, "B 3 S S"], crop: Float[Tensor, "B 3"], camera: Float[Tensor, "B 4"]
    ) -> DflOutput:
        output, _ = self._run(patch, crop, camera, intermediate=True)
        return output

    def infer(
        self, patch: Float[Tensor, "B 3 S S"], crop: Float[Tensor, "B 3"], camera: Float[Tensor, "B 4"]
    ) -> TwoHandOutput:
        """Joints stand at their wrist's depth; the relative depth counts where both hands are more likely than not, and
        where it was learned. The intermediate 2D heads are cut."""
        output, iterations = self._run(patch, crop, camera, intermediate=False)
        confidence = output.pair.validity_logit.sigmoid()
        both = (confidence >= 0.5).all(1)
        if not self.config.relative_weight:
            both = torch.zeros_like(both)
        joints_patch = to_patch(output.joints_25d, self.config.patch_size)
        joints_px = patch_to_frame(joints_patch.flatten(1, 2), crop, self.config.patch_size)
        depth_m = wrist_depths(output.pair, both)[:, :, None] + to_depth_m(output.joints_25d)
        joints_m = lift(joints_px, depth_m.flatten(1, 2), camera)
        return TwoHandOutput(
            joints_px=joints_px.unflatten(1, (2, -1)),
            joints_m=joints_m.unflatten(1, (2, -1)),
            confidence=confidence,
            joints_patch=joints_patch,
            attention=attention_maps(iterations, self.config.map_size) if iterations else None,
        )

    def _run(
        self, patch: Tensor, crop: Tensor, camera: Tensor, *, intermediate: bool
    ) -> tuple[DflOutput, list[Gathered]]:
        """The answer, with or without what only the losses need, and every iteration's relations."""
        maps = self.backbone(patch)
        appearance = self.appearance(maps)
        joints_2d, attention, iterations = None, [], []
        if self.config.baseline == "id1":
            joints = self.pooled_joints(appearance.tokens)
            features = joints.new_zeros(len(joints), JOINTS, 0)
        else:
            decoded: Decoded = self.decoder(self._image_streams(appearance.tokens), maps[-1].shape[0])
            iterations = decoded.iterations
            read = [self._regressed(each.joints) for each in iterations]
            features = read[-1]
            joints = self.joints(self.refine(features))
            if intermediate:
                heads = zip(self.joints_2d, read, strict=True)
                joints_2d = to_px(torch.stack([head(features) for head, features in heads], dim=1))
            if intermediate and self.config.attention_weight:
                asked = slice(self.config.attention_heads or None)
                attention = [each.attention[:, asked].mean(1) for each in (decoded.start, *iterations)]
        pooled = [maps[-1].mean((2, 3))]
        if appearance.log_parts is not None:
            pooled.append(appearance.log_parts.exp().mean(1))
        seen, described = torch.cat(pooled, dim=1), features
        if not self.config.pair_gradient:
            seen, described = seen.detach(), described.detach()
        pair = self.pair(seen, described, joints, crop, camera)
        output = DflOutput(to_px_bins(joints), joints_2d, attention, appearance.log_parts, pair)
        return output, iterations

    def _image_streams(self, appearance: dict[int, Tensor]) -> dict[int, Streams]:
        """F^a and F^p of every scale that is read; both side by side as one stream in a baseline."""
        position = self.position(appearance) if hasattr(self, "position") else {}
        if not self.config.decoupled:
            return {
                scale: {"f": torch.cat([tokens, position[scale].expand(tokens.shape[0], -1, -1)], dim=2)}
                for scale, tokens in appearance.items()
            }
        streams = {"a": appearance, "p": position}
        return {
            scale: {name: tokens[scale] for name, tokens in streams.items() if scale in tokens}
            for scale in {*appearance, *position}
        }

    def _regressed(self, joints: Streams) -> Float[Tensor, "B 42 C"]:
        return torch.cat([joints[stream] for stream in self.plan.reg], dim=2)
