"""Samples a second of DaHyF-lite's training step on one thread, with and without the launcher's allocator settings.

Run: python benchmarks/training_speed.py
"""

import os
import subprocess
import sys

from knuckle.training.launch import ALLOCATOR

CHILD = """
import time, torch
from knuckle.models import create_model
from knuckle.models.dahyf.losses import DahyfLoss, Targets
torch.set_num_threads(1)
model = create_model("dahyf").train().to(memory_format=torch.channels_last)
loss = DahyfLoss(model.config)
optimiser = torch.optim.AdamW([*model.parameters(), *loss.parameters()])
batch = 32
patch = torch.rand(batch, 3, 128, 128) * 2 - 1
crop = torch.tensor([[100.0, 100, 80]]).repeat(batch, 1)
camera = torch.tensor([[500.0, 500, 128, 128]]).repeat(batch, 1)
targets = Targets(
    torch.rand(batch, 21, 2) * 128, torch.rand(batch, 21, 2) * 80 + 60,
    torch.rand(batch, 21, 3) * 0.1 + 0.4, torch.randn(batch, 16, 3) * 0.2, torch.randn(batch, 10),
    torch.ones(batch, dtype=torch.bool),
)
def step():
    total, _ = loss(model(patch, crop, camera), targets, crop[:, 2], contrastive=True)
    optimiser.zero_grad()
    total.backward()
    optimiser.step()
step(); step()
start = time.process_time()
for _ in range(8):
    step()
print(8 * batch / (time.process_time() - start))
"""


def samples_a_second(settings: dict[str, str]) -> float:
    """Best of three runs: other work on the machine only ever slows a run."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **settings}
    command = [sys.executable, "-c", CHILD]
    runs = [
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True) for _ in range(3)
    ]
    return max(float(run.stdout) for run in runs)


def main() -> None:
    plain, tuned = samples_a_second({}), samples_a_second(ALLOCATOR)
    print(f"training step, one thread: {plain:.1f} samples/s as is")
    print(f"with the launcher's allocator settings: {tuned:.1f} samples/s ({tuned / plain:.2f}x)")


if __name__ == "__main__":
    main()
