"""Finished crops a second on one core, and what share of the time each stage takes.

python -m benchmarks.speed.synth_speed [--count N] [--size S] [--scenes N]. One hand at --size px, two hands at 160 px
(all crops pairs; a pool of pairs that are drawn beforehand), and whole scenes of 384 to 640 px. Everything is on:
ambient occlusion, shadow, 2 x 2 samples a pixel, backgrounds, photo effects. Compilation, painting of the detail maps
and decoding of the background pictures are paid once a process and come before the clock starts: the timed samples are
rendered twice, the second time counts. The reference is the bare rasteriser on the same doubled grid.
"""

import cProfile
import time
from collections.abc import Callable
from typing import Any

import cv2

from benchmarks.shared.arguments import make_parser
from knuckle.rig.hand_rig import HandRig
from knuckle.synth.body.arm import grow_arm, sample_arm
from knuckle.synth.body.pool import PosePool
from knuckle.synth.camera.placement import place_hand
from knuckle.synth.engine import SynthEngine
from knuckle.synth.look.background import Backgrounds
from knuckle.synth.look.clutter import add_clutter, add_skin_shapes
from knuckle.synth.look.render import Renderer
from knuckle.synth.look.shade import composite
from knuckle.synth.options import SynthOptions
from knuckle.synth.pairs.engine import PairEngine
from knuckle.synth.scenes.engine import SceneEngine
from knuckle.synth.studio import Studio

PAIR_SIZE = 160

STAGES: dict[str, tuple[Any, ...]] = {
    "pose and shape": (HandRig.posed_joints, HandRig.posed_by_matrices, PosePool.pose, PosePool.view),
    "arm and camera": (sample_arm, grow_arm, place_hand, Renderer.project),
    "rasterise": (Renderer.rasterise,),
    "light, occlusion, shadow map": (Renderer.illuminate,),
    "shade": (Renderer.shade, composite),
    "background": (Backgrounds.draw,),
    "clutter and occluders": (add_clutter, add_skin_shapes, Studio.occlude),
    "photo": (Studio.photograph,),
}
"""The functions whose time a stage is. Pictures that fill clutter count as background too."""


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--scenes", type=int, default=60)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    engine = SynthEngine(1, SynthOptions(size=options.size))
    wall_rate, cpu_rate = rates(engine.sample, options.count)
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
    entries = profile.getstats()
    whole = sum(entry.inlinetime for entry in entries)
    spent = {entry.code: entry.totaltime for entry in entries}
    for stage, functions in STAGES.items():
        share = sum(spent.get(function.__code__, 0.0) for function in functions) / whole
        print(f"  {stage:<30}{100 * share:5.1f} %")
    pairs = PairEngine(1, SynthOptions(size=PAIR_SIZE, hands="two", singles=0))
    wall_rate, cpu_rate = rates(pairs.sample, options.count)
    print(
        f"two hands, {PAIR_SIZE} px: {wall_rate:.0f} crops/s of wall time, {cpu_rate:.0f} crops/s of CPU time"
    )
    scenes = SceneEngine(1)
    wall_rate, cpu_rate = rates(scenes.picture, options.scenes)
    print(f"scenes: {wall_rate:.1f} pictures/s of wall time, {cpu_rate:.1f} pictures/s of CPU time")


def rates(render: Callable[[int], Any], count: int) -> tuple[float, float]:
    """Crops or pictures a second of wall and of CPU time, the best of three rounds after one that is not timed."""
    found = []
    for turn in range(4):
        wall, cpu = time.perf_counter(), time.process_time()
        for index in range(count):
            render(index)
        if turn:
            found.append((count / (time.perf_counter() - wall), count / (time.process_time() - cpu)))
    return max(found)


if __name__ == "__main__":
    main()
