/* Where the nodes of a feature that is on several arcs find a packet, from its data on. */
#pragma once

enum feature_place { AT_FRAME, AT_IP_INPUT, AT_IP_OUTPUT };
