"""Samples a second of a lite system's training step on one thread: as it is, without the allocator settings of the
launcher, and with torch's own depthwise convolution.
Run: python benchmarks/training_speed.py [--systems dahyf dfl]
"""

import argparse
import os
import subprocess
import sys

from knuckle.models import SYSTEMS
from knuckle.training.launch import ALLOCATOR

CHILD = """
import sys, time, torch
from knuckle.layers import backbones
if sys.argv[2] == "torch":
    backbones.with_fast_depthwise = lambda body: None
from knuckle.models import create_loss, create_model
from knuckle.models.contract import Targets, TwoHandTargets
torch.set_num_threads(1)
batch = 32
model = create_model(sys.argv[1]).train().to(memory_format=torch.channels_last)
loss = create_loss(sys.argv[1], model.config)
optimiser = torch.optim.AdamW([*model.parameters(), *loss.parameters()], fused=True)
size = model.config.patch_size
patch = (torch.rand(batch, 3, size, size) * 2 - 1).contiguous(memory_format=torch.channels_last)
crop = torch.tensor([[100.0, 100, 80]]).repeat(batch, 1)
camera = torch.tensor([[500.0, 500, 128, 128]]).repeat(batch, 1)
lead = (batch,) if model.hands == 1 else (batch, 2)
labels = (
    torch.rand(*lead, 21, 2) * size, torch.rand(*lead, 21, 2) * 80 + 60, torch.rand(*lead, 21, 3) * 0.1 + 0.4,
    torch.randn(*lead, 16, 3) * 0.2, torch.randn(*lead, 10), torch.ones(*lead, dtype=torch.bool),
)
mask = torch.randint(0, 33, (batch, size // 2, size // 2), dtype=torch.uint8)
targets = Targets(*labels) if model.hands == 1 else TwoHandTargets(*labels, part_mask=mask)
def step():
    total, _ = loss(model(patch, crop, camera), targets, crop, camera, negatives=True)
    optimiser.zero_grad()
    total.backward()
    optimiser.step()
step(); step()
start = time.process_time()
for _ in range(8):
    step()
print(8 * batch / (time.process_time() - start))
"""


def samples_a_second(system: str, depthwise: str, settings: dict[str, str]) -> float:
    """Best of three runs: other work on the machine only ever slows a run."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **settings}
    command = [sys.executable, "-c", CHILD, system, depthwise]
    runs = [
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True) for _ in range(3)
    ]
    return max(float(run.stdout) for run in runs)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=["dahyf"])
    for system in parser.parse_args().systems:
        tuned = samples_a_second(system, "compiled", ALLOCATOR)
        print(f"{system} training step, one thread: {tuned:.1f} samples/s")
        for name, depthwise, settings in (
            ("without the launcher's allocator settings", "compiled", {}),
            ("with torch's depthwise convolution", "torch", ALLOCATOR),
        ):
            plain = samples_a_second(system, depthwise, settings)
            print(f"  {name}: {plain:.1f} samples/s ({tuned / plain:.2f}x slower)")


if __name__ == "__main__":
    main()
