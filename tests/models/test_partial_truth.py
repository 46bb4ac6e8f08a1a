"""Losses of hands of which only some labels are there: the gradient of what is there, whatever the rest holds."""

from typing import Any

import pytest
import torch
from test_contract import SMALL, inputs, targets

from knuckle.layers.partial import share
from knuckle.models import create_loss, create_model
from knuckle.models.contract import Targets, TwoHandTargets
from knuckle.skeleton import MIDDLE_MCP, WRIST
from knuckle.truth import Validity, validity_table

CASES: dict[str, dict[str, Any]] = {
    "dahyf": {},
    "ehpe": {"mesh_vertices_weight": 1.0},
    "ehpe-two": {"hands": 2},
    "ehpe-squared": {"coordinate_loss": "squared", "tw_joint_set": "WMT"},
    "handar": {},
    "dfl": {"attention_weight": 1.0},
    "dfl-sum": {"coordinates": "sum"},
}
OF_PATCHES = {"c", "confidence", "validity", "edge", "l1"}
"""Terms that ask whether a hand is there, or the network alone."""


class Case:
    """A system's loss in float64, its answers for six patches (the last shows no hand) and all labels of them."""

    def __init__(self, name: str) -> None:
        torch.manual_seed(0)
        system = name.split("-")[0]
        model = create_model(system, **SMALL[system], **CASES[name]).eval()
        values = inputs(6)
        with torch.no_grad():
            self.output = leaves(model(*values))
        self.crop, self.camera = (value.double() for value in values[1:])
        labels = targets(6, values[1], hands=model.hands)
        self.labels = labels._replace(
            **{n: v.double() for n, v in labels._asdict().items() if v is not None and v.is_floating_point()}
        )
        self.loss = create_loss(system, model.config).double()
        self.hands = model.hands

    def terms(self, valid: Validity | None, rows: slice = slice(None)) -> dict[str, torch.Tensor]:
        parts = {n: v[rows] for n, v in self.labels._asdict().items() if v is not None}
        labels = type(self.labels)(
            **parts, valid=None if valid is None else Validity(*(v[rows] for v in valid))
        )
        answer = sliced(self.output, rows)
        _, terms = self.loss(answer, labels, self.crop[rows], self.camera[rows], negatives=True)
        return {name: value for name, value in terms.items() if name not in OF_PATCHES}

    def gradients(self, term: torch.Tensor) -> list[torch.Tensor]:
        found = list(tensors(self.output))
        if not term.requires_grad:
            return [torch.zeros_like(each) for each in found]
        got = torch.autograd.grad(term, found, allow_unused=True, retain_graph=True)
        return [torch.zeros_like(e) if g is None else g for e, g in zip(found, got, strict=True)]

    def full(self) -> Validity:
        shapes = validity_table(self.hands).values()
        return Validity(*(torch.ones(6, *shape, dtype=torch.bool) for shape, _ in shapes))


def leaves(value: Any) -> Any:
    return mapped(value, lambda t: t.detach().double().requires_grad_() if t.is_floating_point() else t)


def sliced(value: Any, rows: slice) -> Any:
    return mapped(value, lambda t: t[rows] if t.ndim else t)


