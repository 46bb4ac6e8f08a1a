"""The networks whose speed is measured: which there are, their inputs, and what they cost on paper."""

import copy
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from knuckle.errors import KnuckleError
from knuckle.models import SYSTEMS, create_model

PAPER_SPEED = {
    ("ehpe", "paper-resnet50"): "28 FPS",
    ("ehpe", "paper-hrnet"): "20 FPS",
    ("ehpe", "paper-fastvit"): "59 FPS",
    ("handar", "paper"): "39.1 FPS, RTX 2080 Ti",
    ("dfl", "paper"): "20.01 FPS, TITAN V",
}
"""Frames a second the papers state: EHPE's Table 1 (its GPU is not named), HandAR's Table 1, DFL's Table 4.
DaHyF's states none."""


class Network(NamedTuple):
    """A preset of a system with random weights, cut to inference: parameters that `infer` reads, and operations of one
    crop, a multiply-add counting as two."""

    system: str
    preset: str
    model: Any
    parameters: int
    flops: int


def chosen(systems: Sequence[str] | None, presets: Sequence[str] | None) -> list[tuple[str, str]]:
    """(system, preset) of every system and preset, or of those named.

    Raises KnuckleError for a name that no system or preset has, and for a system named that is not installed.
    """
    for name in systems or ():
        if name not in SYSTEMS:
            raise KnuckleError(f"--systems: expected some of {', '.join(SYSTEMS)}, got {name!r}")
        if not _installed(name):
            raise KnuckleError(
                f"--systems: {name} is not part of this installation (no knuckle.models.{name})"
            )
    names = systems or [name for name in SYSTEMS if _installed(name)]
    pairs = [(name, p) for name in names for p in import_module(f"knuckle.models.{name}.config").PRESETS]
    known = list(dict.fromkeys(preset for _, preset in pairs))
    if unknown := [preset for preset in presets or () if preset not in known]:
        raise KnuckleError(f"--presets: expected some of {', '.join(known)}, got {', '.join(unknown)}")
    return [(name, preset) for name, preset in pairs if presets is None or preset in presets]


def build(system: str, preset: str) -> Network:
    """The network in eval mode on the CPU, its cost counted."""
    torch.manual_seed(0)
    # The counter's hooks ask for the gradient function of whatever needs one, and here nothing has any.
    model = settled(create_model(system, preset=preset)).requires_grad_(False)
    inputs = make_inputs(model.config.patch_size, 1)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.infer(*inputs)
    return Network(system, preset, model, inference_parameters(model, inputs), counter.get_total_flops())


def settled(model: Any) -> Any:
    """The model in eval mode, its batch norms with the statistics of one batch, as training leaves them.

    Without, the activations of random weights grow out of range, and rounding alone changes the answers.
    """
    norms = [m for m in model.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        model.train().infer(*make_inputs(model.config.patch_size, 4))
    return model.eval()


def make_inputs(size: int, batch: int, device: str = "cpu") -> tuple[Tensor, Tensor, Tensor]:
    """Patches of noise with crops and cameras."""
    generator = torch.Generator().manual_seed(0)
    patch = torch.rand(batch, 3, size, size, generator=generator) * 2 - 1
    crop = torch.tensor([[320.0, 240, 200]]).repeat(batch, 1)
    camera = torch.tensor([[600.0, 600, 320, 240]]).repeat(batch, 1)
    return patch.to(device), crop.to(device), camera.to(device)


def inference_parameters(model: Any, inputs: tuple[Tensor, Tensor, Tensor]) -> int:
    """Numbers in the parameters that the outputs of `infer` depend on: the autograd graph's leaves."""
    model = copy.deepcopy(model).requires_grad_(True)
    with torch.enable_grad():
        outputs = [value for value in model.infer(*inputs) if value is not None]
    open_nodes = [value.grad_fn for value in outputs if value.grad_fn is not None]
    seen, sizes = set(), {}
    while open_nodes:
        node = open_nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if (leaf := getattr(node, "variable", None)) is not None:
            sizes[id(leaf)] = leaf.numel()
        open_nodes += [following for following, _ in node.next_functions]
    return sum(sizes.values())


def _installed(system: str) -> bool:
    try:
        return all(find_spec(f"knuckle.models.{system}.{part}") for part in ("config", "model"))
    except ModuleNotFoundError:
        return False
