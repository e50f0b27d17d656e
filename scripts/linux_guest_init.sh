#!/bin/busybox sh
# The first process of the guest that linux_guest.sh makes: it loads the drivers, and then executes the commands of a serial port.
#
# ttyS0 is the kernel's console, ttyS1 the port of commands, ttyS2 and ttyS3 are for data. On ttyS1, it reads one command a line,
# as the shell's printf %b reads it (with \\ and \n), and answers with a line "STATUS SIZE" and SIZE bytes of output.
# The kernel's command line can hold power_button=ignore, and modules=none.
/bin/busybox --install -s /bin
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
export PATH=/bin LD_LIBRARY_PATH=/lib64

if [ "${modules-}" != none ]; then
    while read -r module; do
        insmod "/lib/modules/$module" || echo "insmod $module: $?" >/dev/console
    done </lib/modules/order
fi
for port in 1 2 3; do
    if [ -e "/dev/ttyS$port" ]; then stty -F "/dev/ttyS$port" raw -echo 2>/dev/null; fi
done
exec 5<>/dev/tty1 6<>/dev/ttyS2 7<>/dev/ttyS3 # the modes of a terminal last as long as it is open

if [ "${power_button-}" != ignore ]; then
    mkdir -p /etc/acpi/PWRF
    printf '#!/bin/sh\npoweroff -f\n' >/etc/acpi/PWRF/00000080
    chmod +x /etc/acpi/PWRF/00000080
    acpid -f -l /dev/null </dev/null >/dev/null 2>&1 &
fi

exec </dev/ttyS1 >/dev/ttyS1
stty raw -echo
echo ready
while IFS= read -r line; do
    (eval "$(printf %b "$line")") </dev/null >/tmp/output 2>&1
    echo "$? $(wc -c </tmp/output)"
    cat /tmp/output
done
poweroff -f
