"""Whether EHPE's dynamic edges (Eq 9) live, in several forms, and what they are worth.

python -m benchmarks.training.ehpe_edges --data SET [--data SET ...] [--weights weights/ehpe-lite.safetensors]
[--seeds 3] [--steps 400] [--limit 1000] [--form NAME ...] [--edges dynamic learned fixed] [--without-fem].
SETs: knuckle synth --count 1600 --seed 291 (and 292, with extras: docs/accuracy/ehpe-edges.md); the last quarter of the
hands of each is held out.

Backbone, TW-stage and FEM are frozen at the given weights, and what they make of each hand, not augmented, is computed
once. A graph (`HandGraph`: node ratios, SPI from random weights, fusion weights) is trained on that with the optimiser
of recipes/ehpe-lite-pg.toml by Eq 14 alone; the mesh head has no part in it. --without-fem leaves FEM's joints out: the
graph alone must bring the nodes to the joints. --edges: alpha as Eq 9 has it, scores that are trained but the same for
every hand, or the row-normalised neighbourhood (uniform weights). Prints, of held-out hands, mean and standard
deviation over the seeds:

- spread: standard deviation of alpha over hands, mean over edges, heads and layers; 0 if no edge depends on the hand
- from uniform: mean of |alpha - 1 / neighbours|
- 2D px, PA mm: error in px of a 256-px crop, PA-MPJPE of the 2.5D joints lifted at the wrist's true depth
- as mean, as uniform: by how much PA-MPJPE grows when alpha is replaced by its mean over hands, or by uniform weights
"""

import argparse
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks.shared.arguments import make_parser, one_line_errors
from benchmarks.shared.tables import markdown_table
from knuckle.evaluation.metrics.procrustes import align_similarity
from knuckle.layers.camera_head import lift, patch_to_frame
from knuckle.layers.graph_attention import GraphAttention
from knuckle.models.ehpe.config import EhpeConfig
from knuckle.models.ehpe.coordinates import from_labels, mean_hand, to_patch, to_px_mm
from knuckle.models.ehpe.losses import EhpeLoss
from knuckle.models.ehpe.model import Ehpe
from knuckle.models.ehpe.pg_stage import HandGraph
from knuckle.training.batches import HandSource, collate
from knuckle.training.checkpoint import load_model
from knuckle.training.objective import images_to_input
from knuckle.training.recipe import read_recipe

Switches = dict[str, object]

LITERAL: Switches = {}
FORMS: dict[str, Switches] = {
    "as printed (L1 position)": LITERAL,
    "squared position": {"coordinate_loss": "squared"},
    "identity": {"node_identity": True},
    "norm": {"gat_norm": True},
    "Eq 13 mean": {"edge_loss_reduction": "mean"},
    "Eq 13 off": {"edge_loss_target": "off"},
    "gatv2": {"gat_score": "gatv2"},
    "identity, norm": {"node_identity": True, "gat_norm": True},
    "identity, norm, mean": {"node_identity": True, "gat_norm": True, "edge_loss_reduction": "mean"},
    "identity, norm, squared": {"node_identity": True, "gat_norm": True, "coordinate_loss": "squared"},
    "identity, norm, mean, squared": {
        "node_identity": True,
        "gat_norm": True,
        "edge_loss_reduction": "mean",
        "coordinate_loss": "squared",
    },
    "identity, norm, gatv2": {"node_identity": True, "gat_norm": True, "gat_score": "gatv2"},
    "identity, norm, mean, gatv2": {
        "node_identity": True,
        "gat_norm": True,
        "edge_loss_reduction": "mean",
        "gat_score": "gatv2",
    },
}
"""What each row changes of the shipped weights' configuration."""


class Hands(NamedTuple):
    """What the frozen parts made of some hands, and the truth."""

    features: Tensor
    tw_joints: Tensor
    fem_joints: Tensor
    truth: Tensor
    """-1..1 (`from_labels`)."""
    joints_m: Tensor
    crop: Tensor
    camera: Tensor

    def rows(self, chosen: Tensor | slice) -> "Hands":
        return Hands(*(part[chosen] for part in self))


