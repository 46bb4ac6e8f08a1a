"""Metrics, one protocol file a benchmark, and reports. Knows nothing of training."""
