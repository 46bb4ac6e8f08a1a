"""Training that never stops: fresh renders, on from the last weights, scored, and judged whether they should ship."""
