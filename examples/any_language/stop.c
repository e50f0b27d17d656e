/* Stop a machine: cc -o stop stop.c && qmpeer fake vm.toml -- ./stop */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("QMP_SOCKET");
    char line[65536];
    int has_event = 0, fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (!path || fd < 0)
        return 2;
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return 2;
    FILE *server = fdopen(fd, "r");
    dprintf(fd, "{\"execute\": \"qmp_capabilities\"}{\"execute\": \"stop\", \"id\": 7}");
    while (fgets(line, sizeof line, server)) {
        has_event |= strstr(line, "\"event\": \"STOP\"") != NULL;
        if (strstr(line, "\"id\": 7"))
            return puts(has_event ? "stopped" : "no event"), !has_event;
    }
    return 1;
}
