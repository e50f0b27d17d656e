#!/bin/sh
# Make a fresh Debian machine in a folder, run `make demo` and `make test` of HEAD there, and print how long it takes.
#
#   scripts/fresh_machine.sh SUITE [COMMAND...]
#
# SUITE is bookworm or trixie; COMMAND runs in place of `make test`. The machine is debootstrap's
# smallest one, with the packages that CONTRIBUTING.md asks for. Installations use this host's
# network and its settings of apt, pip and certificates. The tests run in a network of their own, in
# which loopback is the only device.
#
#   MIRROR         the mirror to fetch Debian from (default: the one that apt uses here)
#   FRESH_CACHE    a folder for the machine, its packages and wheels, to make the next run quick
#   QMPEER_CORPUS  a folder with real schemas, for the tests
#
# All mounts are in a namespace and disappear with it, however this script ends.
set -eu
umask 022
PATH=$PATH:/usr/sbin:/sbin
packages=python3,python3-venv,make,git,ca-certificates

fail() {
    echo "fresh_machine: $*" >&2
    exit 1
}

# --- Inside the namespaces ---

# $1: the step's name; the rest: the command to run.
step() {
    running=$1
    shift
    echo "== $suite: $running"
    began=$(date +%s)
    "$@"
    record_time
    running=
}

record_time() {
    [ -z "$running" ] || echo "$running $(($(date +%s) - began)) s" >>"$work/times"
}

