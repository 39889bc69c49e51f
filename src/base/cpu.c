/* The CPU by its own word: CPUID on x86, auxiliary vector and /proc/cpuinfo elsewhere.
 * Sources: x86-64 psABI (the levels), Intel SDM vol. 2 CPUID, AMD APM vol. 3 E. */
#include "base/cpu.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

static struct {
    char model[80];
    char microarch[64];
    char flags[512];
    u32 levels; /* bit per enum cpu_level */
} cpu;

static pthread_once_t cpu_once = PTHREAD_ONCE_INIT;

static const struct {
    const char *name, *description;
} level_names[CPU_LEVEL_N] = {
    [CPU_LEVEL_BASE] = {"default", "default"},     [CPU_LEVEL_V2] = {"x86_64_v2", "x86-64-v2"},
    [CPU_LEVEL_V3] = {"x86_64_v3", "x86-64-v3"},   [CPU_LEVEL_V4] = {"x86_64_v4", "x86-64-v4"},
    [CPU_LEVEL_ARMV82] = {"armv8_2", "ARMv8.2-A"},
};

/* Copies the value of the first "name : value" line of /proc/cpuinfo. */
static void cpuinfo_value(const char *name, char *to, size_t size)
{
    FILE *f = fopen("/proc/cpuinfo", "re");
    char line[2048];
    size_t n = strlen(name);
    to[0] = 0;
    while (f && fgets(line, sizeof(line), f)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, name, n) != 0 || !strchr("\t :", line[n]) || !colon)
            continue;
        colon += 1 + strspn(colon + 1, " ");
        snprintf(to, size, "%.*s", (int)strcspn(colon, "\n"), colon);
        break;
    }
    if (f)
        fclose(f);
}

#if defined(__x86_64__)

enum cpuid_register { EAX, EBX, ECX, EDX };

struct cpuid_bit {
    const char *name; /* as `show cpu` prints it; NULL: not shown */
    u32 leaf;
    enum cpuid_register reg;
    u8 bit;
    u8 level; /* first level that needs it; 0: none */
};

/* In the order shown. */
static const struct cpuid_bit bits[] = {
    {"sse3", 1, ECX, 0, CPU_LEVEL_V2},
    {"pclmulqdq", 1, ECX, 1, 0},
    {"ssse3", 1, ECX, 9, CPU_LEVEL_V2},
    {"sse41", 1, ECX, 19, CPU_LEVEL_V2},
    {"sse42", 1, ECX, 20, CPU_LEVEL_V2},
    {"avx", 1, ECX, 28, CPU_LEVEL_V3},
    {"rdrand", 1, ECX, 30, 0},
    {"avx2", 7, EBX, 5, CPU_LEVEL_V3},
    {"bmi2", 7, EBX, 8, CPU_LEVEL_V3},
    {"rtm", 7, EBX, 11, 0},
    {"avx512f", 7, EBX, 16, CPU_LEVEL_V4},
    {NULL, 7, EBX, 17, CPU_LEVEL_V4}, /* AVX512DQ */
    {"rdseed", 7, EBX, 18, 0},
    {NULL, 7, EBX, 28, CPU_LEVEL_V4}, /* AVX512CD */
    {NULL, 7, EBX, 30, CPU_LEVEL_V4}, /* AVX512BW */
    {NULL, 7, EBX, 31, CPU_LEVEL_V4}, /* AVX512VL */
    {"aes", 1, ECX, 25, 0},
    {"sha", 7, EBX, 29, 0},
    {"vaes", 7, ECX, 9, 0},
    {"vpclmulqdq", 7, ECX, 10, 0},
    {"avx512_vnni", 7, ECX, 11, 0},
    {"avx512_bitalg", 7, ECX, 12, 0},
    {"avx512_vpopcntdq", 7, ECX, 14, 0},
    {"movdiri", 7, ECX, 27, 0},
    {"movdir64b", 7, ECX, 28, 0},
    {"avx512_fp16", 7, EDX, 23, 0},
    {"fma", 1, ECX, 12, CPU_LEVEL_V3},
    {"movbe", 1, ECX, 22, CPU_LEVEL_V3},
    {"popcnt", 1, ECX, 23, CPU_LEVEL_V2},
    {"f16c", 1, ECX, 29, CPU_LEVEL_V3},
    {"bmi1", 7, EBX, 3, CPU_LEVEL_V3},
    {"lzcnt", 0x80000001, ECX, 5, CPU_LEVEL_V3},
    {"cmpxchg16b", 1, ECX, 13, CPU_LEVEL_V2},
    {"lahf_sahf", 0x80000001, ECX, 0, CPU_LEVEL_V2},
    {"osxsave", 1, ECX, 27, CPU_LEVEL_V3},
    {"invariant_tsc", 0x80000007, EDX, 8, 0},
};

