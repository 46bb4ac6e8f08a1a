"""Training of the hand detector (`knuckle.models.hand_boxes`)."""
