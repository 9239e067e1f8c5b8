/* The name server of the environment: 127.0.0.1:53, UDP. It gives every name a loopback address of
 * its own, so that a connection tells name and port whatever leads there. Questions come from
 * hostile processes: one datagram is one question, and nothing is kept of it but a name.
 *
 * Message format: RFC 1035, section 4.
 */
#ifndef CARRIER_NAMES_H
#define CARRIER_NAMES_H

#include <linux/utsname.h>

#include "doors.h"

enum {
    NAME_PORT = 53,
    QUESTION_HEAD = 12,
    MAX_QUESTION = 512,
    DATAGRAM_SOCKET = 2,
    LIFE_S = 60,
    TYPE_A = 1, TYPE_PTR = 12, TYPE_AAAA = 28, TYPE_SVCB = 64, TYPE_HTTPS = 65,
    NO_ERROR = 0, FORMAT_ERROR = 1, SERVER_FAILURE = 2, NO_SUCH_NAME = 3, NOT_DONE = 4,
};

static int name_socket = -1; /* -1: no name server */
static char own_domain[80];  /* ".domain", which C libraries put behind a short name; or empty */

static void find_own_domain(void)
{
    struct new_utsname machine;
    const char *dot;
    if (CALL(uname, &machine) < 0 || !(dot = find(machine.nodename, ".")) || !dot[1])
        return;
    for (int at = 0; dot[at] && at < (int)sizeof own_domain - 1; at++)
        own_domain[at] = dot[at] >= 'A' && dot[at] <= 'Z' ? (char)(dot[at] | 32) : dot[at];
}

/* Where it may not have the port, everything goes on without names. */
static void serve_names(void)
{
    struct sockaddr_in address = {.sin_family = INTERNET, .sin_port = __builtin_bswap16(NAME_PORT)};
    address.sin_addr.s_addr = __builtin_bswap32(INADDR_LOOPBACK);
    name_socket = (int)CALL(socket, INTERNET, DATAGRAM_SOCKET | O_CLOEXEC | O_NONBLOCK, 0);
    if (name_socket >= 0 && CALL(bind, name_socket, &address, sizeof address) < 0) {
        CALL(close, name_socket);
        name_socket = -1;
    }
}

/* Reads the name at the head of a question: bytes that it takes, or 0 if it is malformed. *possible
 * tells whether a host could have it. */
static uint32_t read_name(const unsigned char *at, uint32_t length, char *name, bool *possible)
{
    struct text text = {.bytes = name, .room = NAME_ROOM - 1};
    uint32_t used = 0;
    *possible = true;
    for (;;) {
        uint32_t label = used < length ? at[used] : 64;
        if (label > 63 || used + 1 + label > length || used + 1 + label > 255)
            return 0;
        used++;
        if (!label)
            break;
        if (text.length)
            add_byte(&text, '.');
        for (; label; label--, used++) {
            unsigned char byte = at[used];
            byte = byte >= 'A' && byte <= 'Z' ? byte | 32 : byte;
            *possible &= is_name_byte(byte) && byte != '.';
            add_byte(&text, (char)byte);
        }
    }
    name[text.length] = 0;
    *possible &= text.length > 0;
    if (*own_domain && ends(name, own_domain))
        name[text.length - length_of(own_domain)] = 0;
    return used;
}

static void add_hexadecimal(struct text *text, const char *name, const unsigned char *bytes,
                            uint32_t length)
{
    static const char digits[] = "0123456789abcdef";
    add(text, name);
    for (uint32_t at = 0; at < length; at++) {
        add_byte(text, digits[bytes[at] >> 4]);
        add_byte(text, digits[bytes[at] & 15]);
    }
    add_byte(text, 0);
}

static void tell_question(const unsigned char *message, uint32_t length, bool full)
{
    struct text text = {.bytes = report_bytes, .room = SPARE - HEADER};
    add_hexadecimal(&text, "question=", message, length);
    if (full)
        add_field(&text, "full=", 1);
    put_frame('A', 0, text.bytes, text.length);
}

/* The answer to a question of `length` bytes with its head, in place; returns its length. */
static uint32_t answer_question(unsigned char *message, uint32_t length)
{
    char name[NAME_ROOM];
    bool possible;
    uint32_t used = 0, code = NO_ERROR, address = 0;
    if (message[2] & 0x78)
        code = NOT_DONE; /* another operation than a question */
    else if (message[4] || message[5] != 1)
        code = FORMAT_ERROR;
    else if (!(used = read_name(message + QUESTION_HEAD, length - QUESTION_HEAD, name, &possible)) ||
             length < QUESTION_HEAD + used + 4)
        code = FORMAT_ERROR;
    length = QUESTION_HEAD;
    if (code == NO_ERROR) {
        const unsigned char *kind = message + QUESTION_HEAD + used;
        int type = kind[0] << 8 | kind[1], class = kind[2] << 8 | kind[3];
        length = QUESTION_HEAD + used + 4;
        if (!possible || type == TYPE_PTR) {
            code = NO_SUCH_NAME;
        } else if (class == 1 && type == TYPE_A) {
            int number = number_of(name);
            if (number < 0 || open_doors(number) == -ENOSPC) {
                code = SERVER_FAILURE;
                tell_question(message, length, true);
            } else {
                address = address_of(number);
            }
        } else if (type != TYPE_AAAA && type != TYPE_SVCB && type != TYPE_HTTPS) {
            tell_question(message, length, false);
        }
    }
    message[2] = (unsigned char)(0x84 | (message[2] & 0x79));
    message[3] = (unsigned char)(0x80 | code);
    memset(message + 4, 0, 8);
    message[5] = length > QUESTION_HEAD;
    if (address) {
        const unsigned char record[] = {0xc0, QUESTION_HEAD, 0, TYPE_A, 0, 1, 0, 0, 0, LIFE_S, 0, 4};
        message[7] = 1;
        memcpy(message + length, record, sizeof record);
        memcpy(message + length + sizeof record, &address, sizeof address);
        length += sizeof record + sizeof address;
    }
    return length;
}

static void answer_names(void)
{
    static unsigned char message[MAX_QUESTION + 64];
    for (int count = 0; count < 64 && has_room(SPARE); count++) {
        struct sockaddr_in from;
        unsigned size = sizeof from;
        long length =
            CALL(recvfrom, name_socket, message, MAX_QUESTION, DO_NOT_WAIT, &from, &size);
        if (length == -EAGAIN)
            return;
        if (length < QUESTION_HEAD || message[2] & 0x80)
            continue; /* not a question: an answer to it could be answered without end */
        uint64_t part[2] = {(uintptr_t)message, answer_question(message, (uint32_t)length)};
        struct message reply = {.name = (uintptr_t)&from, .name_length = size,
                                .parts = (uintptr_t)part, .part_count = 1};
        /* sendmsg, as the filter would stop the carrier itself in sendto. */
        CALL(sendmsg, name_socket, &reply, NO_SIGNAL | DO_NOT_WAIT);
    }
}

#endif
