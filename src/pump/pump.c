/*
 * stepflow-pump <execution id> | stepflow-pump --attach <execution id>
 *
 * Runs one script and moves its output from the FIFO `out` into the file `log`, with or without a
 * server.  splice keeps the bytes in the kernel until they are in the file, so killing the pump at
 * any moment loses nothing: the next one, started with --attach, goes on where this one stopped.
 *
 * Inherited: fd 3 = `status`, locked; fd 4 = the execution's folder; fd 5 = the launch block.
 * The Python pump (stepflow/process/fallback.py) keeps the same protocol.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "records are little endian and written as they lie in memory"
#endif

enum { STATUS_FD = 3, FOLDER_FD = 4, LAUNCH_FD = 5 };
enum { KIND_PUMP = 0x504d5550, KIND_SCRIPT = 0x50524353, KIND_EXIT = 0x54495845 }; /* PUMP SCRP EXIT */
enum { SLOT_PUMP = 0, SLOT_SCRIPT = 64, SLOT_EXIT = 128, BACKGROUND = 1024, STATUS_BYTES = 4096 };
enum { WITH_TTY = 1, KEEP_BACKGROUND = 2, STDIN_FROM_FIFO = 4 };
enum why { BY_ITSELF, ASKED, DEADLINE, COULD_NOT_START, LOG_LIMIT };
enum stage { STAGE_CHDIR = 1, STAGE_EXEC, STAGE_STDIN, STAGE_FORK };
enum { COMPLETE = 1, CUT = 2, SURVIVORS = 4, CODE_UNKNOWN = 8 };

enum {
    CHUNK = 1 << 20,
    OUTPUT_AFTER_EXIT_MS = 2000,
    LEAVING_MS = 100,
    SWEEP_GRACE_MS = 1000,
    SWEEP_KILL_MS = 2000,
    TIME_INDEX_MS = 100,
    DISK_FULL_RETRY_MS = 100,
    SMALL_BYTES = 32 << 10,
    FLOOD_TURNS = 3, /* between looks at anything else: a slow disk must not delay a stop */
    SOON_US = 200,
    COALESCE_US = 300,
    NARROW_PIPE = 64 << 10,
    WIDE_PIPE = 256 << 10,
    WIDE_BYTES_PER_MS = 64000, /* 64 MB/s */
};

struct launch {
    char magic[8];
    uint32_t version, flags;
    int64_t deadline_ms; /* unix time; 0 = none */
    uint64_t grace_ms, max_log_bytes, open_files;
    uint16_t rows, columns;
    uint32_t argc, envc;
} __attribute__((packed));
_Static_assert(sizeof(struct launch) == 60, "launch block");

struct identity_record {
    uint32_t kind;
    int32_t pid;
    uint64_t start_time;
    uint8_t boot_id[16];
    uint64_t pid_namespace;
    int64_t at_ms;
    uint8_t unused[12];
    uint32_t crc;
};
_Static_assert(sizeof(struct identity_record) == 64, "one slot");

struct exit_record {
    uint32_t kind;
    int32_t code, signal;
    uint32_t why;
    int64_t at_ms;
    uint64_t user_us, system_us, max_rss_kib;
    uint32_t background, flags;
    uint8_t unused[4];
    uint32_t crc;
};
_Static_assert(sizeof(struct exit_record) == 64, "one slot");

/* RUNNING until the script is reaped; LEFT while its output may go on; SWEEPING while what it left
 * behind is stopped; DRAINING what is then still in the pipe. */
enum phase { RUNNING, LEFT, SWEEPING, DRAINING, OVER };

struct process {
    pid_t pid, parent, group;
    uint64_t start_time;
    char state, name[16];
    bool ours;
};

struct family {
    struct process *of;
    size_t count, room;
};

static const char *execution_id;
static struct launch launch;
static struct identity_record here; /* boot id and PID namespace, shared by both identity records */
static struct exit_record ending = {.kind = KIND_EXIT};
static enum phase phase = RUNNING;

static bool attached, stopping, killed, has_children;
static pid_t script;
static int script_pidfd = -1; /* only when attached: our own child is reaped by SIGCHLD */
static int could_not_start = -1;
static int64_t deadline, kill_at, left_at, sweep_at, sweep_kill_at; /* CLOCK_BOOTTIME ms */

static int source = -1, write_side = -1, log_fd = -1, time_index = -1;
static bool can_splice = true, at_end, blocked, wide;
static uint64_t log_bytes, marked_bytes;
static int64_t marked_at, last_indexed_ms;
static int64_t drain_budget;
static char kept[64 << 10]; /* read but not yet written: only where splice is refused, and for a tty */
static size_t kept_start, kept_length;

