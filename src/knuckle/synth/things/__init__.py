"""Things held in a hand: solids, grips, and the scene with both."""
