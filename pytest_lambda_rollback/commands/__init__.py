"""The commands of the console script, one file each, thin over the same parts as a run.

A command takes parsed arguments and prints; other packages do the work. Progress goes to
standard error, the result to standard output.
"""
