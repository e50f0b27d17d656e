"""Groups of patterns, for commands with many members.

Each group takes every member and lists the exceptions, the members that were reviewed. A member of
a later release is therefore sensitive until somebody has looked at it. What is listed does none of
these: open a path, connect, listen, run a program, choose how untrusted bytes are read, or take
away a protection. Names of objects that exist already (nodes, secrets, threads) are listed where
making them is judged on its own.
"""

from typing import Final


def _all_but(*names: str) -> tuple[str, ...]:
    """Return the patterns for every member but these; words in a string are separate names."""
    return ("**", *(f"!{name}" for each in names for name in each.split()))


def _anywhere(names: str) -> str:
    return " ".join(f"**.{name}" for name in names.split())


_ADDRESS: Final = _anywhere(
    # Of a socket address. Its type is harmless, because each type has its own sensitive member.
    "ipv4 ipv6 keep-alive keep-alive-count keep-alive-idle keep-alive-interval mptcp numeric tight"
)

_NODE: Final = _anywhere(
    # Not here: driver, which decides if what a guest wrote into its disk is read as an image that
    # names other files; export, volume and the like, which choose a disk of the server; secrets
    # that are sent to a server; locking and force-share, which take away a protection.
    "id node-name read-only auto-read-only active discard detect-zeroes aio aio-max-batch "
    "rerror werror drop-cache pr-manager "
    "cache cache.direct cache.no-flush cache.writeback "
    # References to nodes that exist. Inside a reference everything is looked at again.
    "file backing data-file header children.* "
    # qcow2, qcow, luks, raw
    "cache-size l2-cache-size l2-cache-entry-size refcount-cache-size cache-clean-interval "
    "lazy-refcounts pass-discard-request pass-discard-snapshot pass-discard-other "
    "discard-no-unref overlap-check overlap-check.* key-secret encrypt.format offset size "
    # filters
    "throttle-group bottom bitmap bitmap.node bitmap.name on-cbw-error cbw-timeout "
    "min-cluster-size prealloc-align prealloc-size read-pattern rewrite-corrupted vote-threshold "
    "blkverify "
    # clients of servers
    "readahead timeout open-timeout reconnect-delay debug page-cache-size readahead-size "
    "tcp-syn-count force-range "
    # null-co, vvfat
    "latency-ns read-zeroes fat-type floppy label"
)