static int input_keeper = -1, input_watch = -1;
static int input_fd = -1;
static char input[8 << 10];
static size_t input_length;
static uint32_t typed_left;

static struct family swept;
static const sigset_t no_signals;
static char names[STATUS_BYTES - BACKGROUND - 8];

/* ---- time and records ---- */

static int64_t clock_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static int64_t boot_ms(void) { return clock_us(CLOCK_BOOTTIME) / 1000; }
static int64_t unix_ms(void) { return clock_us(CLOCK_REALTIME) / 1000; }

static uint32_t crc32(const void *data, size_t length)
{
    uint32_t crc = ~0u;
    for (const uint8_t *byte = data; length--; byte++) {
        crc ^= *byte;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* In place, never by rename: it must work on a full disk. */
static void write_record(int offset, void *record)
{
    uint32_t crc = crc32(record, 60);
    memcpy((char *)record + 60, &crc, sizeof crc);
    while (pwrite(STATUS_FD, record, 64, offset) < 0 && errno == EINTR)
        ;
}

static bool read_record(int offset, void *record, uint32_t kind)
{
    uint32_t crc, found;
    if (pread(STATUS_FD, record, 64, offset) != 64)
        return false;
    memcpy(&found, record, sizeof found);
    memcpy(&crc, (char *)record + 60, sizeof crc);
    return found == kind && crc == crc32(record, 60);
}

static void write_exit(void)
{
    struct rusage usage;
    if (!attached && getrusage(RUSAGE_CHILDREN, &usage) == 0) {
        ending.user_us = usage.ru_utime.tv_sec * UINT64_C(1000000) + usage.ru_utime.tv_usec;
        ending.system_us = usage.ru_stime.tv_sec * UINT64_C(1000000) + usage.ru_stime.tv_usec;
        ending.max_rss_kib = usage.ru_maxrss;
    }
    write_record(SLOT_EXIT, &ending);
}

static void write_names(void)
{
    struct {
        uint32_t length, crc;
        char text[sizeof names];
    } record = {.length = strlen(names)};
    memcpy(record.text, names, record.length);
    record.crc = crc32(names, record.length);
    if (pwrite(STATUS_FD, &record, 8 + record.length, BACKGROUND) < 0)
        return; /* the count in the exit record still tells that there were some */
}

static ssize_t read_whole(const char *path, char *text, size_t room)
{
    size_t length = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    for (ssize_t n; length < room - 1 && (n = read(fd, text + length, room - 1 - length)) > 0;)
        length += n;
    close(fd);
    text[length] = 0;
    return length;
}

/* ---- processes and who they are ---- */

/* A name may hold spaces and parentheses: the fields begin after the last ')'. */
static bool look_at(pid_t pid, struct process *seen, int *exit_code)
{
    char path[32], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (read_whole(path, text, sizeof text) <= 0)
        return false;
    char *open = strchr(text, '('), *close = strrchr(text, ')');
    if (!open || !close)
        return false;
    memset(seen, 0, sizeof *seen);
    seen->pid = pid;
    snprintf(seen->name, sizeof seen->name, "%.*s", (int)(close - open - 1), open + 1);
    char *field = close + 2;
    for (int number = 3; field; number++, field = strchr(field, ' ')) {
        field += *field == ' ';
        if (number == 3)
            seen->state = *field;
        else if (number == 4)
            seen->parent = atoi(field);
        else if (number == 5)
            seen->group = atoi(field);
        else if (number == 22)
            seen->start_time = strtoull(field, NULL, 10);
        else if (number == 52 && exit_code)
            *exit_code = atoi(field);
    }
    return true;
}

static void learn_where_we_are(void)
{
    char text[64];
    struct stat namespace;
    int digits = 0;
    read_whole("/proc/sys/kernel/random/boot_id", text, sizeof text);
    for (char *c = text; *c && digits < 32; c++) {
        int value = *c >= 'a' ? *c - 'a' + 10 : *c - '0';
        if (*c == '-')
            continue;
        here.boot_id[digits / 2] = (here.boot_id[digits / 2] << 4) | value;
        digits++;
    }
    if (stat("/proc/self/ns/pid", &namespace) == 0)
        here.pid_namespace = namespace.st_ino;
}

static void write_own_identity(uint32_t kind, int slot)
{
    struct process self;
    struct identity_record record = here;
    record.kind = kind;
    record.pid = getpid();
    record.start_time = look_at(record.pid, &self, NULL) ? self.start_time : 0;
    record.at_ms = unix_ms();
    write_record(slot, &record);
}

/* The check comes after pidfd_open: from then on the number can't be given to anybody else. */
static int open_process(pid_t pid, uint64_t start_time)
{
    struct process now;
    int fd = syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return -1;
    if (look_at(pid, &now, NULL) && now.start_time == start_time)
        return fd;
    close(fd);
    return -1;
}

static void add(struct family *family, const struct process *process)
{
    if (family->count == family->room) {
        family->room = family->room ? 2 * family->room : 256;
        family->of = realloc(family->of, family->room * sizeof *family->of);
        if (!family->of)
            abort();
    }
    family->of[family->count++] = *process;
}

static bool carries_our_id(pid_t pid)
{
    static char environment[1 << 20];
    char path[32], wanted[128];
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    environment[0] = 0;
    ssize_t length = read_whole(path, environment + 1, sizeof environment - 1);
    int needed = snprintf(wanted, sizeof wanted, "%cSTEPFLOW_EXECUTION_ID=%s", 0, execution_id);
    return length > 0 && memmem(environment, length + 2, wanted, needed + 1);
}

/* The subreaper's descendants are the script's, however they detached.  An attached pump has none:
 * it goes by the id in their environment, which only `env -i` takes away. */
static struct family living_family(void)
{
    struct family all = {0};
    pid_t self = getpid();
    DIR *folder = attached || has_children ? opendir("/proc") : NULL;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        struct process process;
        pid_t pid = atoi(entry->d_name);
        if (pid > 0 && pid != self && look_at(pid, &process, NULL)) {
            process.ours = attached ? carries_our_id(pid) : process.parent == self;
            add(&all, &process);
        }
    }
    if (folder)
        closedir(folder);
    for (bool found = true; found;) {
        found = false;
        for (size_t i = 0; i < all.count; i++)
            for (size_t j = 0; j < all.count && !all.of[i].ours; j++)
                if (all.of[j].ours && all.of[j].pid == all.of[i].parent)
                    found = all.of[i].ours = true;
    }
    size_t kept_count = 0;
    for (size_t i = 0; i < all.count; i++)
        if (all.of[i].ours && all.of[i].state != 'Z')
            all.of[kept_count++] = all.of[i];
    all.count = kept_count;
    return all;
}

static void signal_one(const struct process *process, int number)
{
    int fd = open_process(process->pid, process->start_time);
    if (fd < 0)
        return;
    syscall(SYS_pidfd_send_signal, fd, number, NULL, 0);
    close(fd);
}

/* ---- stopping ---- */

/* Returns whether the script's group has members.  Its number is certain only until the script is
 * reaped; afterwards the members are looked up, since it may by then be somebody else's. */
static bool signal_group(int number)
{
    bool found = false;
    if (phase == RUNNING) {
        /* Before its setsid the child has no group yet. */
        return kill(-script, number) == 0 || kill(script, number) == 0;
    }
    struct family family = living_family();
    for (size_t i = 0; i < family.count; i++)
        if (family.of[i].group == script) {
            signal_one(&family.of[i], number);
            found = true;
        }
    free(family.of);
    return found;
}

static void kill_now(void)
{
    killed = true;
    signal_group(SIGKILL);
    if (phase == SWEEPING && sweep_kill_at > boot_ms())
        sweep_at = sweep_kill_at = boot_ms();
}

static void stop(enum why reason)
{
    if (stopping)
        return;
    stopping = true;
    if (phase == RUNNING)
        ending.why = reason;
    kill_at = boot_ms() + launch.grace_ms;
    signal_group(SIGTERM);
    signal_group(SIGCONT); /* a suspended group would sleep through the grace */
}

/* ---- output ---- */

/* Pages of pipes are counted per user, and beyond pipe-user-pages-soft every new pipe of the user
 * shrinks to 8 KiB.  No pump knows the others' sum, but a script that floods needs a good part of
 * a core: at most 16 per core are taken to do so at once, and a quiet pump gives its pages back. */
static bool may_widen(void)
{
    char text[32];
    if (read_whole("/proc/sys/fs/pipe-user-pages-soft", text, sizeof text) <= 0)
        return false;
    long soft = atol(text), added = (WIDE_PIPE - NARROW_PIPE) / sysconf(_SC_PAGESIZE);
    return soft == 0 || 16 * sysconf(_SC_NPROCESSORS_ONLN) * added <= soft / 2;
}

static void widen(bool wanted)
{
    static bool refused;
    if (wanted == wide || (launch.flags & WITH_TTY) || (wanted && (refused || (refused = !may_widen()))))
        return;
    if (fcntl(source, F_SETPIPE_SZ, wanted ? WIDE_PIPE : NARROW_PIPE) >= 0)
        wide = wanted;
    else if (wanted)
        refused = true;
}

static void index_time(uint64_t offset)
{
    int64_t at = unix_ms();
    if (at < last_indexed_ms)
        at = last_indexed_ms; /* a clock set back must not make lines older than their predecessors */
    uint64_t record[2] = {offset, at};
    struct stat now;
    ssize_t n = write(time_index, record, sizeof record);
    if (n == sizeof record)
        last_indexed_ms = at;
    else if (n > 0 && fstat(time_index, &now) == 0 && ftruncate(time_index, now.st_size - n) < 0)
        time_index = -1; /* half a record would shift all later ones */
}

static void coalesce(void)
{
    static int64_t last_small_us;
    int64_t now = clock_us(CLOCK_MONOTONIC);
    if (now - last_small_us < SOON_US) {
        nanosleep(&(struct timespec){.tv_nsec = COALESCE_US * 1000}, NULL);
        now = clock_us(CLOCK_MONOTONIC);
    }
    last_small_us = now;
}

static void note_transfer(size_t count)
{
    int64_t now = boot_ms();
    blocked = false;
    if (marked_at == 0 || now - marked_at >= TIME_INDEX_MS) {
        index_time(log_bytes);
        if (marked_at)
            widen((log_bytes - marked_bytes) / (now - marked_at) >= WIDE_BYTES_PER_MS);
        marked_at = now;
        marked_bytes = log_bytes;
    }
    log_bytes += count;
    if (!wide && log_bytes - marked_bytes >= (uint64_t)WIDE_BYTES_PER_MS * TIME_INDEX_MS)
        widen(true); /* so much in less time: it need not pass */
    if (count < SMALL_BYTES && phase == RUNNING)
        coalesce(); /* a line at a time, the script and the pump would wake each other for each */
}

/* read and write, for file systems and terminals without splice. */
static ssize_t copy(size_t most)
{
    if (kept_length == 0) {
        ssize_t n = read(source, kept, most < sizeof kept ? most : sizeof kept);
        if (n < 0 && errno == EIO && (launch.flags & WITH_TTY))
            return 0; /* how a terminal says that nobody has its other side open */
        if (n <= 0)
            return n;
        kept_start = 0;
        kept_length = n;
    }
    ssize_t n = write(log_fd, kept + kept_start, kept_length);
    if (n > 0) {
        kept_start += n;
        kept_length -= n;
    }
    return n;
}

/* The log may not grow, but the script shall be able to end politely. */
static ssize_t drop(void)
{
    ssize_t n = read(source, kept, sizeof kept);
    if (n > 0)
        stop(LOG_LIMIT);
    return n < 0 && errno == EIO ? 0 : n;
}

/* Moves what is there; returns how many bytes that was. */
static size_t transfer(void)
{
    bool is_full = launch.max_log_bytes && log_bytes >= launch.max_log_bytes;
    uint64_t room = launch.max_log_bytes ? launch.max_log_bytes - log_bytes : CHUNK;
    size_t most = room < CHUNK ? room : CHUNK;
    ssize_t n;
    if (is_full)
        n = drop();
    else if (can_splice)
        n = splice(source, NULL, log_fd, NULL, most, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    else
        n = copy(most);
    if (n > 0 && !is_full)
        note_transfer(n);
    else if (n == 0)
        at_end = true;
    else if (n < 0 && errno == EINVAL && can_splice)
        can_splice = false;
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        blocked = true; /* a full disk, mostly: the bytes wait in the pipe, and so does the script */
    return n > 0 ? n : 0;
}

/* ---- input of a terminal ---- */

static void forget_input(size_t count)
{
    input_length -= count;
    memmove(input, input + count, input_length);
}

static void pass_input(void)
{
    for (;;) {
        if (typed_left) {
            size_t most = typed_left < input_length ? typed_left : input_length;
            ssize_t n = most ? write(source, input, most) : 0;
            if (n <= 0)
                return;
            typed_left -= n;
            forget_input(n);
        } else if (input_length >= 5 && input[0] == 'd') {
            memcpy(&typed_left, input + 1, sizeof typed_left);
            forget_input(5);
        } else if (input_length >= 9 && input[0] == 'w') {
            struct winsize size = {0};
            memcpy(&size.ws_row, input + 5, 2);
            memcpy(&size.ws_col, input + 7, 2);
            ioctl(source, TIOCSWINSZ, &size);
            forget_input(9);
        } else {
            return;
        }
    }
}

/* From now on the input ends as any pipe's does: when the last who writes has closed it. */
static void leave_input(void)
{
    close(input_keeper);
    close(input_watch);
    input_keeper = input_watch = -1;
}

static void read_input(void)
{
    ssize_t n = read(input_fd, input + input_length, sizeof input - input_length);
    if (n > 0)
        input_length += n;
    pass_input();
}

/* ---- the end of the script ---- */

static void leave(void)
{
    ending.at_ms = unix_ms();
    write_exit();
    close(write_side); /* from here on, end of file is the end of the script's own writers */
    write_side = -1;
    left_at = boot_ms();
    phase = LEFT;
}

static void script_ended(int wait_status)
{
    int32_t failure[2];
    if (could_not_start >= 0 && read(could_not_start, failure, sizeof failure) == sizeof failure) {
        ending.why = COULD_NOT_START;
        ending.code = failure[1];
        ending.flags |= failure[0] << 8;
    } else if (WIFSIGNALED(wait_status)) {
        ending.signal = WTERMSIG(wait_status);
    } else {
        ending.code = WEXITSTATUS(wait_status);
    }
    leave();
}

static void reap(void)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == script && phase == RUNNING)
            script_ended(status);
    has_children = pid == 0;
}

