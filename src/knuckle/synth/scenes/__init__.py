"""Whole pictures with any number of hands: people, lone arms, the wearer's own hands, and pictures without any."""
