"""Random hands: poses as people hold them, and fingers that touch."""
