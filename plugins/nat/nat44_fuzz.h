/* What the fuzz targets of both NATs differ in. */
#pragma once

/* That make the world translate for 10.0.0.0/24 behind in0, as 10.0.1.1 and others behind out0,
 * with 64 sessions at most; NULL behind the last one. */
extern const char *const nat44_fuzz_commands[];
