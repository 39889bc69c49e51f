"""Every section and key of startup.conf that VPP 26.06 knows is taken: it is acted on, or it is answered by a line in
the log that says why it has no effect here. Which keys VPP has: its manual and its own sources' list of sections."""
import re

import pytest
from packet_lib import Switch

# section -> keys; those that begin with "-" have no effect here
KEYS = {
    "unix": """
        nocolor; nobanner; cli-prompt x>; cli-no-banner; cli-no-pager; cli-pager-buffer-limit 1000
        cli-history-limit 10; -poll-sleep-usec 1; coredump-size unlimited; coredump-size 1M; full-coredump; gid root
        pidfile FOLDER/vpp.pid; startup-config FOLDER/empty; exec FOLDER/empty""",
    "api-trace": "on; enable; nitems 100; save-api-table startup-test-table",
    "api-queue": "-length 2048; -len 2048",
    "api-segment": """
        prefix p; uid root; gid root; -baseva 0x100000000; -global-size 64M; -global-pvt-heap-size 1M
        -global-pvt-heap-size size 1M; -api-pvt-heap-size 1M; -api-size 1M""",
    "socksvr": "socket-name FOLDER/api.sock; default",
    "statseg": "socket-name FOLDER/stats.sock; default; size 32M; page-size 4K; per-node-counters on; "
               "update-interval 5.5",
    "cpu": "main-core 0; workers 1; thread-prefix w; -use-pthreads; -numa-heap-size 1M; scheduler-policy other; "
           "scheduler-priority 1",
    "memory": "-main-heap-size 1G; -main-heap-page-size 4K; default-hugepage-size 2M",
    "buffers": "buffers-per-numa 8192; default data-size 2048; page-size default; numa 0 { buffers 4096 }",
    "physmem": "-base-addr 0x100000000; -max-size 1G",
    "plugins": """
        add-path FOLDER; -name-filter x; -vat-path FOLDER; -vat-name-filter x; plugin default { enable }
        plugin dpdk_plugin.so { disable }""",
    "logging": """
        size 100; unthrottle-time 2; default-log-level notice; default-syslog-log-level disabled
        default-kmsg-log-level disabled; -add-to-elog; class ip { level debug rate-limit 10 }""",
    "l2fib": "-table-size 1M; -num-buckets 1024",
    "l2learn": "limit 77",
    "ip": "default-table-name red",
    "ip6": "-hash-buckets 16; -heap-size 1M; -default-table-name red",
    "mpls": "-default-table-name red",
    "l3fib": "-load-balance-pool-size 1M; -fib-entry-pool-size 1M; -ip4-mtrie-pool-size 1M",
    "interface": "default-rx-mode polling",
    "ethernet": "default-mtu 1400",
    "vlib": "-memory-trace; -elog-events 10; -elog-post-mortem-dump; -buffer-alloc-success-rate 1.0; "
            "-buffer-alloc-success-seed 1",
    "node": "default { variant default }; ip4-lookup { variant default }",
    "trace": "timestamp-format unix",
    "punt": "socket FOLDER/punt.sock",
    "ipsec": """
        -ipv4-outbound-spd-fast-path on; -ipv4-inbound-spd-fast-path on; -ipv6-outbound-spd-fast-path on
        -ipv6-inbound-spd-fast-path on; -spd-fast-path-num-buckets 16; -ipv4-outbound-spd-flow-cache on
        -ipv4-inbound-spd-flow-cache on; -ipv4-outbound-spd-hash-buckets 16; -ipv4-inbound-spd-hash-buckets 16
        -ip4 { num-buckets 1 }; -ip6 { num-buckets 1 }; -async-handoff-queue-size 8""",
    "crypto-engines": "-default { disable }; -native { enable }",
    "devices": "-dev pci/0000:00:01.0 { driver avf port 0 { name x num-rx-queues 2 } }; -driver avf { args x }",
}
# those with any keys, which have no effect
ANY = """
    session: enable rt-backend rule-table wrk-mq-length 2048 use-app-socket-api
    tcp: preallocated-connections 10 max-rx-fifo 1M cc-algo cubic no-csum-offload
    udp: mtu 1400 icmp-unreachable-disabled
    tls: use-test-cert-in-ca ca-cert-path /etc first-segment-size 32M
    api-fuzz: off
    linux-cp: default netns n lcp-auto-subint lcp-sync del-static-on-link-down num-rx-queues 2
    linux-nl: nl-rx-buffer-size 1000000 nl-batch-size 16
    vhost-user: coalesce-frames 32 coalesce-time 0.001 dont-dump-memory
    tuntap: enable mtu 1500
    dpdk: dev 0000:00:01.0 { name x } no-pci uio-driver auto
    cnat: session-db-buckets 16
    nat: max translations per thread 100
    dns: max-cache-size 10
    http: first-segment-size 32M
    l2tp: lookup-v6-src
    ikev2: dpd-disabled
    quic: fifo-prealloc 10
    wireguard: x"""


