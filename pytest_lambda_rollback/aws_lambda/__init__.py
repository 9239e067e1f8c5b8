"""AWS Lambda as tables and pure functions. Nothing here knows a step of a run."""
