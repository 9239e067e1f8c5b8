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

/* Fills process_list with the environment's processes but the carrier, and returns their number.
 * Where the carrier is not the first process those are its descendants. */
static int list_processes(void)
{
    int folder = open_folder(AT_FDCWD, "/proc"), found = 0;
    process_count = 0;
    if (folder < 0)
        return 0;
    each_entry(folder, list_entry);
    CALL(close, folder);
    if (is_first)
        return process_count;
    /* Each round moves the children of what was found so far to the front. */
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