static bool cpuid_has(const struct cpuid_bit *b)
{
    u32 r[4] = {0};
    if (!__get_cpuid_count(b->leaf, 0, &r[EAX], &r[EBX], &r[ECX], &r[EDX]))
        return false;
    return r[b->reg] >> b->bit & 1;
}

/* The register state that the OS saves: without it the wide registers must not be used. Only when
 * osxsave. */
static u32 cpu_xcr0(void)
{
    u32 lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo;
}

static void find_flags_and_levels(void)
{
    u32 missing = 0; /* levels that lack a bit */
    bool osxsave = false;
    size_t len = 0;
    for (size_t i = 0; i < array_len(bits); i++) {
        if (!cpuid_has(&bits[i])) {
            missing |= bits[i].level ? 1u << bits[i].level : 0;
            continue;
        }
        osxsave |= bits[i].leaf == 1 && bits[i].reg == ECX && bits[i].bit == 27;
        if (bits[i].name)
            len += (size_t)snprintf(cpu.flags + len, sizeof(cpu.flags) - len, "%s ", bits[i].name);
    }
    u32 saved = osxsave ? cpu_xcr0() : 0;
    if ((saved & 0x06) != 0x06) /* SSE, AVX */
        missing |= 1u << CPU_LEVEL_V3;
    if ((saved & 0xe6) != 0xe6) /* and the three of AVX-512 */
        missing |= 1u << CPU_LEVEL_V4;
    for (u32 level = CPU_LEVEL_V2; level <= CPU_LEVEL_V4 && !(missing >> level & 1); level++)
        cpu.levels |= 1u << level;
}

static const struct {
    u8 vendor; /* first letter of the vendor string's second word: 'I'ntel, 'A'MD */
    u16 family, model_from, model_to;
    const char *name;
} microarchs[] = {
    {'A', 0x17, 0x00, 0x0f, "Zen"},
    {'A', 0x17, 0x10, 0x2f, "Zen+"},
    {'A', 0x17, 0x30, 0xff, "Zen 2"},
    {'A', 0x19, 0x00, 0x0f, "Zen 3"},
    {'A', 0x19, 0x10, 0x1f, "Zen 4"},
    {'A', 0x19, 0x20, 0x5f, "Zen 3"},
    {'A', 0x19, 0x60, 0xaf, "Zen 4"},
    {'A', 0x1a, 0x00, 0xff, "Zen 5"},
    {'I', 6, 0x2a, 0x2d, "Sandy Bridge"},
    {'I', 6, 0x3a, 0x3a, "Ivy Bridge"},
    {'I', 6, 0x3e, 0x3e, "Ivy Bridge"},
    {'I', 6, 0x3c, 0x3c, "Haswell"},
    {'I', 6, 0x3f, 0x3f, "Haswell"},
    {'I', 6, 0x45, 0x46, "Haswell"},
    {'I', 6, 0x3d, 0x3d, "Broadwell"},
    {'I', 6, 0x47, 0x47, "Broadwell"},
    {'I', 6, 0x4f, 0x4f, "Broadwell"},
    {'I', 6, 0x56, 0x56, "Broadwell"},
    {'I', 6, 0x4e, 0x4e, "Skylake"},
    {'I', 6, 0x5e, 0x5e, "Skylake"},
    {'I', 6, 0x55, 0x55, "Skylake X"},
    {'I', 6, 0x8e, 0x8e, "Kaby Lake"},
    {'I', 6, 0x9e, 0x9e, "Kaby Lake"},
    {'I', 6, 0x5c, 0x5c, "Goldmont"},
    {'I', 6, 0x5f, 0x5f, "Goldmont Denverton"},
    {'I', 6, 0x7a, 0x7a, "Goldmont Plus"},
    {'I', 6, 0x86, 0x86, "Tremont"},
    {'I', 6, 0x6a, 0x6c, "Ice Lake X"},
    {'I', 6, 0x7d, 0x7e, "Ice Lake"},
    {'I', 6, 0x8c, 0x8d, "Tiger Lake"},
    {'I', 6, 0x8f, 0x8f, "Sapphire Rapids"},
    {'I', 6, 0xcf, 0xcf, "Emerald Rapids"},
    {'I', 6, 0xad, 0xae, "Granite Rapids"},
    {'I', 6, 0xaf, 0xaf, "Sierra Forest"},
    {'I', 6, 0x97, 0x9a, "Alder Lake"},
    {'I', 6, 0xb7, 0xbf, "Raptor Lake"},
};

