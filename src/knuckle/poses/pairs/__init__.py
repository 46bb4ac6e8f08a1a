"""Two interacting hands of one person."""
