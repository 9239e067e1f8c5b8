"""The console script's commands: what is not a test. Thin over the same parts as a run.

A command takes parsed arguments and prints; other packages do the work. Progress goes to
standard error, the answer to standard output.
"""
