/* A fresh environment in place: empties what processes can write to, and looks whether anything of
 * the former environment is left. It works on what was empty when the carrier started, and on
 * nothing else: that is what it may delete.
 */
#ifndef CARRIER_FRESH_H
#define CARRIER_FRESH_H

#include "files.h"

static const char *const writable_folders[] = {"/tmp", "/dev/shm", "/dev/mqueue", SERVICES_FOLDER};
enum { FOLDERS = sizeof writable_folders / sizeof *writable_folders };

/* Folders that images and systems leave writable for everybody, and settings of the kernel that the
 * owner of a namespace may change. They are not restored: where one is writable, no environment can
 * be called fresh. */
static const char *const other_places[] = {"/", "/var/task", "/opt", "/var/runtime", "/var/tmp",
                                           "/run", "/run/lock", "/dev", "/home", "/var/lock",
                                           "/mnt", "/root", "/usr/local", "/etc", "/var/lib",
                                           "/proc/sys/kernel/core_pattern",
                                           "/proc/sys/kernel/msgmax", "/proc/sys/kernel/pid_max",
                                           "/proc/sys/fs/mqueue/queues_max",
                                           "/proc/sys/net/ipv4/ip_local_port_range",
                                           "/proc/sysrq-trigger"};

static const char *const object_tables[] = {"/proc/sysvipc/shm", "/proc/sysvipc/sem",
                                            "/proc/sysvipc/msg"};

static struct {
    bool emptied[FOLDERS]; /* it was there and empty at the start */
    struct stat status[FOLDERS];
    bool objects_empty;
    uint64_t mounts;
    char oom_score[16];
    long log_flags, log_room;
} first_state;

static struct text *left; /* fields of the report */

static void report_left(const char *what, const char *which)
{
    if (left->length > left->room - 512)
        return;
    add(left, "left=");
    add(left, what);
    add(left, which);
    add_byte(left, 0);
}

static bool seen_entry;

static bool note_entry(int folder, const char *name)
{
    (void)folder, (void)name;
    seen_entry = true;
    return false;
}

/* False also where it cannot be read: then nobody knows. */
static bool is_empty(const char *path)
{
    int folder = open_folder(AT_FDCWD, path);
    if (folder < 0)
        return folder == -ENOENT;
    seen_entry = false;
    long result = each_entry(folder, note_entry);
    CALL(close, folder);
    return !seen_entry && result >= 0;
}

/* Emptying a folder. Folders in it may be nested deeper than any path, stack or table of open files
 * allows: what is in a folder of it is moved up into it before that folder is removed. */

static int emptied_folder, inner_folder;
static bool progress;
static uint32_t moved;

static void open_up(int folder, const char *name)
{
    CALL(fchmodat, folder, name, 0700); /* no process is left that could put a link there */
}

