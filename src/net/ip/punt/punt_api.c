/* Messages of punt.api. */
#include <string.h>

#include "api/api_punt.h"
#include "base/byteorder.h"
#include "net/ip/punt/punt_internal.h"

/* The union as it is on the wire. */
static int punt_api_set_l4(struct piste *p, const u8 *wire, bool on)
{
    if (wire[0] != ADDRESS_IP4 && wire[0] != ADDRESS_IP6)
        return -1;
    return punt_l4(p, wire[0] == ADDRESS_IP6 ? IP_FAMILY_6 : IP_FAMILY_4, wire[1],
                   get_be16(wire + 2), on, NULL);
}

static void set_punt(struct api_call *c)
{
    const struct api_set_punt *m = c->msg;
    int rc = m->punt.type == PUNT_API_TYPE_L4 ? punt_api_set_l4(c->piste, m->punt.punt, m->is_add)
             : m->punt.type == PUNT_API_TYPE_EXCEPTION
                 ? punt_exception(c->piste, get_be32(m->punt.punt), m->is_add, NULL)
                 : -1;
    api_reply_retval(c, rc ? API_UNSPECIFIED : API_OK); /* as VPP says whatever is wrong */
}

static bool punt_api_is_asked(const struct api_type_punt_reason *asked, const char *name)
{
    return !asked->name_bytes ||
           (asked->name_bytes == strlen(name) && !memcmp(asked->name, name, asked->name_bytes));
}

static void punt_reason_dump(struct api_call *c)
{
    const struct api_punt_reason_dump *m = c->msg;
    const char *name;
    for (u32 i = 1; (name = punt_reason(i)); i++) {
        struct api_punt_reason_details d = {
            .reason = {.id = i, .name = name, .name_bytes = (u32)strlen(name)}};
        if (punt_api_is_asked(&m->reason, name))
            api_reply(c, &api_message_punt_reason_details, &d);
    }
}

const struct api_handler punt_api[] = {
    {&api_message_set_punt, set_punt},
    {&api_message_punt_reason_dump, punt_reason_dump},
    {0},
};