class Score(NamedTuple):
    """As the script's text names them."""

    spread: float
    from_uniform: float
    error_px: float
    pa_mm: float
    as_mean_mm: float
    as_uniform_mm: float


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--weights", type=Path, default=Path("weights/ehpe-lite.safetensors"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--limit", type=int, default=1000, help="hands of each set")
    parser.add_argument("--form", action="append", default=[], help=f"repeatable: {', '.join(FORMS)}")
    parser.add_argument("--edges", nargs="+", default=["dynamic"], choices=("dynamic", "learned", "fixed"))
    parser.add_argument("--without-fem", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with one_line_errors():
        compare(options)


def compare(options: argparse.Namespace) -> None:
    model, _ = load_model(options.weights)
    assert isinstance(model, Ehpe)
    train, held_out = looked_at(model, options.data, options.limit)
    print(f"{len(train.truth)} hands trained on, {len(held_out.truth)} held out", flush=True)
    headings = ("edges", "spread", "from uniform", "2D px", "PA mm", "as mean", "as uniform")
    shipped = model.pg.graphs[0]
    assert isinstance(shipped, HandGraph)
    rows = [("shipped weights", *cells([score(shipped, model.config, held_out)]))]
    print(rows[0], flush=True)
    for name, edges in itertools.product(options.form or FORMS, options.edges):
        config = replace(model.config, **FORMS[name], edge_weight=edges, use_fem=not options.without_fem)
        found = []
        for seed in range(options.seeds):
            graph = trained(model, config, train, seed=seed, steps=options.steps)
            found.append(score(graph, config, held_out))
        rows.append((f"{name}: {edges}", *cells(found)))
        print(rows[-1], flush=True)
    print(markdown_table(headings, rows))


@torch.no_grad()
def looked_at(model: Ehpe, folders: list[Path], limit: int) -> tuple[Hands, Hands]:
    """All hands of the sets: those to train on, and those held out."""
    parts: dict[bool, list[Hands]] = {False: [], True: []}
    for folder in folders:
        source = HandSource(folder, validation=0)
        rows = [int(index) for index in source.train[:limit]]
        held_out = len(rows) // 4
        for kept, chosen in ((False, rows[:-held_out]), (True, rows[-held_out:])):
            for first in range(0, len(chosen), 32):
                parts[kept].append(_look(model, source, chosen[first : first + 32]))
    train, held_out = (Hands(*map(torch.cat, zip(*parts[kept], strict=True))) for kept in (False, True))
    return train, held_out


def _look(model: Ehpe, source: HandSource, rows: list[int]) -> Hands:
    batch = collate([source.item(index, rng=None) for index in rows])
    features, tw = model.first_stage(images_to_input(batch["image"]))
    assert tw is not None
    truth = from_labels(
        batch["joints_patch"],
        batch["joints_m"],
        patch_size=model.config.patch_size,
        depth_range_mm=model.config.depth_range_mm,
    )
    fem = model.pg.fem(features).joints[:, 0]
    return Hands(features, tw.joints[:, 0], fem, truth, batch["joints_m"], batch["crop"], batch["camera"])


def trained(model: Ehpe, config: EhpeConfig, hands: Hands, *, seed: int, steps: int) -> HandGraph:
    """A graph of this form, trained by Eq 14 on what the frozen parts gave."""
    torch.manual_seed(seed)
    graph = HandGraph(config, hands.features.shape[1], mean_hand(model.rig, config.depth_range_mm)).train()
    # Ratios along the fingers and FEM's weights fit the frozen parts; SPI learns anew.
    known = {
        name: value
        for name, value in model.pg.graphs[0].state_dict().items()
        if name.startswith(("nodes.", "fem_weight"))
    }
    graph.load_state_dict({k: v for k, v in known.items() if k in graph.state_dict()}, strict=False)
    loss = EhpeLoss(config, "pg")
    batch = 32
    recipe = replace(read_recipe(Path("recipes/ehpe-lite-pg.toml")), samples=steps * batch, batch=batch)
    optimiser = torch.optim.AdamW(graph.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    order = np.random.default_rng(seed)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = recipe.learning_rate(step)
        chosen = torch.from_numpy(order.choice(len(hands.truth), batch, replace=False))
        here = hands.rows(chosen)
        joints, spi = graph(here.features, here.tw_joints, here.fem_joints if config.use_fem else None)
        error = to_px_mm(joints, config.depth_range_mm) - to_px_mm(here.truth, config.depth_range_mm)
        each = error.square() if config.coordinate_loss == "squared" else error.abs()
        total = config.position_weight * each.sum(-1).mean()
        if config.edge_loss_target != "off":
            total = total + config.edge_loss_weight * loss.edge_loss(spi.attention[:, None]).mean()
        optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(graph.parameters(), recipe.clip)
        optimiser.step()
    return graph.eval()


@torch.no_grad()
def score(graph: HandGraph, config: EhpeConfig, hands: Hands) -> Score:
    """Spread of a graph's edges and its errors, with its edges and with others in their place."""

    def answer() -> tuple[Tensor, Tensor]:
        joints, spi = graph(hands.features, hands.tw_joints, hands.fem_joints if config.use_fem else None)
        assert spi is not None
        return joints, spi.attention

    joints, attention = answer()
    layers = [layer for layer in graph.spi.layers if isinstance(layer, GraphAttention)]
    edges = torch.stack([layer.mask.expand(config.gat_heads, -1, -1) for layer in layers])
    uniform = torch.stack([layer.uniform.expand(config.gat_heads, -1, -1) for layer in layers])
    with replaced(layers, list(attention.mean(0))):
        as_mean, _ = answer()
    with replaced(layers, list(uniform)):
        as_uniform, _ = answer()
    pa = pa_mm(joints, config, hands)
    off = to_px_mm(joints, config.depth_range_mm) - to_px_mm(hands.truth, config.depth_range_mm)
    return Score(
        spread=attention.std(0)[edges].mean().item(),
        from_uniform=(attention - uniform).abs().mean(0)[edges].mean().item(),
        error_px=off[..., :2].norm(dim=-1).mean().item(),
        pa_mm=pa,
        as_mean_mm=pa_mm(as_mean, config, hands) - pa,
        as_uniform_mm=pa_mm(as_uniform, config, hands) - pa,
    )


@contextmanager
def replaced(layers: list[GraphAttention], attention: list[Tensor]) -> Iterator[None]:
    """The layers with given edge weights, the same for every hand."""

    def use(layer: GraphAttention, weights: Tensor) -> None:
        def constant(nodes: Tensor, projected: Tensor) -> Tensor:
            return weights.expand(len(nodes), -1, -1, -1)

        layer._attention = constant

    for layer, weights in zip(layers, attention, strict=True):
        use(layer, weights)
    try:
        yield
    finally:
        for layer in layers:
            del layer._attention


def pa_mm(joints: Tensor, config: EhpeConfig, hands: Hands) -> float:
    """PA-MPJPE of 2.5D joints at the true depth of the wrist (FreiHAND's alignment)."""
    frame = patch_to_frame(to_patch(joints, config.patch_size), hands.crop, config.patch_size)
    depth = (joints[..., 2] - joints[:, :1, 2]) * (config.depth_range_mm / 1000)
    lifted = lift(frame, hands.joints_m[:, :1, 2] + depth, hands.camera).double().numpy()
    truth = hands.joints_m.double().numpy()
    return float(1e3 * np.linalg.norm(align_similarity(truth, lifted) - truth, axis=-1).mean())


def cells(found: list[Score]) -> list[str]:
    """Mean and, over two seeds and more, standard deviation."""
    digits = {"spread": 4, "from_uniform": 4, "error_px": 2, "pa_mm": 2, "as_mean_mm": 3, "as_uniform_mm": 3}
    texts = []
    for name, places in digits.items():
        values = [getattr(each, name) for each in found]
        spread = f" ± {np.std(values, ddof=1):.{places}f}" if len(values) > 1 else ""
        texts.append(f"{np.mean(values):.{places}f}{spread}")
    return texts


if __name__ == "__main__":
    main()
