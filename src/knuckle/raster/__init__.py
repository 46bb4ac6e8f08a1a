"""Rasterisers: numpy (base install, the reference), numba (fast, for synthesis), torch (differentiable).

All three draw by one rule, so that they give the same face at every pixel:

- A vertex is (u px, v px, depth m); pixel centres are at integers. Arithmetic is float64 whatever the input.
- A face with a vertex that is not finite or not in front of the camera (depth <= 0), or with zero area on the
  screen, is not drawn. Both windings are drawn.
- A pixel is covered when its centre is inside. A centre exactly on an edge counts only for a top or a left
  edge (of the triangle turned so that (x1-x0)(y2-y0) - (x2-x0)(y1-y0) > 0: an edge with dy < 0, or dy = 0 and
  dx > 0), so two faces sharing an edge leave neither holes nor doubles. The edge function is evaluated with
  its end points in one fixed order (by x, then y) and negated where the face runs the other way.
- Depth: weights e_i / sum(e), 1/z linear on the screen, rounded to float32. The least rounded depth wins,
  then the lower face index.

Import the one you need: `knuckle.raster.numpy_raster`, `.numba_raster` or `.torch_raster`.
"""
