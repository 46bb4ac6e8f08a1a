"""What can be evaluated on."""
