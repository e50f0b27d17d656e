/* cping: the least that a QMP client can cost, over a unix socket.
 *
 * usage: cping TEST SOCKET COUNT
 *
 *   sequential   that many query-version, one after the other
 *   pipelined    that many query-version, in waves of 1,000 in flight
 *   schema       that many query-qmp-schema, one after the other
 *   events       x-stream, then that many lines
 *
 * Nothing is parsed: lines are counted. Prints seconds: {"wall": W, "cpu": C}.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define WAVE 1000

static char buffer[1 << 20];

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void write_all(int fd, const char *text, size_t length)
{
    while (length) {
        ssize_t count = write(fd, text, length);
        if (count < 0)
            fail("write");
        text += count;
        length -= count;
    }
}

/* Read until at least this many newlines have come; return how many came. */
static long read_lines(int fd, long wanted)
{
    long lines = 0;
    while (lines < wanted) {
        ssize_t count = read(fd, buffer, sizeof buffer);
        if (count <= 0)
            fail("read");
        for (char *p = buffer; (p = memchr(p, '\n', buffer + count - p)); p++)
            lines++;
    }
    return lines;
}

static int open_client(const char *path)
{
    static const char negotiate[] = "{\"execute\":\"qmp_capabilities\"}\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (connect(fd, (void *)&address, sizeof address))
        fail(path);
    read_lines(fd, 1);
    write_all(fd, negotiate, sizeof negotiate - 1);
    read_lines(fd, 1);
    return fd;
}

static int request(char *text, const char *command, long id)
{
    return sprintf(text, "{\"execute\":\"%s\",\"id\":%ld}\n", command, id);
}

static void sequential(int fd, const char *command, long count)
{
    char text[128];
    for (long i = 0; i < count; i++) {
        write_all(fd, text, request(text, command, i));
        read_lines(fd, 1);
    }
}

static void wave(int fd)
{
    static char text[WAVE * 64];
    char *end = text, *next = text;
    for (long i = 0; i < WAVE; i++)
        end += request(end, "query-version", i);
    for (long got = 0; got < WAVE;) {
        struct pollfd ready = {fd, POLLIN | (next < end ? POLLOUT : 0), 0};
        poll(&ready, 1, -1);
        if (ready.revents & POLLOUT) {
            ssize_t count = send(fd, next, end - next, MSG_DONTWAIT);
            if (count > 0)
                next += count;
        }
        if (ready.revents & ~POLLOUT)
            got += read_lines(fd, 1);
    }
}

static void events(int fd, long count)
{
    char text[128];
    int length = sprintf(text, "{\"execute\":\"x-stream\",\"arguments\":{\"count\":%ld}}\n", count);
    write_all(fd, text, length);
    read_lines(fd, count + 1);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    const char *test = argv[1];
    long count = atol(argv[3]);
    int fd = open_client(argv[2]);
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    if (!strcmp(test, "sequential"))
        sequential(fd, "query-version", count);
    else if (!strcmp(test, "schema"))
        sequential(fd, "query-qmp-schema", count);
    else if (!strcmp(test, "pipelined"))
        for (long i = 0; i < count / WAVE; i++)
            wave(fd);
    else if (!strcmp(test, "events"))
        events(fd, count);
    else
        return 2;
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("{\"wall\": %.9f, \"cpu\": %.9f}\n", wall, cpu);
    return 0;
}
