"""The labelled photographs that accuracy is measured on, where $KNUCKLE_DATA has them."""

import os
from pathlib import Path

from knuckle.datasets.eval_dev import by_source, read_eval_dev
from knuckle.datasets.labelled import LabelledHand
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.one_hand import DATA_VARIABLE
from knuckle.evaluation.protocols import handgraph

EVAL_DEV = "eval-dev"


def have_photographs() -> bool:
    """Whether they are on this machine."""
    return _folder().is_dir()


def labelled_photographs() -> list[LabelledHand]:
    """All labelled hands. Raises KnuckleError where there are none on this machine."""
    if not have_photographs():
        raise KnuckleError(f"photographs: expected {DATA_VARIABLE} to name a folder with {EVAL_DEV} in it")
    return read_eval_dev(_folder())


def hand_graph_photographs() -> list[LabelledHand]:
    """Those of hand-graph-cnn's real-world test set."""
    return by_source(labelled_photographs())[handgraph.SOURCE]


def _folder() -> Path:
    return Path(os.environ.get(DATA_VARIABLE, "")) / EVAL_DEV
