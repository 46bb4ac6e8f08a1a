"""The plots: what is drawn where."""

from dataclasses import replace

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.evaluation.report import Curve, Report
from knuckle.view.plot import PALETTE, BarChart, Line, LineChart, draw_sheet
from knuckle.view.report_plot import draw_report, write_report_plot


def has_colour(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (np.abs(picture.astype(int) - colour) <= 3).all(axis=-1)


def test_line_runs_from_corner_to_corner():
    chart = LineChart("t", "x", "y", [Line([0, 10], [0, 1], "")], (0, 10))
    rows, columns = np.nonzero(has_colour(draw_sheet([chart], title=""), PALETTE[0])[:, :-45])
    # Rising to the right: the higher the column, the smaller the row.
    assert np.corrcoef(rows, columns)[0, 1] < -0.99
    assert np.ptp(columns) > 250 and np.ptp(rows) > 150


def test_bars_are_as_high_as_their_values():
    chart = BarChart("t", "mm", ["a", "b", "c"], {"s": [2.0, 4.0, float("nan")]})
    mask = has_colour(draw_sheet([chart], title=""), PALETTE[0])
    heights = mask.sum(axis=0)
    third = mask.shape[1] // 3
    low, high = np.median(heights[90:140]), np.median(heights[200:250])
    assert high == pytest.approx(2 * low, abs=3)
    assert heights[-third + 20 :].sum() == 0


def test_sheet_grows_by_rows():
    chart = BarChart("t", "mm", ["a"], {"s": [1.0]})
    one, three = (draw_sheet([chart] * n, title="", panel=(200, 150)) for n in (1, 3))
    assert one.shape[1] == 200 and three.shape[1] == 400
    assert three.shape[0] - one.shape[0] == 150


def make_report(model: str = "m", tip: float = 5.0) -> Report:
    curve = Curve((0.0, 25.0, 50.0), (0.0, 0.5, 1.0), "threshold (mm)", "PCK", 0.5)
    roc = Curve((0.0, 0.0, 1.0), (0.0, 1.0, 1.0), "false positive rate", "true positive rate", 1.0)
    classes = {"PA-MPJPE (mm)": dict.fromkeys("WMPD", 5.0) | {"T": tip}}
    return Report("b", "p", model, 3, (), classes, {"PCK 3D aligned": curve, "ROC": roc})


def test_report_draws_what_it_has(tmp_path):
    full = make_report()
    without_roc = replace(full, curves={"PCK 3D aligned": full.curves["PCK 3D aligned"]})
    assert draw_report([full]).shape[0] > draw_report([without_roc]).shape[0]
    path = tmp_path / "report.png"
    write_report_plot(path, [full])
    assert path.stat().st_size > 1000
    with pytest.raises(KnuckleError, match="picture's suffix"):
        write_report_plot(tmp_path / "report.abc", [full])


def test_several_models_stand_side_by_side():
    bars_only = [replace(make_report(model, tip), curves={}) for model, tip in (("one", 10.0), ("two", 5.0))]
    picture = draw_report(bars_only)
    last = slice(picture.shape[1] - 85, picture.shape[1] - 20)
    heights = [has_colour(picture, PALETTE[i])[150:, last].sum(axis=0).max() for i in (0, 1)]
    assert heights[0] == pytest.approx(2 * heights[1], abs=4)
    # Neither bar runs into the legend above them, whatever their number.
    four = draw_report([replace(bars_only[0], model=str(i)) for i in range(4)])
    colour = has_colour(four, PALETTE[3]).any(axis=1)
    assert np.count_nonzero(np.diff(colour.astype(int)) == 1) == 2


def test_class_without_a_value_has_no_bar():
    lacking = replace(make_report("two"), by_class={}, curves={})
    picture = draw_report([replace(make_report("one"), curves={}), lacking])
    assert has_colour(picture, PALETTE[0]).sum() > 20 * has_colour(picture, PALETTE[1]).sum() > 0


def test_curves_and_bars_without_alignment_stand_in_for_aligned_ones():
    """A two-hand report has no aligned errors."""
    aligned = make_report()
    curve = aligned.curves["PCK 3D aligned"]
    rooted = replace(aligned, curves={"PCK 3D root-relative": curve}, by_class={"MPJPE (mm)": {"T": 5.0}})
    both = replace(rooted, by_class={"PA-MPJPE (mm)": {"T": 5.0}, "MPJPE (mm)": {"T": 5.0}})
    widths = {
        name: draw_report([r, replace(r, model="n")]).size for name, r in (("one", rooted), ("both", both))
    }
    # A line chart and one of bars either way: the errors without alignment are drawn where there are no others.
    assert widths["one"] == widths["both"] > draw_report([replace(rooted, by_class={})] * 2).size
