"""Continuous training: renders new crops, continues from the last weights, scores them, and judges whether to ship."""
