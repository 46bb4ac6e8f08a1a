"""`knuckle synth` as a user types it."""

import cv2
import pytest

from knuckle.synth import SynthSet


def test_a_set_and_a_sheet(run, tmp_path, capsys):
    out, sheet = tmp_path / "set", tmp_path / "sheet.png"
    code = run(
        "synth", "--count", "6", "--out", str(out), "--sheet", str(sheet), "--size", "32", "--workers", "1"
    )
    assert code == 0
    assert len(SynthSet(out)) == 6
    picture = cv2.imread(str(sheet))
    assert picture.shape == (6 * 2 * 64, 8 * 64, 3)
    assert "6 crops" in capsys.readouterr().out


def test_a_set_and_a_sheet_of_two_hands(run, tmp_path, few_pairs):
    out, sheet = tmp_path / "set", tmp_path / "sheet.png"
    options = ("--hands", "two", "--singles", "0.5", "--negatives", "0", "--size", "32", "--workers", "1")
    assert run("synth", "--count", "4", "--out", str(out), "--sheet", str(sheet), *options) == 0
    found = SynthSet(out)
    assert found.hands == 2
    assert found.labels["is_hand"].sum(1).tolist() == [2, 1, 2, 1]
    assert cv2.imread(str(sheet)).shape == (6 * 2 * 64, 8 * 64, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected --count N --out DIR, or --sheet"),
        (("--count", "5"), "expected --count N --out DIR"),
        (("--count", "0", "--out", "{}/set"), "count: expected at least 1"),
        (("--sheet", "{}/sheet.gif"), "expected a .png or .jpg"),
        (("--sheet", "{}/no/such/sheet.png"), "cannot be written"),
        (("--count", "1", "--out", "{}/set", "--labels", "most"), "labels: expected joints or full"),
        (("--count", "1", "--out", "{}/set", "--size", "3"), "size: expected 32 to 1024"),
        (("--count", "1", "--out", "{}/set", "--hands", "three"), "hands: expected one or two"),
        (("--count", "1", "--out", "{}/set", "--singles", "2"), "singles: expected a share"),
    ],
)
def test_bad_options_are_one_sentence_and_code_2(run, arguments, message, tmp_path, capsys):
    assert run("synth", *(a.format(tmp_path) for a in arguments)) == 2
    shown = capsys.readouterr().err
    assert message in shown and "Traceback" not in shown
    assert not list(tmp_path.iterdir())