/* A script that is not our child: its zombie shows the status to its own user, the kernel tells it
 * of a reaped one from Linux 6.15 on.  To others the zombie shows 0, which must not be believed. */
static bool status_of_stranger(uint64_t start_time, int *status)
{
    struct {
        uint64_t mask, cgroup;
        uint32_t pids[3], ids[8];
        int32_t exit_code;
        uint32_t more[2];
    } info = {.mask = 8 /* PIDFD_INFO_EXIT */};
    struct process zombie;
    struct stat owner;
    char path[32];
    snprintf(path, sizeof path, "/proc/%d", script);
    if (stat(path, &owner) == 0 && (owner.st_uid == geteuid() || geteuid() == 0) &&
        look_at(script, &zombie, status) && zombie.state == 'Z' && zombie.start_time == start_time)
        return true;
    if (ioctl(script_pidfd, _IOWR(0xFF, 11, char[64]), &info) == 0 && (info.mask & 8))
        return *status = info.exit_code, true;
    return false;
}

static void stranger_ended(uint64_t start_time)
{
    int status;
    struct exit_record earlier;
    if (read_record(SLOT_EXIT, &earlier, KIND_EXIT)) {
        ending = earlier;
    } else if (script_pidfd >= 0 && status_of_stranger(start_time, &status)) {
        script_ended(status);
        return;
    } else {
        ending.code = -1;
        ending.flags |= CODE_UNKNOWN;
    }
    leave();
}

