/* The processes of the environment: which there are, and ending all of them. */
#ifndef CARRIER_PROCESSES_H
#define CARRIER_PROCESSES_H

#include "system.h"

enum { MAX_LISTED = 16384 };

static bool is_first;  /* process 1 of its own PID namespace */
static int own_number; /* of the carrier */
static int process_list[MAX_LISTED];
static int process_parents[MAX_LISTED];
static int process_count;

static long read_process_file(int process, const char *file, char *to, size_t room)
{
    char path[64];
    struct text text = {.bytes = path, .room = sizeof path - 1};
    add(&text, "/proc/");
    add_number(&text, (uint64_t)process);
    add(&text, "/");
    add(&text, file);
    path[text.length] = 0;
    return read_file(path, to, room);
}

/* The number of the parent: second field after the name, which may hold any byte. 0: gone. */
static int parent_of(int process)
{
    char content[1024];
    const char *after = 0;
    if (read_process_file(process, "stat", content, sizeof content) <= 0)
        return 0;
    for (const char *at = content; *at; at++)
        if (*at == ')')
            after = at;
    return after && after[1] && after[2] ? (int)number_at(after + 3, 0) : 0;
}

static bool list_entry(int folder, const char *name)
{
    const char *end;
    int process = (int)number_at(name, &end);
    (void)folder;
    if (*end || process == own_number || process_count == MAX_LISTED)
        return process_count < MAX_LISTED;
    process_parents[process_count] = is_first ? own_number : parent_of(process);
    process_list[process_count++] = process;
    return true;
}

/* Adds the children of one thread of a process, which the kernel lists; false where it does not. */
static bool list_children(int process, const char *thread)
{
    static char content[32768];
    char file[64];
    struct text text = {.bytes = file, .room = sizeof file - 1};
    add(&text, "task/");
    add(&text, thread);
    add(&text, "/children");
    file[text.length] = 0;
    long length = read_process_file(process, file, content, sizeof content);
    for (const char *at = content; length > 0 && *at && process_count < MAX_LISTED;) {
        int child = (int)number_at(at, &at);
        while (*at == ' ')
            at++;
        process_parents[process_count] = process;
        process_list[process_count++] = child;
    }
    return length != -ENOENT || parent_of(process) == 0;
}

static int listed_process;

static bool list_thread(int folder, const char *name)
{
    (void)folder;
    list_children(listed_process, name);
    return process_count < MAX_LISTED;
}

static void list_threads(int process)
{
    char path[64];
    struct text text = {.bytes = path, .room = sizeof path - 1};
    add(&text, "/proc/");
    add_number(&text, (uint64_t)process);
    add(&text, "/task");
    path[text.length] = 0;
    int folder = open_folder(AT_FDCWD, path);
    if (folder < 0)
        return;
    listed_process = process;
    each_entry(folder, list_thread);
    CALL(close, folder);
}

/* Moves the descendants of the carrier to the front of a list of all processes. */
static int keep_descendants(void)
{
    int found = 0;
    for (int grown = -1; grown != found;) {
        grown = found;
        for (int at = found; at < process_count; at++) {
            bool ours = process_parents[at] == own_number;
            for (int above = 0; above < found && !ours; above++)
                ours = process_parents[at] == process_list[above];
            if (!ours)
                continue;
            int process = process_list[at], parent = process_parents[at];
            process_list[at] = process_list[found], process_parents[at] = process_parents[found];
            process_list[found] = process, process_parents[found++] = parent;
        }
    }
    return found;
}

/* Fills process_list with the environment's processes but the carrier, and returns their number.
 * Where the carrier is not the first process those are its descendants: from the kernel's lists of
 * children, or, where it has none, found among all processes of the machine. */
static int list_processes(void)
{
    process_count = 0;
    if (!is_first) {
        char own[16];
        struct text text = {.bytes = own, .room = sizeof own - 1};
        add_number(&text, (uint64_t)own_number);
        own[text.length] = 0;
        if (list_children(own_number, own)) {
            for (int at = 0; at < process_count; at++)
                list_threads(process_list[at]);
            return process_count;
        }
    }
    int folder = open_folder(AT_FDCWD, "/proc");
    if (folder < 0)
        return 0;
    each_entry(folder, list_entry);
    CALL(close, folder);
    return is_first ? process_count : keep_descendants();
}

/* Sends SIGKILL to everything in the environment. As the first process, kill(-1) reaches exactly
 * that. Else it kills children only, which nobody else can reap, so their numbers cannot belong to
 * strangers by now; grandchildren become children (PR_SET_CHILD_SUBREAPER) for the next round. */
static void kill_processes(void)
{
    if (is_first) {
        CALL(kill, -1, SIGNAL_KILL);
        return;
    }
    int count = list_processes();
    for (int at = 0; at < count; at++)
        if (process_parents[at] == own_number)
            CALL(kill, process_list[at], SIGNAL_KILL);
}

/* Kills and reaps until no process is left; false if that took longer than `ms`. */
static bool end_processes(int ms)
{
    uint64_t until = milliseconds() + (uint64_t)ms;
    for (int pause = 0;; pause = 1) {
        long reaped;
        kill_processes();
        while ((reaped = CALL(wait4, -1, 0, NO_HANG | WAIT_ALL_KINDS, 0)) > 0)
            ;
        if (reaped == -ECHILD)
            return true;
        if (milliseconds() > until)
            return false;
        if (pause)
            sleep_ms(1);
    }
}

#endif
