"""`knuckle score NAME FILE --truth DIR`: anybody's predictions by a benchmark's own rules."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from knuckle.cli.interhand_options import AnnotatorsOption, FilteredOption, ShownOption


def score(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="The benchmark: freihand, ho3d, interhand26m, hic, egodexter, dexycb, arctic or hot3d.",
        ),
    ],
    predictions: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="pred.json or a .zip with it, as its server takes it; where there is none also .npz.",
        ),
    ],
    truth: Annotated[Path, typer.Option(help="Folder of the data set with the truth of the split.")],
    json: Annotated[
        Path | None, typer.Option("--json", help="Write the scores, curves and the protocol there too.")
    ] = None,
    split: Annotated[Literal["test", "val"], typer.Option(help="Of interhand26m.")] = "test",
    annotators: AnnotatorsOption = "all",
    shown: ShownOption = "all",
    filtered: FilteredOption = False,
    variant: Annotated[
        str | None, typer.Option(help="Of dexycb: s0, s1, s2 or s3; of arctic: p1 or p2.")
    ] = None,
    mano: Annotated[
        Path | None, typer.Option(help="Your MANO_RIGHT.pkl, MANO_LEFT.pkl beside it: of hot3d and arctic.")
    ] = None,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Score a file that looks wrong, with a note that says why.")
    ] = False,
    by_class: Annotated[bool, typer.Option("--by-class", help="Errors by joint class too.")] = False,
) -> None:
    """Score anybody's prediction file by the official rules, which are printed with the figures."""
    from rich.console import Console

    from knuckle.datasets.interhand import Chosen
    from knuckle.evaluation.report import to_table, write_reports
    from knuckle.evaluation.scoring.catalogue import score_file
    from knuckle.progress import show_progress

    chosen = Chosen(split, annotators, shown, filtered)
    with show_progress("scoring", None) as advance:
        report = score_file(
            name,
            predictions,
            truth,
            chosen=chosen,
            variant=variant,
            mano=mano,
            as_is=as_is,
            progress=advance,
        )
    console = Console()
    console.print(to_table(report, by_class=by_class), "")
    if json is not None:
        write_reports(json, [report])
        console.print(f"wrote {json}", soft_wrap=True, markup=False)
