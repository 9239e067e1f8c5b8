"""Frozen values that pass between the steps, by subject. Standard library only."""
