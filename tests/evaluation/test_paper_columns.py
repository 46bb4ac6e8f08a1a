"""Whose figures stand beside ours: those that the paper has of the data scored on."""

import pytest

from knuckle.evaluation.model import EvaluatedModel
from knuckle.evaluation.paper_tables import paper_tables, tables_of
from knuckle.evaluation.report import Report, Score


def titles(system: str, **options) -> list[str]:
    return list(tables_of(system, **options))


def test_tables_are_those_of_the_data():
    assert titles("dahyf") == ["Table 1, FreiHAND", "Table 4, ResNet-50"]
    assert titles("dahyf", benchmark="HO-3D", count=11_524) == ["Table 2, HO-3D v2"]
    assert titles("dahyf", benchmark="HO-3D", count=20_137) == ["Table 3, HO-3D v3"]
    assert titles("dahyf", benchmark="HO-3D", count=9) == ["Table 2, HO-3D v2", "Table 3, HO-3D v3"]
    assert titles("dfl", benchmark="HIC") == ["Table 5, HIC"]
    assert titles("dfl", benchmark="InterHand2.6M test") == ["Table 4, InterHand2.6M"]
    filtered = "InterHand2.6M test, the filtered set"
    assert titles("dfl", benchmark=filtered) == ["Table 4, InterHand2.6M, filtered"]
    assert titles("ehpe", hands=2) == ["Table 2, InterHand2.6M"]
    # No other system's figures stand beside a system of one's own.
    assert titles("mine") == titles("mine", benchmark="HIC") == []


@pytest.mark.parametrize(
    ("system", "hands", "benchmark", "score", "cells"),
    [
        ("dahyf", 1, "HO-3D", "PA-MPVPE", ["-", "7.25", "-", "-"]),
        ("dfl", 2, "HIC", "MPJPE all", ["7.25"]),
        ("ehpe", 2, "InterHand2.6M test", "MPVPE scaled", ["-", "7.25"]),
    ],
)
def test_a_figure_stands_in_its_column(system, hands, benchmark, score, cells):
    report = Report(benchmark, "", "m", 11_524, (Score(score, 7.25, "mm", "lower"),))
    model = EvaluatedModel("m", 64, 1.5, predict=lambda patches: {}, hands=hands, system=system)
    (table,) = paper_tables(model, report)
    ours, paper = zip(*(column.cells for column in table.columns[1:]), strict=True)
    assert list(ours) == cells and "-" not in paper
