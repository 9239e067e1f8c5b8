/* Sees which ways out the processes try: addresses that they connect or send to, by the name that
 * the name server gave them for, and, where there is none, names that they look up. The filter stops such a system call until the carrier has told of it; then the
 * kernel goes on with it as if nothing had been there. A function can hide a call from this if it
 * wants to: what is told here is for a report, and keeps nobody from anything.
 */
#ifndef CARRIER_CALLS_H
#define CARRIER_CALLS_H

#include "names.h"

enum { MAX_ADDRESS = 28 };

static int calls = -1; /* tells of calls that wait; -1: the kernel cannot */

/* The call that waits for room in the output; none with an empty text. */
static char told_bytes[2048];
static struct text told = {.bytes = told_bytes, .room = sizeof told_bytes};
static uint64_t told_id;

static bool read_memory(int memory_fd, uint64_t at, void *to, size_t size)
{
    return size && CALL(pread64, memory_fd, to, size, at) == (long)size;
}

/* 127.0.0.0/8, 0.0.0.0, ::1, :: and the same mapped into IPv6. */
static bool is_own(const unsigned char *address, uint32_t length)
{
    uint16_t family;
    uint32_t zeros = 8, end = 8;
    memcpy(&family, address, sizeof family);
    if (family == INTERNET)
        return length >= 8 && (address[4] == 127 || !(address[4] | address[5] | address[6] | address[7]));
    if (family != INTERNET_6 || length < 24)
        return true;
    for (end = 24; zeros < end && !address[zeros];)
        zeros++;
    if (zeros == end || (zeros == 23 && address[23] == 1))
        return true;
    return zeros == 18 && address[18] == 0xff && address[19] == 0xff && address[20] == 127;
}

/* The name that has an address of 127.64.0.0/16, also where that is mapped into IPv6; 0: none. */
static int name_at(const unsigned char *address, uint32_t length)
{
    uint16_t family;
    memcpy(&family, address, sizeof family);
    const unsigned char *four = address + (family == INTERNET ? 4 : 20);
    if (!is_own(address, length) || (family != INTERNET && family != INTERNET_6) ||
        (family == INTERNET_6 && (length < 24 || address[18] != 0xff)) ||
        four[0] != 127 || four[1] != NAMES_NETWORK)
        return 0;
    int number = four[2] << 8 | four[3];
    return number < name_count ? number : 0;
}

static bool is_question(const unsigned char *bytes, uint32_t length)
{
    return length > QUESTION_HEAD && !(bytes[2] & 0x80) && !bytes[4] && bytes[5] == 1;
}

/* What a call sends, and where to: addresses in the memory of the process. */
struct sending {
    uint64_t address, bytes;
    uint64_t address_length, length;
};

static struct sending sending_of(const struct seccomp_data *call, int memory_fd)
{
    struct sending found = {0};
    if (call->nr == __NR_connect) {
        found.address = call->args[1];
        found.address_length = (uint32_t)call->args[2];
    } else if (call->nr == __NR_sendto) {
        found = (struct sending){.address = call->args[4], .address_length = (uint32_t)call->args[5],
                                 .bytes = call->args[1], .length = call->args[2]};
    } else {
        struct message message;
        uint64_t part[2];
        if (!read_memory(memory_fd, call->args[1], &message, sizeof message))
            return found;
        found.address = message.name;
        found.address_length = message.name ? message.name_length : 0;
        if (message.part_count && read_memory(memory_fd, message.parts, part, sizeof part)) {
            found.bytes = part[0];
            found.length = part[1];
        }
    }
    return found;
}

static void read_call(const struct seccomp_notif *waiting)
{
    unsigned char address[MAX_ADDRESS] = {0}, question[MAX_QUESTION];
    struct text path = {.bytes = (char *)question, .room = 63};
    add(&path, "/proc/");
    add_number(&path, waiting->pid);
    add(&path, "/mem");
    question[path.length] = 0;
    int memory_fd = (int)CALL(openat, AT_FDCWD, question, O_RDONLY | O_CLOEXEC);
    if (memory_fd < 0)
        return;
    struct sending found = sending_of(&waiting->data, memory_fd);
    uint32_t length = found.address_length < MAX_ADDRESS ? (uint32_t)found.address_length : MAX_ADDRESS;
    bool addressed = length >= 8 && read_memory(memory_fd, found.address, address, length);
    bool own = addressed && is_own(address, length);
    uint16_t to = (uint16_t)(address[2] << 8 | address[3]);
    /* Questions to the name server here are known there. */
    bool named = addressed && to == NAME_PORT && !(own && name_socket >= 0);
    int name = addressed ? name_at(address, length) : 0;
    bool shut = name && to && (waiting->data.nr != __NR_connect || !is_open(name, to));
    if (addressed && (named || shut || !own))
        add_hexadecimal(&told, "address=", address, length);
    if (shut) {
        add(&told, "name=");
        add(&told, names[name]);
        add_byte(&told, 0);
    }
    length = found.length < MAX_QUESTION ? (uint32_t)found.length : MAX_QUESTION;
    if ((named || (!addressed && name_socket < 0)) &&
        read_memory(memory_fd, found.bytes, question, length) && is_question(question, length))
        add_hexadecimal(&told, "question=", question, length);
    CALL(close, memory_fd);
}

static void let_go_on(uint64_t id)
{
    static _Alignas(8) unsigned char reply[256];
    struct seccomp_notif_resp *answer_to = (struct seccomp_notif_resp *)reply;
    memset(reply, 0, sizeof reply);
    answer_to->id = id;
    answer_to->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    CALL(ioctl, calls, SECCOMP_IOCTL_NOTIF_SEND, reply);
}

/* Tells of the call that waits for room, and lets it go on. */
static void tell_call(void)
{
    if (!told.length || !has_room(SPARE))
        return;
    put_frame('A', 0, told.bytes, told.length);
    told.length = 0;
    let_go_on(told_id);
}

/* Looks at the next call. One that leads nowhere goes on at once, whether there is room or not. */
static void take_call(void)
{
    static _Alignas(8) unsigned char request[1024];
    const struct seccomp_notif *waiting = (const struct seccomp_notif *)request;
    memset(request, 0, sizeof request);
    if (CALL(ioctl, calls, SECCOMP_IOCTL_NOTIF_RECV, request) < 0)
        return;
    read_call(waiting);
    told_id = waiting->id;
    if (told.length)
        tell_call();
    else
        let_go_on(told_id);
}

#endif
