"""What AWS Lambda is, as pure tables and functions. Nothing here knows a step of a run."""
