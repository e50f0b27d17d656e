#!/bin/sh
# Make a small Linux guest for tests, of Debian 12's own kernel and an initramfs of busybox, in FOLDER.
#
# usage: linux_guest.sh [FOLDER]   (default: build/linux-guest)
#
# FOLDER then contains vmlinux, the kernel, unpacked so that the guest doesn't have to do it, and initrd, with the drivers of the
# hardware that tests plug in, loadkeys, and console keymaps, which ckbcomp makes of xkeyboard-config.
# Nothing is installed, and root isn't needed. apt resolves, fetches and verifies the packages in separate folders, as if nothing
# were installed. It uses the mirror that this machine has configured; the variable MIRROR names another one.
# If the folder is complete, nothing is done; if it isn't, QMPEER_INSTALL=no prevents that it is made. Of several such scripts one works, and the others wait for it.
set -eu

packages='linux-image-amd64 busybox-static kbd console-setup xkb-data'
release=bookworm
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
modules='virtio_pci virtio_blk virtio_net virtio_scsi virtio_balloon virtio_console virtio_mem sd_mod sr_mod ata_piix ahci
    button evdev psmouse ehci-pci uhci-hcd xhci-pci usbhid hid-generic'
layouts='us us:intl us:dvorak gb de de:nodeadkeys ch fr be es pt it se pl cz hu tr gr ru jp'
here=$(cd "$(dirname "$0")" && pwd)

fail() {
    echo "linux_guest.sh: $*" >&2
    exit 1
}

folder=${1:-build/linux-guest}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
case $folder in *[!A-Za-z0-9/._+-]*) fail "the folder's path may not hold spaces or quotes: $folder" ;; esac

for tool in apt-get dpkg-deb flock perl xz; do
    command -v $tool >/dev/null 2>&1 || fail "needs $tool"
done

exec 9>"$folder/lock"
flock 9
made_by=$(cat "$here/linux_guest.sh" "$here/linux_guest_init.sh" | sha256sum)
[ "$(cat "$folder/stamp" 2>/dev/null)" = "$made_by" ] && exit 0
[ "${QMPEER_INSTALL-}" != no ] || fail "nothing is fetched, because of QMPEER_INSTALL=no"
rm -rf "$folder/stamp" "$folder/root" "$folder/guest" "$folder/apt"

# --- Fetch ---

codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null || true)
mirror=${MIRROR:-$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk -v codename="$codename" '$1 == codename && $2 == "main" { print $3; exit }')}
[ -n "$mirror" ] || fail "apt has no mirror of Debian; name one: MIRROR=... $0"

apt=$folder/apt
mkdir -p "$apt/lists/partial" "$apt/archives/partial"
: >"$apt/status" # no package counts as installed, so every package is fetched
if [ -e $keyring ]; then signed=" signed-by=$keyring"; else signed=; fi
echo "deb [arch=amd64$signed] $mirror $release main" >"$apt/sources.list"
# Keep apt's configuration of this machine, such as its proxies, but not the commands that it runs after an update.
cat >"$apt/apt.conf" <<END
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Architecture "amd64";
APT::Architectures "amd64";
APT::Sandbox::User "root";
Dir::Cache "$apt";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State "$apt";
Dir::State::status "$apt/status";
END

echo "Fetching a Linux guest for the tests: Debian 12's kernel and busybox"
export APT_CONFIG="$apt/apt.conf"
{
    apt-get -qq update
    kernel=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: //p')
    cd "$apt/archives"
    # shellcheck disable=SC2086 # each package is a word
    apt-get -qq download "$kernel" libc6 ${packages#* }
} >"$apt/log" 2>&1 </dev/null || fail "apt-get could not fetch the packages: $(tail -n 1 "$apt/log")"

# --- Unpack ---

root=$folder/root
mkdir "$root"
for package in "$apt"/archives/*.deb; do # without documentation, and without most drivers, whose dependencies would take long to find
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root" --keep-directory-symlink --no-same-owner \
        --exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/share/locale' --exclude='./usr/lib/*/gconv' \
        --exclude='*/kernel/sound' --exclude='*/kernel/fs' --exclude='*/kernel/drivers/gpu' --exclude='*/kernel/drivers/media' \
        --exclude='*/kernel/drivers/net/[ew]*' --exclude='*/kernel/drivers/i[in][if]*' --exclude='*/kernel/drivers/hwmon'
done
busybox=$root/bin/busybox
version=$(ls "$root/lib/modules")

# The kernel's file is a small program and the compressed kernel, whose place its header gives (Documentation/arch/x86/boot.rst).
image=$root/boot/vmlinuz-$version
number() { od -An -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '; }
payload=$((($(number "$image" 497 1) + 1) * 512 + $(number "$image" 584 4)))
tail -c "+$((payload + 1))" "$image" | head -c "$(($(number "$image" 588 4) - 4))" | xz -dc >"$folder/vmlinux"

# --- The initial file system ---

guest=$folder/guest
mkdir -p "$guest/bin" "$guest/lib/modules" "$guest/lib64" "$guest/keymaps" "$guest/dev" "$guest/proc" "$guest/sys" "$guest/tmp"
cp "$busybox" "$root/bin/loadkeys" "$root/bin/kbd_mode" "$guest/bin"
cp -L "$root"/lib/x86_64-linux-gnu/libc.so.6 "$guest/lib64"
cp -L "$root"/lib64/ld-linux-x86-64.so.2 "$guest/lib64"
cp "$here/linux_guest_init.sh" "$guest/init"
chmod +x "$guest/init"

# Each module after those that it depends on, which modules.dep lists in the reverse order.
"$busybox" depmod -b "$root" "$version"
for module in $modules; do
    awk -v name="/$module.ko:" 'substr($1, length($1) - length(name) + 1) == name {
        for (i = NF; i > 1; i--) print $i
        print substr($1, 1, length($1) - 1)
        found = 1
    } END { exit !found }' "$root/lib/modules/$version/modules.dep" || fail "the kernel has no module $module"
done >"$folder/modules"
# The signature at the end of a module is left out, because verifying it takes the guest longer than anything else: the signature, whose
# size is in four bytes of big-endian at -32, a record of 12 bytes, and 28 bytes of text.
: >"$guest/lib/modules/order"
while read -r path; do
    module=$root/lib/modules/$version/$path
    tail -c 28 "$module" | grep -q '^~Module signature appended~$' || fail "$path has no signature"
    size=$(tail -c 32 "$module" | od -An -t u1 -N 4 | awk '{ print (($1 * 256 + $2) * 256 + $3) * 256 + $4 + 40 }')
    name=$(basename "$path")
    head -c "-$size" "$module" >"$guest/lib/modules/$name"
    grep -qx "$name" "$guest/lib/modules/order" || echo "$name" >>"$guest/lib/modules/order"
done <"$folder/modules"

for layout in $layouts; do
    case $layout in *:*) variant=${layout#*:} ;; *) variant= ;; esac
    perl "$root/usr/bin/ckbcomp" "-I$root/usr/share/X11/xkb" "${layout%:*}" "$variant" >"$guest/keymaps/$layout" 2>/dev/null ||
        fail "ckbcomp could not make the keymap $layout"
    gzip -9n "$guest/keymaps/$layout"
done

(cd "$guest" && find . | "$busybox" cpio -o -H newc -R 0:0 2>/dev/null) >"$folder/initrd"
echo "$made_by" >"$folder/stamp" # last, so that it exists only if everything is there
rm -rf "$apt" "$root" "$guest" "$folder/modules"
