"""What the frozen clips hold, kind by kind, as Markdown; see docs/clips.md.

python -m benchmarks.accuracy.clip_contents [--clips FOLDER]. Renders the clips into the cache at first use. A hand
counts once in every frame that it is in.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.shared.arguments import make_parser
from knuckle.synth.clips.frozen import StoredClip, load_clip, load_frozen_clips
from knuckle.synth.clips.kinds import KINDS
from knuckle.synth.clips.writer import clip_folders

HIDDEN_BELOW, BLURRED_FROM_PX, SMALL_BELOW_PX = 0.2, 5.0, 48.0
COLUMNS = ("kind", "frames", "without a hand", "hands", "hidden", "blurred", "small", "fastest wrist, m/s")


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument(
        "--clips", type=Path, default=None, help="a folder of rendered clips; default: the frozen ones"
    )
    options = parser.parse_args()
    clips = (
        load_frozen_clips()
        if options.clips is None
        else [load_clip(one) for one in clip_folders(options.clips)]
    )
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    for kind in KINDS:
        if own := [clip for clip in clips if clip.kind == kind]:
            print(_row(kind, own))
    print(_row("all", clips))


def _row(name: str, clips: Sequence[StoredClip]) -> str:
    lines = [line for clip in clips for line in clip.truth]
    hands = [hand for line in lines for hand in line["hands"]]
    shown, blur = (np.array([hand[key] for hand in hands]) for key in ("shown", "blur_px"))
    longer = np.array([max(hand["box_px"][2:]) for hand in hands])
    cells = [
        name,
        str(len(lines)),
        f"{np.mean([not line['hands'] for line in lines]):.0%}",
        str(len(hands)),
        f"{(shown < HIDDEN_BELOW).mean():.0%}",
        f"{(blur > BLURRED_FROM_PX).mean():.0%}",
        f"{(longer < SMALL_BELOW_PX).mean():.0%}",
        f"{max(_fastest_m_s(clip) for clip in clips):.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def _fastest_m_s(clip: StoredClip) -> float:
    """Speed of the fastest wrist between two frames, in the camera's frame; where the camera moves, that counts too."""
    fastest = 0.0
    for before, after in pairwise(clip.truth):
        wrists = {hand["identity"]: np.array(hand["joints_m"][0]) for hand in before["hands"]}
        for hand in after["hands"]:
            if hand["identity"] in wrists:
                step = np.linalg.norm(np.array(hand["joints_m"][0]) - wrists[hand["identity"]])
                fastest = max(fastest, float(step) / (after["time_s"] - before["time_s"]))
    return fastest


if __name__ == "__main__":
    main()
