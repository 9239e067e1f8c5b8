"""The archive: packages as AWS served them, lock files, synchronising, retention."""
