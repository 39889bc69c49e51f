/* Clocks per packet of the nodes of a path, in this process: packets of 64 bytes are made in
 * memory, go through the real graph with its real configuration, and are freed where a port would
 * send them. No kernel is on the way, so the figure is the graph's own.
 *
 *   bench-input ─► ethernet-input ─► ip4-input ─► ip4-lookup ─► ip4-rewrite ─► bench1-output ─►
 * bench1-tx
 *
 *   nodes-bench [--routes N] [--macs N] [--rounds N] [--features N] [--json] [--workload
 * ip4|xconnect|bridge|learn]
 *
 * With --routes N, N prefixes of /24 lead to the neighbour and destinations are drawn at random
 * from them. xconnect and bridge go by layer 2 instead; with --macs N, half of N addresses are the
 * frames' random sources, learnt on bench0, half their random destinations, behind bench1.
 *
 * With --features N, packets pass N features of ip4-unicast that do nothing but read their data.
 *
 * learn is about time: a data thread of its own forwards frames of N sources that were never seen,
 * while the MAC table grows under it; how long was its longest round? */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/byteorder.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "control/cli.h"
#include "control/loop.h"
#include "control/module.h"
#include "control/startup.h"
#include "engine/engine.h"
#include "engine/feature.h"
#include "net/link/interface/interface.h"
#include "net/l2/l2.h"
#include "vpp/modules.h"

#define FRAME_BYTES 64
#define FEATURES_MAX 8

enum workload { IP4, XCONNECT, BRIDGE, LEARN };

struct options {
    u32 routes, macs, rounds, features;
    enum workload workload;
    bool json;
};

static struct options options = {.routes = 1, .macs = 1000, .rounds = 4000};
static u32 sources_seen; /* while warming up: every source comes once, in order */
static u64 random_state = 88172645463325252ull;

static u64 random_u64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "nodes-bench: %s: %s\n", what, why);
    exit(1);
}

/* --- the two ends --- */

static u8 frame[FRAME_BYTES];
static struct if_index in_if, out_if;

static u16 checksum(const u8 *p, u32 n)
{
    u32 sum = 0;
    for (u32 i = 0; i < n; i += 2)
        sum += get_be16(p + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (u16)~sum;
}

static void make_frame(const u8 dst_mac[6])
{
    static const u8 ip[] = {0x45, 0, 0, 50, 0, 0, 0, 0, 64, 17, 0, 0, 192, 168, 0, 2, 20, 0, 0, 1};
    memcpy(frame, dst_mac, 6);
    memcpy(frame + 6, (u8[]){2, 0, 0, 0, 0, 2}, 6);
    put_be16(frame + 12, 0x0800);
    memcpy(frame + 14, ip, sizeof(ip));
    put_be16(frame + 34, 1000);
    put_be16(frame + 36, 2000);
    put_be16(frame + 38, 30);
}

/* Destination 20.0.0.0/8 upwards: route number r is 20.0.0.0 + r * 256. */
static void aim(u8 *p)
{
    u32 r = options.routes > 1 ? (u32)(random_u64() % options.routes) : 0;
    put_be32(p + 30, (20u << 24) + (r << 8) + 1);
    put_be16(p + 24, 0);
    put_be16(p + 24, checksum(p + 14, 20));
}

/* Addresses of a station: bench0's have 00 in their second byte, bench1's have 01. */
static void set_station(u8 *mac, u8 side, u32 n)
{
    mac[0] = 2;
    mac[1] = side;
    put_be32(mac + 2, n);
}

static void between_stations(u8 *p)
{
    u32 half = options.macs / 2;
    if (options.workload == LEARN) {
        set_station(p, 1, 0);
        set_station(p + 6, 0, sources_seen++ % options.macs);
        return;
    }
    u32 from = sources_seen < half ? sources_seen++ : (u32)(random_u64() % half);
    set_station(p, 1, (u32)(random_u64() % half));
    set_station(p + 6, 0, from);
}

/* Longest time from one round to the next: by the clock, and what the thread itself worked
 * meanwhile. */
static struct {
    u64 wall_ns, cpu_ns; /* the last round's */
    _Atomic u64 max_wall_ns, max_cpu_ns, rounds;
} pace;

static void keep_pace(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    u64 wall = clock_ns(), cpu = (u64)ts.tv_sec * NS_PER_SEC + (u64)ts.tv_nsec;
    if (pace.rounds > 100) { /* warm by now */
        pace.max_wall_ns = max_u64(pace.max_wall_ns, wall - pace.wall_ns);
        pace.max_cpu_ns = max_u64(pace.max_cpu_ns, cpu - pace.cpu_ns);
    }
    pace.wall_ns = wall;
    pace.cpu_ns = cpu;
    pace.rounds++;
}

static u32 bench_input_run(struct thread *t, struct node *n, struct rx_queue *q)
{
    u32 bi[FRAME_PKTS];
    u32 got = buffer_alloc(t, BUFFER_POOL_DEFAULT, bi, FRAME_PKTS);
    if (options.workload == LEARN)
        keep_pace();
    for (u32 i = 0; i < got; i++) {
        struct buffer *b = buffer_at(bi[i]);
        u8 *p = buffer_current(b);
        memcpy(p, frame, FRAME_BYTES);
        if (options.workload == IP4)
            aim(p);
        else
            between_stations(p);
        b->len = FRAME_BYTES;
        b->rx_if = in_if;
    }
    interface_count(t, IF_RX, in_if, got, (u64)got * FRAME_BYTES);
    node_enqueue(t, n, 0, bi, got);
    return got;
}

static void bench_tx_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        buffer_free_one(t, buffer_index(b[i]));
        next[i] = NEXT_CONSUMED;
    }
}

