/* How much memory the processes of the environment use, and who was killed for it. */
#ifndef CARRIER_MEMORY_H
#define CARRIER_MEMORY_H

#include "processes.h"

enum memory_group { MEMORY_NONE, MEMORY_V1, MEMORY_V2 };

static const char *const memory_names[] = {"none", "v1", "v2"};

static struct {
    enum memory_group group;
    char folder[512];
    uint64_t page;       /* bytes */
    uint64_t limit;      /* of the watch; 0: none */
    uint64_t peak;       /* since the start or the last fresh environment */
    uint64_t anonymous;  /* the part of a peak that no file can give back */
    uint64_t base_peak;  /* of the group when the environment was made fresh */
    uint64_t base_kills;
    bool over;
} memory;

/* A number from a file of the group; after `name` if that is not empty. */
static bool group_number(const char *file, const char *name, uint64_t *number)
{
    char path[600], content[4096];
    struct text text = {.bytes = path, .room = sizeof path - 1};
    add(&text, memory.folder);
    add(&text, file);
    path[text.length] = 0;
    if (memory.group == MEMORY_NONE || read_file(path, content, sizeof content) <= 0)
        return false;
    const char *at = *name ? find(content, name) : content;
    if (!at)
        return false;
    at += length_of(name);
    *number = number_at(at, 0);
    return *at == ' ' || (*at >= '0' && *at <= '9'); /* memory.max may be the word max */
}

static uint64_t group_kills(void)
{
    uint64_t kills = 0;
    if (memory.group == MEMORY_V1)
        group_number("/memory.oom_control", "oom_kill ", &kills);
    else
        group_number("/memory.events", "oom_kill ", &kills);
    return kills;
}

static uint64_t group_peak(void)
{
    uint64_t peak = 0;
    if (memory.group == MEMORY_V1)
        group_number("/memory.max_usage_in_bytes", "", &peak);
    else
        group_number("/memory.peak", "", &peak);
    return peak;
}

/* Copies the next field, which ends at a blank, a colon or the end of the line. */
static const char *next_field(const char *at, char *to, size_t room, char until)
{
    size_t length = 0;
    while (*at == ' ')
        at++;
    for (; *at && *at != '\n' && *at != until; at++)
        if (length < room - 1)
            to[length++] = *at;
    to[length] = 0;
    return *at == until ? at + 1 : at;
}

/* Finds the group that was made for this environment: the one at the root of a mount, with a
 * limit. A machine's root group has no limit; a group further down belongs to others too. */
static void find_memory_group(bool first)
{
    static char groups[4096], mounts[65536];
    char controllers[128], path[512], v1[512] = "", v2[512] = "";

    memory.group = MEMORY_NONE;
    if (!first || read_file("/proc/self/cgroup", groups, sizeof groups) <= 0 ||
        read_file("/proc/self/mountinfo", mounts, sizeof mounts) <= 0)
        return;
    for (const char *at = groups; *at;) {
        number_at(at, &at);
        if (*at == ':')
            at++;
        at = next_field(at, controllers, sizeof controllers, ':');
        at = next_field(at, path, sizeof path, '\n');
        if (same(controllers, "memory") || starts(controllers, "memory,") ||
            find(controllers, ",memory"))
            memcpy(v1, path, sizeof v1);
        else if (!*controllers)
            memcpy(v2, path, sizeof v2);
        while (*at && *at == '\n')
            at++;
    }
    for (const char *at = mounts; *at;) {
        char field[128], root[512], point[512], kind[32], options[512];
        for (int skipped = 0; skipped < 3; skipped++)
            at = next_field(at, field, sizeof field, ' ');
        at = next_field(at, root, sizeof root, ' ');
        at = next_field(at, point, sizeof point, ' ');
        do
            at = next_field(at, field, sizeof field, ' ');
        while (*field && !same(field, "-"));
        at = next_field(at, kind, sizeof kind, ' ');
        at = next_field(at, field, sizeof field, ' ');
        at = next_field(at, options, sizeof options, '\n');
        uint64_t limit = 0;
        memcpy(memory.folder, point, sizeof memory.folder);
        if (same(kind, "cgroup") && find(options, "memory") && same(v1, root)) {
            memory.group = MEMORY_V1;
            if (group_number("/memory.limit_in_bytes", "", &limit) && limit < 1ull << 60)
                break;
        } else if (same(kind, "cgroup2") && same(v2, root)) {
            memory.group = MEMORY_V2;
            if (group_number("/memory.max", "", &limit))
                break;
        }
        memory.group = MEMORY_NONE;
    }
    memory.base_kills = group_kills();
}

