/* pcap_trace_on and pcap_trace_off of interface.api. */
#pragma once

struct module;

extern const struct module pcap_api_module;
