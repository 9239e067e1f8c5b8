"""A private AWS for replays: a child program with moto, and a fresh copy of its state a pass."""