static void find_microarch(void)
{
    u32 a, b, c, d;
    if (!__get_cpuid(0, &a, &b, &c, &d))
        return;
    u8 vendor = d == signature_INTEL_edx ? 'I' : d == signature_AMD_edx ? 'A' : 0;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return;
    u32 family = a >> 8 & 15, model = a >> 4 & 15;
    if (family == 6 || family == 15)
        model |= a >> 12 & 0xf0;
    if (family == 15)
        family += a >> 20 & 0xff;

    const char *name = "unknown";
    for (size_t i = 0; i < array_len(microarchs); i++)
        if (microarchs[i].vendor == vendor && microarchs[i].family == family &&
            model >= microarchs[i].model_from && model <= microarchs[i].model_to)
            name = microarchs[i].name;
    snprintf(cpu.microarch, sizeof(cpu.microarch), "%s (family 0x%02x model 0x%02x)", name, family,
             model);
}

static void find_model(void)
{
    u32 r[12];
    for (u32 i = 0; i < 3; i++)
        if (!__get_cpuid(0x80000002 + i, &r[4 * i], &r[4 * i + 1], &r[4 * i + 2], &r[4 * i + 3]))
            return;
    char name[sizeof(r) + 1] = {0};
    memcpy(name, r, sizeof(r));
    size_t n = strlen(name);
    while (n && name[n - 1] == ' ')
        name[--n] = 0;
    snprintf(cpu.model, sizeof(cpu.model), "%s", name + strspn(name, " "));
}

static void cpu_find(void)
{
    cpu.levels = 1u << CPU_LEVEL_BASE;
    find_model();
    if (!cpu.model[0])
        cpuinfo_value("model name", cpu.model, sizeof(cpu.model));
    find_microarch();
    find_flags_and_levels();
}

#else

#if defined(__aarch64__)
/* asm/hwcap.h */
#define ARM_HWCAP_CRC32 (1ul << 7)
#define ARM_HWCAP_ATOMICS (1ul << 8)
#define ARM_HWCAP_ASIMDRDM (1ul << 12)
#define ARM_HWCAP_DCPOP (1ul << 16)

static bool runs_armv82(void)
{
    unsigned long need = ARM_HWCAP_CRC32 | ARM_HWCAP_ATOMICS | ARM_HWCAP_ASIMDRDM | ARM_HWCAP_DCPOP;
    return (getauxval(AT_HWCAP) & need) == need;
}
#else
static bool runs_armv82(void)
{
    return false;
}
#endif

static void cpu_find(void)
{
    char implementer[16], part[16];
    cpu.levels = 1u << CPU_LEVEL_BASE;
    if (runs_armv82())
        cpu.levels |= 1u << CPU_LEVEL_ARMV82;
    cpuinfo_value("model name", cpu.model, sizeof(cpu.model));
    cpuinfo_value("Features", cpu.flags, sizeof(cpu.flags));
    cpuinfo_value("CPU implementer", implementer, sizeof(implementer));
    cpuinfo_value("CPU part", part, sizeof(part));
    if (implementer[0])
        snprintf(cpu.microarch, sizeof(cpu.microarch), "implementer %s part %s", implementer, part);
}

#endif

const char *cpu_level_name(enum cpu_level level)
{
    return level_names[level].name;
}

const char *cpu_level_description(enum cpu_level level)
{
    return level_names[level].description;
}

bool cpu_level_runs(enum cpu_level level)
{
    pthread_once(&cpu_once, cpu_find);
    return cpu.levels >> level & 1;
}

enum cpu_level cpu_level_best(void)
{
    pthread_once(&cpu_once, cpu_find);
    return (enum cpu_level)(31 - __builtin_clz(cpu.levels));
}

const char *cpu_model_name(void)
{
    pthread_once(&cpu_once, cpu_find);
    return cpu.model;
}

const char *cpu_microarch(void)
{
    pthread_once(&cpu_once, cpu_find);
    return cpu.microarch;
}

const char *cpu_flags(void)
{
    pthread_once(&cpu_once, cpu_find);
    return cpu.flags;
}
