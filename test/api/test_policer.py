"""Messages of policer.api, and those of classify.api that are about policers."""
import pytest

NONE = 0xffffffff


@pytest.fixture
def loop(api):
    index = api.create_loopback(mac_address=bytes(6)).sw_if_index
    yield index
    api.delete_loopback(sw_if_index=index)


def config(**kwargs):
    return {"cir": 1000, "eir": 0, "cb": 15000, "eb": 0, "rate_type": 0, "round_type": 0, "type": 0,
            "color_aware": False, "conform_action": {"type": 1, "dscp": 0},
            "exceed_action": {"type": 0, "dscp": 0}, "violate_action": {"type": 2, "dscp": 46}, **kwargs}


@pytest.fixture
def policer(api):
    made = api.policer_add(name="p", infos=config())
    assert made.retval == 0
    yield made.policer_index
    assert api.policer_del(policer_index=made.policer_index).retval == 0


def test_policers(api, policer):
    (d,) = api.policer_dump(match_name_valid=False)
    assert (d.name, d.cir, d.cb, d.type, d.single_rate, d.color_aware) == ("p", 1000, 15000, 0, True, False)
    assert (d.conform_action.type, d.violate_action.type, d.violate_action.dscp) == (1, 2, 46)
    assert (d.scale, d.current_limit, d.current_bucket, d.extended_limit) == (18, 15000 << 18, 15000 << 18, 0)
    assert len(api.policer_dump(match_name_valid=True, match_name="p")) == 1
    assert api.policer_dump(match_name_valid=True, match_name="q") == []
    assert len(api.policer_dump_v2(policer_index=policer)) == len(api.policer_dump_v2(policer_index=NONE)) == 1
    assert api.policer_dump_v2(policer_index=99) == []
    assert api.policer_add(name="p", infos=config()).retval == -81
    assert api.policer_add(name="q", infos=config(cir=0)).retval == -7
    assert api.policer_add(name="q", infos=config(type=9)).retval == -7
    assert api.policer_add(name="q", infos=config(conform_action={"type": 9, "dscp": 0})).retval == -7
    assert api.policer_update(policer_index=policer, infos=config(cb=2000, type=2, eir=2000, eb=3000)).retval == 0
    (d,) = api.policer_dump_v2(policer_index=policer)
    assert (d.cb, d.eb, d.single_rate) == (2000, 3000, False)
    assert api.policer_update(policer_index=policer, infos=config(cb=0)).retval == -7
    for call in (api.policer_update, api.policer_del, api.policer_reset):
        values = {"infos": config()} if call == api.policer_update else {}
        assert call(policer_index=99, **values).retval == -6
    assert api.policer_reset(policer_index=policer).retval == 0


def test_the_old_message(api):
    values = {k: v for k, v in config().items()}
    made = api.policer_add_del(is_add=True, name="old", **values)
    assert made.retval == 0
    assert api.policer_dump(match_name_valid=True, match_name="old")[0].cb == 15000
    gone = api.policer_add_del(is_add=False, name="old", **values)
    assert (gone.retval, gone.policer_index) == (0, made.policer_index)
    assert api.policer_add_del(is_add=False, name="old", **values).retval == -6


def test_bind(api, policer):
    assert api.policer_bind(name="p", worker_index=0, bind_enable=True).retval == 0
    assert api.policer_bind_v2(policer_index=policer, worker_index=77, bind_enable=True).retval == -89
    assert api.policer_bind_v2(policer_index=policer, bind_enable=False).retval == 0
    assert api.policer_bind(name="q", bind_enable=True).retval == -6


def test_interfaces(api, policer, loop):
    for direction in ("input", "output"):
        by_name, by_index = getattr(api, f"policer_{direction}"), getattr(api, f"policer_{direction}_v2")
        assert by_name(name="p", sw_if_index=loop, apply=True).retval == 0
        assert by_index(policer_index=policer, sw_if_index=loop, apply=False).retval == 0
        assert by_index(policer_index=policer, sw_if_index=loop, apply=False).retval == -6
        assert by_index(policer_index=policer, sw_if_index=999, apply=True).retval == -2
        assert by_name(name="q", sw_if_index=loop, apply=True).retval == -6
        assert by_index(policer_index=policer, sw_if_index=loop, apply=True).retval == 0


