"""From photos to hands: reading, detecting, cropping, estimating."""
