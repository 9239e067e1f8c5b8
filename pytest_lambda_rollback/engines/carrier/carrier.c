/* The carrier: first process of an execution environment, specified in PROTOCOL.md.
 *
 * It carries connections to 127.0.0.1:9001 over its standard input and output, starts and reaps
 * processes, and makes the environment fresh in place. It is written for an environment whose
 * processes are hostile to it: it trusts only its standard input, waits for nobody but poll, and
 * keeps everything in buffers of fixed size.
 */
#include "calls.h"
#include "fresh.h"
#include "seal.h"
#include "starts.h"

enum { MAX_START = 262144, WATCH_MS = 25, WAITS = 7 };

static int children; /* tells of ends of processes */
static bool filtered;
static unsigned char input[HEADER + MAX_START];
static uint32_t input_length;

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
    for (int at = 0; at < stream_end; at++)
        if (streams[at].fd >= 0)
            close_stream(&streams[at], true);
    CALL(close, listener);
    CALL(close, name_socket);
    forget_names();
    open_log();
    forget_output();
    told.length = 0;
    make_fresh(&text, ended, filtered);
    listen_to_processes();
    if (name_socket >= 0)
        serve_names();
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
    case 'N':
        if (id || name_socket < 0)
            fail("a frame N has a number, or there is no name server", STATUS_PROTOCOL);
        if (any_process()) /* one that has not come to its program yet has the listeners as well */
            fail("doors change while processes run", STATUS_PROTOCOL);
        take_doors((char *)payload, length);
        return;
    case 'P':
        if (id)
            fail("a frame P has a number", STATUS_PROTOCOL);
        take_file((char *)payload, length);
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
        if (length > (frame[0] == 'S' || frame[0] == 'P' ? MAX_START : MAX_PAYLOAD))
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
    add_field(&text, "calls=", calls >= 0);
    add_field(&text, "names=", name_socket >= 0);
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

/* The right to low ports, which an engine may have left to the carrier, is for no other process. */
static void keep_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2] = {0};
    CALL(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (CALL(capget, &header, sets) == 0) {
        sets[0].inheritable = sets[1].inheritable = 0;
        CALL(capset, &header, sets);
    }
}

static void prepare(void)
{
    struct statfs queues = {0};
    uint64_t signals = 1ull << (SIGNAL_CHILD - 1) | 1ull << (SIGNAL_PIPE - 1);
    uint64_t child = 1ull << (SIGNAL_CHILD - 1), by_default[4] = {0};

    CALL(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
    keep_capabilities();
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
    bool has_queues = CALL(statfs, "/dev/mqueue", &queues) == 0 && queues.f_type == 0x19800202;
    /* Where it is not the first process, its environment has the machine's network. */
    if (is_first)
        calls = (int)install_filter((uint32_t)own_number, has_queues, true);
    filtered = calls >= 0 || install_filter((uint32_t)own_number, has_queues, false) == 0;
    find_memory_group(is_first);
    remember_first_state();
    listen_to_processes();
    forget_names();
    if (is_first) {
        find_own_domain();
        serve_names();
    }
    open_log();
    greet();
    if (children < 0 || no_input < 0)
        fail("signalfd or /dev/null cannot be opened", STATUS_SYSTEM);
}

static _Noreturn void carry(void)
{
    static struct pollfd waits[WAITS + MAX_LISTENERS + MAX_STREAMS];
    uint64_t last_look = 0;

    for (;;) {
        bool watching = memory.limit && any_process();
        report_exits();
        for (int at = 0; at < stream_end; at++)
            tell(&streams[at]);
        tell_call();
        flush();

        bool room = has_room(HEADER + 4096 + SPARE), accepts = room && !listener_rests;
        int listening = listener_count, polled = stream_end;
        struct pollfd *stream_waits = waits + WAITS + listening;
        bool opens = accepts && free_stream(KEPT_STREAMS);
        for (int at = 0; at < listening; at++)
            waits[WAITS + at] =
                (struct pollfd){.fd = opens ? listeners[at].fd : -1, .events = POLLIN};
        for (int at = 0; at < stream_end; at++) {
            struct stream *stream = &streams[at];
            struct pollfd *wait = &stream_waits[at];
            bool reads = !stream->read_ended && stream->credit && room;
            *wait = (struct pollfd){.fd = stream->hung && !reads ? -1 : stream->fd};
            if (reads)
                wait->events |= POLLIN;
            if (stream->length)
                wait->events |= POLLOUT;
        }
        waits[0] = (struct pollfd){.fd = 0, .events = room ? POLLIN : 0};
        waits[1] = (struct pollfd){.fd = 1, .events = output_at < output_end ? POLLOUT : 0};
        waits[2] = (struct pollfd){.fd = children, .events = POLLIN};
        waits[3] = (struct pollfd){.fd = accepts && free_stream(0) ? listener : -1,
                                   .events = POLLIN};
        waits[4] = (struct pollfd){.fd = room ? log_read : -1, .events = POLLIN};
        waits[5] = (struct pollfd){.fd = told.length ? -1 : calls, .events = POLLIN};
        waits[6] = (struct pollfd){.fd = room ? name_socket : -1, .events = POLLIN};
        struct timespec time = {.tv_nsec = WATCH_MS * 1000000};
        bool now = room && input_waits();
        if (now)
            time.tv_nsec = 0;
        long ready = CALL(ppoll, waits, WAITS + listening + polled,
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
            accept_at(listener, 0);
        for (int at = 0; at < listening; at++)
            if (waits[WAITS + at].revents)
                accept_at(listeners[at].fd, &listeners[at]);
        if (waits[5].revents & POLLIN)
            take_call();
        if (waits[6].revents)
            answer_names();
        /* What was printed before a connection had something to say is told before it. */
        bool log_told = pump_log();
        for (int at = 0; at < polled; at++) {
            struct stream *stream = &streams[at];
            short events = stream_waits[at].revents;
            if (!events || stream->fd < 0)
                continue;
            if (events & POLLOUT)
                drain(stream);
            if (stream->fd >= 0 && events & (POLLERR | POLLHUP))
                stream->hung = true;
            if (stream->fd >= 0 && events & (POLLIN | POLLERR | POLLHUP) && log_told)
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
