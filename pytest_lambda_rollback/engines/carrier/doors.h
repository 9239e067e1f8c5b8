/* Doors: names and ports that lead out, and the listeners behind which they are. A name that a
 * process asked for has a loopback address of its own; a listener stands only where a door opens a
 * port for it, so that the kernel refuses every other connection at once.
 */
#ifndef CARRIER_DOORS_H
#define CARRIER_DOORS_H

#include "frames.h"

enum {
    MAX_NAMES = 257, /* with localhost, which is number 0 */
    MAX_DOORS = 256,
    MAX_LISTENERS = 256,
    NAME_ROOM = 254, /* the longest name of DNS, and NUL */
    NAMES_NETWORK = 64, /* 127.64.0.0/16 */
};

struct door {
    const char *name; /* exact, "*.suffix" or "*" */
    uint16_t port;
};

struct listener {
    int fd;
    int name;
    uint16_t port;
};

static char door_texts[MAX_PAYLOAD];
static struct door doors[MAX_DOORS];
static struct listener listeners[MAX_LISTENERS];
static char names[MAX_NAMES][NAME_ROOM];
static int door_count, listener_count, name_count;

static bool is_name_byte(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
           byte == '_' || byte == '.';
}

static bool ends(const char *text, const char *with)
{
    size_t length = length_of(text), tail = length_of(with);
    return length > tail && same(text + length - tail, with);
}

static bool fits(const struct door *door, int name)
{
    if (door->name[0] != '*')
        return same(door->name, names[name]);
    return name && (!door->name[1] || ends(names[name], door->name + 1));
}

static uint32_t address_of(int name)
{
    uint32_t network = name ? 127u << 24 | (uint32_t)NAMES_NETWORK << 16 : INADDR_LOOPBACK;
    return __builtin_bswap32(network | (name ? (uint32_t)name : 0));
}

static bool is_open(int name, uint16_t port)
{
    for (int at = 0; at < listener_count; at++)
        if (listeners[at].name == name && listeners[at].port == port)
            return true;
    return false;
}

static int listen_at(uint32_t address_number, uint16_t port)
{
    int on = 1;
    struct sockaddr_in address = {.sin_family = INTERNET, .sin_port = __builtin_bswap16(port)};
    address.sin_addr.s_addr = address_number;
    int fd = (int)CALL(socket, INTERNET, STREAM_SOCKET | O_CLOEXEC | O_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    CALL(setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    CALL(setsockopt, fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* streams inherit it */
    long result = CALL(bind, fd, &address, sizeof address);
    if (result >= 0)
        result = CALL(listen, fd, 128);
    if (result < 0) {
        CALL(close, fd);
        return (int)result;
    }
    return fd;
}

/* Opens what doors there are for a name. -ENOSPC: that are too many; or why a door stays shut. */
static int open_doors(int name)
{
    int worst = 0;
    for (int at = 0; at < door_count; at++) {
        if (!fits(&doors[at], name) || is_open(name, doors[at].port))
            continue;
        if (listener_count == MAX_LISTENERS)
            return -ENOSPC;
        int fd = listen_at(address_of(name), doors[at].port);
        if (fd < 0)
            worst = fd;
        else
            listeners[listener_count++] =
                (struct listener){.fd = fd, .name = name, .port = doors[at].port};
    }
    return worst;
}

static void close_doors(void)
{
    while (listener_count)
        CALL(close, listeners[--listener_count].fd);
    door_count = 0;
}

/* The number of a name, which it gets when it is new. -ENOSPC: there are too many. */
static int number_of(const char *name)
{
    for (int at = 0; at < name_count; at++)
        if (same(names[at], name))
            return at;
    if (name_count == MAX_NAMES)
        return -ENOSPC;
    memcpy(names[name_count], name, length_of(name) + 1);
    return name_count++;
}

static void forget_names(void)
{
    close_doors();
    name_count = 0;
    number_of("localhost");
}

static void add_door(const char *field)
{
    const char *colon = 0, *end;
    struct door *door = &doors[door_count];
    if (!starts(field, "door=") || door_count == MAX_DOORS)
        fail("a frame N has too many fields or another one than door", STATUS_PROTOCOL);
    field += length_of("door=");
    for (const char *at = field; *at; at++)
        if (*at == ':')
            colon = at;
    uint64_t number = colon ? number_at(colon + 1, &end) : 0;
    if (!colon || colon == field || colon - field >= NAME_ROOM || *end || !number || number > 65535)
        fail("a door has no name or no port", STATUS_PROTOCOL);
    for (const char *at = field; at < colon; at++)
        if (!is_name_byte((unsigned char)*at) && !(at == field && *at == '*'))
            fail("a door has a name that no host has", STATUS_PROTOCOL);
    if (*field == '*' && field + 1 < colon && field[1] != '.')
        fail("a door has a name that no host has", STATUS_PROTOCOL);
    *(char *)(uintptr_t)colon = 0;
    *door = (struct door){.name = field, .port = (uint16_t)number};
    door_count++;
}

/* New doors in place of those that there are. No process of the function needs to know of it. */
static void take_doors(const char *payload, uint32_t length)
{
    int result;
    close_doors();
    if (length && payload[length - 1])
        fail("the last field of a frame N does not end", STATUS_PROTOCOL);
    memcpy(door_texts, payload, length);
    for (const char *field = door_texts, *next; field < door_texts + length; field = next) {
        next = field + length_of(field) + 1;
        add_door(field);
    }
    for (int at = 0; at < door_count; at++)
        if (doors[at].name[0] != '*' && number_of(doors[at].name) < 0)
            fail("doors have too many names", STATUS_PROTOCOL);
    /* What is too much for names that were asked for before is refused and told as a call. */
    for (int name = 0; name < name_count; name++)
        if ((result = open_doors(name)) < 0 && result != -ENOSPC)
            fail("a door cannot be opened: its port is in use or forbidden", STATUS_SYSTEM);
}

#endif