static const struct node_def bench_input = {.name = "bench-input",
                                            .kind = NODE_INPUT,
                                            .input = {bench_input_run},
                                            .next = {"ethernet-input"},
                                            .n_next = 1};
static const struct node_def bench_tx = {.name = "bench-tx", .run = {bench_tx_run}};
static const struct if_class bench_class = {.name = "bench", .tx = &bench_tx};

/* --- features --- */

static void bench_feature_run(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                              u32 count)
{
    u64 sum = 0;
    for (u32 i = 0; i < count; i++) {
        sum += feature_data(b[i]);
        next[i] = feature_next(b[i]);
    }
    n->local[0] += sum;
}

static char feature_names[FEATURES_MAX][24];
static struct node_def feature_nodes[FEATURES_MAX];
static struct feature_def feature_defs[FEATURES_MAX];
static const struct node_def *feature_node_list[FEATURES_MAX + 1];
static const struct feature_def *feature_list[FEATURES_MAX + 1];
static const char *const before_lookup[] = {"ip4-lookup", NULL};
static const struct module bench_module = {
    .abi = MODULE_ABI,
    .name = "bench",
    .description = "Features",
    .nodes = feature_node_list,
    .features = feature_list,
};

static void make_features(void)
{
    for (u32 k = 0; k < FEATURES_MAX; k++) {
        snprintf(feature_names[k], sizeof(feature_names[k]), "bench-feature-%u", k);
        feature_nodes[k] = (struct node_def){.name = feature_names[k], .run = {bench_feature_run}};
        feature_defs[k] =
            (struct feature_def){"ip4-unicast", feature_names[k], before_lookup, NULL};
        feature_node_list[k] = &feature_nodes[k];
        feature_list[k] = &feature_defs[k];
    }
}

static void enable_features(struct piste *p)
{
    struct error e;
    for (u32 k = 0; k < options.features; k++)
        if (feature_enable(p->engine, "ip4-unicast", feature_names[k], in_if, true, k, &e))
            die(feature_names[k], e.text);
}

/* --- setting up --- */

static void command(struct piste *p, const char *text)
{
    char *out;
    int rc = cli_run(p->cli, text, OUT_TEXT, &out);
    if (rc)
        die(text, out);
    free(out);
}