/* ---- what the script left behind ---- */

static bool was_swept(const struct process *process)
{
    for (size_t i = 0; i < swept.count; i++)
        if (swept.of[i].pid == process->pid && swept.of[i].start_time == process->start_time)
            return true;
    return false;
}

static void say(const char *format, ...)
{
    size_t length = strlen(names);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(names + length, sizeof names - length, format, arguments);
    va_end(arguments);
}

static void say_names(const struct family *family)
{
    for (size_t i = 0; i < family->count && strlen(names) < sizeof names - 64; i++) {
        for (char *c = family->of[i].name; *c; c++)
            if (*c < ' ' || *c == 127)
                *c = '?'; /* the text is UTF-8; a name is any bytes */
        say("%s%s (%d)", i ? ", " : "", family->of[i].name, family->of[i].pid);
    }
}

static void finish_sweep(const struct family *survivors)
{
    if (swept.count) {
        ending.background = swept.count;
        say("%zu background process%s: ", swept.count, swept.count == 1 ? "" : "es");
        say_names(&swept);
    }
    if (survivors->count) {
        ending.flags |= SURVIVORS;
        say("; not stopped: ");
        say_names(survivors);
    }
    if (names[0])
        write_names();
    int waiting = 0;
    drain_budget = ioctl(source, FIONREAD, &waiting) == 0 && !(launch.flags & WITH_TTY) ? waiting : CHUNK;
    drain_budget += kept_length;
    phase = DRAINING;
}

