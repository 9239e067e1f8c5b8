/* Frames for the plugin: what waits to be written to standard output, and the carrier's end. */
#ifndef CARRIER_FRAMES_H
#define CARRIER_FRAMES_H

#include "processes.h"

enum {
    HEADER = 8,
    MAX_PAYLOAD = 65536,
    OUTPUT = 524288,
    SPARE = 8192, /* room in the output that any single report fits in */
    END_MS = 10000,
    STATUS_PROTOCOL = 70,
    STATUS_SYSTEM = 71,
};

/* A frame that was begun must be completed, whatever else is dropped. */
static unsigned char output[OUTPUT];
static uint32_t output_at, output_end, frame_left;

static char report_bytes[MAX_PAYLOAD]; /* where payloads are put together */

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

#endif
