/* cserver: a fake QMP server that is never the bottleneck, so that a client's own speed shows.
 *
 * usage: cserver SOCKET [SCHEMA-FILE]     one process, poll(2), up to 64 clients
 *
 *   query-version      returns what QEMU 7.2 returns
 *   query-qmp-schema   returns the file, a JSON text on one line
 *   x-stream {count}   returns {}, then that many events follow, all of one length
 *   anything else      returns {}
 *
 * Commands are found by their braces, as some clients end them without a newline; an "id" is
 * copied as text and may be a string or an integer.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS 64
#define INPUT (1 << 20)
#define CHUNK (1 << 18)

struct client {
    int fd;
    char *input;
    size_t have;
    char *output;
    size_t end, sent, room;
    long events; /* still to be sent */
};

static struct client clients[CLIENTS];
static char *schema;
static size_t schema_length;
static char chunk[CHUNK + 1024];
static long chunk_events;
static size_t event_length;

static const char GREETING[] =
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2, \"major\": 7}, "
    "\"package\": \"cserver\"}, \"capabilities\": [\"oob\"]}}\r\n";
static const char VERSION[] =
    "{\"return\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "
    "\"package\": \"Debian 1:7.2+dfsg-7+deb12u18+b3\"}";

static void put(struct client *c, const char *text, size_t length)
{
    if (c->end + length > c->room) {
        c->room = (c->end + length) * 2;
        c->output = realloc(c->output, c->room);
        if (!c->output)
            abort();
    }
    memcpy(c->output + c->end, text, length);
    c->end += length;
}

static char *after(char *line, size_t length, const char *key)
{
    char *p = memmem(line, length, key, strlen(key));
    if (!p)
        return NULL;
    p += strlen(key);
    while (*p == ' ' || *p == ':')
        p++;
    return p;
}

static void put_id(struct client *c, char *line, size_t length)
{
    char *start = after(line, length, "\"id\""), *p = start;
    if (!start)
        return;
    if (*p == '"') {
        while (*++p != '"')
            ;
        p++;
    } else {
        while ((*p >= '0' && *p <= '9') || *p == '-')
            p++;
    }
    put(c, ", \"id\": ", 8);
    put(c, start, p - start);
}

static void answer(struct client *c, char *line, size_t length)
{
    if (schema && memmem(line, length, "query-qmp-schema", 16)) {
        put(c, "{\"return\": ", 11);
        put(c, schema, schema_length);
    } else if (memmem(line, length, "query-version", 13)) {
        put(c, VERSION, sizeof VERSION - 1);
    } else {
        char *count = after(line, length, "\"count\"");
        put(c, "{\"return\": {}", 13);
        if (count && memmem(line, length, "x-stream", 8))
            c->events = atol(count);
    }
    put_id(c, line, length);
    put(c, "}\r\n", 3);
}

/* Return where the object that starts at `start` ends, or `end` if it is not whole yet. */
static char *object_end(char *start, char *end)
{
    int depth = 0, in_string = 0;
    for (char *p = start; p < end; p++) {
        if (in_string) {
            if (*p == '\\')
                p++;
            else if (*p == '"')
                in_string = 0;
        } else if (*p == '"') {
            in_string = 1;
        } else if (*p == '{') {
            depth++;
        } else if (*p == '}' && --depth == 0) {
            return p + 1;
        }
    }
    return end + 1;
}

static int receive(struct client *c)
{
    ssize_t count = read(c->fd, c->input + c->have, INPUT - c->have);
    if (count <= 0)
        return count < 0 && errno == EAGAIN ? 0 : -1;
    c->have += count;
    char *p = c->input, *end = p + c->have;
    for (;;) {
        while (p < end && *p != '{')
            p++;
        char *next = p < end ? object_end(p, end) : end + 1;
        if (next > end)
            break;
        answer(c, p, next - p);
        p = next;
    }
    c->have = end - p;
    memmove(c->input, p, c->have);
    return 0;
}

static int transmit(struct client *c)
{
    if (c->events && c->sent == c->end) {
        long count = c->events < chunk_events ? c->events : chunk_events;
        put(c, chunk, count * event_length);
        c->events -= count;
    }
    if (c->end > c->sent) {
        ssize_t count = write(c->fd, c->output + c->sent, c->end - c->sent);
        if (count < 0)
            return errno == EAGAIN ? 0 : -1;
        c->sent += count;
    }
    if (c->sent == c->end)
        c->sent = c->end = 0;
    return 0;
}

static void take(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    for (int i = 0; fd >= 0 && i < CLIENTS; i++) {
        struct client *c = &clients[i];
        if (c->fd >= 0)
            continue;
        c->fd = fd;
        c->have = c->end = c->sent = 0;
        c->events = 0;
        if (!c->input)
            c->input = malloc(INPUT);
        put(c, GREETING, sizeof GREETING - 1);
        return;
    }
    if (fd >= 0)
        close(fd);
}

static void read_schema(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t room = 0;
    ssize_t length = file ? getline(&schema, &room, file) : -1;
    if (length < 0) {
        perror(path);
        exit(1);
    }
    schema_length = length;
    while (schema_length && schema[schema_length - 1] == '\n')
        schema_length--;
    fclose(file);
}

static void write_events(void)
{
    size_t length = 0;
    while (length < CHUNK) {
        length += sprintf(chunk + length,
                          "{\"timestamp\": {\"seconds\": 1700000000, \"microseconds\": %06ld}, "
                          "\"event\": \"BLOCK_JOB_READY\", \"data\": {\"device\": \"drive0\", "
                          "\"len\": 10737418240, \"offset\": 10737418240, \"speed\": 0, "
                          "\"type\": \"mirror\"}}\r\n",
                          100000 + chunk_events);
        chunk_events++;
    }
    event_length = length / chunk_events;
}

static int open_listener(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (bind(fd, (void *)&address, sizeof address) || listen(fd, CLIENTS)) {
        perror(path);
        exit(1);
    }
    return fd;
}

static void serve(int listener)
{
    for (;;) {
        struct pollfd polls[CLIENTS + 1] = {{.fd = listener, .events = POLLIN}};
        struct client *who[CLIENTS + 1];
        int count = 1;
        for (int i = 0; i < CLIENTS; i++) {
            struct client *c = &clients[i];
            if (c->fd < 0)
                continue;
            int waits = c->end > c->sent || c->events;
            polls[count] = (struct pollfd){.fd = c->fd, .events = POLLIN | (waits ? POLLOUT : 0)};
            who[count++] = c;
        }
        poll(polls, count, -1);
        if (polls[0].revents & POLLIN)
            take(listener);
        for (int i = 1; i < count; i++) {
            struct client *c = who[i];
            int failed = polls[i].revents & ~POLLOUT ? receive(c) : 0;
            if (failed || transmit(c)) {
                close(c->fd);
                c->fd = -1;
            }
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    if (argc > 2)
        read_schema(argv[2]);
    write_events();
    for (int i = 0; i < CLIENTS; i++)
        clients[i].fd = -1;
    serve(open_listener(argv[1]));
}
