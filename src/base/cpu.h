/* What this CPU can do, and which level of node code to run on it. */
#pragma once

#include "base/types.h"

enum cpu_level {
    CPU_LEVEL_BASE, /* runs on any CPU of the architecture */
    CPU_LEVEL_V2,   /* x86-64-v2 */
    CPU_LEVEL_V3,   /* x86-64-v3: AVX2, BMI2 */
    CPU_LEVEL_V4,   /* x86-64-v4: AVX-512 */
    CPU_LEVEL_ARMV82,
    CPU_LEVEL_N
};

/* "default", "x86_64_v2", "x86_64_v3", "x86_64_v4", "armv8_2": names as in `show node NAME`. */
const char *cpu_level_name(enum cpu_level level);
/* "x86-64-v3" and the like, for descriptions. */
const char *cpu_level_description(enum cpu_level level);
bool cpu_level_runs(enum cpu_level level);
/* The highest level that this CPU runs. */
enum cpu_level cpu_level_best(void);

const char *cpu_model_name(void);
/* "Zen (family 0x19 model 0x01)" or "" when unknown. */
const char *cpu_microarch(void);
/* Blank-separated flag names, as `show cpu` prints them. */
const char *cpu_flags(void);