static struct if_index make_interface(struct piste *p, const char *name, const u8 mac[6])
{
    struct if_index i;
    struct error e;
    struct if_new_args a = {.name = name, .cls = &bench_class, .mac = mac, .caps = IF_CAP_TX_ALL};
    if (interface_new(p, &a, &i, &e))
        die(name, e.text);
    interface_set_link(p, i, true);
    return i;
}

static void make_switch(struct piste *p)
{
    struct error e;
    p->start_ns = clock_ns();
    p->loop = loop_new(&e);
    p->cli = cli_new(p);
    p->modules = modules_new(p);
    p->startup = startup_new();
    if (startup_set_text(p->startup, "bench", "", &e) || startup_apply_core(p, &e))
        die("configuration", e.text);
    modules_on_init(p->modules, engine_add_module);
    make_features();
    if (modules_add_builtin(p, &e) || modules_add(p->modules, &bench_module, NULL, &e) ||
        modules_init(p->modules, &e))
        die("modules", e.text);
}

static void configure_l2(struct piste *p)
{
    char text[160];
    if (options.workload == XCONNECT) {
        command(p,
                "set interface l2 xconnect bench0 bench1\nset interface l2 xconnect bench1 bench0");
        return;
    }
    command(p, "set interface l2 bridge bench0 1\nset interface l2 bridge bench1 1");
    snprintf(text, sizeof(text),
             "test l2fib add mac 02:01:00:00:00:00 count %u bridge-domain 1 interface bench1",
             options.workload == LEARN ? 1 : options.macs / 2);
    command(p, text);
}

static void configure(struct piste *p)
{
    static const u8 mac0[] = {2, 0, 0, 0, 0, 1}, mac1[] = {2, 0, 0, 0, 1, 1};
    char text[128];
    in_if = make_interface(p, "bench0", mac0);
    out_if = make_interface(p, "bench1", mac1);
    make_frame(mac0);
    command(p, "set interface state bench0 up\nset interface state bench1 up");
    if (options.workload != IP4) {
        configure_l2(p);
        return;
    }
    command(p, "set interface ip address bench0 192.168.0.1/24\nset interface ip address bench1 "
               "10.1.0.1/24\n"
               "set ip neighbor static bench1 10.1.0.2 02:00:00:00:00:99");
    snprintf(text, sizeof(text), "ip route add count %u 20.0.0.0/24 via 10.1.0.2 bench1",
             options.routes);
    command(p, text);
    enable_features(p);
}

/* --- measuring --- */

static bool is_an_end(const char *name)
{
    return !strcmp(name, "bench-input") || !strcmp(name, "bench1-tx");
}

static void report(struct engine *e)
{
    double sum = 0;
    printf(options.json ? "{\"nodes\": {" : "%-24s %12s %10s\n", "node", "packets", "clocks");
    bool first = true;
    for (u32 i = 0; i < node_count_all(e); i++) {
        struct node_stats s;
        engine_node_stats(e, 1, (struct node_index){i}, &s);
        if (!s.vectors)
            continue;
        const char *name = node_name(e, (struct node_index){i});
        double clocks = (double)s.clocks / (double)s.vectors;
        sum += is_an_end(name) ? 0 : clocks;
        if (options.json)
            printf("%s\"%s\": %.1f", first ? "" : ", ", name, clocks);
        else
            printf("%-24s %12" PRIu64 " %10.1f%s\n", name, s.vectors, clocks,
                   is_an_end(name) ? "  (not counted)" : "");
        first = false;
    }
    if (options.json)
        printf("}, \"routes\": %u, \"macs\": %u, \"level\": \"%s\", \"clocks_per_packet\": %.1f}\n",
               options.routes, options.macs, cpu_level_name(cpu_level_best()), sum);
    else
        printf("%-24s %12s %10.1f\n", "path", "", sum);
}

