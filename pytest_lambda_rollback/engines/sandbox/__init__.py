"""The sandbox engine: execution environments sealed by bubblewrap, on Linux without Docker."""
