"""Recording: events that a function received become fixtures, redacted before they are written.

It may use `aws`, and `sources` for the rules of fixtures; it knows no engine,
no contract and no report.
"""
