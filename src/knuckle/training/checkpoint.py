"""Checkpoints without pickle: one safetensors file holds weights, averaged weights, optimiser and progress."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from knuckle.errors import KnuckleError
from knuckle.files import atomic_path, parse_json
from knuckle.models import create_model
from knuckle.models.contract import System
from knuckle.training.recipe import Recipe


def save_checkpoint(
    path: Path,
    *,
    module: nn.Module,
    average: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
    progress: dict[str, Any],
) -> None:
    """Write everything a run needs to go on, atomically."""
    tensors = {f"module.{k}": v for k, v in module.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in average.items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": torch.as_tensor(v) for k, v in state.items()}
    plain = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(plain, temporary, metadata={"progress": json.dumps(progress)})


def load_checkpoint(
    path: Path, *, module: nn.Module, average: dict[str, Tensor], optimiser: torch.optim.Optimizer
) -> dict[str, Any]:
    """Restore a run in place and return its progress; raises KnuckleError for a damaged or foreign file."""
    tensors, metadata = _read(path)
    groups: dict[str, dict[str, Tensor]] = {"module": {}, "average": {}, "optimiser": {}}
    for name, tensor in tensors.items():
        group, _, rest = name.partition(".")
        if group not in groups:
            raise KnuckleError(f"{path}: expected a training checkpoint, got a tensor named {name}")
        groups[group][rest] = tensor
    _load_strictly(module, groups["module"], path)
    for name, tensor in groups["average"].items():
        average[name].copy_(tensor)
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in groups["optimiser"].items():
        index, _, key = name.partition(".")
        states.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({"state": states, "param_groups": optimiser.state_dict()["param_groups"]})
    _lay_out_as_parameters(optimiser)
    return json.loads(metadata["progress"])


def _lay_out_as_parameters(optimiser: torch.optim.Optimizer) -> None:
    """A fused step walks through parameters and their moments as they lie in memory, channels_last or not."""
    for parameter, state in optimiser.state.items():
        for name, value in state.items():
            if value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter).copy_(value)


def save_weights(path: Path, model: nn.Module, *, metadata: dict[str, str]) -> None:
    """Write a model's tensors, matrices as fp16 (what ships), the rest as they are."""
    tensors = {
        name: tensor.detach().cpu().to(torch.float16 if tensor.ndim >= 2 else tensor.dtype).contiguous()
        for name, tensor in model.state_dict().items()
    }
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)


def load_weights(path: Path, model: nn.Module) -> dict[str, str]:
    """Fill a model from `save_weights`' file and return its metadata.

    Raises KnuckleError when the file is damaged or its tensors are not this model's: nothing is loaded then.
    """
    tensors, metadata = _read(path)
    _load_strictly(model, _widened(tensors), path)
    return metadata


def load_start(path: Path, model: nn.Module, recipe: Recipe) -> dict[str, str]:
    """Fill a model with the weights its recipe starts from, and return their record.

    Raises KnuckleError when the file's record names another system, preset, rig or other switches: nothing is loaded
    then.
    """
    tensors, metadata = _read(path)
    expected = {"system": recipe.system, "preset": recipe.preset, "switches": json.dumps(recipe.switches)}
    for name, value in expected.items():
        if metadata.get(name, value) != value:
            raise KnuckleError(f"{path}: expected weights of {name} {value}, got those of {metadata[name]}")
    _load_strictly(model, _widened(tensors), path)
    return metadata


def load_parts(path: Path, model: nn.Module, parts: Sequence[str]) -> dict[str, str]:
    """Fill those tensors of a model whose names start with one of `parts`, from weights of any system.

    Returns the record of those weights. Raises KnuckleError when the model has no such tensor, or the file lacks one
    or has it in another shape: nothing is loaded then.
    """
    stored, metadata = _read(path)
    tensors, own = _widened(stored), model.state_dict()
    for part in parts:
        wanted = [name for name in own if name.startswith(part)]
        if not wanted:
            raise KnuckleError(f"{path}: init_parts: expected the start of a tensor's name, got {part!r}")
        wrong = [n for n in wanted if n not in tensors or tensors[n].shape != own[n].shape]
        if wrong:
            raise KnuckleError(
                f"{path}: expected the tensors of {part!r}, {len(wrong)} do not fit, {wrong[0]} first"
            )
    chosen = {name: tensors[name] for name in own if name.startswith(tuple(parts))}
    model.load_state_dict(chosen, strict=False)
    return metadata


def load_model(path: Path) -> tuple[System, dict[str, str]]:
    """Build the model a weights file was saved from, fill it, and return it with the file's metadata.

    Raises KnuckleError when the file does not say what it is.
    """
    metadata = read_metadata(path)
    if "system" not in metadata or "preset" not in metadata:
        raise KnuckleError(
            f"{path}: expected weights that `knuckle train` wrote, got a file that names no system"
        )
    try:
        switches = parse_json(metadata.get("switches", "{}"))
    except ValueError as error:
        raise KnuckleError(f"{path}: switches: expected a JSON object, got {error}") from error
    if not isinstance(switches, dict):
        raise KnuckleError(f"{path}: switches: expected a JSON object, got {switches!r}")
    model = create_model(metadata["system"], preset=metadata["preset"], **switches)
    load_weights(path, model)
    return model.eval(), metadata


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file, without its tensors."""
    with _opened(path) as file:
        return file.metadata() or {}


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A safetensors file; raises KnuckleError where it is missing or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (OSError, SafetensorError) as error:
        raise KnuckleError(f"{path}: expected a safetensors checkpoint, got {error}") from error


def _widened(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """fp16 storage to the float32 that models compute in."""
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}


def _load_strictly(module: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    own = module.state_dict()
    wrong = sorted(
        name
        for name in own.keys() | tensors.keys()
        if name not in own or name not in tensors or own[name].shape != tensors[name].shape
    )
    if wrong:
        raise KnuckleError(
            f"{path}: expected the tensors of this model, {len(wrong)} do not fit, {wrong[0]} first"
        )
    module.load_state_dict(tensors)
