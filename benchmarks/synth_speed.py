"""Finished crops a second on one core, and what share of the time each stage takes.

python benchmarks/synth_speed.py [--count N] [--size S]. One hand at --size px, and two hands at 160 px (all crops
pairs; a pool of pairs that are drawn beforehand). Everything is on: ambient occlusion, shadow, 2 x 2
samples a pixel, backgrounds, photo effects. Compilation, painting of the detail maps and decoding of the
background pictures are paid once a process and come before the clock starts: the timed samples are rendered
twice, the second time counts. The reference is the bare rasteriser on the same doubled grid.
"""

import argparse
import cProfile
import pstats
import time

import cv2

from knuckle.synth.engine import SynthEngine
from knuckle.synth.options import SynthOptions
from knuckle.synth.pairs.engine import PairEngine

PAIR_SIZE = 160

STAGES = {
    "pose and shape": ("posed_joints", "posed_by_matrices", "pose", "view"),
    "arm and camera": ("sample_arm", "grow_arm", "place_hand", "project"),
    "rasterise": ("rasterise",),
    "light, occlusion, shadow map": ("illuminate",),
    "shade": ("shade", "composite"),
    "background": ("draw",),
    "clutter and occluders": ("add_clutter", "add_skin_shapes", "draw_occluder", "blend"),
    "photo": ("photograph", "_beyond_frame"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--size", type=int, default=128)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    engine = SynthEngine(1, SynthOptions(size=options.size))
    wall_rate, cpu_rate = rates(engine, options.count)
    raster = 0.0
    for index in range(options.count):
        engine.sample(index)
        start = time.perf_counter()
        engine.renderer.rasterise(sleeve=True)
        raster += time.perf_counter() - start
    bare = options.count / raster
    print(
        f"one hand, {options.size} px: {wall_rate:.0f} crops/s of wall time, {cpu_rate:.0f} crops/s of CPU time"
    )
    print(
        f"bare rasteriser, {2 * options.size} px: {bare:.0f}/s; a crop costs {bare / wall_rate:.1f} times it"
    )
    profile = cProfile.Profile()
    profile.runcall(lambda: [engine.sample(index) for index in range(options.count)])
    statistics = pstats.Stats(profile).get_stats_profile()
    for stage, names in STAGES.items():
        spent = sum(statistics.func_profiles[n].cumtime for n in names if n in statistics.func_profiles)
        print(f"  {stage:<30}{100 * spent / statistics.total_tt:5.1f} %")
    pairs = PairEngine(1, SynthOptions(size=PAIR_SIZE, hands="two", singles=0))
    wall_rate, cpu_rate = rates(pairs, options.count)
    print(
        f"two hands, {PAIR_SIZE} px: {wall_rate:.0f} crops/s of wall time, {cpu_rate:.0f} crops/s of CPU time"
    )


def rates(engine: SynthEngine | PairEngine, count: int) -> tuple[float, float]:
    """Crops a second of wall and of CPU time, the best of three rounds after one that is not timed."""
    found = []
    for turn in range(4):
        wall, cpu = time.perf_counter(), time.process_time()
        for index in range(count):
            engine.sample(index)
        if turn:
            found.append((count / (time.perf_counter() - wall), count / (time.process_time() - cpu)))
    return max(found)


if __name__ == "__main__":
    main()
