#!/bin/sh
# Unpack QEMU 10 and fish 4, as Debian 13 (trixie) packages them, into FOLDER, beside the system's own.
#
# usage: qemu10.sh [FOLDER]   (default: build/qemu10)
#
# FOLDER/bin then contains qemu-system-x86_64, qemu-img, qemu-io, qemu-storage-daemon, qemu-ga and fish. Each is a small script that starts
# the unpacked program with the unpacked loader and libraries. Nothing is installed, and root isn't needed.
# apt resolves, fetches and verifies the packages in separate folders, as if nothing were installed. It uses the mirror that
# this machine has configured; the variable MIRROR names another one. On Debian 13 itself, FOLDER/bin links to the system's programs.
set -eu

programs='qemu-system-x86_64 qemu-img qemu-io qemu-storage-daemon qemu-ga fish'
packages='qemu-system-x86 qemu-system-common qemu-utils qemu-guest-agent fish'
release=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
PATH=$PATH:/usr/sbin:/sbin # qemu-ga is in one of these

fail() {
    echo "qemu10.sh: $*" >&2
    exit 1
}

folder=${1:-build/qemu10}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
case $folder in *[!A-Za-z0-9/._+-]*) fail "the folder's path may not hold spaces or quotes: $folder" ;; esac
rm -rf "$folder/bin" "$folder/bin.new" "$folder/root" "$folder/apt"
mkdir -p "$folder/bin.new"

codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null || true)

if [ "$codename" = "$release" ]; then
    echo "This is Debian 13: its own programs are used"
    for program in $programs; do
        path=$(command -v "$program") || fail "$program is missing; make test-programs installs it"
        ln -sf "$path" "$folder/bin.new/$program"
    done
    mv "$folder/bin.new" "$folder/bin"
    exit 0
fi

for tool in apt-get dpkg-deb; do
    command -v $tool >/dev/null 2>&1 || fail "needs $tool"
done

# --- Fetch ---

mirror=${MIRROR:-$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk -v codename="$codename" '$1 == codename && $2 == "main" { print $3; exit }')}
[ -n "$mirror" ] || fail "apt has no mirror of Debian; name one: MIRROR=... $0"

apt=$folder/apt
mkdir -p "$apt/lists/partial" "$apt/archives/partial"
: >"$apt/status" # no package counts as installed, so every library is fetched
if [ -e $keyring ]; then signed="[signed-by=$keyring] "; else signed=; fi
echo "deb $signed$mirror $release main" >"$apt/sources.list"
# Keep apt's configuration of this machine, such as its proxies, but not the commands that it runs after an update.
cat >"$apt/apt.conf" <<END
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Dir::Cache "$apt";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State "$apt";
Dir::State::status "$apt/status";
END

echo "Fetching QEMU 10 and fish 4 of Debian 13"
# shellcheck disable=SC2086 # each package is a word
{
    apt-get -qq -c "$apt/apt.conf" update &&
        apt-get -qq -y -c "$apt/apt.conf" --download-only install $packages
} >"$apt/log" 2>&1 </dev/null || fail "apt-get could not fetch the packages: $(tail -n 1 "$apt/log")"

# --- Unpack ---

root=$folder/root
for package in "$apt"/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$folder" --one-top-level=root --keep-directory-symlink \
        --no-same-owner --exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/share/locale'
done

# Of several loaders (32 and 64 bits) the one that lies beside the C library is QEMU's.
libraries=$(dirname "$(find "$root" -name libc.so.6 | head -n 1)")
loader=$(find "$libraries" -name 'ld-linux*.so.*' | head -n 1)
[ -n "$loader" ] || fail "the packages hold no loader"

modules=${libraries#"$root"}/qemu # QEMU looks for modules here too, and aborts if they are from another release

for program in $programs; do
    path=$(find "$root" -type f -path "*bin/$program")
    [ -n "$path" ] || fail "the packages hold no $program"
    LC_ALL=C sed -i "s,$modules\x00,/nil${modules#/usr}\x00,g" "$path" # a path of the same length that doesn't exist
    options=
    if [ "$program" = qemu-system-x86_64 ]; then # its firmware
        options=" -L $root/usr/share/qemu -L $root/usr/share/seabios -L $root/usr/lib/ipxe/qemu"
    fi
    cat >"$folder/bin.new/$program" <<END
#!/bin/sh
QEMU_MODULE_DIR=$libraries/qemu
export QEMU_MODULE_DIR
exec $loader --inhibit-cache --library-path $libraries --argv0 "\$0" $path$options "\$@"
END
    chmod +x "$folder/bin.new/$program"
done

"$folder/bin.new/qemu-system-x86_64" --version | sed -n 1p
rm -rf "$apt"
mv "$folder/bin.new" "$folder/bin" # last, so that bin exists only if everything is in it
