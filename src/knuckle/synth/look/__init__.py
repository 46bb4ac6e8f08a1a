"""How a scene looks: skin, cloth, light, shading, and what stands round the hand."""