/* A number of bytes in a file of lines `Name:   N kB`. The name begins with the end of the line
 * before, as the first line of a process's status holds a name that the process may choose. */
static uint64_t kilobytes_in(const char *content, const char *name)
{
    const char *at = find(content, name);
    return at ? number_at(at + length_of(name), 0) * 1024 : 0;
}

static bool tmp_is_in_memory(struct statfs *tmp)
{
    return CALL(statfs, "/tmp", tmp) == 0 && (unsigned long)tmp->f_type == TMPFS_MAGIC;
}

/* What is in /tmp, if it is kept in memory: there it counts as /tmp's size and not as memory. */
static uint64_t kept_in_tmp(void)
{
    struct statfs tmp = {0};
    return tmp_is_in_memory(&tmp) ? (uint64_t)(tmp.f_blocks - tmp.f_bfree) * (uint64_t)tmp.f_bsize : 0;
}

/* Memory that no file can give back: anonymous, and shared with other processes but not in /tmp. */
static uint64_t without_files(uint64_t anonymous, uint64_t shared)
{
    uint64_t kept = shared ? kept_in_tmp() : 0;
    return anonymous + (shared > kept ? shared - kept : 0);
}

/* Such memory of all processes that is resident. A page that forks share counts once. Each slower
 * and more exact way is taken where the result of the faster one would matter. */
static uint64_t resident(uint64_t matters)
{
    static char content[4096];
    int count = list_processes();
    uint64_t most = 0, anonymous = 0, shared = 0;
    for (int at = 0; at < count; at++) {
        const char *field = content;
        if (read_process_file(process_list[at], "statm", content, sizeof content) <= 0)
            continue;
        number_at(field, &field);
        most += number_at(field, &field) * memory.page;
    }
    if (most <= matters)
        return most;
    for (int at = 0; at < count; at++)
        if (read_process_file(process_list[at], "status", content, sizeof content) > 0) {
            anonymous += kilobytes_in(content, "\nRssAnon:");
            shared += kilobytes_in(content, "\nRssShmem:");
        }
    most = without_files(anonymous, shared);
    if (most <= matters || count < 2)
        return most;
    anonymous = shared = 0;
    for (int at = 0; at < count; at++)
        if (read_process_file(process_list[at], "smaps_rollup", content, sizeof content) > 0) {
            anonymous += kilobytes_in(content, "\nPss_Anon:");
            shared += kilobytes_in(content, "\nPss_Shmem:");
        }
    uint64_t exact = without_files(anonymous, shared);
    return exact && exact < most ? exact : most;
}

static void remember_peak(uint64_t bytes)
{
    if (bytes > memory.peak)
        memory.peak = bytes;
}

static void remember_anonymous(uint64_t bytes)
{
    if (bytes > memory.anonymous)
        memory.anonymous = bytes;
    remember_peak(bytes);
}

/* The largest size that a process ever had; pages of files hardly ever leave it again. */
static void remember_process(int process)
{
    static char content[4096];
    if (read_process_file(process, "status", content, sizeof content) <= 0)
        return;
    uint64_t most = kilobytes_in(content, "\nVmHWM:"), shared = kilobytes_in(content, "\nRssShmem:");
    uint64_t files = kilobytes_in(content, "\nRssFile:") + shared;
    remember_peak(most);
    if (most > files)
        remember_anonymous(without_files(most - files, shared));
}

/* One look at the processes; true if the watch's limit is passed. */
static bool sample_memory(void)
{
    uint64_t matters = memory.anonymous;
    if (memory.limit && memory.limit < matters)
        matters = memory.limit;
    uint64_t now = resident(matters);
    remember_anonymous(now);
    return memory.limit && now > memory.limit;
}

/* The fields of a report. */
static void report_memory(struct text *text, bool look)
{
    struct statfs tmp = {0};
    if (look) {
        sample_memory();
        int count = list_processes();
        for (int at = 0; at < count; at++)
            remember_process(process_list[at]);
    }
    /* The group counts what is written to a tmpfs, which is /tmp's size and not memory. */
    if (memory.group != MEMORY_NONE && !tmp_is_in_memory(&tmp) && group_peak() > memory.base_peak)
        remember_peak(group_peak());
    add_field(text, "peak=", memory.peak);
    add_field(text, "anonymous=", memory.anonymous);
    add_field(text, "oom_kills=", group_kills() - memory.base_kills);
    add_field(text, "over=", memory.over);
}

static void forget_memory(void)
{
    memory.peak = memory.anonymous = 0;
    memory.over = false;
    memory.base_peak = group_peak();
    memory.base_kills = group_kills();
}

#endif
