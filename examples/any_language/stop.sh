#!/bin/sh
# Stop a machine, with socat, which ends when the server has answered: qmpeer fake vm.toml -- sh stop.sh
set -eu
commands='{"execute": "qmp_capabilities"} {"execute": "stop", "id": "stopped"}'
answers=$(echo "$commands" | socat -t 5 - "UNIX-CONNECT:$QMP_SOCKET")
case $answers in
*'"event": "STOP"'*'{"return": {}, "id": "stopped"}'*) echo "stopped" ;;
*) echo "not stopped: $answers" >&2; exit 1 ;;
esac
