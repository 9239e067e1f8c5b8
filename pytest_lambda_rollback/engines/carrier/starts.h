/* Processes that the plugin asked for: their start, and the report of their end. */
#ifndef CARRIER_STARTS_H
#define CARRIER_STARTS_H

#include "memory.h"
#include "streams.h"

enum { MAX_PROCESSES = 64, MAX_FIELDS = 4096, MAX_VARIABLES = 16384 };

struct process {
    int number; /* 0: free */
    int failure; /* where a failed exec writes its error number */
    int status;
    uint16_t id;
    bool ended, swept;
};

static struct process processes[MAX_PROCESSES];
static int no_input; /* /dev/null */
static char **environment;

static struct process *process_of(uint16_t id)
{
    for (int at = 0; at < MAX_PROCESSES; at++)
        if (processes[at].number && processes[at].id == id)
            return &processes[at];
    return 0;
}

static bool any_process(void)
{
    for (int at = 0; at < MAX_PROCESSES; at++)
        if (processes[at].number && !processes[at].ended)
            return true;
    return false;
}

static void put_exit(uint16_t id, const char *how, uint64_t value)
{
    struct text text = {.bytes = report_bytes, .room = SPARE - HEADER};
    add_field(&text, how, value);
    report_memory(&text, false);
    put_frame('X', id, text.bytes, text.length);
}

/* The part of a new process before its program. */
static _Noreturn void become(char **arguments, char **variables, const char *folder, int failure)
{
    uint64_t none = 0, by_default[4] = {0};
    long result = 0;
    /* Ignored signals and blocked ones would be inherited. */
    for (int signal = 1; signal <= 64; signal++)
        CALL(rt_sigaction, signal, by_default, 0, 8);
    CALL(rt_sigprocmask, 2 /* SIG_SETMASK */, &none, 0, 8);
    CALL(setsid, 0);
    if ((result = CALL(dup3, no_input, 0, 0)) >= 0 && (result = CALL(dup3, log_write, 1, 0)) >= 0 &&
        (result = CALL(dup3, log_write, 2, 0)) >= 0 && (!folder || (result = CALL(chdir, folder)) >= 0))
        result = CALL(execve, arguments[0], arguments, variables);
    int number = (int)-result;
    write_to(failure, &number, sizeof number);
    leave(127);
}

static bool same_name(const char *variable, const char *with)
{
    while (*variable && *variable == *with && *variable != '=')
        variable++, with++;
    return (!*variable || *variable == '=') && (!*with || *with == '=');
}

static void start_process(uint16_t id, char *payload, uint32_t length)
{
    static char *arguments[MAX_FIELDS + 1], *variables[MAX_VARIABLES + 1];
    int argument_count = 0, variable_count = 0, fields = 0, ends[2];
    const char *folder = 0;

    if (!id || process_of(id))
        fail("a process was to start under a number that has one", STATUS_PROTOCOL);
    if (!length || payload[length - 1])
        fail("the last field of a start does not end", STATUS_PROTOCOL);
    for (char **at = environment; *at && variable_count < MAX_VARIABLES - MAX_FIELDS - 1; at++)
        variables[variable_count++] = *at;
    for (char *field = payload, *next; field < payload + length; field = next) {
        next = field + length_of(field) + 1;
        if (++fields > MAX_FIELDS - 1)
            fail("a start has too many fields", STATUS_PROTOCOL);
        if (*field == 'd' && !folder) {
            folder = field + 1;
        } else if (*field == 'a') {
            arguments[argument_count++] = field + 1;
        } else if ((*field == 'e' && find(field + 1, "=")) || *field == 'u') {
            int kept = 0;
            for (int at = 0; at < variable_count; at++)
                if (!same_name(variables[at], field + 1))
                    variables[kept++] = variables[at];
            variable_count = kept;
            if (*field == 'e')
                variables[variable_count++] = field + 1;
        } else {
            fail("a start has a field that is none of d, a, e and u", STATUS_PROTOCOL);
        }
    }
    if (!argument_count)
        fail("a start has no argument", STATUS_PROTOCOL);
    if (port != PORT) {
        for (int at = 0; at < variable_count; at++)
            if (same_name(variables[at], port_variable))
                variables[at--] = variables[--variable_count];
        variables[variable_count++] = port_variable;
    }
    arguments[argument_count] = variables[variable_count] = 0;

    struct process *process = processes;
    while (process < processes + MAX_PROCESSES && process->number)
        process++;
    long number = process == processes + MAX_PROCESSES ? -EAGAIN : CALL(pipe2, ends, O_CLOEXEC);
    if (number >= 0) {
        /* Not vfork: a process of the function may stop the new one before its exec, and with it
         * the carrier would wait. The pipe closes with the exec, or says why there was none. */
        number = CALL(clone, SIGNAL_CHILD, 0);
        if (number == 0)
            become(arguments, variables, folder, ends[1]);
        CALL(close, ends[1]);
        if (number < 0)
            CALL(close, ends[0]);
    }
    if (number < 0) {
        put_exit(id, "failed=", (uint64_t)-number);
        return;
    }
    *process = (struct process){.number = (int)number, .id = id, .failure = ends[0]};
}

static void reap(void)
{
    struct rusage usage;
    int status;
    for (int count = 0; count < 1024; count++) {
        long number = CALL(wait4, -1, &status, NO_HANG | WAIT_ALL_KINDS, &usage);
        if (number <= 0)
            return;
        if ((status & 0xff) == 0x7f)
            continue; /* it asked to be traced by its parent, and stopped: no end */
        remember_peak((uint64_t)usage.ru_maxrss * 1024);
        for (int at = 0; at < MAX_PROCESSES; at++)
            if (processes[at].number == number && !processes[at].ended)
                processes[at].ended = true, processes[at].status = status;
    }
}

/* Reports processes that ended, after everything that the log and their connections still hold: one
 * sweep over all of them begins when an end is known, and goes on where a full output stopped it. */
static void report_exits(void)
{
    static int sweep = -1;
    bool ended = false;
    for (int at = 0; at < MAX_PROCESSES && sweep < 0; at++)
        if (processes[at].number && processes[at].ended)
            processes[at].swept = ended = true;
    if (ended) {
        accept_connections();
        sweep = 0;
    }
    if (sweep < 0)
        return;
    if (!pump_log())
        return;
    for (; sweep < stream_end; sweep++)
        if (streams[sweep].fd >= 0 && !pump(&streams[sweep]))
            return;
    for (int at = 0; at < MAX_PROCESSES; at++) {
        struct process *process = &processes[at];
        int failed = 0, status = process->status;
        if (!process->number || !process->ended || !process->swept)
            continue;
        if (!has_room(SPARE))
            return;
        if (read_from(process->failure, &failed, sizeof failed) == sizeof failed)
            put_exit(process->id, "failed=", (uint64_t)failed);
        else if (status & 0x7f)
            put_exit(process->id, "signalled=", (uint64_t)(status & 0x7f));
        else
            put_exit(process->id, "exited=", (uint64_t)(status >> 8 & 0xff));
        CALL(close, process->failure);
        process->number = 0;
    }
    sweep = -1;
}

#endif