def test_a_table_is_saved_with_names_of_policers(api, loop, switch):
    """Indexes are others when what was saved is replayed. The session is in a table behind the interface's."""
    first, second = (api.policer_add(name=name, infos=config()).policer_index for name in ("gone", "stays"))
    tables = []
    for _ in range(3):
        tables.append(api.classify_add_del_table(
            is_add=True, table_index=NONE, nbuckets=2, match_n_vectors=1, miss_next_index=NONE, mask_len=16,
            mask=b"\xff" * 16, next_table_index=tables[0] if len(tables) == 1 else NONE).new_table_index)
    for table in tables:
        assert api.classify_add_del_session(is_add=True, table_index=table, hit_next_index=second,
                                            opaque_index=NONE, match_len=16, match=bytes(16)).retval == 0
    bind = {"sw_if_index": loop, "ip4_table_index": NONE, "ip6_table_index": NONE, "l2_table_index": tables[1]}
    assert api.policer_classify_set_interface(is_add=True, **bind).retval == 0
    assert api.policer_del(policer_index=first).retval == 0
    lines = [line for line in switch.vpp.running_config() if line.startswith("classify session")]
    assert [("policer-hit-next stays" in line, f" hit-next {second} " in line) for line in lines] == \
        [(True, False), (True, False), (False, True)]
    assert api.policer_classify_set_interface(is_add=False, **bind).retval == 0
    for table in tables:
        assert api.classify_add_del_table(table_index=table).retval == 0
    assert api.policer_del(policer_index=second).retval == 0


def test_tables(api, loop):
    made = api.classify_add_del_table(is_add=True, table_index=NONE, nbuckets=2, match_n_vectors=1,
                                      next_table_index=NONE, miss_next_index=NONE, mask_len=16, mask=b"\xff" * 16)
    table = made.new_table_index
    none = {"ip4_table_index": NONE, "ip6_table_index": NONE, "l2_table_index": NONE}
    assert api.policer_classify_set_interface(sw_if_index=loop, is_add=True,
                                              **{**none, "l2_table_index": table}).retval == 0
    (d,) = api.policer_classify_dump(type=2, sw_if_index=NONE)
    assert (d.sw_if_index, d.table_index) == (loop, table)
    assert len(api.policer_classify_dump(type=2, sw_if_index=loop)) == 1
    assert api.policer_classify_dump(type=2, sw_if_index=0) == []
    assert api.policer_classify_dump(type=0, sw_if_index=NONE) == []
    assert api.policer_classify_dump(type=1, sw_if_index=NONE) == []
    assert api.policer_classify_set_interface(sw_if_index=loop, is_add=True,
                                              **{**none, "ip4_table_index": 99}).retval == -65
    assert api.policer_classify_set_interface(sw_if_index=loop, is_add=True,
                                              **{**none, "ip6_table_index": 99}).retval == -65
    for is_add in (True, False):
        assert api.policer_classify_set_interface(sw_if_index=loop, is_add=is_add,
                                                  **{**none, "ip6_table_index": table}).retval == 0
        assert [(d.sw_if_index, d.table_index) for d in api.policer_classify_dump(type=1, sw_if_index=NONE)] == \
            [(loop, table)] * is_add
    assert api.policer_classify_set_interface(sw_if_index=999, is_add=True, **none).retval == -2
    assert api.policer_classify_set_interface(sw_if_index=loop, is_add=False,
                                              **{**none, "l2_table_index": table}).retval == 0
    assert api.classify_add_del_table(table_index=table).retval == 0


def test_punted(switch, api, policer):
    def lines():
        return [line for line in switch.vpp.running_config() if "punt policer" in line]
    assert api.ip_punt_police(policer_index=policer, is_add=True).retval == 0
    assert lines() == ["ip punt policer add name p"]
    assert api.ip_punt_police(policer_index=99, is_add=True).retval == -6
    assert api.ip_punt_police(policer_index=policer, is_add=True, is_ip6=True).retval == 0
    assert lines() == ["ip punt policer add name p", "ip6 punt policer add name p"]
    assert api.ip_punt_police(policer_index=policer, is_add=False).retval == 0
    assert lines() == ["ip6 punt policer add name p"]
    assert api.ip_punt_police(policer_index=policer, is_add=False, is_ip6=True).retval == 0
    assert lines() == []
