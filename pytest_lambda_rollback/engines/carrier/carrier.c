/* The carrier: first process of an execution environment, specified in PROTOCOL.md.
 *
 * It carries connections to 127.0.0.1:9001 over its standard input and output, starts and reaps
 * processes, and makes the environment fresh in place. It is written for an environment whose
 * processes are hostile to it: it trusts only its standard input, waits for nobody but poll, and
 * keeps everything in buffers of fixed size.
 */
#include "fresh.h"
#include "memory.h"
#include "seal.h"

enum {
    PORT = 9001,
    HEADER = 8,
    MAX_PAYLOAD = 65536,
    MAX_START = 262144,
    CREDIT = 65536,
    MAX_STREAMS = 64,
    MAX_PROCESSES = 64,
    MAX_FIELDS = 4096,
    MAX_VARIABLES = 16384,
    OUTPUT = 524288,
    SPARE = 8192, /* room in the output that any single report fits in */
    WATCH_MS = 25,
    END_MS = 10000,
    STATUS_PROTOCOL = 70,
    STATUS_SYSTEM = 71,
};

struct stream {
    int fd;              /* -1: free */
    uint16_t id;
    bool read_ended;     /* the process will write nothing more, and the plugin knows */
    bool end_asked;      /* the plugin will write nothing more */
    bool lost;           /* broken; the plugin is to be told */
    bool hung;           /* broken, but there are bytes that the plugin has no credit for yet */
    uint32_t credit;     /* bytes that the plugin still takes */
    uint32_t owed;       /* bytes written that the plugin has no credit for yet */
    uint32_t at, length; /* of the ring of bytes for the process */
    unsigned char bytes[CREDIT];
};

struct process {
    int number; /* 0: free */
    int failure; /* where a failed exec writes its error number */
    int status;
    uint16_t id;
    bool ended, swept;
};

static struct stream streams[MAX_STREAMS];
static struct process processes[MAX_PROCESSES];
static int listener = -1, children, no_input;
static uint16_t last_stream;
static bool listener_rests, filtered;
static uint16_t port;
static char **environment;
static char port_variable[] = "AWS_LAMBDA_RUNTIME_API=127.0.0.1:\0\0\0\0\0";

static unsigned char input[HEADER + MAX_START];
static uint32_t input_length;

/* Frames for the plugin. A frame that was begun must be completed, whatever else is dropped. */
static unsigned char output[OUTPUT];
static uint32_t output_at, output_end, frame_left;

static char report_bytes[MAX_PAYLOAD];

/* Output. */

