/* Settings of reassembly, full and virtual, of either protocol: bounds that data threads read while
 * commands and messages change them. */
#pragma once

#include "base/error.h"
#include "base/text.h"
#include "control/cli.h"
#include "net/ip/reass/reass.h"
#include "net/packet/ip_address.h"

struct engine;
struct piste;

enum reass_kind { REASS_FULL, REASS_VIRTUAL, REASS_N_KINDS };

struct reass_settings {
    struct reass_config config, first; /* as they are, as they were at the start */
};

/* What waits for its rest has at most half of all buffers, what waits for its first fragment a
 * quarter, unless somebody says otherwise: the others are for what goes on. */
struct reass_settings reass_settings_at_start(const struct engine *e, enum reass_kind kind,
                                              u32 n_owners);

/* As `ip_reassembly_set` and `ip_reassembly_get` have it. Control thread. -EINVAL: a value of 0, or
 * too large. */
int reass_set(struct piste *p, enum reass_kind kind, enum ip_family f, const struct reass_config *c,
              struct error *e) MUST_CHECK;
struct reass_config reass_get(const struct piste *p, enum reass_kind kind, enum ip_family f);

/* Changes what the words of `set ip reassembly` name; returns how many do. */
u32 reass_config_from_words(const struct cli_call *c, struct reass_config *config);
/* Lines of `show`: the bounds. */
void reass_show_bounds(struct cli_call *c, const struct reass_config *config, enum reass_kind kind,
                       enum ip_family f);
/* The line of the running configuration about what is not as it was at the start; more: words that
 * go with it, each behind a space. */
void reass_settings_write(const struct reass_settings *s, enum reass_kind kind, enum ip_family f,
                          const char *more, struct text *t);
/* The line about an interface; nothing, if neither protocol's fragments are put together there. */
void reass_interface_write(const char *interface, bool ip4, bool ip6, enum reass_kind kind,
                           struct text *t);