static void sweep(void)
{
    int64_t now = boot_ms();
    reap();
    struct family family = living_family();
    if (family.count == 0 || now >= sweep_kill_at + SWEEP_KILL_MS) {
        finish_sweep(&family);
    } else if (now >= sweep_at) {
        for (size_t i = 0; i < family.count; i++) {
            bool known = was_swept(&family.of[i]);
            if (!known)
                add(&swept, &family.of[i]);
            if (now >= sweep_kill_at)
                signal_one(&family.of[i], SIGKILL);
            else if (!known)
                signal_one(&family.of[i], SIGTERM);
        }
    }
    free(family.of);
}

static bool has_writers(void)
{
    struct pollfd look = {.fd = source};
    return poll(&look, 1, 0) >= 0 && !(look.revents & POLLHUP);
}

static void leave_when_over(int64_t now)
{
    bool keep = (launch.flags & KEEP_BACKGROUND) && !stopping;
    if (stopping ? !killed && signal_group(0) : !at_end && (keep || now < left_at + OUTPUT_AFTER_EXIT_MS))
        return;
    if (!at_end && !stopping && has_writers())
        ending.flags |= CUT;
    /* A process closes its files a moment before it is gone: it need not be stopped. */
    sweep_at = at_end && !killed ? now + LEAVING_MS : now;
    sweep_kill_at = killed ? now : sweep_at + SWEEP_GRACE_MS;
    phase = keep ? OVER : SWEEPING;
}