_JOB: Final = "job-id auto-finalize auto-dismiss speed"

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "blockdev": _all_but(_NODE, _ADDRESS, "**.server.type", "**.server.*.type"),
    # backing-fmt isn't here: it decides how the backing file will be read.
    "blockdev-create": _all_but(
        _JOB,
        _NODE,
        _ADDRESS,
        _anywhere(
            "server.type server.*.type preallocation extent-size-hint nocow cluster-size version "
            "refcount-bits extended-l2 data-file-raw compression-type cipher-alg cipher-mode "
            "hash-alg ivgen-alg ivgen-hash-alg iter-time detached-header subformat adapter-type "
            "hwversion toolsversion zeroed-grain block-size block-state-zero log-size force-size "
            "table-size object-size"
        ),
    ),
    # addr is the address of an exporting server; type decides what else is made, such as a mount
    # or a device. The name is one within the server, or that of a vduse device.
    "block-export": _all_but(
        "id node-name device writable writethrough iothread fixed-iothread allow-inactive",
        "name description bitmap bitmaps.* bitmaps.*.node bitmaps.*.name allocation-depth",
        "num-queues queue-size logical-block-size serial growable addr.type",
        _ADDRESS,
    ),
    # Not here: server, which decides between listening and connecting; the chardev of a mux and
    # those of a hub, through which another device is read and written; clipboard.
    "chardev": _all_but(
        "id",
        "backend.data.addr.type backend.data.local.type backend.data.remote.type",
        _ADDRESS,
        _anywhere(
            "wait telnet tn3270 websocket nodelay reconnect reconnect-ms size rows cols width "
            "height encoding mouse signal append logappend logtimestamp"
        ),
    ),
    # Of devices nobody has reviewed all properties. These are frequent, and are numbers, switches,
    # or names of what exists. Not here: romfile, host, sysfsdev, hostdevice, rootdir, evdev, file,
    # path, vhostfd, chardev, anything that begins with x-; nor the driver: u2f-passthru takes a
    # device of the host with no member at all, and isa-debug-exit lets the guest end the machine.
    "device": _all_but(
        "id bus addr acpi-index multifunction failover failover_pair_id rombar",
        "bootindex bootindexA bootindexB port slot chassis chassis_nr hotplug nr",
        "drive netdev mac iothread num-queues num_queues vectors mq",
        "serial ver wwn lun scsi-id channel unit device_id logical_block_size",
        "physical_block_size min_io_size opt_io_size discard_granularity share-rw rerror werror",
        "write-cache cyls heads secs removable rotation_rate config-wce queue-size",
        "seg-max-adjust discard write-zeroes event_idx indirect_desc disable-legacy disable-modern",
        "iommu_platform ats packed page-per-vq modern-pio-notify notify_on_empty any_layout",
        "csum gso guest_csum guest_tso4 guest_tso6 guest_ecn guest_ufo host_tso4 host_tso6",
        "host_ecn host_ufo mrg_rxbuf status ctrl_vq ctrl_rx ctrl_vlan ctrl_mac_addr rx_queue_size",
        "tx_queue_size tx speed duplex host_mtu rss hash",
        "max_ports name ports p2 p3 msi msix streams",
        "memdev node requested-size block-size prealloc memaddr",
        "socket-id die-id cluster-id core-id thread-id node-id module-id book-id drawer-id apic-id",
        "deflate-on-oom free-page-reporting free-page-hint guest-stats-polling-interval",
        "max-bytes period rng",
        "vgamem_mb xres yres max_outputs edid",
        "display head usb_version debug",
    ),
    "display": _all_but("type addresses.*.type tls-certs", _ADDRESS),
    # A transport needs no exception's care: each has its own sensitive member.
    "migrate": _all_but(
        "blk inc detach resume exit-on-error channels.*.channel-type channels.*.addr.transport",
        "channels.*.addr.type",
        _ADDRESS,
    ),
    # Not here: tls-creds, tls-hostname and tls-authz, which decide who may read the stream; mode
    # and cpr-exec-command, by which the emulator runs a program.
    "migrate-parameters": _all_but(
        "announce-initial announce-max announce-rounds announce-step avail-switchover-bandwidth",
        "block-bitmap-mapping block-bitmap-mapping.*.node-name block-bitmap-mapping.*.alias",
        "block-bitmap-mapping.*.bitmaps block-bitmap-mapping.*.bitmaps.*.name",
        "block-bitmap-mapping.*.bitmaps.*.alias",
        "block-bitmap-mapping.*.bitmaps.*.transform.persistent",
        "block-incremental compress-level compress-threads compress-wait-thread",
        "cpu-throttle-increment cpu-throttle-initial cpu-throttle-tailslow decompress-threads",
        "direct-io downtime-limit max-bandwidth max-cpu-throttle max-postcopy-bandwidth",
        "multifd-channels multifd-compression multifd-qatzip-level multifd-zlib-level",
        "multifd-zstd-level throttle-trigger-threshold vcpu-dirty-limit x-checkpoint-delay",
        "x-multifd-channels x-multifd-page-count x-vcpu-dirty-limit-period xbzrle-cache-size",
        "zero-page-detection x-rdma-chunk-size",
    ),
    # Not here: the TLS credentials and who may connect; without them everybody may.
    "nbd-server": _all_but(
        "addr.type addr.data.type max-connections handshake-max-seconds", _ADDRESS
    ),
    # Not here: the type. A tap runs /etc/qemu-ifup though no member says so; user reaches the
    # host's network; passt and bridge run programs.
    "netdev": _all_but(
        "id queues sndbuf vnet_hdr vhost vhostforce poll-us hubid restrict local.type remote.type",
        "addr.type reconnect reconnect-ms",
        _ADDRESS,
    ),
    # Not here: the type. Some types open or connect with no member at all (rng-random, sev-guest,
    # input-barrier); monitor-qmp and qtest hand the whole machine to a character device.
    "object": _all_but(
        "id",
        _anywhere(
            # memory-backend-*
            "size share merge dump prealloc prealloc-threads prealloc-context host-nodes "
            "host-nodes.* reserve hugetlb hugetlbsize seal readonly rom align offset pmem "
            "discard-data x-use-canonical-path-for-ramblock-id "
            # iothread, main-loop, thread-context, throttle-group
            "poll-max-ns poll-grow poll-shrink poll-weight aio-max-batch thread-pool-min "
            "thread-pool-max cpu-affinity.* node-affinity.* limits limits.* "
            # secret: the text of it, and how it is written
            "data format iv keyid loaded "
            # filters and others
            "netdev queue interval maxlen insert position status vnet_hdr_support queues opened"
        ),
    ),
}
"""The patterns of each group, by its name; a table writes @ before it."""

_GROUP: Final = "@"


def patterns_of(text: str) -> tuple[str, ...]:
    """Return a pattern of a table, or the patterns of the group that it names."""
    return GROUPS[text[1:]] if text.startswith(_GROUP) else (text,)
