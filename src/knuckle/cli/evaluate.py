"""`knuckle evaluate`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from knuckle.cli.interhand_options import AnnotatorsOption, FilteredOption, ShownOption

if TYPE_CHECKING:
    from knuckle.datasets.interhand import Chosen
    from knuckle.evaluation.benchmarks.one_hand import Benchmark
    from knuckle.evaluation.benchmarks.two_hands import TwoHandBenchmark
    from knuckle.evaluation.metrics.silhouettes import LabelledFaces
    from knuckle.evaluation.model import EvaluatedModel
    from knuckle.evaluation.report import Report


def evaluate(
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="synthetic, synthetic-two, eval-dev, or the folder of FreiHAND, HO-3D, InterHand2.6M, EgoDexter,"
            " HIC, RGB2Hands, COCO-WholeBody, DexYCB, ARCTIC, HOT3D, indexed photos, a rendered set; repeatable."
        ),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            help="A model's name, auto, an .onnx file or a .safetensors file; repeatable, to compare. Default:"
            " dahyf."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the JSON and the plots.")] = None,
    by_class: Annotated[
        bool, typer.Option("--by-class", help="Errors by joint class, and by what two hands do, too.")
    ] = False,
    alignment: Annotated[
        bool,
        typer.Option("--alignment", help="Compare silhouettes of the meshes too: mIoU, Hausdorff distance."),
    ] = False,
    paper: Annotated[
        bool,
        typer.Option(
            "--paper", help="The columns of the system's paper too, the paper's own row below ours."
        ),
    ] = False,
    record: Annotated[
        bool,
        typer.Option(
            "--record", help="Write the scores, each with its command, into the weights' records (NAME.json)."
        ),
    ] = False,
    plot: Annotated[bool, typer.Option(help="Draw a picture of each benchmark into --out.")] = True,
    limit: Annotated[int | None, typer.Option(help="Only the first so many hands of each benchmark.")] = None,
    expand: Annotated[
        float | None, typer.Option(help="Crop side over box side; default: the model's own.")
    ] = None,
    root: Annotated[
        Literal["predicted", "scale"],
        typer.Option(help="FreiHAND's root depth: the model's, or by the bone length given."),
    ] = "predicted",
    mano: Annotated[
        Path | None,
        typer.Option(
            help="Your MANO_RIGHT.pkl: meshes of converted sets and InterHand2.6M, triangles for --alignment."
        ),
    ] = None,
    annotators: AnnotatorsOption = "all",
    shown: ShownOption = "all",
    filtered: FilteredOption = False,
    variant: Annotated[
        str | None,
        typer.Option(help="Of DexYCB: s0 to s3; of ARCTIC: p1, p2; of HOT3D: aria, aria-grey, quest3."),
    ] = None,
    refine: Annotated[
        bool, typer.Option(help="Fuse 2D and 3D joints as `knuckle estimate` does, or the network alone.")
    ] = True,
    evidence: Annotated[
        bool,
        typer.Option(help="Use the landmark network's joints too, as `knuckle estimate` does, or not."),
    ] = True,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of the network.")] = 1,
) -> None:
    """Score weights on the synthetic benchmark or on real photos, boxes and sides given."""
    from dataclasses import replace

    from rich.console import Console

    from knuckle.datasets.interhand import Chosen
    from knuckle.errors import KnuckleError
    from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
    from knuckle.evaluation.paper_tables import frames_per_second, paper_tables
    from knuckle.evaluation.protocols.alignment import require_mesh
    from knuckle.evaluation.recorded import record_report
    from knuckle.evaluation.report import file_name, to_table, write_reports
    from knuckle.open_model import open_model
    from knuckle.rig.load import load_rig, rig_file
    from knuckle.sets.seen import joined
    from knuckle.view.charts import require_matplotlib
    from knuckle.view.report_plot import write_report_plot

    if expand is not None and not 0.5 <= expand <= 10:
        raise KnuckleError(f"expand: expected a crop side of 0.5 to 10 boxes, got {expand:g}")
    if expand is not None and "auto" in (weights or []):
        raise KnuckleError("expand: expected none with auto, whose systems cut crops of their own")
    names = weights or ["dahyf"]
    records = [_record_path(name) for name in names] if record else []
    if mano is not None:
        # A file that is not MANO's is reported before the work.
        if not Path(rig_file(mano)[0]).is_file():
            raise KnuckleError(f"{mano}: expected a MANO file, found none")
        load_rig(mano)
    meshes = _meshes(mano) if alignment else []
    models = [open_model(name, threads=threads, refine=refine, evidence=evidence) for name in names]
    # All models are scored on hands that none of them was trained on.
    seen = joined(*(model.trained_sets or {} for model in models))
    chosen = Chosen("test", annotators, shown, filtered)
    opened = [
        (
            name,
            open_benchmarks(
                name, limit=limit, root=root, mano=mano, seen=seen, chosen=chosen, variant=variant
            ),
        )
        for name in data or ["synthetic"]
    ]
    if alignment:
        for benchmark in (b for _, benchmarks in opened for b in benchmarks):
            require_mesh(benchmark.name, benchmark.vertex_count, meshes)
    if out is not None:
        if plot:
            require_matplotlib(otherwise="give --no-plot")
        _make_folder(out)
    if expand is not None:
        models = [replace(model, expand=expand) for model in models]
    plain_names = [model.name for model in models]
    models = _with_own_names(models)
    console = Console()
    for name, benchmarks in opened:
        reports: list[list[Report]] = []
        for benchmark in benchmarks:
            reports.append([])
            for model in models:
                report = _score(model, benchmark, meshes)
                reports[-1].append(report)
                console.print(to_table(report, by_class=by_class), "")
                if paper:
                    fps = frames_per_second(model, benchmark)
                    console.print(*paper_tables(model, report, fps=fps), sep="\n")
        for row in reports:
            for path, model, report in zip(records, plain_names, row, strict=bool(records)):
                command = _command(
                    name,
                    path,
                    limit,
                    expand,
                    root,
                    mano=mano,
                    refine=refine,
                    evidence=evidence,
                    chosen=chosen,
                    variant=variant,
                )
                record_report(path, report, model=model, command=command)
        if records:
            console.print("recorded in " + ", ".join(map(str, records)), soft_wrap=True, markup=False)
        if out is None:
            continue
        written = [out / f"{Path(name).name}.json"]
        write_reports(written[0], [report for row in reports for report in row])
        for benchmark, row in zip(benchmarks, reports, strict=True):
            if plot:
                written.append(out / f"{file_name(benchmark.name)}.png")
                write_report_plot(written[-1], row)
        console.print("wrote " + ", ".join(str(path) for path in written), soft_wrap=True, markup=False)


def _record_path(weights: str) -> Path:
    """The record that scores of these weights belong in; raises KnuckleError where they have none."""
    from knuckle.errors import KnuckleError
    from knuckle.weights import AUTO, read_record, record_path

    if weights == AUTO or weights.endswith(".safetensors"):
        raise KnuckleError(
            f"record: expected weights with a record (a model's name or an .onnx file), got {weights!r}"
        )
    path = record_path(weights)
    read_record(path)
    return path


def _command(
    data: str,
    record: Path,
    limit: int | None,
    expand: float | None,
    root: str,
    *,
    mano: Path | None,
    refine: bool,
    evidence: bool,
    chosen: "Chosen",
    variant: str | None = None,
) -> str:
    """The command that prints one model's scores on some data, without the options that change none of those that a
    record keeps.
    """
    from knuckle.weights import WEIGHTS_FOLDER

    model = record.stem if record.parent == WEIGHTS_FOLDER else str(record.with_suffix(".onnx"))
    words = ["knuckle", "evaluate", "--data", data, "--weights", model]
    words += [] if limit is None else ["--limit", str(limit)]
    words += [] if expand is None else ["--expand", f"{expand:g}"]
    words += [] if root == "predicted" else ["--root", root]
    words += [] if chosen.annotators == "all" else ["--annotators", chosen.annotators]
    words += [] if chosen.shown == "all" else ["--shown", chosen.shown]
    words += ["--filtered"] if chosen.filtered else []
    words += [] if variant is None else ["--variant", variant]
    words += [] if mano is None else ["--mano", str(mano)]
    words += ([] if refine else ["--no-refine"]) + ([] if evidence else ["--no-evidence"])
    return shlex.join(words)


def _score(
    model: "EvaluatedModel", benchmark: "Benchmark | TwoHandBenchmark", meshes: "list[LabelledFaces]"
) -> "Report":
    from knuckle.evaluation.run import evaluate as score
    from knuckle.progress import show_progress

    steps = len(benchmark) * (2 if meshes else 1) + benchmark.other_count
    with show_progress(benchmark.name, steps) as advance:
        return score(model, benchmark, alignment=meshes, progress=advance)


def _meshes(mano: Path | None) -> "list[LabelledFaces]":
    """Triangles of the open rig, and of MANO where the user has it."""
    from knuckle.evaluation.metrics.silhouettes import labelled_faces
    from knuckle.rig.load import load_rig

    # Where both have as many vertices the file's own triangles are meant.
    names = ["open"] if mano is None else [mano, "open"]
    return [labelled_faces(load_rig(name)) for name in names]


def _with_own_names(models: "list[EvaluatedModel]") -> "list[EvaluatedModel]":
    """The models with a number after every name that another one has too."""
    from dataclasses import replace

    names = [model.name for model in models]
    return [
        replace(model, name=f"{model.name} ({names[: i + 1].count(model.name)})")
        if names.count(model.name) > 1
        else model
        for i, model in enumerate(models)
    ]


def _make_folder(out: Path) -> None:
    """Make the folder before the work: one that cannot be made is reported at once."""
    from knuckle.errors import KnuckleError

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KnuckleError(f"{out}: expected a folder to write to, got {error.strerror}") from error
