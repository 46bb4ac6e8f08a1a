"""Open hands that `knuckle export` wrote in Blender: .glb (skinned, with correctives) or .bvh.

In Blender: Scripting, Open, this file, set FILES below, Run. From a terminal:

    blender --python import_knuckle.py -- clip.hands.glb
    blender --background --python import_knuckle.py -- clip.left_hand_0.bvh --save clip.blend --joints joints.json

Sets the scene to the file's rate and length. bpy is Blender's own module and is not imported by knuckle.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

FILES: list[str] = []
BVH_UNIT_M = 0.01
"""`knuckle export --to bvh` writes centimetres; 1.0 for `--unit m`."""


def main() -> None:
    options = parse(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else [])
    files = options.files or FILES
    if not files:
        sys.exit("import_knuckle: expected .glb or .bvh files after --, or in FILES, got none")
    if options.rate:
        set_rate(options.rate)
    armatures = [armature for name in files for armature in open_file(Path(name), options.bvh_unit)]
    set_length(armatures)
    if options.joints:
        Path(options.joints).write_text(json.dumps(joints_by_frame(armatures)))
    if options.save:
        import bpy

        bpy.ops.wm.save_as_mainfile(filepath=str(Path(options.save).resolve()))


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="import_knuckle")
    parser.add_argument("files", nargs="*", help=".glb or .bvh of knuckle export")
    parser.add_argument("--rate", type=float, help="frames/s of the scene; a .bvh brings its own")
    parser.add_argument(
        "--bvh-unit", type=float, default=BVH_UNIT_M, help="metres a unit of a .bvh (default: cm)"
    )
    parser.add_argument("--save", help="write a .blend")
    parser.add_argument(
        "--joints", help="write where all bones begin, frame by frame, as JSON (metres, z up)"
    )
    return parser.parse_args(words)


def open_file(path: Path, bvh_unit: float) -> list:
    """The armatures that a file brings."""
    import bpy

    if not path.is_file():
        sys.exit(f"import_knuckle: {path}: cannot be read (no such file)")
    mend_readers()
    before = set(bpy.data.objects)
    if path.suffix.lower() == ".glb":
        bpy.ops.import_scene.gltf(filepath=str(path.resolve()))
    elif path.suffix.lower() == ".bvh":
        bpy.ops.import_anim.bvh(
            filepath=str(path.resolve()),
            global_scale=bvh_unit,
            axis_forward="-Z",
            axis_up="Y",
            update_scene_fps=True,
            use_fps_scale=False,
            rotate_mode="NATIVE",
        )
    else:
        sys.exit(f"import_knuckle: {path}: expected .glb or .bvh, got {path.suffix!r}")
    return [new for new in bpy.data.objects if new not in before and new.type == "ARMATURE"]


def mend_readers() -> None:
    """Blender 3.4 as Debian builds it meets newer Python and NumPy than it knows: its BVH reader opens files in a mode
    that is gone ("rU"), its glTF reader asks NumPy for `bool`."""
    import bpy

    if bpy.app.version >= (3, 5, 0):
        return
    import numpy
    from io_anim_bvh import import_bvh

    if not hasattr(numpy, "bool"):
        numpy.bool = bool
    import_bvh.open = open_text


def open_text(path: str, mode: str = "r", **options: Any) -> Any:
    """A file, whose end of line may be any."""
    return Path(path).open(mode.replace("U", ""), **options)


def set_rate(rate: float) -> None:
    import bpy

    render = bpy.context.scene.render
    render.fps, render.fps_base = round(rate), round(rate) / rate


def set_length(armatures: list) -> None:
    """From the first key to the last."""
    import bpy

    actions = [a.animation_data.action for a in armatures if a.animation_data and a.animation_data.action]
    # glTF's animations lie on tracks of their own.
    actions += [
        strip.action
        for a in armatures
        if a.animation_data
        for track in a.animation_data.nla_tracks
        for strip in track.strips
        if strip.action
    ]
    if actions:
        scene = bpy.context.scene
        scene.frame_start = int(min(action.frame_range[0] for action in actions))
        scene.frame_end = round(max(action.frame_range[1] for action in actions))


def joints_by_frame(armatures: list) -> dict:
    """{armature: {bone: [[x, y, z] of its head, each frame]}}, metres, Blender's axes (z up)."""
    import bpy

    scene = bpy.context.scene
    found = {a.name: {bone.name: [] for bone in a.pose.bones} for a in armatures}
    for frame in range(scene.frame_start, scene.frame_end + 1):
        scene.frame_set(frame)
        for armature in armatures:
            for bone in armature.pose.bones:
                place = armature.matrix_world @ bone.head
                found[armature.name][bone.name].append([round(value, 6) for value in place])
    return found


if __name__ == "__main__":
    main()
