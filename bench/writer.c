/* The scripts that are measured: they write as said and cost almost nothing themselves.
 *
 *   writer flood BYTES         lines of 100 bytes in writes of 64 KiB, as fast as they go
 *   writer lines COUNT         lines of 100 bytes, a write each
 *   writer tick RATE FILE      lines "tick NUMBER UNIX_NANOSECONDS", RATE a second, until there is
 *                              such a file (or for ten minutes); then "end COUNT"
 *   writer error               a critical step that fails, then lines "after UNIX_NANOSECONDS"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 100, BLOCK = 65536 };

static char block[BLOCK + LINE];

static void put(const char *data, size_t length) {
    while (length > 0) {
        ssize_t written = write(1, data, length);
        if (written < 0)
            exit(1);
        data += written;
        length -= (size_t)written;
    }
}

static void say(const char *text) { put(text, strlen(text)); }

static long long unix_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void flood(long long bytes) {
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = i % LINE == LINE - 1 ? '\n' : 'x';
    for (long long done = 0; done < bytes; done += BLOCK) {
        long long left = bytes - done;
        put(block + done % LINE, (size_t)(left < BLOCK ? left : BLOCK));
    }
}

static void lines(long long count) {
    char line[LINE];
    memset(line, 'x', LINE - 1);
    line[LINE - 1] = '\n';
    for (long long i = 0; i < count; i++)
        put(line, LINE);
}

static void tick(long long rate, const char *end) {
    struct timespec due;
    char line[64];
    long long i = 0;
    clock_gettime(CLOCK_MONOTONIC, &due);
    for (; i < rate * 600 && access(end, F_OK) != 0; i++) {
        put(line, (size_t)snprintf(line, sizeof line, "tick %lld %lld\n", i, unix_ns()));
        due.tv_nsec += 1000000000LL / rate;
        if (due.tv_nsec >= 1000000000L) {
            due.tv_sec++;
            due.tv_nsec -= 1000000000L;
        }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
    }
    put(line, (size_t)snprintf(line, sizeof line, "end %lld\n", i));
}

static void error(void) {
    struct timespec pause = {0, 50000};
    char line[64];
    say("STEP_START:deploy[stop_on_error=true]\n");
    nanosleep(&(struct timespec){0, 100000000}, NULL);
    snprintf(line, sizeof line, "at %lld\nSTEP_ERROR:no route\n", unix_ns());
    say(line);
    for (int i = 0; i < 100000; i++) {
        put(line, (size_t)snprintf(line, sizeof line, "after %lld\n", unix_ns()));
        nanosleep(&pause, NULL);
    }
}

int main(int argc, char **argv) {
    long long first = argc > 2 ? atoll(argv[2]) : 0;
    if (argc == 3 && !strcmp(argv[1], "flood"))
        flood(first);
    else if (argc == 3 && !strcmp(argv[1], "lines"))
        lines(first);
    else if (argc == 4 && !strcmp(argv[1], "tick"))
        tick(first, argv[3]);
    else if (argc == 2 && !strcmp(argv[1], "error"))
        error();
    else
        return 2;
    return 0;
}
