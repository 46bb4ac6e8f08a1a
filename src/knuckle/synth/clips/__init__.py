"""Rendered clips of hands with the truth of every frame."""
