/* The only user of the generated version header: a new commit recompiles only this file. */
#include "base/version.h"
#include "piste_version.h"

const char piste_version[] = PISTE_VERSION;
const char piste_build_date[] = PISTE_BUILD_DATE;
const char piste_build_host[] = PISTE_BUILD_HOST;
const char piste_build_user[] = PISTE_BUILD_USER;
const char piste_build_compiler[] = PISTE_BUILD_COMPILER;
