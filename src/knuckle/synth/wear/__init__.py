"""Things worn on a hand: rings, watches, gloves."""
