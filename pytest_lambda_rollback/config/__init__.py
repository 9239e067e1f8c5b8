"""Configuration files and the command line become frozen settings."""
