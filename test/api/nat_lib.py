"""What tests of NATs ask of their messages."""
OUTSIDE, INSIDE = 0x10, 0x20


def check_interfaces(add_del, dump, loops):
    """Interfaces have sides, each once. add_del, dump: the messages of an enabled NAT."""
    def interface(index, flags, add=True):
        return add_del(sw_if_index=index, flags=flags, is_add=add).retval

    def sides():
        return [(d.sw_if_index, int(d.flags)) for d in dump()]
    a, b = loops
    assert interface(a, INSIDE) == interface(b, OUTSIDE) == interface(b, INSIDE) == 0
    assert interface(a, INSIDE) == -81
    assert interface(9999, INSIDE) == -2
    assert sides() == [(a, INSIDE), (b, INSIDE | OUTSIDE)]
    assert interface(a, OUTSIDE, add=False) == -6
    assert interface(b, INSIDE, add=False) == interface(a, INSIDE, add=False) == 0
    assert sides() == [(b, OUTSIDE)]
