"""Our detector of whole hands: boxes with side, turn and score, in one pass over a picture of any size."""
