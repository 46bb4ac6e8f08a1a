"""Options that choose frames of InterHand2.6M, shared by `knuckle data convert`, `evaluate` and `score`."""

from typing import Annotated, Literal

import typer

AnnotatorsOption = Annotated[
    Literal["all", "human", "machine"],
    typer.Option(help="Of InterHand2.6M: whose labels; all is the papers' H+M."),
]
ShownOption = Annotated[
    Literal["all", "single", "interacting"],
    typer.Option(help="Of InterHand2.6M: frames of one hand, of interacting hands, or all."),
]
FilteredOption = Annotated[
    bool,
    typer.Option(
        "--filtered", help="Of InterHand2.6M: interacting frames with a fit of both hands, none black."
    ),
]
