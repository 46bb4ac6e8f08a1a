"""Sets of crops on disk: what a sample holds, how a set is written, and how it is read."""
