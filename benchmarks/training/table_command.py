"""`benchmarks.training.ablations --table NAME`: a paper's ablation table, trained row by row and printed beside the
paper's.

Each row is trained in the stages of its plan: EHPE's TW-stage, then its PG-stage on the frozen one; HandAR's rough
mesh, then all three stages; DaHyF and DFL at once. --budget small (the default) takes `recipes/ablations/`, which two
cores run in minutes on a rendered set; --budget paper the recipes of `recipes/paper/`, for those with the papers' data.
A stage that was finished before, by this table or by another one that shares it, is read, and one that was interrupted
goes on.

Printed after every row: the paper's columns with ours (mean and standard deviation over the seeds) and the paper's
figure, columns that the paper does not have (EPE, the rough mesh, the mesh head, MRRPE), parameters, and the reason
that `benchmarks/training/ablation_reasons.toml` gives for a row; then, column by column, the seeds' spread, how many
pairs of rows lie further apart than that, and how many of those stand in the paper's order.

Scored on the hands of the set that trained no stage, unless --score names other data: the network alone, without the
fit. 2D errors of rendered hands are in px of a 224-px crop. --speed times the rows' networks in turns, one crop on one
thread: how many times as fast as the full row.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.shared.paper_tables import PaperTable, read_reasons, read_table, table_names
from benchmarks.shared.row_order import markdown, order_lines, printed, rows_of
from benchmarks.training.table_runs import Scores, Scoring, score_row, speeds_of, train_row
from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.silhouettes import LabelledFaces, labelled_faces
from knuckle.rig.load import load_rig
from knuckle.training.recipe import read_recipe

_SILHOUETTES = ("mIoU", "Hausdorff")


def add_table_options(parser: argparse.ArgumentParser) -> None:
    """The options of a paper's table."""
    parser.add_argument(
        "--table",
        action="append",
        default=[],
        choices=table_names(),
        help="a paper's ablation table; repeatable",
    )
    parser.add_argument("--budget", choices=("small", "paper"), default="small", help="whose recipes")
    parser.add_argument("--samples", type=int, default=None, help="hands that every stage sees")
    parser.add_argument(
        "--held-out",
        type=int,
        default=None,
        help="hands of the set that no stage sees; default: the recipe's",
    )
    parser.add_argument("--mano", type=Path, default=None, help="your MANO_RIGHT.pkl, for sets of its poses")
    parser.add_argument("--speed", action="store_true", help="time the rows against the full one")
    parser.add_argument("--markdown", type=Path, default=None, help="where the tables are written")


def run_tables(options: argparse.Namespace) -> None:
    """Train, score and print the tables asked for, seed by seed, so that one stopped early has every row equally
    often."""
    tables = [read_table(name, budget=options.budget) for name in options.table]
    changes = _changes(options)
    console = Console(width=240)
    written: dict[str, str] = {}
    for table in tables:
        scoring = _scoring(table, options)
        found: dict[str, list[Scores]] = {row.name: [] for row in table.rows}
        weights: dict[str, Path] = {}
        for seed in range(options.seeds):
            for row in table.rows:
                path = train_row(table, row, options.out, seed=seed, changes=changes)
                found[row.name].append(score_row(path, scoring))
                weights.setdefault(row.name, path)
                _print(console, table, found, {}, options)
        speeds = speeds_of(weights, table.full, scoring.data) if options.speed else {}
        if speeds:
            _print(console, table, found, speeds, options)
        written[table.name] = _as_markdown(table, found, speeds, options)
        if options.markdown is not None:
            options.markdown.write_text("\n\n".join(written.values()) + "\n", encoding="utf-8")


def _changes(options: argparse.Namespace) -> dict[str, object]:
    given = {"samples": options.samples, "validation": options.held_out}
    changes: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    if len(options.data) > 1:
        raise KnuckleError(f"--data: expected one folder with --table, got {len(options.data)}")
    for folder in options.data:
        if not Path(folder).is_dir():
            raise KnuckleError(f"--data: expected the folder of a set, got {folder!r}")
        changes["data"] = folder
    return changes


def _scoring(table: PaperTable, options: argparse.Namespace) -> Scoring:
    """On what --score names, or on the held-out hands of the last stage's set."""
    if len(options.score) > 1:
        raise KnuckleError(f"--score: expected one with --table, got {len(options.score)}")
    trained_on = [*options.data, *read_recipe(table.stages[-1].recipe).sets]
    data = options.score[0] if options.score else trained_on[0]
    return Scoring(data, _meshes(table, options.mano), options.limit, options.mano)


def _meshes(table: PaperTable, mano: Path | None) -> Sequence[LabelledFaces]:
    """The triangles that data and rows may have, where the table compares silhouettes."""
    if not any(column.score.startswith(_SILHOUETTES) for column in (*table.columns, *table.also)):
        return ()
    names = ["open"] if mano is None else [mano, "open"]
    return [labelled_faces(load_rig(name)) for name in names]


def _print(
    console: Console,
    table: PaperTable,
    found: dict[str, list[Scores]],
    speeds: dict[str, float],
    options: argparse.Namespace,
) -> None:
    headings, rows = rows_of(found, table, reasons=_reasons(table, options), speeds=speeds)
    console.print(printed(headings, rows, table.title), *order_lines(found, table), "", sep="\n")


def _as_markdown(
    table: PaperTable, found: dict[str, list[Scores]], speeds: dict[str, float], options: argparse.Namespace
) -> str:
    headings, rows = rows_of(found, table, reasons=_reasons(table, options), speeds=speeds)
    lines = [f"- {line}" for line in order_lines(found, table)]
    return "\n".join([f"### {table.title}", "", markdown(headings, rows), "", *lines])


def _reasons(table: PaperTable, options: argparse.Namespace) -> dict[str, str]:
    """Those of a run like this one."""
    return read_reasons(table.name, samples=options.samples) if options.budget == "small" else {}
