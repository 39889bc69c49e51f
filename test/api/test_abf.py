"""Messages of abf.api."""
import pytest
from conftest import NONE, path


@pytest.fixture
def acl(api):
    prefix = {"address": {"af": 0, "un": {"ip4": bytes(4)}}, "len": 0}
    rule = {"is_permit": 1, "src_prefix": prefix, "dst_prefix": prefix, "proto": 0, "srcport_or_icmptype_first": 0,
            "srcport_or_icmptype_last": 65535, "dstport_or_icmpcode_first": 0, "dstport_or_icmpcode_last": 65535}
    index = api.acl_add_replace(acl_index=NONE, tag="t", count=1, r=[rule]).acl_index
    yield index
    assert api.acl_del(acl_index=index).retval == 0


def policies(api):
    return [(d.policy.policy_id, d.policy.acl_index, [(p.sw_if_index, p.weight, p.type) for p in d.policy.paths])
            for d in api.abf_policy_dump()]


def attachments(api):
    return [(d.attach.policy_id, d.attach.sw_if_index, d.attach.priority, d.attach.is_ipv6)
            for d in api.abf_itf_attach_dump()]


def policy(api, is_add, policy_id, acl_index, *paths):
    return api.abf_policy_add_del(is_add=is_add, policy={"policy_id": policy_id, "acl_index": acl_index,
                                                         "paths": list(paths)}).retval


def attach(api, is_add, policy_id, index, priority=0, is_ipv6=False):
    return api.abf_itf_attach_add_del(is_add=is_add, attach={"policy_id": policy_id, "sw_if_index": index,
                                                             "priority": priority, "is_ipv6": is_ipv6}).retval


def test_version(api):
    reply = api.abf_plugin_get_version()
    assert (reply.major, reply.minor) == (1, 0)


@pytest.mark.parametrize("is_ipv6,next_hop", [(False, "192.0.2.9"), (True, "2001:db8::9")])
def test_abf(api, loops, acl, is_ipv6, next_hop):
    a, b = loops
    assert policy(api, True, 7, acl, path(next_hop, b)) == 0
    assert policy(api, True, 7, acl, path(next_hop, a, weight=3)) == 0
    assert policies(api) == [(7, acl, [(b, 1, 0), (a, 3, 0)])]
    # what is wrong changes nothing
    assert policy(api, True, 7, acl) < 0
    assert policy(api, True, 7, acl + 1, path(next_hop, b)) < 0
    assert policy(api, True, 8, acl, path(next_hop, 9999)) < 0
    assert policy(api, True, 8, acl, path(next_hop, proto=2)) < 0
    assert policy(api, True, 8, acl, *[path(next_hop, b)] * 65) < 0
    assert policy(api, False, 8, acl, path(next_hop, b)) < 0
    assert policy(api, False, 7, acl, path(next_hop, b, sw_if_index=NONE)) < 0
    assert attach(api, True, 8, a) < 0
    assert attach(api, True, 7, 9999, is_ipv6=is_ipv6) == -2
    assert attach(api, True, 7, a, is_ipv6=not is_ipv6) < 0
    assert len(policies(api)) == 1 and attachments(api) == []
    assert attach(api, True, 7, a, 5, is_ipv6) == 0
    assert attach(api, True, 7, b, 4, is_ipv6) == 0
    assert attach(api, True, 7, a, 6, is_ipv6) < 0
    assert attachments(api) == [(7, a, 5, is_ipv6), (7, b, 4, is_ipv6)]
    assert api.acl_del(acl_index=acl).retval == -149
    assert policy(api, False, 7, acl, path(next_hop, b), path(next_hop, a)) < 0
    assert policies(api) == [(7, acl, [(b, 1, 0), (a, 3, 0)])]
    assert attach(api, False, 7, a, 0, is_ipv6) == attach(api, False, 7, b, 0, is_ipv6) == 0
    assert attach(api, False, 7, a, 0, is_ipv6) < 0
    assert policy(api, False, 7, acl, path(next_hop, b)) == 0
    assert policies(api) == [(7, acl, [(a, 3, 0)])]
    assert policy(api, False, 7, acl, path(next_hop, a)) == 0
    assert policies(api) == attachments(api) == []
