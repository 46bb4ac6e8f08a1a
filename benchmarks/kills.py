"""Every command that writes, killed by SIGKILL at random times on its smallest input, and given again.

python -m benchmarks.kills [--times 20] [--only COMMAND,...] [--seed 0] [--out out/kills]

The commands are those that the program itself lists: one without an entry below ends the script, so that a new one
cannot be forgotten. A process and its children are killed at once, at a time drawn from the last two thirds of what an
uninterrupted run takes (what comes before is Python that starts). Afterwards every file under its final name must be
whole, and the same command given again must succeed, and where the table says so write what the uninterrupted run
wrote, byte for byte (of safetensors the tensors' bytes and the header's contents: that library writes its entries in
another order each time). Exit code 1 if any does not.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks.shared.arguments import make_parser
from benchmarks.shared.whole_files import faults, is_temporary
from knuckle.cli.main import COMMANDS
from knuckle.errors import KnuckleError
from knuckle.web.site import built_page

LIMIT_S = 600.0
GIVEN = "given"
"""The folder of inputs, beside those of the runs."""
PAGE = "the AR page"
"""Which a checkout has once it is built."""
_RECIPE = """
system = "dahyf"
data = "GIVEN/set"
samples = 32
batch = 8
validation = 4
warmup_samples = 0
pretrained = false
checkpoint_seconds = 0.0
validate_every = 2
[switches]
patch_size = 32
width = 16
pool_width = 32
mlp_width = 32
"""
_STANDING = """
[run]
system = "dahyf"
batch = 8
negatives = 0.0
warmup_samples = 0
pretrained = false
validate_every = 2
[run.switches]
patch_size = 32
width = 16
pool_width = 32
mlp_width = 32
[render]
count = 12
passes = 2
held_out = 4
size = 32
backgrounds = "procedural"
[schedule]
priority = "normal"
[score]
limit = 4
"""


@dataclass(frozen=True)
class Case:
    """A command on its smallest input. GIVEN and OUT in its words stand for the folders of inputs and of results."""

    words: str
    again: str = ""
    """Words that go on with what was begun."""
    same: bool = True
    """Whether a run that goes on promises what the uninterrupted one writes."""
    refuses: bool = False
    """Whether it writes over no result, so that it is not given again where the kill came after its last file."""
    needs: str = ""
    """A module, or `PAGE`, without which the command does not run."""

    def lacks(self) -> str | None:
        """What keeps the command from running here."""
        if self.needs == PAGE:
            try:
                built_page()
            except KnuckleError as error:
                return str(error)
        elif self.needs and find_spec(self.needs) is None:
            return f"{self.needs} is not installed here"
        return None


_MODEL = "--model GIVEN/fake.onnx --box 30,30,80,80 --side left --no-evidence"
CASES: dict[str, tuple[Case, ...]] = {
    "estimate": (Case(f"estimate GIVEN/photo.jpg {_MODEL} --out OUT"),),
    "track": (
        Case("track GIVEN/video.webm --model GIVEN/fake.onnx --out OUT", needs="av"),
        Case("track GIVEN/video.webm --model GIVEN/fake.onnx --offline --no-video --out OUT"),
    ),
    "view": (Case("view GIVEN/video.hands.jsonl --rerun OUT/hands.rrd", same=False, needs="rerun"),),
    "explain": (
        Case(
            "explain GIVEN/photo.jpg --box 20,20,60,60 --side left --box 70,40,60,60 --side right --out OUT"
        ),
    ),
    "demo": (Case("demo --out OUT"),),
    "calibrate": (
        Case(
            "calibrate GIVEN/photo.jpg --length 0.2 --distance 0.5 --points 30,80,110,80 --out OUT/camera.json"
        ),
    ),
    "synth": (
        Case("synth --count 12 --size 32 --backgrounds procedural --workers 1 --out OUT/set", "--resume"),
        Case("synth --sheet OUT/sheet.png --size 32 --backgrounds procedural"),
    ),
    "data": (
        Case("data preview own GIVEN/own --out OUT/sheet.png --count 1"),
        Case("data convert own GIVEN/own OUT/set --size 32 --workers 1", "--resume"),
        Case("data from-coco GIVEN/coco.json OUT/own --images GIVEN", refuses=True),
        Case("data from-labelme GIVEN/labelme OUT/own", refuses=True),
    ),
    "convert": (Case("convert own GIVEN/own --out OUT/set --size 32 --workers 1", "--resume"),),
    "train": (Case("train GIVEN/tiny.toml --out OUT/run", same=False),),
    "standing": (Case("standing GIVEN/standing.toml --folder OUT/run --stretches 1", same=False),),
    "average": (
        Case("average GIVEN/run/weights.safetensors GIVEN/run/weights.safetensors --out OUT/a.safetensors"),
    ),
    "evaluate": (
        Case("evaluate --data GIVEN/set --weights GIVEN/fake.onnx --no-evidence --out OUT", same=False),
    ),
    "ship": (
        Case(
            "ship GIVEN/run/weights.safetensors --name dahyf-lite --data GIVEN/set --held-out 4 --out OUT"
            " --trained-on nothing --commit none"
        ),
    ),
    "export": (
        Case(
            "export GIVEN/video.hands.jsonl --to glb --to bvh --to openxr --to usd --to csv --to npz --out OUT",
            "--overwrite",
        ),
    ),
    "ar": (Case("ar --write OUT/page", needs=PAGE),),
    "annotate": (
        Case(
            "annotate GIVEN/video.webm --model GIVEN/fake.onnx --out OUT/table --lerobot OUT/set",
            needs="daft",
        ),
    ),
}
WITHOUT = {
    "live": "writes only recordings that a key asks for (tests/tracks)",
    "doctor": "writes nothing that stays",
    "info": "writes nothing",
    "submit": "needs a benchmark's pictures and MANO; its one file is written by knuckle.files.atomic_path",
    "score": "needs a benchmark's truth; its one file is written by knuckle.files.atomic_path",
}


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--only", default=None, help="commands, as a list with commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/kills"))
    options = parser.parse_args()
    if forgotten := [name for name in COMMANDS if name not in CASES and name not in WITHOUT]:
        parser.error(f"no entry for {', '.join(forgotten)}: add the smallest input to CASES")
    raise SystemExit(1 if run(options) else 0)


def run(options: argparse.Namespace) -> int:
    """How many kills were not survived."""
    started, bad, kills = time.monotonic(), 0, 0
    out: Path = options.out.resolve()
    chosen = options.only.split(",") if options.only else list(COMMANDS)
    words = " ".join(case.words for name in chosen for case in CASES.get(name, ()))
    prepare(out / GIVEN, run="GIVEN/run" in words, found="GIVEN/set" in words or "tiny.toml" in words)
    for name in chosen:
        if name in WITHOUT:
            print(f"{name}: left out, {WITHOUT[name]}")
            continue
        for case in CASES[name]:
            if lack := case.lacks():
                print(f"{case.words}: left out, {lack}")
                continue
            chance = random.Random(f"{options.seed} {case.words}")
            told = list(_killed(case, options.times, chance, out))
            kills += options.times
            bad += len(told)
            for one in told:
                print(f"FAILED {case.words}: {one}", flush=True)
    print(f"{kills - bad} of {kills} kills survived, {time.monotonic() - started:.0f} s")
    return bad


def _killed(case: Case, times: int, chance: random.Random, out: Path) -> Iterator[str]:
    """What was wrong after each kill of a command; prints a line about it."""
    whole, folder = out / "whole", out / "killed"
    _empty(whole)
    began = time.monotonic()
    code, said = _finish(_start(case, out / GIVEN, whole), LIMIT_S)
    took_s = time.monotonic() - began
    if code:
        for _ in range(times):
            yield f"without a kill, exit code {code}: {said[-400:]}"
        return
    expected, wrong, hit = _digests(whole), 0, 0
    for _ in range(times):
        _empty(folder)
        process = _start(case, out / GIVEN, folder)
        after_s = chance.uniform(took_s / 3, took_s)
        try:
            process.wait(timeout=after_s)
        except subprocess.TimeoutExpired:
            hit += 1
        _kill(process)
        half = list(faults(folder, leftovers=False))
        if case.refuses and _digests(folder) == expected:
            code, said = 0, ""
        else:
            code, said = _finish(_start(case, out / GIVEN, folder, again=any(folder.iterdir())), LIMIT_S)
        fault = None
        if half:
            fault = f"half files after a kill at {after_s:.1f} s: {'; '.join(half)}"
        elif code:
            fault = f"after a kill at {after_s:.1f} s, exit code {code}: {said[-400:]}"
        elif half := list(faults(folder, leftovers=False)):
            fault = f"half files after going on: {'; '.join(half)}"
        elif case.same and (found := _digests(folder)) != expected:
            names = sorted(n for n in expected.keys() | found.keys() if expected.get(n) != found.get(n))
            fault = f"after a kill at {after_s:.1f} s, others than without: {', '.join(names)}"
        if fault:
            wrong += 1
            yield fault
    print(f"{case.words}: {times - wrong} of {times}, {hit} before its end ({took_s:.1f} s)", flush=True)


def _start(case: Case, given: Path, out: Path, *, again: bool = False) -> "subprocess.Popen[str]":
    words = f"{case.words} {case.again}" if again else case.words
    command = [word.replace("GIVEN", str(given)).replace("OUT", str(out)) for word in words.split()]
    return subprocess.Popen(
        [sys.executable, "-m", "knuckle", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def _finish(process: "subprocess.Popen[str]", limit_s: float) -> tuple[int, str]:
    try:
        said, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        _kill(process)
        return 1, f"not done after {limit_s:.0f} s"
    return process.returncode, said


def _kill(process: "subprocess.Popen[str]") -> None:
    """The process and what it started, as a loss of power would."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _digests(folder: Path) -> dict[str, str]:
    """Of all files but temporary ones, which a kill may leave behind."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(_contents(path)).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not is_temporary(path.relative_to(folder))
    }


def _contents(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix != ".safetensors":
        return data
    end = 8 + int.from_bytes(data[:8], "little")
    return json.dumps(json.loads(data[8:end]), sort_keys=True).encode() + data[end:]


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def prepare(given: Path, *, found: bool, run: bool) -> None:
    """Make the inputs where they are not there yet: files of every kind and labels; with `found` a set, which takes a
    minute, and with `run` a run on it."""
    here = [sys.executable, "-m"]
    if not (given / "labelme").exists():
        _empty(given)
        _checked([*here, "benchmarks.hostile.materials", str(given)])
        _write_labels(given)
    (given / "tiny.toml").write_text(_RECIPE.replace("GIVEN", str(given)))
    (given / "standing.toml").write_text(_STANDING)
    if found or run:
        synth = "synth --count 16 --size 32 --backgrounds procedural --workers 1 --resume --out"
        _checked([*here, "knuckle", *synth.split(), str(given / "set")])
    if run:
        _checked([*here, "knuckle", "train", str(given / "tiny.toml"), "--out", str(given / "run")])


def _write_labels(given: Path) -> None:
    from benchmarks.hostile.kinds.json_files import COCO, HAND, LABELME

    for name, file, value in (("own", "labels.jsonl", HAND), ("labelme", "photo.json", LABELME)):
        (given / name).mkdir()
        shutil.copy(given / "photo.jpg", given / name)
        (given / name / file).write_text(json.dumps(value) + "\n")
    (given / "coco.json").write_text(json.dumps(COCO))


def _checked(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"error: {' '.join(command)}: {done.stdout[-500:]}{done.stderr[-500:]}")


if __name__ == "__main__":
    main()
