/* In place of prom_http.c where libmicrohttpd was not there to build with: all is known, and
 * nothing served. */
#include <errno.h>

#include "plugins/prom/prom.h"

struct prom_server *prom_server_new(struct prom_source *source, const char *address,
                                    struct error *e)
{
    error_set(e, EOPNOTSUPP, "built without libmicrohttpd");
    return NULL;
}

void prom_server_free(struct prom_server *s)
{
}
