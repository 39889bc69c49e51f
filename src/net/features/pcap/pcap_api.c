#include "net/features/pcap/pcap_api.h"

#include <errno.h>
#include <string.h>

#include "api/api_interface.h"
#include "control/api.h"
#include "net/features/pcap/pcap_internal.h"
#include "net/link/interface/interface.h"
#include "net/features/pcap/pcap_trace.h"

static void trace_on(struct api_call *c)
{
    const struct api_pcap_trace_on *m = c->msg;
    struct pcap_trace_args args = {
        .directions = (m->capture_rx ? CAPTURE_RX : 0u) | (m->capture_tx ? CAPTURE_TX : 0u) |
                      (m->capture_drop ? CAPTURE_DROP : 0u),
        .max_packets = m->max_packets,
        .max_packet_bytes = m->max_bytes_per_packet,
        .interface = m->sw_if_index ? (struct if_index){m->sw_if_index} : IF_NONE,
        .file = *m->filename ? m->filename : NULL,
        .filter = m->filter,
        .error = *m->error ? m->error : NULL,
        .unknown_is_any = true,
    };
    if (!args.directions)
        api_reply_retval(c, API_INVALID_VALUE);
    else if (!if_is_none(args.interface) && !interface_at(c->piste, args.interface))
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else {
        int rc = pcap_trace_start(c->piste, &args, NULL);
        api_reply_retval(c, rc == -EALREADY ? API_INVALID_VALUE : api_retval(rc));
    }
}

static void trace_off(struct api_call *c)
{
    struct pcap_trace_status status;
    int rc = pcap_trace_stop(c->piste, &status, NULL);
    api_reply_retval(c, rc == -EALREADY  ? API_VALUE_EXIST /* off already */
                        : rc == -ENODATA ? API_NO_SUCH_ENTRY
                        : rc             ? API_SYSCALL_ERROR_1
                                         : 0);
}

/* There is one; VPP's plugins bring more. */
static void set_filter_function(struct api_call *c)
{
    const struct api_pcap_set_filter_function *m = c->msg;
    bool known = !strcmp(m->filter_function_name, "vnet_is_packet_traced");
    api_reply_retval(c, known ? API_OK : API_NO_SUCH_ENTRY);
}

const struct api_handler pcap_api[] = {
    {&api_message_pcap_set_filter_function, set_filter_function},
    {&api_message_pcap_trace_on, trace_on},
    {&api_message_pcap_trace_off, trace_off},
    {0},
};