static uint32_t big_endian(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_header(unsigned char *at, char kind, uint16_t id, uint32_t length)
{
    at[0] = (unsigned char)kind, at[1] = 0;
    at[2] = (unsigned char)(id >> 8), at[3] = (unsigned char)id;
    for (int byte = 0; byte < 4; byte++)
        at[4 + byte] = (unsigned char)(length >> (24 - 8 * byte));
}

static bool has_room(uint32_t bytes)
{
    if (OUTPUT - output_end < bytes && output_at) {
        memmove(output, output + output_at, output_end - output_at);
        output_end -= output_at, output_at = 0;
    }
    return OUTPUT - output_end >= bytes;
}

/* The caller has looked for room. */
static void put_frame(char kind, uint16_t id, const void *payload, uint32_t length)
{
    put_header(output + output_end, kind, id, length);
    memcpy(output + output_end + HEADER, payload, length);
    output_end += HEADER + length;
}

static _Noreturn void end_all(int status)
{
    end_processes(END_MS);
    leave(status);
}

/* Writes what standard output takes now. */
static void flush(void)
{
    while (output_at < output_end) {
        long count = write_to(1, output + output_at, output_end - output_at);
        if (count == -EINTR)
            continue;
        if (count == -EAGAIN)
            return;
        if (count <= 0)
            end_all(0); /* nobody is there to carry for */
        for (uint32_t left_over = (uint32_t)count; left_over;) {
            if (!frame_left)
                frame_left = HEADER + big_endian(output + output_at + 4);
            uint32_t step = left_over < frame_left ? left_over : frame_left;
            output_at += step, frame_left -= step, left_over -= step;
        }
    }
    output_at = output_end = 0;
}

static _Noreturn void fail(const char *sentence, int status)
{
    uint64_t until = milliseconds() + 2000;
    if (has_room(HEADER + 256))
        put_frame('F', 0, sentence, (uint32_t)length_of(sentence));
    for (flush(); output_at < output_end && milliseconds() < until; flush()) {
        struct pollfd out = {.fd = 1, .events = POLLOUT};
        struct timespec wait = {.tv_nsec = 100000000};
        CALL(ppoll, &out, 1, &wait, 0, 8);
    }
    end_all(status);
}

/* Drops frames that were not begun and tell of the former environment. */
static void forget_output(void)
{
    uint32_t from = output_at + frame_left, to = from;
    while (from < output_end) {
        uint32_t size = HEADER + big_endian(output + from + 4);
        if (output[from] == 'H' || output[from] == 'M') {
            memmove(output + to, output + from, size);
            to += size;
        }
        from += size;
    }
    output_end = to;
}

/* Streams. */

static struct stream *stream_of(uint16_t id)
{
    for (int at = 0; at < MAX_STREAMS; at++)
        if (streams[at].fd >= 0 && streams[at].id == id)
            return &streams[at];
    return 0;
}

static void close_stream(struct stream *stream, bool reset)
{
    struct linger at_once = {.on = 1};
    if (reset)
        CALL(setsockopt, stream->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    CALL(close, stream->fd);
    stream->fd = -1;
}

/* Reads what a process has written, as far as the plugin's credit goes. False: the output is full,
 * so there may be more. */
static bool pump(struct stream *stream)
{
    while (!stream->read_ended && !stream->lost && stream->credit) {
        if (!has_room(HEADER + 4096 + SPARE))
            return false;
        uint32_t most = OUTPUT - output_end - HEADER - SPARE;
        most = most < MAX_PAYLOAD ? most : MAX_PAYLOAD;
        most = most < stream->credit ? most : stream->credit;
        long count = read_from(stream->fd, output + output_end + HEADER, most);
        if (count == -EINTR)
            continue;
        if (count == -EAGAIN)
            return true;
        if (count == 0) {
            stream->read_ended = true;
            put_frame('E', stream->id, "", 0);
            if (stream->end_asked && !stream->length)
                close_stream(stream, false);
        } else if (count < 0) {
            stream->lost = true;
        } else {
            put_header(output + output_end, 'D', stream->id, (uint32_t)count);
            output_end += HEADER + (uint32_t)count;
            stream->credit -= (uint32_t)count;
        }
        if (stream->fd < 0)
            return true;
    }
    return true;
}

/* Writes to a process what its connection takes now. */
static void drain(struct stream *stream)
{
    while (stream->length && !stream->lost) {
        uint32_t piece = CREDIT - stream->at;
        piece = piece < stream->length ? piece : stream->length;
        long count = send_to(stream->fd, stream->bytes + stream->at, piece);
        if (count == -EINTR)
            continue;
        if (count == -EAGAIN)
            return;
        if (count < 0) {
            /* What it wrote before it broke may still be there to be read. */
            stream->hung = true, stream->length = 0;
            return;
        }
        stream->at = (stream->at + (uint32_t)count) % CREDIT;
        stream->length -= (uint32_t)count;
        stream->owed += (uint32_t)count;
    }
    if (stream->length || !stream->end_asked || stream->lost)
        return;
    if (stream->read_ended)
        close_stream(stream, false);
    else
        CALL(shutdown, stream->fd, SHUT_WRITING);
}

/* What is to be told about a stream besides what it carries. */
static void tell(struct stream *stream)
{
    unsigned char credit[4];
    if (stream->fd < 0 || !has_room(SPARE))
        return;
    if (stream->hung && stream->read_ended)
        stream->lost = true;
    if (stream->lost) {
        put_frame('C', stream->id, "", 0);
        close_stream(stream, true);
    } else if (stream->owed >= CREDIT / 2 && !stream->end_asked) {
        for (int byte = 0; byte < 4; byte++)
            credit[byte] = (unsigned char)(stream->owed >> (24 - 8 * byte));
        put_frame('W', stream->id, credit, sizeof credit);
        stream->owed = 0;
    }
}

static void listen_to_processes(void)
{
    int on = 1;
    struct sockaddr_in address = {.sin_family = INTERNET};
    unsigned size = sizeof address;
    address.sin_addr.s_addr = __builtin_bswap32(INADDR_LOOPBACK);
    /* Outside a namespace several carriers share the machine's ports. */
    address.sin_port = is_first ? __builtin_bswap16(PORT) : __builtin_bswap16(port);
    listener = (int)CALL(socket, INTERNET, STREAM_SOCKET | O_CLOEXEC | O_NONBLOCK, 0);
    CALL(setsockopt, listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    CALL(setsockopt, listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* streams inherit it */
    if (listener < 0 || CALL(bind, listener, &address, sizeof address) < 0 ||
        CALL(listen, listener, 128) < 0 || CALL(getsockname, listener, &address, &size) < 0)
        fail("cannot listen on the Runtime API's port", STATUS_SYSTEM);
    port = __builtin_bswap16(address.sin_port);
    struct text text = {.bytes = port_variable + length_of("AWS_LAMBDA_RUNTIME_API=127.0.0.1:"),
                        .room = 5};
    add_number(&text, port);
}

static void accept_connections(void)
{
    for (int at = 0; at < MAX_STREAMS; at++) {
        struct stream *stream = &streams[at];
        struct text text = {.bytes = report_bytes, .room = MAX_PAYLOAD};
        if (stream->fd >= 0)
            continue;
        if (!has_room(SPARE))
            return;
        long fd = CALL(accept4, listener, 0, 0, O_CLOEXEC | O_NONBLOCK);
        if (fd < 0) {
            /* Without this a lack of memory or numbers for files would keep poll from waiting. */
            listener_rests = fd != -EAGAIN && fd != -EINTR && fd != -ECONNABORTED;
            return;
        }
        do
            last_stream++;
        while (!last_stream || stream_of(last_stream));
        stream->id = last_stream, stream->credit = CREDIT;
        stream->read_ended = stream->end_asked = stream->lost = stream->hung = false;
        stream->owed = stream->at = stream->length = 0;
        stream->fd = (int)fd;
        add_field(&text, "port=", PORT);
        put_frame('O', stream->id, text.bytes, text.length);
    }
}

/* Processes. */

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
    if ((result = CALL(dup3, no_input, 0, 0)) >= 0 && (result = CALL(dup3, 2, 1, 0)) >= 0 &&
        (!folder || (result = CALL(chdir, folder)) >= 0))
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

/* Reports processes that ended, after everything that their connections still hold: one sweep over
 * all streams begins when an end is known, and goes on where a full output stopped it. */
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
    for (; sweep < MAX_STREAMS; sweep++)
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

static void put_memory(bool look)
{
    struct text text = {.bytes = report_bytes, .room = SPARE - HEADER};
    report_memory(&text, look);
    put_frame('M', 0, text.bytes, text.length);
}

static void renew(void)
{
    struct text text = {.bytes = report_bytes, .room = SPARE - HEADER};
    bool ended = end_processes(END_MS);
    for (int at = 0; at < MAX_PROCESSES; at++)
        if (processes[at].number) {
            CALL(close, processes[at].failure);
            processes[at].number = 0;
        }
    /* A reset leaves no connection behind that waits for its other end, on neither side. */
    for (int at = 0; at < MAX_STREAMS; at++)
        if (streams[at].fd >= 0)
            close_stream(&streams[at], true);
    CALL(close, listener);
    forget_output();
    make_fresh(&text, ended, filtered);
    listen_to_processes();
    forget_memory();
    put_frame('R', 0, text.bytes, text.length);
}

/* Input. */

static void take_stream_frame(unsigned char kind, uint16_t id, unsigned char *payload, uint32_t length)
{
    struct stream *stream = stream_of(id);
    if (!id)
        fail("a frame of a stream has the number 0", STATUS_PROTOCOL);
    if (kind == 'W' ? length != 4 : kind != 'D' && length)
        fail("a frame of a stream has another length than its kind", STATUS_PROTOCOL);
    if (!stream)
        return;
    if (kind == 'C') {
        close_stream(stream, true);
    } else if (kind == 'W') {
        if (big_endian(payload) > 0x7fffffff - stream->credit)
            fail("a stream was given too much credit", STATUS_PROTOCOL);
        stream->credit += big_endian(payload);
    } else if (stream->end_asked) {
        fail("bytes for a stream follow its end", STATUS_PROTOCOL);
    } else if (kind == 'E') {
        stream->end_asked = true;
        drain(stream);
    } else {
        if (length > CREDIT - stream->length - stream->owed)
            fail("a stream was sent more than it gave credit for", STATUS_PROTOCOL);
        if (stream->hung || stream->lost)
            return;
        uint32_t at = (stream->at + stream->length) % CREDIT;
        uint32_t first = length < CREDIT - at ? length : CREDIT - at;
        memcpy(stream->bytes + at, payload, first);
        memcpy(stream->bytes, payload + first, length - first);
        stream->length += length;
        drain(stream);
    }
}

static void take_frame(unsigned char kind, uint16_t id, unsigned char *payload, uint32_t length)
{
    struct process *process;
    switch (kind) {
    case 'D': case 'E': case 'C': case 'W':
        take_stream_frame(kind, id, payload, length);
        return;
    case 'S':
        start_process(id, (char *)payload, length);
        return;
    case 'K':
        if (!id || length != 1 || payload[0] > 64)
            fail("a frame K has no number of a signal", STATUS_PROTOCOL);
        process = process_of(id);
        if (!process || process->ended)
            return;
        /* It may not have come to its setsid yet. Not reaped, the number cannot be another's. */
        if (CALL(kill, -process->number, payload[0]) == -ESRCH)
            CALL(kill, process->number, payload[0]);
        return;
    case 'M': case 'R':
        if (id || length)
            fail("a frame M or R has a number or a payload", STATUS_PROTOCOL);
        if (kind == 'M')
            put_memory(true);
        else
            renew();
        return;
    case 'L':
        if (id || length != 8)
            fail("a frame L has no number of bytes", STATUS_PROTOCOL);
        memory.limit = (uint64_t)big_endian(payload) << 32 | big_endian(payload + 4);
        return;
    default:
        fail("a frame has an unknown kind", STATUS_PROTOCOL);
    }
}

static void take_input(void)
{
    uint32_t at = 0;
    long count = 0;
    if (input_length < sizeof input) {
        count = read_from(0, input + input_length, sizeof input - input_length);
        if (count == -EINTR || count == -EAGAIN)
            count = 0;
        else if (count <= 0)
            end_all(0);
    }
    input_length += (uint32_t)count;
    while (input_length - at >= HEADER && has_room(SPARE)) {
        unsigned char *frame = input + at;
        uint32_t length = big_endian(frame + 4);
        if (frame[1])
            fail("the second byte of a frame is not zero", STATUS_PROTOCOL);
        if (length > (frame[0] == 'S' ? MAX_START : MAX_PAYLOAD))
            fail("a frame is too long", STATUS_PROTOCOL);
        if (input_length - at < HEADER + length)
            break;
        take_frame(frame[0], (uint16_t)(frame[2] << 8 | frame[3]), frame + HEADER, length);
        at += HEADER + length;
    }
    memmove(input, input + at, input_length - at);
    input_length -= at;
}

static bool input_waits(void)
{
    return input_length >= HEADER && input_length >= HEADER + big_endian(input + 4);
}

/* Start. */

static char extension_names[64][256];
static int extension_count;

/* Keeps them in order of their names. Lambda starts whatever is no folder, and fails if it cannot. */
static bool note_extension(int folder, const char *name)
{
    struct stat status;
    int at = extension_count;
    if (CALL(newfstatat, folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
        (status.st_mode & S_IFMT) == S_IFDIR)
        return true;
    if (extension_count == 64)
        fail("/opt/extensions has more than 64 files", STATUS_SYSTEM);
    for (; at > 0; at--) {
        const unsigned char *a = (unsigned char *)extension_names[at - 1], *b = (unsigned char *)name;
        while (*a && *a == *b)
            a++, b++;
        if (*a <= *b)
            break;
        memcpy(extension_names[at], extension_names[at - 1], sizeof *extension_names);
    }
    memcpy(extension_names[at], name, length_of(name) + 1);
    extension_count++;
    return true;
}

static void greet(void)
{
    struct text text = {.bytes = report_bytes, .room = MAX_PAYLOAD};
    add_field(&text, "protocol=", 1);
    add(&text, "machine=" MACHINE);
    add_byte(&text, 0);
    add_field(&text, "pid=", (uint64_t)own_number);
    add_field(&text, "filter=", filtered);
    add(&text, "memory=");
    add(&text, memory_names[memory.group]);
    add_byte(&text, 0);
    if (port != PORT)
        add_field(&text, "port=", port);
    int folder = is_first ? (int)CALL(openat, AT_FDCWD, "/opt/extensions",
                                      O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                          : -1;
    if (folder >= 0) {
        each_entry(folder, note_extension);
        CALL(close, folder);
    }
    for (int at = 0; at < extension_count; at++) {
        add(&text, "extension=");
        add(&text, extension_names[at]);
        add_byte(&text, 0);
    }
    put_frame('H', 0, text.bytes, text.length);
}

static void prepare(void)
{
    struct statfs queues = {0};
    uint64_t signals = 1ull << (SIGNAL_CHILD - 1) | 1ull << (SIGNAL_PIPE - 1);
    uint64_t child = 1ull << (SIGNAL_CHILD - 1), by_default[4] = {0};

    CALL(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
    for (int fd = 0; fd < 3; fd++)
        if (CALL(fcntl, fd, F_GETFD, 0) < 0)
            leave(STATUS_SYSTEM); /* what is opened next would be taken for it */
    own_number = (int)CALL(getpid, 0);
    is_first = own_number == 1;
    CALL(setsid, 0);
    if (!is_first)
        CALL(prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    /* Ignored, it would reap children before their status is read. */
    CALL(rt_sigaction, SIGNAL_CHILD, by_default, 0, 8);
    CALL(rt_sigprocmask, 2 /* SIG_SETMASK */, &signals, 0, 8);
    /* Whatever else was inherited is for nobody in here. */
    if (CALL(close_range, 3, ~0u, 0) < 0)
        for (int fd = 3; fd < 4096; fd++)
            CALL(close, fd);
    children = (int)CALL(signalfd4, -1, &child, 8, O_CLOEXEC | O_NONBLOCK);
    no_input = (int)CALL(openat, AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC);
    for (int fd = 0; fd < 2; fd++)
        CALL(fcntl, fd, F_SETFL, CALL(fcntl, fd, F_GETFL, 0) | O_NONBLOCK);
    CALL(fcntl, 0, F_SETFD, FD_CLOEXEC);
    CALL(fcntl, 1, F_SETFD, FD_CLOEXEC);
    for (int at = 0; at < MAX_STREAMS; at++)
        streams[at].fd = -1;
    filtered = install_filter((uint32_t)own_number,
                              CALL(statfs, "/dev/mqueue", &queues) == 0 && queues.f_type == 0x19800202);
    find_memory_group(is_first);
    remember_first_state();
    listen_to_processes();
    greet();
    if (children < 0 || no_input < 0)
        fail("signalfd or /dev/null cannot be opened", STATUS_SYSTEM);
}

static _Noreturn void carry(void)
{
    static struct pollfd waits[4 + MAX_STREAMS];
    uint64_t last_look = 0;

    for (;;) {
        bool watching = memory.limit && any_process();
        report_exits();
        for (int at = 0; at < MAX_STREAMS; at++)
            tell(&streams[at]);
        flush();

        bool room = has_room(HEADER + 4096 + SPARE), free_stream = false;
        for (int at = 0; at < MAX_STREAMS; at++) {
            struct stream *stream = &streams[at];
            struct pollfd *wait = &waits[4 + at];
            bool reads = !stream->read_ended && stream->credit && room;
            free_stream |= stream->fd < 0;
            *wait = (struct pollfd){.fd = stream->hung && !reads ? -1 : stream->fd};
            if (reads)
                wait->events |= POLLIN;
            if (stream->length)
                wait->events |= POLLOUT;
        }
        waits[0] = (struct pollfd){.fd = 0, .events = room ? POLLIN : 0};
        waits[1] = (struct pollfd){.fd = 1, .events = output_at < output_end ? POLLOUT : 0};
        waits[2] = (struct pollfd){.fd = children, .events = POLLIN};
        waits[3] = (struct pollfd){.fd = free_stream && room && !listener_rests ? listener : -1,
                                   .events = POLLIN};
        struct timespec time = {.tv_nsec = WATCH_MS * 1000000};
        bool now = room && input_waits();
        if (now)
            time.tv_nsec = 0;
        long ready = CALL(ppoll, waits, 4 + MAX_STREAMS,
                          watching || listener_rests || now ? &time : 0, 0, 8);
        listener_rests = false;
        if (watching && milliseconds() - last_look >= WATCH_MS) {
            last_look = milliseconds();
            if (sample_memory() && has_room(SPARE)) {
                if (!memory.over) {
                    memory.over = true;
                    put_memory(false);
                }
                kill_processes();
            }
        }
        if (ready < 0)
            continue;
        if (waits[1].revents & (POLLERR | POLLHUP | POLLNVAL))
            end_all(0);
        if (waits[2].revents) {
            char signals[128 * 4];
            read_from(children, signals, sizeof signals);
            reap();
        }
        if (waits[3].revents)
            accept_connections();
        for (int at = 0; at < MAX_STREAMS; at++) {
            struct stream *stream = &streams[at];
            short events = waits[4 + at].revents;
            if (!events || stream->fd < 0)
                continue;
            if (events & POLLOUT)
                drain(stream);
            if (stream->fd >= 0 && events & (POLLERR | POLLHUP))
                stream->hung = true;
            if (stream->fd >= 0 && events & (POLLIN | POLLERR | POLLHUP))
                pump(stream);
        }
        if (!room && waits[0].revents & (POLLERR | POLLHUP))
            end_all(0); /* who does not read and is gone will never read */
        if (room && (waits[0].revents || now))
            take_input();
    }
}

/* `stack` is what the kernel gives a program: argument count, arguments, environment, auxiliary. */
static _Noreturn __attribute__((used)) void begin(uintptr_t *stack)
{
    uintptr_t *at = stack + 1 + stack[0] + 1;
    environment = (char **)at;
    while (*at)
        at++;
    memory.page = 4096;
    for (at++; *at != AT_NULL; at += 2)
        if (*at == AT_PAGESZ)
            memory.page = at[1];
    prepare();
    carry();
}

#ifdef HOSTED
int main(int count, char **arguments)
{
    (void)count;
    begin((uintptr_t *)arguments - 1);
}
#elif defined __x86_64__
__asm__(".globl _start\n_start: xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");
#else
__asm__(".globl _start\n_start: mov x29, #0\n mov x0, sp\n bl begin\n");
#endif
