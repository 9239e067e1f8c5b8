"""Configuration files and the command line become frozen settings.

How it fails: a mistake of the user's raises ConfigError with the file and key in it. What cannot
be found out about one function, such as an answer of AWS, is the ``reason`` of its settings, which
makes its checks ``unknown`` and leaves all others alone. ``None`` stands for a key that is absent.
"""
