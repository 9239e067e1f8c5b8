"""Configuration files and the command line become frozen settings.

How it fails: a mistake of the user's raises ConfigError with the file and key in it. A fact that
cannot be determined for one function, such as an answer of AWS, is the ``reason`` of its
settings, which makes its checks ``unknown`` and does not affect others. ``None`` means that the
key is absent.
"""
