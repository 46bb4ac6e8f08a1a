"""The plots: what is drawn where."""

from dataclasses import replace

import cv2
import matplotlib
import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.evaluation.report import Curve, Report
from knuckle.view import charts
from knuckle.view.palette import CHART_COLOURS
from knuckle.view.report_plot import draw_report, write_report_plot

NAN = float("nan")


def make_report(model: str = "m", tip: float = 5.0) -> Report:
    curve = Curve((0.0, 25.0, 50.0), (0.0, 0.5, 1.0), "threshold (mm)", "PCK", 0.5)
    roc = Curve((0.0, 0.0, 1.0), (0.0, 1.0, 1.0), "false positive rate", "true positive rate", 1.0)
    classes = {"PA-MPJPE (mm)": dict.fromkeys("WMPD", 5.0) | {"T": tip}}
    return Report("b", "p", model, 3, (), classes, {"PCK 3D aligned": curve, "ROC": roc})


def titles(*reports: Report) -> list[str]:
    return [axes.get_title(loc="left") for axes in draw_report(reports).axes]


def colours(axes) -> list[str]:
    return [matplotlib.colors.to_hex(line.get_color()) for line in axes.lines]


def test_report_draws_what_it_has(tmp_path):
    full = make_report()
    aligned, bars, roc = draw_report([full]).axes
    assert aligned.lines[0].get_xydata().tolist() == [[0, 0], [25, 0.5], [50, 1]]
    assert aligned.get_legend().get_texts()[0].get_text() == "aligned  AUC 0.500"
    assert [bar.get_height() for bar in bars.patches] == [5.0] * 5
    assert (bars.get_ylabel(), [label.get_text() for label in bars.get_xticklabels()][-1]) == ("mm", "tip")
    assert roc.lines[1].get_xydata().tolist() == [[0, 0], [1, 1]], "chance"
    assert len(titles(replace(full, curves={}))) == 1 and titles(replace(full, curves={}, by_class={})) == []
    path = tmp_path / "report.png"
    write_report_plot(path, [full])
    first = path.read_bytes()
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 30}):
        write_report_plot(path, [full])
    assert path.read_bytes() == first, "the same picture whatever the user's settings are"
    picture = cv2.imread(str(path))[..., ::-1]
    blue = matplotlib.colors.to_rgb(CHART_COLOURS[0])
    assert (np.abs(picture / 255 - blue) < 0.01).all(axis=-1).mean() > 0.02
    with pytest.raises(KnuckleError, match="picture's suffix"):
        write_report_plot(tmp_path / "report.abc", [full])


def test_several_models_stand_side_by_side_in_their_own_colours():
    one, two = make_report("one", 10.0), make_report("two")
    figure = draw_report([replace(one, curves={"ROC": one.curves["ROC"]}), two])
    bars, roc = figure.axes
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]
    tips = [group.patches[-1] for group in bars.containers]
    assert [tip.get_height() for tip in tips] == [10, 5] and tips[0].get_x() < tips[1].get_x()
    assert [matplotlib.colors.to_hex(tip.get_facecolor()) for tip in tips] == list(CHART_COLOURS[:2])
    assert colours(roc)[:2] == list(CHART_COLOURS[:2])
    only_second = draw_report([replace(one, curves={}), replace(two, curves={"ROC": two.curves["ROC"]})])
    assert colours(only_second.axes[-1])[0] == CHART_COLOURS[1]


def test_class_without_a_value_has_no_bar():
    bars = draw_report([replace(make_report(), curves={}), make_report("two", NAN)]).axes[0]
    labels = [text.get_text() for text in bars.texts]
    assert labels == [*["5.0"] * 9, ""] and np.isfinite(bars.get_ylim()).all()
    nothing = draw_report([replace(make_report(), curves={}, by_class={"PA-MPJPE (mm)": {"T": NAN}})])
    assert charts.figure_image(nothing).min() < 100


@pytest.mark.parametrize(("count", "rotation"), [(1, 0), (6, 90)])
def test_values_wider_than_their_bars_are_written_upwards(count, rotation):
    _, (axes,) = charts.chart_sheet(1, title="t")
    charts.draw_bars(axes, list("abcde"), {str(i): [10.0] * 5 for i in range(count)}, unit="mm")
    assert {text.get_rotation() for text in axes.texts} == {rotation}


def test_curves_and_bars_without_alignment_stand_in_for_aligned_ones():
    """A two-hand report has no aligned errors."""
    aligned = make_report()
    curve = aligned.curves["PCK 3D aligned"]
    rooted = replace(aligned, curves={"PCK 3D root-relative": curve}, by_class={"MPJPE (mm)": {"T": 5.0}})
    both = replace(rooted, by_class={"PA-MPJPE (mm)": {"T": 5.0}, "MPJPE (mm)": {"T": 5.0}})
    curves = "3D root-relative: share of joints within"
    assert titles(rooted, rooted) == [curves, "MPJPE by joint class"]
    assert titles(both, both) == [curves, "PA-MPJPE by joint class"]


def test_sheet_grows_by_rows():
    sizes = [charts.chart_sheet(n, title="", panel=(2, 1.5))[0].get_size_inches() for n in (1, 3)]
    assert np.allclose(sizes[1] - sizes[0], (2, 1.5))


def test_charts_name_the_extra_that_brings_matplotlib(monkeypatch):
    monkeypatch.setattr(charts, "find_spec", lambda _: None)
    with pytest.raises(KnuckleError, match=r'charts need matplotlib: pip install "knuckle\[train\]"$'):
        draw_report([make_report()])
