"""Scoring anybody's prediction files by the benchmarks' own rules: the file and the truth in, a report out."""
