"""The services that invoke functions, and what they make of the answers."""
