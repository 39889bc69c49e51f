/* Reasons that the interface module's nodes count. */
#pragma once

enum { INTERFACE_OUTPUT_ERR_DOWN, INTERFACE_OUTPUT_ERR_N };
enum { INTERFACE_OFFLOAD_ERR_GSO, INTERFACE_OFFLOAD_ERR_CSUM, INTERFACE_OFFLOAD_ERR_N };
