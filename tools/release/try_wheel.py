"""Build wheel and sdist and try them as a user has them, without the source tree: `python tools/release/try_wheel.py`.

For every Python given (--python, default: the one that runs this) an empty environment gets the wheel and runs
`knuckle demo`, `estimate`, `info`, `ar --write` and `python -m knuckle`; then the extra video, and `knuckle track`.
With --extras each extra is installed alone in an environment of its own and its packages are imported; with --dry pip
only says whether each could be. Prints one line a step, what the wheel weighs, and exits with 1 if anything failed.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LARGEST_MB = 60
MODULES = {
    "heic": ("pi_heif",),
    "video": ("av",),
    "parquet": ("pyarrow",),
    "openvino": ("openvino",),
    "robots": ("dex_retargeting.retargeting_config", "pinocchio"),
    "train": ("torch", "timm", "accelerate", "safetensors", "numba", "onnx"),
    "archives": ("daft", "pyarrow"),
    "archives-ray": ("daft", "pyarrow", "ray"),
    "archives-test": ("pytest", "beartype", "moto", "boto3"),
    "view": ("viser", "rerun"),
    "osc": ("pythonosc",),
    "docs": ("mkdocs", "mkdocstrings"),
    "dev": ("pytest", "hypothesis", "beartype", "scipy"),
}
"""What must import where an extra is installed."""
CLIP = """
import sys, cv2, numpy as np
picture = cv2.resize(cv2.imread(sys.argv[1]), (480, 270))
writer = cv2.VideoWriter(sys.argv[2], cv2.VideoWriter_fourcc(*"mp4v"), 15, (480, 270))
for step in range(8):
    writer.write(np.roll(picture, step, axis=1))
writer.release()
"""


class Trial:
    """Runs steps, prints how each ended, and remembers failures."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def run(self, title: str, command: Sequence[str | Path], *, folder: Path, least: int = 0) -> bool:
        """Run a command away from the source tree. least: bytes that it must print at least."""
        began = time.monotonic()
        done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True)
        good = done.returncode == 0 and len(done.stdout) >= least
        print(f"{'ok  ' if good else 'FAIL'} {time.monotonic() - began:6.1f} s  {title}", flush=True)
        if not good:
            self.failed.append(title)
            print("\n".join((done.stdout + done.stderr).strip().splitlines()[-8:]), flush=True)
        return good

    def note(self, title: str, good: bool) -> None:
        print(f"{'ok  ' if good else 'FAIL'}           {title}", flush=True)
        if not good:
            self.failed.append(title)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", action="append", default=None, help="an interpreter; repeatable")
    parser.add_argument(
        "--extras", action="append", default=None, metavar="NAME", help="install it alone, or `all`"
    )
    parser.add_argument("--dry", action="store_true", help="ask pip whether each extra could be installed")
    options = parser.parse_args()
    trial = Trial()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        wheel = build(trial, folder)
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        for python in options.python or [sys.executable]:
            try_base(trial, wheel, python, folder / f"base-{Path(python).parent.parent.name}")
            for extra in extras if options.dry else ():
                dry = [
                    python,
                    "-m",
                    "pip",
                    "install",
                    "--dry-run",
                    "--quiet",
                    "--ignore-installed",
                    f"{wheel}[{extra}]",
                ]
                trial.run(f"{python}: pip finds the packages of [{extra}]", dry, folder=folder)
        for extra in extras if options.extras == ["all"] else options.extras or ():
            try_extra(trial, wheel, extra, (options.python or [sys.executable])[0], folder / f"extra-{extra}")
    if trial.failed:
        sys.exit(f"{len(trial.failed)} steps failed: {'; '.join(trial.failed)}")