debootstrap_machine() {
    kept=${FRESH_CACHE:+$FRESH_CACHE/$suite.tar}
    mkdir -p "$root"
    if [ -n "$kept" ] && [ -e "$kept" ]; then
        tar -C "$root" --numeric-owner -xf "$kept"
        return
    fi
    debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$mirror" >"$work/log" ||
        fail "debootstrap failed: $(tail -n 3 "$work/log")"
    rm -f "$root"/var/cache/apt/archives/*.deb
    if [ -n "$kept" ]; then
        mkdir -p "$FRESH_CACHE"
        tar -C "$root" --numeric-owner -cf "$kept.new" .
        mv "$kept.new" "$kept"
    fi
}

mount_devices() {
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=755 dev "$root/dev"
    mkdir "$root/dev/pts" "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
    mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
    while read -r name major minor; do
        mknod -m 666 "$root/dev/$name" c "$major" "$minor"
    done <<END
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
END
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    for pair in stdin=0 stdout=1 stderr=2; do
        ln -s "/proc/self/fd/${pair#*=}" "$root/dev/${pair%=*}"
    done
}

# $1: a folder; $2: its path in the machine; $3: the mode, "ro" or "rw".
bind() {
    mkdir -p "$root$2"
    mount -o "bind,$3" "$1" "$root$2"
}

name_machine() {
    hostname fresh
    echo fresh >"$root/etc/hostname"
    cat >"$root/etc/hosts" <<END
127.0.0.1	localhost
127.0.1.1	fresh
::1		localhost ip6-localhost ip6-loopback
ff02::1		ip6-allnodes
ff02::2		ip6-allrouters
END
}

# Copy what this host needs to reach its registries: name servers, proxies, certificates, indexes.
copy_settings() {
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    echo "deb $mirror $suite main" >"$root/etc/apt/sources.list"
    if command -v apt-config >/dev/null; then
        apt-config dump | grep -E '^Acquire::(https?|Check|Retries)' >"$root/etc/apt/apt.conf.d/99host" || true
    fi
    export -p | grep -E '^export ([a-z]+_proxy|[A-Z]+_PROXY|PIP_[A-Z_]+|SSL_CERT_[A-Z]+)=' >"$work/settings" || true
    python3 -m pip config debug 2>/dev/null | sed -n 's/^ *\(.*\), exists: True$/\1/p' >"$work/pip" || true
    while read -r file; do
        case $file in "$HOME"/*) copy=$root/root${file#"$HOME"} ;; *) copy=$root$file ;; esac
        mkdir -p "${copy%/*}"
        cp -L "$file" "$copy"
        cat "$file" >>"$work/named"
    done <"$work/pip"
    # These settings refer to files and folders: certificates, constraints, wheels, indexes.
    cat "$work/settings" >>"$work/named"
    tr -s " =\t\"'" '\n' <"$work/named" | sed -n 's|^file:///|/|; /^\//p' | sort -u >"$work/paths"
    while read -r path; do
        path=${path%/simple} # an index has its files beside its pages
        if [ -d "$path" ] && ! [ -d "$root$path" ]; then
            bind "$path" "$path" ro
        elif [ -f "$path" ]; then
            mkdir -p "$root${path%/*}"
            cp -L "$path" "$root$path"
        fi
    done <"$work/paths"
    cp "$work/settings" "$root/root/settings"
}

# Run a command in the machine, as root, with only PATH and HOME in the environment.
run() {
    env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        ${QMPEER_CORPUS:+QMPEER_CORPUS=/srv/schemas} QMPEER_INSTALL="${QMPEER_INSTALL-}" \
        chroot "$root" sh -c 'cd /srv/qmpeer && exec "$@"' sh "$@"
}

run_with_settings() {
    # shellcheck disable=SC2016 # the shell in the machine expands "$@"
    run sh -c '. /root/settings && exec "$@"' sh "$@"
}

# Run a command in the machine, with loopback as the only network.
run_alone() {
    export QMPEER_INSTALL=no
    ip link set lo up
    mount -t sysfs -o ro sysfs "$root/sys"
    { run "$@" 2>&1 || echo "$?" >"$work/failed"; } | tee "$work/log"
    ! [ -e "$work/failed" ]
}

inside() {
    work=$1 suite=$2 mirror=$3
    root=$work/machine here=$4
    shift 4
    running=
    trap record_time EXIT # records the time of a failing step, too
    step debootstrap debootstrap_machine
    mount_devices
    name_machine
    copy_settings
    if [ -n "${FRESH_CACHE-}" ]; then
        mkdir -p "$FRESH_CACHE/wheels" "$FRESH_CACHE/$suite"
        bind "$FRESH_CACHE/wheels" /root/.cache/pip rw
        bind "$FRESH_CACHE/$suite" /var/cache/apt/archives rw
    fi
    [ -z "${QMPEER_CORPUS-}" ] || bind "$QMPEER_CORPUS" /srv/schemas ro
    git clone -q "file://$here" "$root/srv/qmpeer"
    step demo run_with_settings make demo
    step environment run_with_settings make .venv/.dev
    step programs run_with_settings make test-programs
    step tests unshare --net sh "$work/script" --alone "$work" "$@"
}

# --- Outside ---

make_machine() {
    suite=$1
    shift
    [ "$(id -u)" -eq 0 ] || fail "only root can make a machine"
    for program in debootstrap unshare setsid ip git; do
        command -v "$program" >/dev/null || fail "$program is missing; on Debian: apt-get install debootstrap iproute2 git"
    done
    mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | head -n 1)}
    [ -n "$mirror" ] || fail "found no mirror of Debian: set MIRROR=http://..."
    [ $# -gt 0 ] || set -- make test

    work=$(mktemp -d "${TMPDIR:-/tmp}/fresh-$suite.XXXXXX")
    cp "$0" "$work/script"
    here=$(cd "$(dirname "$0")/.." && pwd)
    status=0
    setsid env --default-signal unshare --mount --pid --fork --kill-child --uts --mount-proc \
        sh "$work/script" --inside "$work" "$suite" "$mirror" "$here" "$@" </dev/null &
    machine=$!
    # When the machine's first process ends, the kernel ends all others in its namespace.
    trap 'kill -KILL $(cat /proc/$machine/task/$machine/children) || kill -KILL $machine' INT TERM HUP
    wait $machine || status=$?
    trap '' INT TERM HUP
    wait $machine 2>/dev/null || true

    if [ -e "$work/times" ]; then
        echo "== $suite: $(paste -s -d , "$work/times" | sed 's/,/, /g')"
        grep -E '(passed|failed|error).* in [0-9.:]+' "$work/log" || true
    fi
    if grep -q " $work/" /proc/self/mounts; then
        fail "something is still mounted in $work, so the folder is not removed"
    fi
    rm -rf --one-file-system "$work"
    return "$status"
}

# The shell reads a case statement to its end before it runs it, so this file may be edited meanwhile.
case ${1-} in
    --inside)
        shift
        inside "$@"
        exit
        ;;
    --alone)
        work=$2 root=$2/machine
        shift 2
        run_alone "$@"
        exit
        ;;
    '' | -*) fail "name a suite of Debian: bookworm or trixie" ;;
    *)
        make_machine "$@"
        exit
        ;;
esac
