"""Where hands stand before a camera, and what it does to the picture."""