def mapped(value: Any, change: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, tuple):
        parts = [mapped(part, change) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return [mapped(part, change) for part in value] if isinstance(value, list) else value


def tensors(value: Any):
    if isinstance(value, torch.Tensor) and value.requires_grad:
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from tensors(part)


@pytest.fixture(scope="module", params=CASES)
def case(request) -> Case:
    return Case(request.param)


def test_what_says_that_all_is_there_changes_nothing(case):
    with_none, with_all = case.terms(None), case.terms(case.full())
    for name, value in with_none.items():
        assert value.item() == with_all[name].item() > 0, name
        pairs = zip(case.gradients(value), case.gradients(with_all[name]), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs), name


def test_half_the_labels_give_the_gradient_of_that_half(case):
    """Three rows are labelled in the picture alone, the other three in all else: each term's gradient is the sum of
    those of both halves as batches of their own."""
    valid, first, second = case.full(), slice(0, 3), slice(3, 6)
    for kind, part in valid._asdict().items():
        part[first if kind == "joints_2d" else second] = False
    whole, halves = case.terms(valid), [case.terms(valid, rows) for rows in (first, second)]
    for name, term in whole.items():
        expected = [case.gradients(half[name]) for half in halves]
        for got, a, b in zip(case.gradients(term), *expected, strict=True):
            assert torch.allclose(got, a + b, rtol=1e-9, atol=1e-12), name
        assert term.item() == pytest.approx(sum(half[name].item() for half in halves), rel=1e-9)
        assert any(each.any() for half in expected for each in half), name


def test_labels_that_are_missing_are_not_looked_at(case):
    """Joints 1 to 10 of every hand but the root, and the pose of the second one, are missing: whatever they hold."""
    valid = case.full()
    missing = [joint for joint in range(1, 11) if joint != MIDDLE_MCP]
    valid.joints_2d[..., missing], valid.joints_3d[..., missing] = False, False
    for part in (valid.pose, valid.shape, valid.mesh, valid.mask):
        part[1] = False
    expected, kept = case.terms(valid), case.labels
    wild = {
        name: getattr(kept, name).clone()
        for name in ("joints_patch", "joints_px", "joints_m", "pose", "shape")
    }
    for name in ("joints_patch", "joints_px", "joints_m"):
        wild[name][..., missing, :] += 7.0
    wild["pose"][1], wild["shape"][1] = 3.0, 3.0
    case.labels = kept._replace(**wild)
    got = case.terms(valid)
    case.labels = kept
    assert {n: v.item() for n, v in got.items()} == {n: v.item() for n, v in expected.items()}
    pairs = [(case.gradients(got[n]), case.gradients(expected[n])) for n in got]
    assert all(torch.equal(a, b) for first, second in pairs for a, b in zip(first, second, strict=True))
    assert any(expected[n].item() != v.item() for n, v in case.terms(None).items())


def test_a_hand_s_joints_count_one_by_one():
    case = Case("dahyf")
    valid = case.full()
    there = torch.arange(21) % 2 == 1
    valid.joints_2d[:], valid.joints_3d[:] = there, there
    assert there[MIDDLE_MCP] and not there[WRIST]
    whole, part = case.terms(None), case.terms(valid)
    for term, field in (("2dp", "joints_px"), ("3d", "joints_m")):
        place = [id(t) for t in tensors(case.output)].index(id(getattr(case.output, field)))
        of_all, of_some = (case.gradients(terms[term])[place] for terms in (whole, part))
        others = torch.arange(21) != MIDDLE_MCP
        assert torch.allclose(of_some[:, there & others], of_all[:, there & others] * (21 / 10), rtol=1e-9)
        assert not of_some[:, ~there].any()


def test_a_term_without_labels_leaves_its_sigma_alone():
    case = Case("dahyf")
    valid = case.full()
    for kind in ("joints_3d", "pose", "shape", "mesh"):
        getattr(valid, kind)[:] = False
    labels = case.labels._replace(valid=valid)
    total, _ = case.loss(case.output, labels, case.crop, case.camera, negatives=True)
    total.backward()
    moved = {name: p.grad.item() != 0 for name, p in case.loss.log_variance.items()}
    assert moved == {"2d": True, "3d": False, "2dp": True, "m": False, "b": False}


def test_shares_make_the_mean_of_what_counts():
    counts = torch.tensor([[True, False], [True, True]])
    values = torch.tensor([[3.0, 50.0], [6.0, 0.0]])
    assert (values * share(counts, torch.ones_like(counts), like=values)).mean().item() == pytest.approx(3.0)
    assert share(counts, counts, like=values).tolist() == counts.float().tolist()
    assert not share(torch.zeros_like(counts), counts, like=values).any()


def test_targets_say_what_counts():
    labels = targets(3, inputs(3)[1], hands=1)
    assert isinstance(labels, Targets) and labels.counts("pose").tolist() == [True, True, False]
    assert labels.counts("joints_2d").sum().item() == 42
    pair = targets(4, inputs(4)[1], hands=2)
    assert isinstance(pair, TwoHandTargets) and pair.counts("mask").tolist() == [True] * 4
    shapes = validity_table(2).values()
    valid = Validity(*(torch.zeros(4, *shape, dtype=torch.bool) for shape, _ in shapes))
    valid.pose[:, 1] = True
    right, left = (pair._replace(valid=valid).of_hand(hand) for hand in (0, 1))
    assert not right.counts("pose").any() and left.counts("pose").tolist() == pair.is_hand[:, 1].tolist()
