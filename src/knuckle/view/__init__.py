"""Pictures for people: overlays, contact sheets, plots."""