def build(trial: Trial, folder: Path) -> Path:
    """Wheel and sdist, the wheel built of the sdist, as pip does for others."""
    environment = folder / "build"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    trial.run("the build tools install", [environment / "bin/pip", "install", "-q", "build"], folder=folder)
    dist = folder / "dist"
    trial.run(
        "sdist and wheel are built",
        [environment / "bin/python", "-m", "build", "-o", dist, ROOT],
        folder=folder,
    )
    (wheel,) = dist.glob("*.whl")
    weight = wheel.stat().st_size / 1e6
    parts: Counter[str] = Counter()
    for entry in zipfile.ZipFile(wheel).infolist():
        parts["/".join(entry.filename.split("/")[:3])] += entry.compress_size
    heaviest = ", ".join(f"{name} {size / 1e6:.1f}" for name, size in parts.most_common(6))
    (sdist,) = dist.glob("*.tar.gz")
    static = "knuckle/web/static"
    trial.note(
        "the AR page is in the wheel (`make web` builds it)",
        {f"{static}/index.html", f"{static}/rig.bin"} <= set(zipfile.ZipFile(wheel).namelist()),
    )
    trial.note(f"wheel {weight:.1f} MB of at most {LARGEST_MB} ({heaviest})", weight <= LARGEST_MB)
    print(f"     sdist {sdist.stat().st_size / 1e6:.1f} MB")
    return wheel


def try_base(trial: Trial, wheel: Path, python: str, folder: Path) -> None:
    """The base install: demo, a photo, what it says of itself; then a video."""
    folder.mkdir()
    subprocess.run([python, "-m", "venv", folder / "venv"], check=True)
    run = folder / "venv/bin/python"
    version = subprocess.run([run, "--version"], capture_output=True, text=True).stdout.strip()
    if not trial.run(f"{version}: base installs", [run, "-m", "pip", "install", "-q", wheel], folder=folder):
        return
    knuckle = folder / "venv/bin/knuckle"
    photo = next((folder / "venv").glob("lib/*/site-packages/knuckle/assets/two_hands.jpg"))
    trial.run(f"{version}: knuckle demo", [knuckle, "demo", "--out", "demo"], folder=folder, least=10)
    trial.run(
        f"{version}: knuckle estimate",
        [knuckle, "estimate", photo, "--out", "hands"],
        folder=folder,
        least=10,
    )
    trial.run(f"{version}: knuckle info", [knuckle, "info"], folder=folder, least=100)
    trial.run(
        f"{version}: python -m knuckle --help", [run, "-m", "knuckle", "--help"], folder=folder, least=100
    )
    trial.run(f"{version}: knuckle ar --write", [knuckle, "ar", "--write", "page"], folder=folder, least=10)
    trial.run(
        f"{version}: no torch",
        [run, "-c", "import importlib.util as u; assert not u.find_spec('torch')"],
        folder=folder,
    )
    video = [run, "-m", "pip", "install", "-q", f"{wheel}[video,parquet]"]
    if trial.run(f"{version}: [video,parquet] installs", video, folder=folder):
        subprocess.run([run, "-c", CLIP, photo, folder / "clip.mp4"], check=True)
        trial.run(
            f"{version}: knuckle track", [knuckle, "track", "clip.mp4", "--out", "tracks"], folder=folder
        )
        written = {path.suffix for path in (folder / "tracks").glob("clip.*")}
        trial.note(
            f"{version}: track wrote {sorted(written)}", written >= {".jsonl", ".npz", ".parquet", ".webm"}
        )


def try_extra(trial: Trial, wheel: Path, extra: str, python: str, folder: Path) -> None:
    """An extra alone: its packages import, and knuckle still runs beside them."""
    folder.mkdir()
    subprocess.run([python, "-m", "venv", folder / "venv"], check=True)
    run = folder / "venv/bin/python"
    if not trial.run(
        f"[{extra}] installs", [run, "-m", "pip", "install", "-q", f"{wheel}[{extra}]"], folder=folder
    ):
        return
    for module in MODULES[extra]:
        trial.run(f"[{extra}] import {module}", [run, "-c", f"import {module}"], folder=folder)
    trial.run(f"[{extra}] knuckle info", [folder / "venv/bin/knuckle", "info"], folder=folder, least=100)
    size = sum(file.lstat().st_size for file in (folder / "venv").rglob("*") if file.is_file())
    print(f"     [{extra}] takes {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
