#!/bin/sh
# Find the programs of others that the tests drive. As root on Debian, list the missing ones and then
# install them, unless QMPEER_INSTALL=no. Elsewhere, list the programs without which tests are left out.
set -u
PATH=$PATH:/usr/sbin:/sbin # qemu-ga is in one of these

# program=Debian package
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
systemd-socket-activate=systemd
ip=iproute2'

missing() { # $1: what to print for each missing program, "program" or "package"
    for pair in $needed; do
        command -v "${pair%%=*}" >/dev/null 2>&1 && continue
        if [ "$1" = program ]; then echo "${pair%%=*}"; else echo "${pair#*=}"; fi
    done
}

# Print how many packages would be installed, or fail if apt has no entry for one.
count() {
    # shellcheck disable=SC2046 # each package is a word
    apt-get install -s -y --no-install-recommends $(missing package) >"$log" 2>&1 &&
        grep -c '^Inst' "$log"
}

install() {
    # shellcheck disable=SC2046 # each package is a word
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(missing package)
}

[ -n "$(missing program)" ] || exit 0
command="apt-get install --no-install-recommends $(missing package | paste -s -d ' ')"

if [ "${QMPEER_INSTALL-}" = no ]; then
    why='QMPEER_INSTALL=no'
elif ! [ -e /etc/debian_version ] || ! command -v apt-get >/dev/null 2>&1; then
    why='this is not Debian, so nothing was installed'
elif [ "$(id -u)" -ne 0 ]; then
    why="only root can install them: $command"
else
    log=$(mktemp)
    number=$(count) || {
        echo 'Fetching the lists of packages: apt-get update'
        apt-get update -qq >/dev/null 2>&1 </dev/null
        number=$(count) || number=some
    }
    echo "Installing $number packages for the tests (QMPEER_INSTALL=no prevents this): $command"
    # The lists may be too old: fetch them and try again if the installation fails.
    install >"$log" 2>&1 </dev/null || { apt-get update -qq && install; } >"$log" 2>&1 </dev/null
    why="apt-get could not install them: $(tail -n 1 "$log")"
    rm -f "$log"
fi

left=$(missing program)
[ -z "$left" ] || echo "Missing:" $left "- the tests that need them are left out ($why)"