static bool is_folder(int folder, const char *name)
{
    struct stat status;
    return CALL(newfstatat, folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           (status.st_mode & S_IFMT) == S_IFDIR;
}

static bool move_up(int folder, const char *name)
{
    if (CALL(unlinkat, folder, name, 0) == 0 || CALL(unlinkat, folder, name, AT_REMOVEDIR) == 0)
        return true;
    if (!is_folder(folder, name))
        return true;
    open_up(folder, name);
    for (int tries = 0; tries < 64; tries++) {
        char to[32];
        struct text text = {.bytes = to, .room = sizeof to - 1};
        add(&text, ".moved-");
        add_number(&text, moved++);
        to[text.length] = 0;
        if (CALL(renameat2, folder, name, emptied_folder, to, 0) == 0) {
            progress = true;
            return true;
        }
    }
    return true;
}

static bool remove_entry(int folder, const char *name)
{
    if (CALL(unlinkat, folder, name, 0) == 0 || CALL(unlinkat, folder, name, AT_REMOVEDIR) == 0) {
        progress = true;
        return true;
    }
    if (!is_folder(folder, name))
        return true;
    open_up(folder, name);
    inner_folder = open_folder(folder, name);
    if (inner_folder < 0)
        return true;
    each_entry(inner_folder, move_up);
    CALL(close, inner_folder);
    if (CALL(unlinkat, folder, name, AT_REMOVEDIR) == 0)
        progress = true;
    return true;
}

static void empty_folder(const char *path)
{
    open_up(AT_FDCWD, path);
    emptied_folder = open_folder(AT_FDCWD, path);
    if (emptied_folder < 0)
        return;
    do {
        progress = false;
        each_entry(emptied_folder, remove_entry);
    } while (progress);
    CALL(close, emptied_folder);
}

/* Mode, owner and attributes of the folder itself, which its owner may have changed. */
static void restore_folder(int at)
{
    char names[4096];
    struct stat status;
    const char *path = writable_folders[at];
    CALL(fchmodat, AT_FDCWD, path, first_state.status[at].st_mode & 07777);
    long size = CALL(llistxattr, path, names, sizeof names);
    for (long name = 0; name < size; name += (long)length_of(names + name) + 1)
        if (!starts(names + name, "security."))
            CALL(lremovexattr, path, names + name);
    if (CALL(newfstatat, AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        status.st_mode != first_state.status[at].st_mode ||
        status.st_uid != first_state.status[at].st_uid ||
        status.st_gid != first_state.status[at].st_gid)
        report_left("mode or owner of ", path);
}

/* System V shared memory, semaphores and message queues. */

static void remove_objects(void)
{
    static char content[65536];
    for (int table = 0; table < 3; table++) {
        if (read_file(object_tables[table], content, sizeof content) <= 0)
            continue;
        const char *line = content;
        while ((line = find(line, "\n")) && *++line) {
            const char *at;
            int negative = 0;
            while (*line == ' ')
                line++;
            if (*line == '-')
                negative = 1, line++;
            number_at(line, &at); /* its key */
            (void)negative;
            int id = (int)number_at(at, 0);
            if (table == 0)
                CALL(shmctl, id, 0 /* IPC_RMID */, 0);
            else if (table == 1)
                CALL(semctl, id, 0, 0, 0);
            else
                CALL(msgctl, id, 0, 0);
        }
    }
}

static bool objects_empty(void)
{
    for (int table = 0; table < 3; table++) {
        char content[1024];
        long length = read_file(object_tables[table], content, sizeof content);
        const char *line = length > 0 ? find(content, "\n") : 0;
        if (length > 0 && line && line[1])
            return false;
    }
    return true;
}

/* A number that changes with the text of a file. */
static uint64_t digest_of(const char *path)
{
    char buffer[4096];
    uint64_t digest = 14695981039346656037u;
    long count;
    int fd = (int)CALL(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    while ((count = read_from(fd, buffer, sizeof buffer)) > 0)
        for (long at = 0; at < count; at++)
            digest = (digest ^ (unsigned char)buffer[at]) * 1099511628211u;
    CALL(close, fd);
    return digest;
}

static void remember_first_state(void)
{
    for (int at = 0; at < FOLDERS; at++)
        first_state.emptied[at] =
            CALL(newfstatat, AT_FDCWD, writable_folders[at], &first_state.status[at],
                 AT_SYMLINK_NOFOLLOW) == 0 &&
            is_empty(writable_folders[at]);
    first_state.objects_empty = objects_empty();
    first_state.mounts = digest_of("/proc/self/mountinfo");
    read_file("/proc/self/oom_score_adj", first_state.oom_score, sizeof first_state.oom_score);
    first_state.log_flags = CALL(fcntl, 2, F_GETFL, 0);
    first_state.log_room = CALL(fcntl, 2, F_GETPIPE_SZ, 0);
}

/* The description of the log that all processes shared: its flags, size, signals and locks. */
static void restore_log(void)
{
    struct flock whole = {.l_type = F_UNLCK};
    CALL(fcntl, 2, F_SETFL, first_state.log_flags);
    CALL(fcntl, 2, F_SETOWN, 0);
    CALL(fcntl, 2, F_SETSIG, 0);
    CALL(flock, 2, 8 /* LOCK_UN */);
    CALL(fcntl, 2, F_OFD_SETLK, &whole);
    if (first_state.log_room > 0 && CALL(fcntl, 2, F_GETPIPE_SZ, 0) != first_state.log_room)
        CALL(fcntl, 2, F_SETPIPE_SZ, first_state.log_room);
    if (CALL(fcntl, 2, F_GETFL, 0) != first_state.log_flags ||
        (first_state.log_room > 0 && CALL(fcntl, 2, F_GETPIPE_SZ, 0) != first_state.log_room))
        report_left("flags of the log", "");
    /* A socket can be shut down for all who share it. */
    if (CALL(sendto, 2, "", 0, NO_SIGNAL | DO_NOT_WAIT, 0, 0) == -EPIPE)
        report_left("log closed", "");
}

/* Connections that have ended keep their port for a minute (TIME_WAIT), so that a bind would fail
 * which succeeds in a new environment. A connection from the port of the other end meets what is
 * left with numbers that do not fit; the kernel then resets it, which removes it. Loopback delivers
 * all that before connect returns. */

static uint64_t hexadecimal(const char **at)
{
    uint64_t number = 0;
    for (;; (*at)++) {
        char digit = **at;
        if (digit >= '0' && digit <= '9')
            number = number * 16 + (uint64_t)(digit - '0');
        else if (digit >= 'A' && digit <= 'F')
            number = number * 16 + (uint64_t)(digit - 'A' + 10);
        else
            return number;
    }
}

/* An address of a line of /proc/net/tcp, each word as it lies in memory. */
static const char *read_address(const char *at, bool six, void *to)
{
    struct sockaddr_in *four = to;
    struct sockaddr_in6 *long_one = to;
    uint32_t words[4] = {0};
    while (*at == ' ')
        at++;
    for (int word = 0; word < (six ? 4 : 1); word++) {
        char digits[9] = {0};
        const char *digit = digits;
        for (int place = 0; place < 8 && *at && *at != ':'; place++)
            digits[place] = *at++;
        words[word] = (uint32_t)hexadecimal(&digit);
    }
    if (*at == ':')
        at++;
    uint16_t network_port = __builtin_bswap16((uint16_t)hexadecimal(&at));
    if (six) {
        *long_one = (struct sockaddr_in6){.sin6_family = INTERNET_6, .sin6_port = network_port};
        memcpy(&long_one->sin6_addr, words, sizeof words);
    } else {
        *four = (struct sockaddr_in){.sin_family = INTERNET, .sin_port = network_port};
        four->sin_addr.s_addr = words[0];
    }
    return at;
}

static bool reset_ended(const char *line, bool six)
{
    struct sockaddr_in6 here, there; /* room for either kind */
    size_t size = six ? sizeof here : sizeof(struct sockaddr_in);
    int on = 1;
    while (*line == ' ' || (*line >= '0' && *line <= '9'))
        line++;
    if (*line++ != ':')
        return false;
    line = read_address(line, six, &here);
    line = read_address(line, six, &there);
    if (starts(line, " 0A"))
        return false; /* LISTEN */
    int fd = (int)CALL(socket, six ? INTERNET_6 : INTERNET,
                       STREAM_SOCKET | O_CLOEXEC | O_NONBLOCK, 0);
    CALL(setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (CALL(bind, fd, &there, size) == 0)
        CALL(connect, fd, &here, size | MINE);
    CALL(close, fd);
    return true;
}

static void reset_ended_connections(void)
{
    static char lines[65536];
    for (int round = 0; round < 8; round++) {
        bool any = false;
        for (int six = 0; six < 2; six++) {
            int fd = (int)CALL(openat, AT_FDCWD, six ? "/proc/net/tcp6" : "/proc/net/tcp",
                               O_RDONLY | O_CLOEXEC);
            long count, length = 0;
            while (fd >= 0 && (count = read_from(fd, lines + length,
                                                 sizeof lines - 1 - (size_t)length)) > 0) {
                char *line = lines;
                length += count;
                lines[length] = 0;
                for (char *end; (end = (char *)(uintptr_t)find(line, "\n")); line = end + 1) {
                    *end = 0;
                    any |= reset_ended(line, six);
                }
                length -= line - lines;
                memmove(lines, line, (size_t)length);
            }
            CALL(close, fd);
        }
        if (!any)
            return;
    }
}

/* Sockets of the network namespace; one line each after a heading. The carrier has none open. */
static void check_sockets(void)
{
    static const char *const tables[] = {"tcp", "tcp6", "udp", "udp6", "udplite", "raw", "raw6",
                                         "icmp", "icmp6", "unix", "packet", "ip6_flowlabel"};
    for (size_t at = 0; at < sizeof tables / sizeof *tables; at++) {
        char path[32], content[1024];
        struct text text = {.bytes = path, .room = sizeof path - 1};
        add(&text, "/proc/net/");
        add(&text, tables[at]);
        path[text.length] = 0;
        if (read_file(path, content, sizeof content) <= 0)
            continue;
        const char *line = find(content, "\n");
        if (line && line[1])
            report_left("sockets in ", path);
    }
}

/* A function may write to this file where it is the same user as the machine's root, as in a
 * sandbox that root started, and new processes inherit it. */
static void restore_oom_score(void)
{
    char now[16] = "";
    read_file("/proc/self/oom_score_adj", now, sizeof now);
    if (same(now, first_state.oom_score))
        return;
    int fd = (int)CALL(openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    long count = write_to(fd, first_state.oom_score, length_of(first_state.oom_score));
    CALL(close, fd);
    if (count < 0)
        report_left("oom_score_adj", "");
}

/* Empties and checks; processes have ended and the carrier's sockets are closed. */
static void make_fresh(struct text *report, bool ended, bool filtered)
{
    left = report;
    if (!is_first) {
        report_left("anything: the carrier is not the first process of a namespace", "");
        return;
    }
    for (int at = 0; at < FOLDERS; at++)
        if (first_state.emptied[at]) {
            empty_folder(writable_folders[at]);
            restore_folder(at);
        }
    if (first_state.objects_empty)
        remove_objects();
    restore_log();
    restore_oom_score();
    reset_ended_connections();

    if (!ended || list_processes() > 0)
        report_left("processes", "");
    if (!filtered)
        report_left("keys: there is no filter", "");
    for (int at = 0; at < FOLDERS; at++)
        if (!is_empty(writable_folders[at]))
            report_left("files in ", writable_folders[at]);
    for (size_t at = 0; at < sizeof other_places / sizeof *other_places; at++)
        if (CALL(faccessat, AT_FDCWD, other_places[at], 2 /* W_OK */) == 0)
            report_left("changes of ", other_places[at]);
    if (!objects_empty())
        report_left("System V objects", "");
    if (digest_of("/proc/self/mountinfo") != first_state.mounts)
        report_left("mounts", "");
    check_sockets();
}

#endif
