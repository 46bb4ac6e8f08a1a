"""Readers of labelled photographs: one file a dataset, all giving `LabelledHand`s."""
