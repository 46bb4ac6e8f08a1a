"""How long drawing and encoding a frame of a video take, beside drawing a photo's overlay, in turns on one thread.

python -m benchmarks.live.drawing [--repeats 15]. The package's sample photo with its two hands, at several sizes.
Prints CPU ms of each and the ratio to the photo's overlay: flat meshes, the whole frame (with skeletons and labels),
the frame without meshes, and encoding it as VP9.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from benchmarks.shared.arguments import make_parser, one_line_errors
from knuckle.inference.estimate import estimate
from knuckle.photos.reading import read_image
from knuckle.photos.sample import SAMPLE_PHOTO
from knuckle.tracks.overlay import draw_frame
from knuckle.video.writer import VideoWriter
from knuckle.view.overlay import draw_hands
from knuckle.view.quick_mesh import draw_quick_meshes

SIDES = (480, 960, 1440)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    cv2.setNumThreads(1)
    print("| side, px | photo's overlay | flat meshes | frame | without meshes | encoding |")
    print("|---|---|---|---|---|---|")
    with one_line_errors():
        for side in SIDES:
            print(row(side, repeats), flush=True)


def row(side: int, repeats: int) -> str:
    """A size's line of the table: ms, and after the first column the ratio to it."""
    image = cv2.resize(read_image(SAMPLE_PHOTO), (side, side), interpolation=cv2.INTER_AREA)
    hands = estimate(image)
    hands = hands.changed(identities=tuple(range(len(hands))), time_s=0.0)
    drawn = draw_frame(image, hands, (side, side))
    with (
        tempfile.TemporaryDirectory() as folder,
        VideoWriter(Path(folder) / "drawn.webm", size=(side, side), rate=30, threads=1) as writer,
    ):
        works: list[Callable[[], object]] = [
            lambda: draw_hands(image, hands),
            lambda: draw_quick_meshes(image.copy(), hands),
            lambda: draw_frame(image, hands, (side, side)),
            lambda: draw_hands(image, hands, mesh=False),
            lambda: writer.write(np.roll(drawn, 3 * writer.count, 1), (writer.count + 1) / 30),
        ]
        spent = [[] for _ in works]
        for _ in range(repeats):
            for work, times in zip(works, spent, strict=True):
                started = time.thread_time() if work is not works[-1] else time.process_time()
                work()
                ended = time.thread_time() if work is not works[-1] else time.process_time()
                times.append(1000 * (ended - started))
    photo, *others = (float(np.median(times)) for times in spent)
    return (
        f"| {side} | {photo:.1f} ms | " + " | ".join(f"{ms:.1f} ms, {ms / photo:.3f}" for ms in others) + " |"
    )


if __name__ == "__main__":
    main()
