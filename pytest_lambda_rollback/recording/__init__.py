"""Recording: events that a function really got become fixtures, redacted before they are written.

It may ask the edge room for AWS and the sources for the rules of fixtures; it knows no engine,
no contract and no report.
"""
