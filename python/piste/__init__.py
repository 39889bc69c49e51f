"""Talks to the switch over its binary API socket.

    from piste import Api
    with Api("/run/vpp/api.sock") as api:
        print(api.show_version().version)
        for i in api.sw_interface_dump(name_filter_valid=False, name_filter=""):
            print(i.sw_if_index, i.interface_name)

Messages are as VPP's .api.json files define them; wherever those lie (VPP_API_DIR, or what the
switch itself tells), a client for VPP does as well.
"""
from piste.api import Api, ApiError, Definitions, Message  # noqa: F401
from piste.stats import Stats, StatsError  # noqa: F401
