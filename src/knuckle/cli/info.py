"""`knuckle info`."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console
from rich.table import Table

PACKAGES = {
    "base": (
        "numpy",
        "opencv-python-headless",
        "onnxruntime",
        "trimesh",
        "jaxtyping",
        "typer",
        "pillow",
    ),
    "video": ("av",),
    "parquet": ("pyarrow",),
    "archives": ("daft",),
    "archives-ray": ("ray",),
    "train": (
        "torch",
        "torchvision",
        "timm",
        "accelerate",
        "safetensors",
        "numba",
        "tensorboard",
        "onnx",
        "matplotlib",
    ),
}

ERRORS = {"pa_mpjpe_mm": "", "mpjpe_all_mm": " (MPJPE of both hands)"}
"""The scores of a record that are shown, with a note where the score is not the column's PA-MPJPE."""


def info() -> None:
    """Print versions, installed packages and weights, for a bug report."""
    console = Console(highlight=False)
    console.print(f"knuckle {_version('knuckle')}, Python {sys.version.split()[0]}, {platform.platform()}")
    console.print(_packages())
    console.print(_weights())
    console.print(_detector(), soft_wrap=True, markup=False)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"


def _packages() -> Table:
    table = Table("package", "version", "comes with", box=None, pad_edge=False)
    for extra, names in PACKAGES.items():
        for name in names:
            found = _version(name)
            origin = "knuckle" if extra == "base" else f"knuckle\\[{extra}]"
            table.add_row(name, "not installed" if found == "-" else found, origin)
    return table


def _weights() -> Table:
    from knuckle import weights
    from knuckle.errors import KnuckleError

    columns = ("model", "hands", "input", "MB", "licence", "trained on", "PA-MPJPE")
    table = Table(*columns, box=None, pad_edge=False)
    for name in weights.available():
        try:
            path, record = weights.resolve(name)
        except KnuckleError as error:
            table.add_row(name, "-", "-", "-", "-", f"unusable: {error}", "-")
            continue
        scores = "\n".join(
            # Without the model's name, which is in the row already.
            f"{measured.replace(f', {record.name}', '')}: {values[error]:.2f} mm{what}"
            for measured, values in record.scores.items()
            for error, what in ERRORS.items()
            if isinstance(values, dict) and error in values
        )
        if table.row_count:
            table.add_row()
        size = f"{path.stat().st_size / 1e6:.1f}"
        row = (name, str(record.hands), f"{record.size} px", size, record.licence, record.trained_on)
        table.add_row(*row, scores or "not recorded")
    if not table.row_count:
        table.add_row("(no weights installed)", *[""] * 6)
    return table


def _detector() -> str:
    from knuckle.errors import KnuckleError
    from knuckle.inference.detection.landmarks import NETWORKS, read_network

    try:
        size = sum(len(read_network(name)) for name in NETWORKS)
    except KnuckleError as error:
        return f"hand detector (MediaPipe's networks): unusable: {error}"
    return f"hand detector (MediaPipe's networks): {size / 1e6:.1f} MB, Apache-2.0, ready"
