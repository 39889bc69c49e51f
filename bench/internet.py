#!/usr/bin/python3
"""Routes as the Internet has them: how many there are of each length, and how they lie in each other.

  bench/internet.py ip4|ip6 N [WORDS]     prints N lines, each a prefix and WORDS behind it

The shares of lengths are those of tables of the default-free zone in 2024 (CIDR report, potaroo.net), rounded. Prefixes lie
in allocations, which are close together in the blocks of the registries; those of one length are not next to each other, and
some lie in others. The same N gives the same routes.
"""
import ipaddress
import random
import sys

# length: share of a thousand
IP4_LENGTHS = {24: 612, 23: 101, 22: 112, 21: 54, 20: 46, 19: 27, 18: 16, 17: 9, 16: 15, 15: 2, 14: 1, 13: 1, 12: 1, 26: 1, 30: 1, 32: 1}
IP6_LENGTHS = {48: 462, 32: 122, 44: 98, 40: 90, 36: 62, 29: 32, 47: 28, 46: 26, 42: 16, 45: 12, 33: 10, 34: 8, 35: 6, 38: 8, 37: 3,
               39: 3, 41: 3, 43: 3, 28: 2, 30: 1, 31: 1, 64: 3, 56: 1}
IP4_BLOCKS = [f"{a}.0.0.0/8" for a in range(1, 224) if a not in (10, 127)]
IP6_BLOCKS = ["2001:200::/23", "2001:400::/22", "2001:c00::/22", "2001:1000::/20", "2400::/16", "2402::/16", "2403::/16", "2404::/16",
              "2406::/16", "2407::/16", "2600::/16", "2602::/16", "2604::/16", "2606::/16", "2607::/16", "2620::/23", "2800::/16", "2801::/16", "2803::/16",
              "2804::/16", "2a00::/16", "2a01::/16", "2a02::/16", "2a03::/16", "2a04::/16", "2a06::/16", "2a07::/16", "2a09::/16", "2a0a::/16", "2a0b::/16",
              "2a0c::/16", "2a0d::/16", "2a0e::/16", "2a10::/16", "2a12::/16", "2c0f::/16"]
# An allocation: its length, and how many prefixes of the table lie in one.
IP4_ALLOCATION, IP6_ALLOCATION = (20, 8), (32, 9)


def prefixes(family, n):
    """[(address as a number, length)], sorted."""
    lengths, blocks, (allocation, each), bits = (
        (IP4_LENGTHS, IP4_BLOCKS, IP4_ALLOCATION, 32) if family == "ip4" else (IP6_LENGTHS, IP6_BLOCKS, IP6_ALLOCATION, 128))
    rng = random.Random(f"{family} {n}")
    nets = [ipaddress.ip_network(block) for block in blocks]
    places = []  # of allocations: those of IPv4 all over their blocks, those of IPv6 at the start, with gaps
    for k in range(max(1, n // each)):
        net = nets[k % len(nets)]
        room = allocation - net.prefixlen
        at = rng.randrange(1 << room) if family == "ip4" else (k // len(nets) * 3 + rng.randrange(3)) % (1 << room)
        places.append(int(net.network_address) + (at << (bits - allocation)))
    found = set()
    names, weights = list(lengths), list(lengths.values())
    while len(found) < n:
        for length in rng.choices(names, weights, k=n - len(found)):
            at = rng.choice(places)
            if length > allocation:
                at |= rng.getrandbits(min(length, bits) - allocation) << (bits - length)
            elif rng.random() < 0.5:  # a shorter one, beside those that are filled
                at += rng.randrange(64) << (bits - length)
            at = at >> (bits - length) << (bits - length)
            if at >> bits == 0:
                found.add((at, length))
    return sorted(found)


def text(family, prefix):
    kind = ipaddress.IPv4Address if family == "ip4" else ipaddress.IPv6Address
    return f"{kind(prefix[0])}/{prefix[1]}"


def addresses(family, found, n):
    """n addresses, each at random in a prefix at random of found, as bytes."""
    bits = 32 if family == "ip4" else 128
    rng = random.Random(n)
    return [(at | rng.getrandbits(bits - length)).to_bytes(bits // 8, "big")
            for at, length in (rng.choice(found) for _ in range(n))]


def main():
    family, n, words = sys.argv[1], int(sys.argv[2]), " ".join(sys.argv[3:])
    for prefix in prefixes(family, n):
        print(text(family, prefix), words)


if __name__ == "__main__":
    main()
