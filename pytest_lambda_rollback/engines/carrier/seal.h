/* Keeps the processes of a function away from the carrier, and from what would outlive them.
 *
 * The kernel protects the first process of a PID namespace from signals of that namespace, and
 * PR_SET_DUMPABLE gives its /proc folder to root and refuses ptrace, process_vm_*, pidfd_getfd,
 * kcmp, perf_event_open, move_pages and process_madvise. What is left is refused by a filter: calls
 * that the kernel allows on any process of the same user, and calls that leave something behind
 * that cannot be found and removed.
 */
#ifndef CARRIER_SEAL_H
#define CARRIER_SEAL_H

#include "system.h"

enum { REFUSE = SECCOMP_RET_ERRNO | EPERM, ABSENT = SECCOMP_RET_ERRNO | ENOSYS };

static struct sock_filter filter[512];
static unsigned short filter_length;

static void instruction(unsigned short code, uint32_t value, int if_true, int if_false)
{
    filter[filter_length++] = (struct sock_filter){
        .code = code, .k = value, .jt = (unsigned char)if_true, .jf = (unsigned char)if_false};
}

static void load(size_t offset)
{
    instruction(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void answer(uint32_t with) { instruction(BPF_RET | BPF_K, with, 0, 0); }

static void refuse(uint32_t call, uint32_t with)
{
    instruction(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1);
    answer(with);
}

/* Refuses a call whose argument compares so with a value (arguments are little-endian). */
static void refuse_if(uint32_t call, int argument, unsigned short compare, uint32_t value)
{
    instruction(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4);
    load(offsetof(struct seccomp_data, args) + 8 * (size_t)argument);
    instruction((unsigned short)(BPF_JMP | BPF_K | compare), value, 0, 1);
    answer(REFUSE);
    load(offsetof(struct seccomp_data, nr));
}

/* Stops a call until the carrier has told of it, where a half of an argument is (not) zero. */
static void watch_connect(void)
{
    instruction(BPF_JMP | BPF_JEQ | BPF_K, __NR_connect, 0, 4);
    load(offsetof(struct seccomp_data, args[2]) + 4); /* MINE in the carrier's own calls */
    instruction(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
    answer(SECCOMP_RET_USER_NOTIF);
    load(offsetof(struct seccomp_data, nr));
}

static void watch_sendto(void)
{
    instruction(BPF_JMP | BPF_JEQ | BPF_K, __NR_sendto, 0, 6);
    load(offsetof(struct seccomp_data, args[4]));
    instruction(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2);
    load(offsetof(struct seccomp_data, args[4]) + 4);
    instruction(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
    answer(SECCOMP_RET_USER_NOTIF);
    load(offsetof(struct seccomp_data, nr));
}

static void allow_families(void)
{
    /* unix, inet, inet6, netlink, packet (which takes a right that functions lack), alg */
    static const unsigned char families[] = {1, 2, 10, 16, 17, 38};
    enum { COUNT = sizeof families };
    instruction(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, COUNT + 3);
    load(offsetof(struct seccomp_data, args));
    for (int at = 0; at < COUNT; at++)
        instruction(BPF_JMP | BPF_JEQ | BPF_K, families[at], COUNT - at, 0);
    answer(SECCOMP_RET_ERRNO | EAFNOSUPPORT);
    load(offsetof(struct seccomp_data, nr));
}

/* `self` is the carrier's own process number, `queues` is true if message queues can be seen. With
 * `watch`, calls that lead out are told of at what is returned, a file. -ERRNO. */
static long install_filter(uint32_t self, bool queues, bool watch)
{
    /* Namespaces of its own would hide mounts, queues, sockets and processes from the carrier. */
    const uint32_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
    const uint32_t refused[] = {
        /* Keys live as long as their user, beyond every process. */
        __NR_add_key, __NR_keyctl, __NR_request_key,
        /* Rings close their files some time after their process has ended. */
        __NR_io_uring_setup, __NR_io_uring_enter, __NR_io_uring_register,
        __NR_bpf, __NR_setns, __NR_mount, __NR_umount2, __NR_pivot_root, __NR_fsopen,
        __NR_open_tree, __NR_move_mount, __NR_quotactl, __NR_acct, __NR_swapon, __NR_swapoff,
    };

    filter_length = 0;
    load(offsetof(struct seccomp_data, arch));
    instruction(BPF_JMP | BPF_JEQ | BPF_K, MACHINE_AUDIT, 1, 0);
    answer(REFUSE); /* the numbers below mean other calls on another machine's interface */
    load(offsetof(struct seccomp_data, nr));
#if defined __x86_64__
    instruction(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1); /* x32 */
    answer(REFUSE);
#endif
    for (size_t at = 0; at < sizeof refused / sizeof *refused; at++)
        refuse(refused[at], REFUSE);
    /* Its flags lie in memory, where a filter cannot see them; without it C libraries use clone. */
    refuse(__NR_clone3, ABSENT);
    refuse_if(__NR_clone, 0, BPF_JSET, namespaces);
    refuse_if(__NR_unshare, 0, BPF_JSET, namespaces | 0x80 /* CLONE_NEWTIME */);
    /* Only these kinds of sockets belong to a network namespace or reach nobody; others, as vsock,
     * lead to the machine or what runs it. */
    allow_families();
    /* A queue that no file system shows could not be found again. */
    if (!queues)
        refuse(__NR_mq_open, REFUSE);
    /* Allowed on every process of one's own user: the carrier's limits (RLIMIT_CPU 0 kills it),
     * processors and priority, which the next environment would inherit. */
    refuse_if(__NR_prlimit64, 0, BPF_JEQ, self);
    refuse_if(__NR_sched_setaffinity, 0, BPF_JEQ, self);
    refuse_if(__NR_sched_setattr, 0, BPF_JEQ, self);
    refuse_if(__NR_sched_setparam, 0, BPF_JEQ, self);
    refuse_if(__NR_sched_setscheduler, 0, BPF_JEQ, self);
    refuse_if(__NR_process_madvise, 0, BPF_JEQ, self);
    refuse_if(__NR_migrate_pages, 0, BPF_JEQ, self);
    refuse_if(__NR_move_pages, 0, BPF_JEQ, self);
    refuse_if(__NR_setpriority, 1, BPF_JEQ, self);
    refuse_if(__NR_setpriority, 0, BPF_JEQ, 2 /* PRIO_USER: all processes of the user */);
    refuse_if(__NR_ioprio_set, 1, BPF_JEQ, self);
    refuse_if(__NR_ioprio_set, 0, BPF_JEQ, 3 /* IOPRIO_WHO_USER */);
    if (watch) {
        watch_connect();
        watch_sendto();
        refuse(__NR_sendmmsg, SECCOMP_RET_USER_NOTIF); /* C libraries look up names by it */
    }
    answer(SECCOMP_RET_ALLOW);

    struct sock_fprog program = {.len = filter_length, .filter = filter};
    long result = CALL(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return result ? result
                  : CALL(seccomp, SECCOMP_SET_MODE_FILTER,
                         watch ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0, &program);
}

#endif
