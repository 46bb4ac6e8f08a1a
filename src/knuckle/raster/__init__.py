"""Rasterisers: numpy (base install, the reference), numba (fast, for synthesis), torch (differentiable).

All three follow one rule, so they give the same face at every pixel:

- A vertex is (u px, v px, depth m); pixel centres are at integers. Arithmetic is always float64.
- A face is not drawn if one of its vertices is not finite or not in front of the camera (depth <= 0), or if its
  area on the screen is zero. Faces of both windings are drawn.
- A pixel is covered when its centre is inside. A centre exactly on an edge counts only for a top or a left
  edge (once the triangle is turned so that (x1-x0)(y2-y0) - (x2-x0)(y1-y0) > 0: an edge with dy < 0, or dy = 0
  and dx > 0). So a centre on an edge shared by two faces belongs to exactly one of them. The edge function takes
  its end points in one fixed order (by x, then y), and is negated where the face runs the other way.
- Depth: weights e_i / sum(e), 1/z linear on the screen, rounded to float32. The smallest rounded depth wins; at
  equal depth the lower face index wins.

Import the one you need: `knuckle.raster.numpy_raster`, `.numba_raster` or `.torch_raster`.
"""
