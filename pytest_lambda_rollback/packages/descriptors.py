"""Opening, locking and closing off files, with what each operating system has for it.

A flag that a system lacks is 0 here: Windows has no links that an ordinary user can leave behind
and no files that block when they are opened.
"""

from __future__ import annotations

import os
import sys
import time

_POLL_S = 0.05

if sys.platform == "win32":
    import msvcrt

    CLOSE_ON_EXEC = os.O_NOINHERIT | os.O_BINARY
    NO_FOLLOW = NON_BLOCKING = 0

    def try_lock(descriptor: int) -> bool:
        """Lock an open file for this process; False if another process has it locked."""
        position = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, position, os.SEEK_SET)
        return True

    def lock(descriptor: int) -> None:
        """Lock an open file for this process, waiting while another one has it locked."""
        while not try_lock(descriptor):
            time.sleep(_POLL_S)

    def set_mode(descriptor: int, mode: int) -> None:
        """Nothing: who may read a file is inherited from its folder."""

    def user_id() -> int | None:
        """``None``: users have no numbers."""
        return None

    def is_of_another_user(_status: os.stat_result) -> bool:
        """False: a user's folders are closed to others."""
        return False

    def sync_folder(_folder: str | os.PathLike[str]) -> None:
        """Nothing: the file system keeps the order of what it writes by itself."""

else:
    import fcntl

    NO_FOLLOW, NON_BLOCKING, CLOSE_ON_EXEC = os.O_NOFOLLOW, os.O_NONBLOCK, os.O_CLOEXEC

    def try_lock(descriptor: int) -> bool:
        """Lock an open file for this process; False if another process has it locked."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def lock(descriptor: int) -> None:
        """Lock an open file for this process, waiting while another one has it locked."""
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def set_mode(descriptor: int, mode: int) -> None:
        """Set the permission bits of an open file. Raises OSError."""
        os.fchmod(descriptor, mode)

    def user_id() -> int | None:
        """The number of the user that this process acts as; 0 is root."""
        return os.geteuid()

    def is_of_another_user(status: os.stat_result) -> bool:
        """True for a file that belongs to another user of this machine."""
        return status.st_uid != os.geteuid()

    def sync_folder(folder: str | os.PathLike[str]) -> None:
        """Wait until the disk has the names in a folder. Raises OSError."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


SAFELY = NO_FOLLOW | NON_BLOCKING | CLOSE_ON_EXEC
"""For a file that somebody else may have put there: a link fails, a FIFO does not block."""
