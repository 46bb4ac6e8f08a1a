"""Options of the tracker, which `knuckle track` and `knuckle live` share."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from knuckle.tracks.settings import Settings

CameraOption = Annotated[
    str | None,
    typer.Option(
        metavar="FX,FY,CX,CY|FILE",
        help="The camera's intrinsics, px, or the camera.json of `knuckle calibrate`; else what a video tells of its"
        " lens, or a guess.",
    ),
]
ModelOption = Annotated[str, typer.Option(help="auto, a model that `knuckle info` lists, or an .onnx file.")]
MirroredOption = Annotated[
    bool, typer.Option("--mirrored", help="The pictures are mirror images: the true side is the other.")
]
HandLengthOption = Annotated[
    float | None,
    typer.Option(
        metavar="METRES",
        help="Length of all hands, from the wrist to the tip of the middle finger; else each one's is learnt.",
    ),
]
GateOption = Annotated[
    bool, typer.Option(help="Give frames of little confidence the pose of the last confident one, or not.")
]
SmoothOption = Annotated[bool, typer.Option(help="Filter poses over time, or not.")]
RuntimeOption = Annotated[
    str,
    typer.Option(
        metavar="auto|onnxruntime|openvino",
        help='What runs the networks; openvino needs the extra "openvino". auto is onnxruntime, which is no slower.',
    ),
]


def tracker_settings(
    *, camera: str | None, hand_length: float | None, model: str, runtime: str, **others: Any
) -> "Settings":
    """What these options ask for; others: the fields of `Settings` by their names. Raises KnuckleError naming what
    cannot be used."""
    from knuckle.cli.estimate import given_camera
    from knuckle.inference.onnx_model import set_runtime
    from knuckle.live.hand_size import check_length
    from knuckle.tracks.settings import Settings, weights_of

    given = None if camera is None else given_camera(camera)
    set_runtime(runtime)
    weights_of(model)
    return Settings(
        camera=tuple(given) if isinstance(given, list) else given,  # pyright: ignore[reportArgumentType]
        model=model,
        hand_length_m=None if hand_length is None else check_length(hand_length),
        runtime=runtime,  # pyright: ignore[reportArgumentType]
        **others,
    )
