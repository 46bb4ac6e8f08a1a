"""Finding hands in a picture, and what the landmark network says of each."""
