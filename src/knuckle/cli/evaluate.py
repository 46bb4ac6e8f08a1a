"""`knuckle evaluate`."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def evaluate(
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="synthetic, eval-dev, or the folder of FreiHAND, HO-3D, indexed photos, a rendered set;"
            " repeatable."
        ),
    ] = None,
    weights: Annotated[
        str, typer.Option(help="A model's name, an .onnx file or a .safetensors file.")
    ] = "dahyf",
    out: Annotated[Path | None, typer.Option(help="Folder for the JSON and the plots.")] = None,
    by_class: Annotated[bool, typer.Option("--by-class", help="Errors by joint class too.")] = False,
    plot: Annotated[bool, typer.Option(help="Draw a picture of each report into --out.")] = True,
    limit: Annotated[int | None, typer.Option(help="Only the first so many hands of each benchmark.")] = None,
    expand: Annotated[
        float | None, typer.Option(help="Crop side over box side; default: the model's own.")
    ] = None,
    root: Annotated[
        Literal["predicted", "scale"],
        typer.Option(help="FreiHAND's root depth: the model's, or by the bone length given."),
    ] = "predicted",
    refine: Annotated[
        bool, typer.Option(help="Fuse 2D and 3D joints as `knuckle estimate` does, or the network alone.")
    ] = True,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of the network.")] = 1,
) -> None:
    """Score weights on the synthetic benchmark or on real photos, boxes and sides given."""
    from rich.console import Console

    from knuckle.cli.predictors import open_model
    from knuckle.cli.progress import counting
    from knuckle.errors import KnuckleError
    from knuckle.evaluation.benchmarks import evaluate as score
    from knuckle.evaluation.benchmarks import open_benchmarks
    from knuckle.evaluation.report import to_table, write_reports
    from knuckle.view.report_plot import write_report_plot

    if expand is not None and not 0.5 <= expand <= 10:
        raise KnuckleError(f"expand: expected a crop side of 0.5 to 10 boxes, got {expand:g}")
    if out is not None:
        _make_folder(out)
    opened = [(name, open_benchmarks(name, limit=limit, root=root)) for name in data or ["synthetic"]]
    model = open_model(weights, threads=threads, refine=refine)
    console = Console()
    for name, benchmarks in opened:
        reports = []
        for benchmark in benchmarks:
            with counting(benchmark.name, len(benchmark) + benchmark.other_count) as advance:
                reports.append(
                    score(
                        model.predict,
                        benchmark,
                        size=model.size,
                        expand=expand or model.expand,
                        model=model.name,
                        progress=advance,
                    )
                )
            console.print(to_table(reports[-1], by_class=by_class), "")
        if out is None:
            continue
        written = [out / f"{Path(name).name}.json"]
        write_reports(written[0], reports)
        for benchmark, report in zip(benchmarks, reports, strict=True):
            if plot:
                written.append(out / f"{benchmark.slug}.png")
                write_report_plot(written[-1], report)
        console.print("wrote " + ", ".join(str(path) for path in written), soft_wrap=True, markup=False)


def _make_folder(out: Path) -> None:
    """Before the work, not after it: a folder that cannot be made."""
    from knuckle.errors import KnuckleError

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KnuckleError(f"{out}: expected a folder to write to, got {error.strerror}") from error
