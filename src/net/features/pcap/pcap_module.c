/* The records of the modules pcap and pcap_api. */
#include "control/module.h"
#include "net/features/pcap/pcap_api.h"
#include "net/features/pcap/pcap_internal.h"
#include "net/features/pcap/pcap_trace.h"

static const char *const pcap_needs[] = {"interface", "classify-filter", NULL};

const struct module pcap_module = {
    .abi = MODULE_ABI,
    .name = pcap_module_name,
    .description = "Capture of packets into files",
    .needs = pcap_needs,
    .commands = pcap_commands,
    .init = pcap_init,
    .stop = pcap_stop,
};

static const char *const api_needs[] = {"api", "pcap", NULL};

const struct module pcap_api_module = {
    .abi = MODULE_ABI,
    .name = "pcap_api",
    .description = "Binary API of captures",
    .needs = api_needs,
    .api = pcap_api,
};
