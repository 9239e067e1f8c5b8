"""The archive: packages as AWS served them, lock files, synchronising, retention.

How it fails: as `sources` does. A missing lock file or object is ``None``; a damaged one raises
SourceError and is never overwritten, since it may know more than AWS still does.
"""
