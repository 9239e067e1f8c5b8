/* What the carrier needs of Linux without a C library: system calls, texts, numbers.
 *
 * Structures come from the kernel's own headers. With -DHOSTED the same sources become a program of
 * a C library, for sanitizers: `main` instead of `_start`, and calls that a sanitizer checks.
 */
#ifndef CARRIER_SYSTEM_H
#define CARRIER_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/socket.h>
#include <asm/stat.h>
#include <asm/statfs.h>
#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/auxvec.h>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/magic.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/stat.h>
#include <linux/tcp.h>
#include <linux/time.h>

#if defined __x86_64__
#define MACHINE "x86_64"
#define MACHINE_AUDIT AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define MACHINE "aarch64"
#define MACHINE_AUDIT AUDIT_ARCH_AARCH64
#else
#error "AWS Lambda has x86-64 and arm64 only"
#endif

/* Values that the kernel's exported headers lack. */
enum {
    SIGNAL_KILL = 9,
    SIGNAL_PIPE = 13,
    SIGNAL_CHILD = 17,
    STREAM_SOCKET = 1,
    INTERNET = 2,
    INTERNET_6 = 10,
    NO_SIGNAL = 0x4000,
    DO_NOT_WAIT = 0x40,
    SHUT_WRITING = 1,
    NO_HANG = 1,
    WAIT_ALL_KINDS = 0x40000000,
    DIRECTORY_KIND = 4,
};

/* Beside the length of an address, which has fewer bits: a call of connect by the carrier itself,
 * for which it must not wait. */
#define MINE (1l << 32)

struct directory_entry {
    uint64_t inode;
    int64_t offset;
    unsigned short size;
    unsigned char kind;
    char name[];
};

struct message { /* struct msghdr, and the length that struct mmsghdr adds */
    uint64_t name;
    uint32_t name_length, unused;
    uint64_t parts, part_count, control, control_length;
    int flags;
    unsigned int sent;
};

struct linger {
    int on, seconds;
};

/* One system call; a failure is -ERRNO. */
static inline long system_call(long number, long a, long b, long c, long d, long e, long f)
{
#if defined __x86_64__
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c, x3 __asm__("x3") = d, x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory", "cc");
    return x0;
#endif
}

#define CALL6(name, a, b, c, d, e, f, ...)                                                      \
    system_call(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define CALL(name, ...) CALL6(name, __VA_ARGS__, 0, 0, 0, 0, 0, 0)

#ifdef HOSTED

extern long read(int, void *, size_t), send(int, const void *, size_t, int);
extern long write(int, const void *, size_t);
extern int *__errno_location(void);
extern void *memcpy(void *, const void *, size_t), *memmove(void *, const void *, size_t);
extern void *memset(void *, int, size_t);

static inline long checked(long result) { return result < 0 ? -*__errno_location() : result; }
static inline long read_from(int fd, void *to, size_t size) { return checked(read(fd, to, size)); }
static inline long write_to(int fd, const void *from, size_t size)
{
    return checked(write(fd, from, size));
}
static inline long send_to(int fd, const void *from, size_t size)
{
    return checked(send(fd, from, size, NO_SIGNAL | DO_NOT_WAIT));
}

#else

/* The compiler calls these by itself. The empty asm keeps it from making a loop a call of itself. */
void *memcpy(void *to, const void *from, size_t size)
{
#if defined __x86_64__
    void *at = to;
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(size) : : "memory");
#else
    for (size_t at = 0; at < size; at++) {
        ((char *)to)[at] = ((const char *)from)[at];
        __asm__ volatile("" ::: "memory");
    }
#endif
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    if ((uintptr_t)to - (uintptr_t)from >= size)
        return memcpy(to, from, size);
    while (size--) {
        ((char *)to)[size] = ((const char *)from)[size];
        __asm__ volatile("" ::: "memory");
    }
    return to;
}

void *memset(void *to, int value, size_t size)
{
    for (size_t at = 0; at < size; at++) {
        ((char *)to)[at] = (char)value;
        __asm__ volatile("" ::: "memory");
    }
    return to;
}

static inline long read_from(int fd, void *to, size_t size) { return CALL(read, fd, to, size); }
static inline long write_to(int fd, const void *from, size_t size)
{
    return CALL(write, fd, from, size);
}
static inline long send_to(int fd, const void *from, size_t size)
{
    return CALL(sendto, fd, from, size, NO_SIGNAL | DO_NOT_WAIT, 0, 0);
}

#endif

static inline _Noreturn void leave(int status)
{
    for (;;)
        CALL(exit_group, status);
}

static inline uint64_t milliseconds(void)
{
    struct timespec now = {0};
    CALL(clock_gettime, CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline void sleep_ms(int ms)
{
    struct timespec time = {.tv_nsec = ms * 1000000L};
    CALL(nanosleep, &time, 0);
}

/* Texts. */

static inline size_t length_of(const char *text)
{
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}

static inline bool starts(const char *text, const char *with)
{
    for (; *with; text++, with++)
        if (*text != *with)
            return false;
    return true;
}

static inline bool same(const char *a, const char *b)
{
    return starts(a, b) && length_of(a) == length_of(b);
}

static inline const char *find(const char *text, const char *part)
{
    for (; *text; text++)
        if (starts(text, part))
            return text;
    return 0;
}

/* The number that a text begins with, after blanks; *end is what follows it. No digit: 0. */
static inline uint64_t number_at(const char *text, const char **end)
{
    uint64_t number = 0;
    while (*text == ' ' || *text == '\t')
        text++;
    for (; *text >= '0' && *text <= '9'; text++)
        number = number * 10 + (uint64_t)(*text - '0');
    if (end)
        *end = text;
    return number;
}

/* A text that is being put together; what does not fit is cut off. */
struct text {
    char *bytes;
    uint32_t length, room;
};

static inline void add_byte(struct text *text, char byte)
{
    if (text->length < text->room)
        text->bytes[text->length++] = byte;
}

static inline void add(struct text *text, const char *part)
{
    while (*part)
        add_byte(text, *part++);
}

static inline void add_number(struct text *text, uint64_t number)
{
    char digits[20];
    int count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count)
        add_byte(text, digits[--count]);
}

/* `name` and a number as one field of a frame. */
static inline void add_field(struct text *text, const char *name, uint64_t number)
{
    add(text, name);
    add_number(text, number);
    add_byte(text, 0);
}

/* Reads a file from its start; what does not fit is cut off. The text ends with NUL. -ERRNO. */
static inline long read_file(const char *path, char *to, size_t room)
{
    int fd = (int)CALL(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    size_t length = 0;
    long count = fd;
    if (fd < 0)
        return fd;
    while (length < room - 1 && (count = read_from(fd, to + length, room - 1 - length)) > 0)
        length += (size_t)count;
    CALL(close, fd);
    to[length] = 0;
    return count < 0 ? count : (long)length;
}

/* Calls `each` with the name of every entry of a folder until it returns false. -ERRNO. */
static inline long each_entry(int folder, bool (*each)(int folder, const char *name))
{
    _Alignas(8) char buffer[4096];
    long count;
    CALL(lseek, folder, 0, 0);
    while ((count = CALL(getdents64, folder, buffer, sizeof buffer)) > 0)
        for (long at = 0; at < count;) {
            struct directory_entry *entry = (struct directory_entry *)(buffer + at);
            at += entry->size;
            if (same(entry->name, ".") || same(entry->name, ".."))
                continue;
            if (!each(folder, entry->name))
                return 0;
        }
    return count;
}

static inline int open_folder(int at, const char *path)
{
    return (int)CALL(openat, at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

#endif
