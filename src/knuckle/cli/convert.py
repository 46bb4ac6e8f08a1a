"""`knuckle data convert NAME DIR OUT`, and its older name `knuckle convert`: a data set as a set to train on."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from knuckle.cli.interhand_options import AnnotatorsOption, FilteredOption, ShownOption

if TYPE_CHECKING:
    from knuckle.datasets.teacher_set import SecondOpinion


_Dataset = Annotated[
    str,
    typer.Argument(
        help="Which data set (`knuckle data list`); teacher: photographs with the labels of another system."
    ),
]
_Folder = Annotated[
    Path, typer.Argument(help="Its folder, as downloaded and unpacked; or the .tar or .zip that it came in.")
]
_Size = Annotated[
    int | None, typer.Option("--size", help="Side of the crops, px; without it 256, of teacher 128.")
]
_Rig = Annotated[
    Path | None,
    typer.Option(
        "--rig", help="Your MANO_RIGHT.pkl, or a rig file (.npz); without it the open rig is fitted."
    ),
]
_Tips = Annotated[
    Literal["freihand", "ho3d", "manopth", "i2l", "smplx"] | None,
    typer.Option(
        "--tips",
        help="With MANO_RIGHT.pkl: whose fingertips the joints get; without it FreiHAND's, which training expects.",
    ),
]
_Depths = Annotated[
    str | None,
    typer.Option(
        "--depths", help="Of teacher: a one-hand model whose depths count as much as the teacher's."
    ),
]
_Negatives = Annotated[
    float,
    typer.Option(
        "--negatives",
        help="Share of the crops that show no hand: squares of the dataset's frames beside it.",
    ),
]
_Variant = Annotated[
    str | None,
    typer.Option(
        "--variant",
        help="Which set-up or part of a data set that has several (`knuckle data list`); without it the first.",
    ),
]
_Limit = Annotated[int | None, typer.Option("--limit", help="Only the first so many hands.")]
_Workers = Annotated[int, typer.Option("--workers", help="Processes.")]
_Resume = Annotated[bool, typer.Option("--resume", help="Finish a set that was cut short.")]
_SkipDamaged = Annotated[
    bool,
    typer.Option(
        "--skip-damaged",
        help="Finish without the hands whose files cannot be read; they are named. Otherwise the set waits for them.",
    ),
]
_Expand = Annotated[
    float,
    typer.Option(
        "--expand", help="Crop side over the longer side of the joints' box; leaves room to augment."
    ),
]


def data_convert(
    dataset: _Dataset,
    folder: _Folder,
    out: Annotated[Path, typer.Argument(help="Folder of the set.")],
    size: _Size = None,
    rig: _Rig = None,
    tips: _Tips = None,
    depths: _Depths = None,
    negatives: _Negatives = 0.0,
    variant: _Variant = None,
    limit: _Limit = None,
    workers: _Workers = 2,
    resume: _Resume = False,
    skip_damaged: _SkipDamaged = False,
    annotators: AnnotatorsOption = "all",
    shown: ShownOption = "all",
    filtered: FilteredOption = False,
    expand: _Expand = 1.5,
) -> None:
    """Cut the training hands of a data set, or photographs that a teacher labelled, into a set that
    `knuckle train` reads."""
    from knuckle.datasets.archives import is_archive
    from knuckle.datasets.interhand_set import convert_interhand
    from knuckle.datasets.teacher_fit import MOST_OFF
    from knuckle.datasets.teacher_set import convert_teacher
    from knuckle.datasets.training_set import convert_set
    from knuckle.errors import KnuckleError

    if dataset == "interhand26m":
        dataset = "interhand"
    if depths is not None and dataset != "teacher":
        raise KnuckleError(f"--depths: expected with teacher, whose depths are a guess, got {dataset}")
    if tips is not None and dataset == "teacher":
        raise KnuckleError("--tips: expected with a data set, got teacher, whose joints are the rig's own")
    if negatives and dataset == "teacher":
        raise KnuckleError(
            "--negatives: expected with a data set, got teacher, which may show hands without labels"
        )
    if variant is not None and dataset in ("teacher", "interhand"):
        raise KnuckleError(f"--variant: expected with a data set that has some, got {dataset}")
    if dataset == "interhand" and (negatives or tips is not None):
        raise KnuckleError("--negatives, --tips: expected with a set of single hands, got interhand")
    if skip_damaged and dataset in ("interhand", "teacher"):
        told = "which leaves them out in any case" if dataset == "interhand" else "whose photographs are few"
        raise KnuckleError(f"--skip-damaged: expected with a set of single hands, got {dataset}, {told}")
    of_interhand: dict[str, Any] = {"annotators": annotators, "shown": shown, "filtered": filtered}
    if dataset != "interhand" and list(of_interhand.values()) != ["all", "all", False]:
        raise KnuckleError(f"--annotators, --shown, --filtered: expected with interhand, got {dataset}")
    options: dict[str, Any] = {
        "expand": expand,
        "rig": rig,
        "limit": limit,
        "workers": workers,
        "resume": resume,
        "progress": True,
    } | ({} if size is None else {"size": size})
    try:
        if is_archive(folder):
            folder = _unpacked(folder, out)
        if dataset == "teacher":
            second = None if depths is None else second_opinion(depths)
            index = convert_teacher(folder, out, second=second, **options)
        elif dataset == "interhand":
            index = convert_interhand(folder, out, mano=options.pop("rig"), **of_interhand, **options)
        else:
            options |= {"tips": tips, "negatives": negatives, "variant": variant}
            index = convert_set(dataset, folder, out, skip_damaged=skip_damaged, **options)
    except KeyboardInterrupt:
        typer.echo(f"{out}: stopped; the same command with --resume goes on from here", err=True)
        raise typer.Exit(130) from None
    if dataset == "interhand":
        counts = {kind: len(names) for kind, names in index["left_out"].items()}
        typer.echo(
            f"{out}: {index['count']} crops of {index['options']['size']} px, poses of the {index['rig_name']} rig; in"
            f" the place of {counts['unreadable']} unreadable and {counts['dark']} black pictures stand the next ones"
            f" (named in {out / 'index.json'})"
        )
        return
    without = f", {index['hand_free']} of them without a hand" if index["hand_free"] else ""
    met = (
        "no hand with pose and shape"
        if index["residual_mm"] is None
        else f"the joints of the {index['rig_name']} rig lie {index['residual_mm']} mm from the dataset's"
    )
    typer.echo(f"{out}: {index['count']} crops of {index['options']['size']} px{without}; {met}")
    if isinstance(index.get("left_out"), list) and index["left_out"]:
        for fault in index["left_out"]:
            typer.echo(f"left out: {fault}", err=True)
        typer.echo(f"{len(index['left_out'])} left out; index.json names them", err=True)
    lost = index.get("left_out_damaged", [])
    for sentence in lost:
        typer.echo(f"damaged, left out: {sentence}", err=True)
    if lost:
        typer.echo(f"{len(lost)} damaged files or entries left out; index.json names them", err=True)
        raise typer.Exit(1)
    if dataset == "teacher":
        left_out = index["left_out"]
        typer.echo(
            f"in the picture {index['residual_2d_percent']} % of the hand's extent; left out: {left_out['off']} hands"
            f" further off than {100 * MOST_OFF:.0f} %, {left_out['size']} of no hand's size"
        )


def _as_older_name(function: Callable[..., None]) -> Callable[..., None]:
    """The same command with OUT as an option, as `knuckle convert` has it; every other option is the one above."""

    def convert(**given: Any) -> None:
        function(**given)

    hints = get_type_hints(function, include_extras=True)
    hints["out"] = Annotated[Path, typer.Option(help="Folder of the set.")]
    signature = inspect.signature(function)
    # Typer reads both.
    convert.__signature__ = signature.replace(  # pyright: ignore[reportFunctionMemberAccess]
        parameters=[
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name])
            for name, parameter in signature.parameters.items()
        ]
    )
    convert.__annotations__ = hints
    convert.__doc__ = f"{function.__doc__} The same as `knuckle data convert`."
    return convert


convert = _as_older_name(data_convert)


def _unpacked(archive: Path, out: Path) -> Path:
    from knuckle.datasets.archives import unpack
    from knuckle.progress import show_progress

    into = out.with_name(f"{out.name}-unpacked")
    with show_progress(f"unpacking {archive.name}", None) as advance:
        folder = unpack(archive, into, progress=advance)
    typer.echo(f"{into}: the files of {archive.name}; once the set is made they can be deleted")
    return folder


def second_opinion(weights: str) -> "SecondOpinion":
    """A model as a function from hands to their joints. Raises KnuckleError for a two-hand one."""
    from knuckle.datasets.labelled import to_patch
    from knuckle.datasets.teacher_set import SecondOpinion
    from knuckle.errors import KnuckleError
    from knuckle.evaluation.run import run_patches
    from knuckle.open_model import open_model

    # The landmark network labelled the photographs already: its joints must not count twice.
    model = open_model(weights, evidence=False)
    if model.hands != 1:
        raise KnuckleError(f"--depths: expected a one-hand model, got {model.name}")
    return SecondOpinion(
        model.name.partition(" (")[0],
        lambda hands: (
            run_patches(
                model.predict, (to_patch(hand, size=model.size, expand=model.expand) for hand in hands)
            )[1].joints_m
        ),
    )
