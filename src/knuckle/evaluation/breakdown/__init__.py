"""Errors by class of hand, joint and pair."""
