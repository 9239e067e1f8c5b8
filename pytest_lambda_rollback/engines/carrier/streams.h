/* What processes say: their connections, each with a credit in both directions, and their log. */
#ifndef CARRIER_STREAMS_H
#define CARRIER_STREAMS_H

#include "doors.h"

enum { PORT = 9001, CREDIT = 65536, MAX_STREAMS = 256, KEPT_STREAMS = 32 /* not for doors */ };

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

static struct stream streams[MAX_STREAMS];
static int stream_end; /* no stream from this place on has ever been in use */
static int listener = -1;
static bool listener_rests;
static uint16_t last_stream, port;
static char port_variable[] = "AWS_LAMBDA_RUNTIME_API=127.0.0.1:\0\0\0\0\0";

static int log_read = -1, log_write = -1; /* the pipe that is every process's standard output and error */
static uint32_t log_due;                  /* bytes of it that come before anything on a connection */

static struct stream *stream_of(uint16_t id)
{
    for (int at = 0; at < stream_end; at++)
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

static void open_log(void)
{
    int ends[2];
    CALL(close, log_read);
    CALL(close, log_write);
    if (CALL(pipe2, ends, O_CLOEXEC) < 0)
        fail("the pipe of the log cannot be made", STATUS_SYSTEM);
    log_read = ends[0], log_write = ends[1], log_due = 0;
    CALL(fcntl, log_read, F_SETFL, O_NONBLOCK);
}

/* Reads what is in the log by now, and no more, so that who floods it keeps nobody else waiting.
 * False: the output is full, so the rest is still due. */
static bool pump_log(void)
{
    int there = 0;
    if (!log_due && CALL(ioctl, log_read, FIONREAD, &there) == 0)
        log_due = (uint32_t)there;
    while (log_due) {
        if (!has_room(HEADER + 4096 + SPARE))
            return false;
        uint32_t most = OUTPUT - output_end - HEADER - SPARE;
        most = most < MAX_PAYLOAD ? most : MAX_PAYLOAD;
        most = most < log_due ? most : log_due;
        long count = read_from(log_read, output + output_end + HEADER, most);
        if (count == -EINTR)
            continue;
        if (count <= 0) {
            log_due = 0; /* a process has read it, which can open its own output */
            return true;
        }
        put_header(output + output_end, 'T', 0, (uint32_t)count);
        output_end += HEADER + (uint32_t)count;
        log_due -= (uint32_t)count;
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

static struct stream *free_stream(int from)
{
    for (int at = from; at < MAX_STREAMS; at++)
        if (at >= stream_end || streams[at].fd < 0)
            return &streams[at];
    return 0;
}

/* Takes the connections that wait at a listener: of a door, or of the Runtime API (none). */
static void accept_at(int fd_of_listener, const struct listener *door)
{
    struct stream *stream;
    while (has_room(SPARE) && (stream = free_stream(door ? KEPT_STREAMS : 0))) {
        struct text text = {.bytes = report_bytes, .room = SPARE - HEADER};
        long fd = CALL(accept4, fd_of_listener, 0, 0, O_CLOEXEC | O_NONBLOCK);
        if (fd < 0) {
            /* Without this a lack of memory or numbers for files would keep poll from waiting. */
            listener_rests |= fd != -EAGAIN && fd != -EINTR && fd != -ECONNABORTED;
            return;
        }
        do
            last_stream++;
        while (!last_stream || stream_of(last_stream));
        stream->id = last_stream, stream->credit = CREDIT;
        stream->read_ended = stream->end_asked = stream->lost = stream->hung = false;
        stream->owed = stream->at = stream->length = 0;
        stream->fd = (int)fd;
        while (stream_end <= stream - streams)
            if (&streams[stream_end++] != stream)
                streams[stream_end - 1].fd = -1;
        if (door) {
            add(&text, "name=");
            add(&text, names[door->name]);
            add_byte(&text, 0);
        }
        add_field(&text, "port=", door ? door->port : PORT);
        put_frame('O', stream->id, text.bytes, text.length);
    }
}

static void accept_connections(void)
{
    accept_at(listener, 0);
    for (int at = 0; at < listener_count; at++)
        accept_at(listeners[at].fd, &listeners[at]);
}

#endif
