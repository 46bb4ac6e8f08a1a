"""What can be evaluated on, and the evaluation itself."""
