"""Which streams of features exist where: appearance "a" and position "p", or one stream "f" of both in a baseline."""

from typing import NamedTuple

from torch import Tensor

from knuckle.models.dfl.config import PARTS, DflConfig

Streams = dict[str, Tensor]
"""A tensor for each stream: joints (B, 42, C) or the cells of a map (B or 1, n, C), C the stream's own width."""

JOINTS = 42


class LayerPlan(NamedTuple):
    """An iteration of the decoder. scale: the map it reads; jj, ji: streams whose relations guide each module;
    inside: streams there are after joints-joints; out: streams that go on."""

    scale: int
    jj: str
    ji: str
    inside: str
    out: str


class Plan(NamedTuple):
    """init: streams whose relations guide the first features; first: streams that those have; reg: what is regressed.

    Nothing is planned that the answer does not depend on: with reg "p" the last iteration gathers no appearance.
    """

    widths: dict[str, int]
    init: str
    first: str
    layers: tuple[LayerPlan, ...]
    reg: str

    def scales_of(self, stream: str) -> set[int]:
        """The scales (0 the coarsest) at which a stream's image features are read."""
        scales = {layer.scale for layer in self.layers if stream in layer.ji + layer.out}
        return scales | ({0} if stream in self.init + self.first else set())


def appearance_width(config: DflConfig) -> int:
    """Channels of F^a: C_F; Eq 1 read literally, C_F and the segmentation's classes."""
    return config.width + (PARTS if config.seg and config.attn == "literal" else 0)


def make_plan(config: DflConfig) -> Plan:
    """Back from what is regressed to what has to be there for it."""
    appearance = appearance_width(config)
    if config.decoupled:
        widths = {"a": appearance, "p": config.position_width}
        init, ji, jj, reg = config.init, config.ji, config.jj, config.reg
    else:
        widths = {"f": appearance + config.position_width}
        init = ji = jj = reg = "f"
    if not config.has_jj:
        jj = ""
    layers: list[LayerPlan] = []
    needed = ""
    for scale in reversed(config.scales_read):
        # Every iteration is supervised as the last one is read.
        out = _union(needed, reg)
        # Eq 3 read literally replaces the joints' features; otherwise what is gathered is added to them.
        inside = _union("" if config.attn == "literal" else out, ji)
        layers.append(LayerPlan(scale, jj, ji, inside, out))
        needed = _union(inside, jj)
    return Plan(widths, init, needed, tuple(reversed(layers)), reg)


def _union(first: str, second: str) -> str:
    return "".join(sorted(set(first + second)))