static void advance(void)
{
    int64_t now = boot_ms();
    if (deadline && now >= deadline && phase <= LEFT)
        stop(DEADLINE);
    if (stopping && !killed && now >= kill_at)
        kill_now();
    if (phase == LEFT)
        leave_when_over(now);
    if (phase == SWEEPING)
        sweep();
    if (phase == DRAINING && (at_end || drain_budget <= 0))
        phase = OVER;
}

/* ---- the loop ---- */

static int next_pause_ms(void)
{
    if (phase == DRAINING)
        return blocked ? DISK_FULL_RETRY_MS : 0;
    if (kept_length && !blocked)
        return 0;
    if (phase == SWEEPING)
        return 10;
    if (phase == LEFT && stopping)
        return 50; /* the last of the group may be a stranger's child: no signal tells */
    if (blocked)
        return DISK_FULL_RETRY_MS;
    return wide ? 1000 : -1;
}

static void arm(int timer)
{
    static int64_t armed;
    int64_t due = 0, candidates[] = {
        stopping ? 0 : deadline,
        stopping && !killed ? kill_at : 0,
        phase == LEFT && !(launch.flags & KEEP_BACKGROUND) ? left_at + OUTPUT_AFTER_EXIT_MS : 0,
    };
    for (int i = 0; i < 3; i++)
        if (candidates[i] && (due == 0 || candidates[i] < due))
            due = candidates[i];
    if (due == armed)
        return;
    armed = due;
    struct itimerspec at = {.it_value = {due / 1000, due % 1000 * 1000000}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void take_signals(int signals)
{
    struct signalfd_siginfo one;
    while (read(signals, &one, sizeof one) == sizeof one) {
        if (one.ssi_signo == SIGCHLD)
            continue;
        stop(ASKED); /* a server that starts again asks again: that must not cut the grace */
        if (one.ssi_signo == SIGQUIT)
            kill_now();
    }
    reap();
}

static void pump(int signals, int timer, uint64_t script_start_time)
{
    while (phase != OVER) {
        struct pollfd on[] = {
            {.fd = at_end || blocked ? -1 : source, .events = POLLIN | (typed_left && input_length ? POLLOUT : 0)},
            {.fd = signals, .events = POLLIN},
            {.fd = timer, .events = POLLIN},
            {.fd = phase == RUNNING ? script_pidfd : -1, .events = POLLIN},
            {.fd = input_length < sizeof input ? input_fd : -1, .events = POLLIN},
            {.fd = input_watch, .events = POLLIN},
        };
        uint64_t expirations;
        arm(timer);
        int ready = poll(on, 6, next_pause_ms());
        if (ready == 0 && wide)
            widen(false);
        if (!at_end && (blocked || kept_length || phase == DRAINING || (on[0].revents & ~POLLOUT))) {
            bool could_splice = can_splice;
            size_t moved = transfer();
            for (int more = FLOOD_TURNS; moved >= NARROW_PIPE && phase == RUNNING && more; more--)
                if (transfer() < NARROW_PIPE)
                    break;
            if (moved == 0 && !blocked && can_splice == could_splice)
                drain_budget = 0; /* empty, though a survivor holds it open */
            drain_budget -= moved;
        }
        if (on[0].revents & POLLOUT)
            pass_input();
        if (on[3].revents)
            stranger_ended(script_start_time);
        if (on[1].revents)
            take_signals(signals);
        if (on[2].revents && read(timer, &expirations, sizeof expirations) < 0)
            continue; /* re-armed meanwhile */
        if (on[4].revents)
            read_input();
        if (on[5].revents)
            leave_input();
        advance();
    }
    ending.flags |= COMPLETE;
    write_exit();
}

/* ---- the beginning ---- */

static void give_up(void)
{
    ending.why = COULD_NOT_START;
    ending.code = errno;
    ending.flags = STAGE_FORK << 8 | COMPLETE;
    ending.at_ms = unix_ms();
    write_exit();
    exit(1);
}

static void reset_signals(const sigset_t *blocked_ones)
{
    sigprocmask(SIG_SETMASK, blocked_ones, NULL);
    for (int number = 1; number <= SIGRTMAX; number++)
        signal(number, SIG_DFL); /* an inherited "ignore SIGCHLD" would lose every exit code */
}

/* What the pump does to signals for itself; all others are as they were reset. */
static void take_signals_back(void)
{
    signal(SIGXFSZ, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &no_signals, NULL);
}

static void fail_in_child(int report, enum stage stage)
{
    int32_t failure[2] = {stage, errno};
    if (write(report, failure, sizeof failure) < 0)
        _exit(126);
    _exit(127);
}

static void become_script(char *strings, int terminal, int from, int report)
{
    char **arguments = calloc(launch.argc + launch.envc + 2, sizeof *arguments), **next = arguments;
    char *directory = strings;
    if (!arguments)
        fail_in_child(report, STAGE_FORK);
    setsid();
    write_own_identity(KIND_SCRIPT, SLOT_SCRIPT);
    close(STATUS_FD); /* or a child that waits for its stdin would hold a dead pump's lock */
    for (uint32_t i = 0; i < launch.argc + launch.envc; i++) {
        strings += strlen(strings) + 1;
        *next++ = strings;
        next += i + 1 == launch.argc;
    }
    environ = arguments + launch.argc + 1;
    if (chdir(directory) < 0)
        fail_in_child(report, STAGE_CHDIR);
    if (terminal >= 0) {
        if (ioctl(terminal, TIOCSCTTY, 0) < 0 || dup2(terminal, 0) < 0)
            fail_in_child(report, STAGE_STDIN);
    } else if (launch.flags & STDIN_FROM_FIFO) {
        take_signals_back(); /* a stop must reach it while it waits for somebody to open the other side */
        if (from < 0)
            from = openat(FOLDER_FD, "in", O_RDONLY | O_CLOEXEC);
        if (from < 0 || dup2(from, 0) < 0)
            fail_in_child(report, STAGE_STDIN);
    }
    dup2(write_side, 1);
    dup2(write_side, 2);
    struct rlimit files;
    if (launch.open_files && getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = launch.open_files < files.rlim_max ? launch.open_files : files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    take_signals_back();
    execvp(arguments[0], arguments);
    fail_in_child(report, STAGE_EXEC);
}

/* A script reads before anybody writes: without a writer it would find the end of its input. The
 * pump is one until somebody else opens it, and the FIFO gets its name when it is watched for that.
 * Returns the script's side; -1 where nothing can be watched: then the script waits for a writer. */
static int open_input(void)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d/in.new", FOLDER_FD);
    unlinkat(FOLDER_FD, "in.new", 0); /* of a pump that died here */
    if (mkfifoat(FOLDER_FD, "in.new", 0600) < 0)
        give_up();
    int from = openat(FOLDER_FD, "in.new", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    input_keeper = openat(FOLDER_FD, "in.new", O_WRONLY | O_CLOEXEC);
    input_watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    bool watched = from >= 0 && input_keeper >= 0 && inotify_add_watch(input_watch, path, IN_OPEN) >= 0;
    if (!watched || fcntl(from, F_SETFL, 0) < 0) {
        leave_input();
        close(from);
        from = -1;
    }
    if (renameat(FOLDER_FD, "in.new", FOLDER_FD, "in") < 0)
        give_up();
    return from;
}

static int open_terminal(void)
{
    struct termios mode;
    struct winsize size = {.ws_row = launch.rows, .ws_col = launch.columns};
    source = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (source < 0 || grantpt(source) < 0 || unlockpt(source) < 0)
        give_up();
    int terminal = ioctl(source, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    input_fd = openat(FOLDER_FD, "in", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (terminal < 0 || input_fd < 0 || tcgetattr(terminal, &mode) < 0)
        give_up();
    mode.c_oflag &= ~OPOST; /* lines of the log end in \n, as without a terminal */
    tcsetattr(terminal, TCSANOW, &mode);
    ioctl(source, TIOCSWINSZ, &size);
    can_splice = false;
    return write_side = terminal;
}

/* The script's side is opened read-write: it blocks without a pump instead of dying of SIGPIPE.
 * The pump holds it too until the script is reaped, since a script may close its output. */
static void open_output(void)
{
    source = openat(FOLDER_FD, "out", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    write_side = openat(FOLDER_FD, "out", O_RDWR | O_CLOEXEC);
    if (source < 0 || write_side < 0)
        give_up();
    wide = fcntl(source, F_GETPIPE_SZ) > NARROW_PIPE;
}

static void open_log(void)
{
    struct stat index;
    uint64_t last[2];
    log_fd = openat(FOLDER_FD, "log", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (log_fd < 0)
        give_up();
    log_bytes = lseek(log_fd, 0, SEEK_END);
    time_index = openat(FOLDER_FD, "time.idx", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (time_index < 0 || fstat(time_index, &index) < 0)
        return;
    off_t whole = index.st_size - index.st_size % (off_t)sizeof last;
    if (whole < index.st_size && ftruncate(time_index, whole) < 0)
        time_index = -1;
    if (whole && pread(time_index, last, sizeof last, whole - sizeof last) == sizeof last)
        last_indexed_ms = last[1];
}

static void start_script(char *strings)
{
    int report[2], terminal = -1, from = -1;
    if (launch.flags & WITH_TTY)
        terminal = open_terminal();
    else
        open_output();
    if (terminal < 0 && launch.flags & STDIN_FROM_FIFO)
        from = open_input();
    if (pipe2(report, O_CLOEXEC | O_NONBLOCK) < 0 || (script = fork()) < 0)
        give_up();
    if (script == 0)
        become_script(strings, terminal, from, report[1]);
    close(report[1]);
    close(from);
    could_not_start = report[0];
}

/* Returns the start time of a script that still runs, else goes straight to the end. */
static uint64_t find_script(void)
{
    struct identity_record found;
    open_output();
    if (read_record(SLOT_SCRIPT, &found, KIND_SCRIPT) &&
        memcmp(found.boot_id, here.boot_id, sizeof here.boot_id) == 0 &&
        found.pid_namespace == here.pid_namespace) {
        script_pidfd = open_process(found.pid, found.start_time);
        if (script_pidfd >= 0) {
            script = found.pid;
            return found.start_time;
        }
    }
    stranger_ended(0);
    return 0;
}

static char *read_launch(size_t *length)
{
    struct stat block;
    if (fstat(LAUNCH_FD, &block) < 0 || (size_t)block.st_size < sizeof launch)
        return NULL;
    char *text = mmap(NULL, *length = block.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, LAUNCH_FD, 0);
    close(LAUNCH_FD);
    if (text == MAP_FAILED)
        return NULL;
    memcpy(&launch, text, sizeof launch);
    bool known = memcmp(launch.magic, "SFLAUNCH", 8) == 0 && launch.version == 1;
    return known && (attached || (launch.argc && text[*length - 1] == 0)) ? text : NULL;
}

static void settle_in(const sigset_t *handled)
{
    int null = open("/dev/null", O_RDWR);
    while (null >= 0 && null < STATUS_FD)
        null = dup(null); /* a closed stdin would become the next opened file */
    close(null);
    for (int fd = STATUS_FD; fd <= LAUNCH_FD; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    syscall(SYS_close_range, LAUNCH_FD + 1, ~0u, 0);
    reset_signals(handled);
    signal(SIGXFSZ, SIG_IGN); /* a size limit is an error like a full disk, not a death */
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    prctl(PR_SET_NAME, "stepflow-pump", 0, 0, 0);
}

int main(int argc, char **argv)
{
    size_t length;
    sigset_t handled;
    uint64_t script_start_time = 0;
    attached = argc == 3 && strcmp(argv[1], "--attach") == 0;
    if (argc != 2 + attached)
        return 2;
    execution_id = argv[argc - 1];
    /* The server blocks them for us: a stop may come before anybody could take it. */
    sigemptyset(&handled);
    sigaddset(&handled, SIGTERM);
    sigaddset(&handled, SIGQUIT);
    sigaddset(&handled, SIGCHLD);
    settle_in(&handled);
    if (flock(STATUS_FD, LOCK_EX | LOCK_NB) < 0)
        return 3; /* somebody else's descriptor holds it: two pumps would tear the log */
    learn_where_we_are();
    write_own_identity(KIND_PUMP, SLOT_PUMP);
    char *strings = read_launch(&length);
    if (!strings)
        return 4;
    int signals = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
    int timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (launch.deadline_ms)
        deadline = boot_ms() + launch.deadline_ms - unix_ms();
    if (launch.deadline_ms && deadline <= 0)
        deadline = 1;
    open_log();
    if (attached)
        script_start_time = find_script();
    else
        start_script(strings + sizeof launch);
    munmap(strings, length); /* it holds the script's secrets */
    if (chdir("/") < 0)
        return 5;
    pump(signals, timer, script_start_time);
    return 0;
}