static void parse(int argc, char **argv)
{
    static const struct option longs[] = {
        {"routes", required_argument, NULL, 'r'},
        {"rounds", required_argument, NULL, 'n'},
        {"macs", required_argument, NULL, 'm'},
        {"workload", required_argument, NULL, 'w'},
        {"features", required_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
        if (c == 'r')
            options.routes = (u32)strtoul(optarg, NULL, 10);
        else if (c == 'n')
            options.rounds = (u32)strtoul(optarg, NULL, 10);
        else if (c == 'f')
            options.features = (u32)strtoul(optarg, NULL, 10);
        else if (c == 'm')
            options.macs = (u32)strtoul(optarg, NULL, 10);
        else if (c == 'w' && !strcmp(optarg, "xconnect"))
            options.workload = XCONNECT;
        else if (c == 'w' && !strcmp(optarg, "bridge"))
            options.workload = BRIDGE;
        else if (c == 'w' && !strcmp(optarg, "learn"))
            options.workload = LEARN;
        else if (c == 'w' && !strcmp(optarg, "ip4"))
            options.workload = IP4;
        else if (c == 'j')
            options.json = true;
        else
            exit(2);
    }
    if (!options.routes || options.routes > 10000000)
        die("--routes", "1 to 10000000");
    if (options.features > FEATURES_MAX)
        die("--features", "0 to 8");
    if (options.macs < 2 || options.macs > 10000000)
        die("--macs", "2 to 10000000");
}

static u64 rss_bytes(void)
{
    return mem_process_rss_bytes();
}

/* A data thread runs; this one is the control thread, until all sources are learnt. */
static void learn(struct piste *p)
{
    struct error e;
    u64 before = rss_bytes(), begin = clock_ns(), learned = 0;
    if (engine_start(p->engine, &e))
        die("engine", e.text);
    while (learned < options.macs && clock_ns() - begin < 60 * NS_PER_SEC) {
        loop_once(p->loop, 1);
        learned = l2_learned(p);
    }
    double seconds = (double)(clock_ns() - begin) / NS_PER_SEC;
    u64 bytes = rss_bytes() - before;
    engine_stop(p->engine);
    double wall = (double)pace.max_wall_ns / 1e6, cpu = (double)pace.max_cpu_ns / 1e6;
    if (options.json)
        printf("{\"learned\": %" PRIu64 ", \"seconds\": %.3f, \"longest_round_ms\": %.3f, "
               "\"longest_round_cpu_ms\": %.3f, \"memory_bytes\": %" PRIu64 "}\n",
               learned, seconds, wall, cpu, bytes);
    else
        printf("%" PRIu64 " addresses learnt in %.3f s, longest round %.3f ms (%.3f ms of it CPU "
               "time of the thread), %" PRIu64 " KiB more resident\n",
               learned, seconds, wall, cpu, bytes / 1024);
}

int main(int argc, char **argv)
{
    static struct piste p;
    struct error e;
    parse(argc, argv);
    make_switch(&p);
    configure(&p);
    struct node_index input = node_register(p.engine, &bench_input, NULL, NULL);
    struct rx_queue q = {.interface = in_if, .node = input, .fd = -1, .mode = RX_MODE_POLLING};
    if (rx_queue_add(p.engine, &q, 1, &e))
        die("queue", e.text);
    rx_queue_enable(p.engine, &q, true);
    if (options.workload == LEARN) {
        learn(&p);
        return 0;
    }
    for (u32 i = 0; i < options.rounds / 10 + 10 ||
                    (options.workload == BRIDGE && sources_seen < options.macs / 2);
         i++) {
        engine_round(p.engine, 1);
        loop_once(p.loop, 0); /* tables grow */
    }
    command(&p, "clear runtime");
    for (u32 i = 0; i < options.rounds; i++)
        engine_round(p.engine, 1);
    report(p.engine);
    struct counter_pair tx = counter_get_pair(if_counters[IF_TX], out_if.i);
    return tx.packets ? 0 : 1; /* the path was the wrong one */
}