# and the sections of what is not here, or has nothing to set
OTHERS = """
    bufmon cj ct6 det44 dhcp dslite fateshare flowprobe gtpu hsi http_static igmp lb lisp mactime map memif nsim oddbuf perfmon rdma sflow snort
    srtp tlsmbedtls tlsopenssl tlspicotls unittest urpf vmxnet3 vrrp"""


def log_of(switch):
    return re.findall(r"(\S+) \{ (.*?) \} has no effect here: .", switch.ctl("show logging"))


@pytest.fixture
def start(build):
    daemons = []

    def run(config, unix=""):
        daemon = Switch(build)
        daemons.append(daemon)
        with open(f"{daemon.folder}/empty", "w", encoding="utf-8") as f:
            f.write("# nothing\n")
        daemon.write_conf(unix.replace("FOLDER", daemon.folder), config.replace("FOLDER", daemon.folder))
        return daemon.start()
    yield run
    for daemon in daemons:
        daemon.stop()
        daemon.remove()


@pytest.mark.parametrize("section", KEYS)
def test_every_key_is_acted_on_or_answered(start, section):
    keys = [k.strip() for line in KEYS[section].splitlines() for k in line.split(";") if k.strip()]
    text = "\n".join(k.removeprefix("-") for k in keys)
    switch = start("" if section == "unix" else f"{section} {{\n{text}\n}}", unix=text if section == "unix" else "")
    told = [key.split()[0] for name, key in log_of(switch) if name == section]
    # a key that begins with a value (a node's name ...) is told as "..."
    assert sorted(k if k != "..." else "any" for k in told) == sorted(
        "any" if section == "crypto-engines" else k[1:].split()[0] for k in keys if k.startswith("-"))


@pytest.mark.parametrize("line", [line.strip() for line in ANY.splitlines() if line.strip()])
def test_a_section_of_what_is_not_here_is_answered(start, line):
    section, keys = line.split(": ", 1)
    switch = start(f"{section} {{ {keys} }}")
    assert [name for name, _ in log_of(switch)] == [section]


def test_sections_of_all_other_plugins_are_answered(start):
    switch = start("".join(f"{name} {{ any key 1 }}\n" for name in OTHERS.split()) + "heapsize 1G\ntest_plugin_path FOLDER\n")
    assert sorted(name for name, _ in log_of(switch)) == sorted([*OTHERS.split(), "heapsize", "test_plugin_path"])


def test_settings_of_modules_take_effect(start):
    switch = start("l2learn { limit 77 } ip { default-table-name red } ethernet { default-mtu 1400 }\n"
                   "interface { default-rx-mode polling } trace { timestamp-format unix }\n"
                   "node { default { variant default } }")
    assert switch.json("show l2fib")["learn_limit"] == 77
    assert switch.ctl("show ip fib").startswith("red")
    switch.ctl("create loopback interface")
    assert "1400/0/0/0" in switch.ctl("show interface loop0")
    assert "polling" in switch.ctl("show interface default rx-mode")
    assert switch.ctl("show trace timestamp-format").strip() == "trace timestamp format: unix"
    active = [line.split()[1] for line in switch.ctl("show node variants").splitlines()[1:]]
    assert active and set(active) == {"default"}


@pytest.mark.parametrize("words", ["off", "off flows 64 hold 3600 clsact", "flows 1048576 hold 0", "on off"])
def test_no_fast_path_is_asked_for(start, words):
    """So it is where nothing is said, and where the last word is off, whatever else is said of one."""
    switch = start(f"fast-path {{ {words} }}")
    shown = switch.json("show fast-path")
    assert not shown["on"] and shown["most"] == 0 and "startup.conf" in shown["why_not"]
    assert "startup.conf" in switch.fails("set fast-path on")
    assert "fast-path" not in switch.ctl("show logging")


@pytest.mark.parametrize("config, error", [
    ("ethernet { default-mtu 63 }", "ethernet_config: default MTU must be >= 64 and <= 9000"),
    ("node { ip4-lookup { } }", "node_config: `ip4-lookup { }' says no variant"),
    ("trace { timestamp-format roman }", "trace_config: unknown input `roman'"),
    ("no-such-section { x }", "unknown input `no-such-section  x'"),
    ("fast-path { on flows 63 }", "flows: 64 to 1048576"),
    ("fast-path { on flows 1048577 }", "flows: 64 to 1048576"),
    ("fast-path { on flows -1 }", "unknown input `-1'"),
    ("fast-path { hold 3601 }", "hold: at most 3600 seconds"),
    ("fast-path { perhaps }", "unknown input `perhaps'"),
])
def test_what_is_wrong_ends_the_start(build, config, error):
    daemon = Switch(build, config=config)
    try:
        daemon.launch()
        assert daemon.wait_exit() == 1
        assert error in daemon.output()
    finally:
        daemon.remove()
