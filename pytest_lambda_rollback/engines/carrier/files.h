/* Files that the plugin gives the processes, in the one folder that is made for them. */
#ifndef CARRIER_FILES_H
#define CARRIER_FILES_H

#include "frames.h"

#define SERVICES_FOLDER "/run/lambda-rollback"

/* `payload` is a name, NUL, and what the file is to hold. */
static void take_file(const char *payload, uint32_t length)
{
    uint32_t at = 0;
    long count = 0;
    while (at < length && payload[at])
        if (payload[at++] == '/')
            fail("a file has a name with a slash", STATUS_PROTOCOL);
    if (!at || at == length || at > 255 || same(payload, ".") || same(payload, ".."))
        fail("a file has no name", STATUS_PROTOCOL);
    int folder = open_folder(AT_FDCWD, SERVICES_FOLDER);
    CALL(unlinkat, folder, payload, 0);
    int fd = (int)CALL(openat, folder, payload, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    CALL(close, folder);
    for (at++; at < length && fd >= 0 && count >= 0; at += (uint32_t)count)
        count = write_to(fd, payload + at, length - at);
    if (fd < 0 || count < 0)
        fail("a file cannot be written to " SERVICES_FOLDER, STATUS_SYSTEM);
    CALL(fchmod, fd, 0444);
    CALL(close, fd);
}

#endif
