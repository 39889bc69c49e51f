/* What was built, when and by whom. */
#pragma once

extern const char piste_version[];    /* "v26.06-piste-0.1.0-g0123abcd" */
extern const char piste_build_date[]; /* ISO 8601, UTC */
extern const char piste_build_host[];
extern const char piste_build_user[];
extern const char piste_build_compiler[]; /* "gcc 12.2.0" */
