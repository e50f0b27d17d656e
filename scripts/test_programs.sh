#!/bin/sh
# Find the programs of others that the tests drive, and install what is missing where that can be
# done without asking: as root on Debian. Elsewhere, say what will be left out, and why.
set -u
PATH=$PATH:/usr/sbin:/sbin # qemu-ga is there

# program -> Debian package
needed='qemu-system-x86_64=qemu-system-x86
qemu-storage-daemon=qemu-system-common
qemu-img=qemu-utils
qemu-ga=qemu-guest-agent
telnet=telnet
socat=socat
nc=netcat-openbsd
openssl=openssl
tmux=tmux
chromium=chromium
jq=jq
zsh=zsh
fish=fish
man=man-db
ip=iproute2'

missing() { # $1: what to print of each missing one, "program" or "package"
    for pair in $needed; do
        command -v "${pair%%=*}" >/dev/null 2>&1 && continue
        if [ "$1" = program ]; then echo "${pair%%=*}"; else echo "${pair#*=}"; fi
    done
}

install() {
    # shellcheck disable=SC2046 # one word a package
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(missing package)
}

[ -n "$(missing program)" ] || exit 0

if ! [ -e /etc/debian_version ] || ! command -v apt-get >/dev/null 2>&1; then
    why='this is not Debian, so nothing was installed'
elif [ "$(id -u)" -ne 0 ]; then
    why="only root can install them: apt-get install --no-install-recommends $(missing package | tr '\n' ' ')"
else
    echo "Installing for the tests:" $(missing package)
    log=$(mktemp)
    # The package lists may be missing or old: fetch them only if it doesn't work without.
    install >"$log" 2>&1 </dev/null || { apt-get update -qq && install; } >"$log" 2>&1 </dev/null
    why="apt-get could not install them: $(tail -n 1 "$log")"
    rm -f "$log"
fi

left=$(missing program)
[ -z "$left" ] || echo "Missing:" $left "- the tests that need them are left out ($why)"
