#!/usr/bin/env python3
"""Condenses AWS' published address ranges into src/baseline/aws_networks.txt.

    scripts/aws_networks.py ip-ranges.json > src/baseline/aws_networks.txt

The file is https://ip-ranges.amazonaws.com/ip-ranges.json, which AWS publishes for exactly this use. Taken over are the
ranges from which customers' workloads call (service EC2): one line for each region, neighbouring ranges in one.
"""

import ipaddress
import json
import sys
from collections import defaultdict

HEADER = """\
# From which addresses workloads in AWS call: region, then ranges. Made by scripts/aws_networks.py; change that, not this.
#
# Source: https://ip-ranges.amazonaws.com/ip-ranges.json of {date}, service EC2; neighbouring ranges joined.
"""


def ranges(document, prefixes, key):
    """Ranges of service EC2 by region, joined where they touch."""
    by_region = defaultdict(list)
    for prefix in document[prefixes]:
        if prefix["service"] == "EC2":
            by_region[prefix["region"]].append(ipaddress.ip_network(prefix[key]))
    return {region: list(ipaddress.collapse_addresses(all)) for region, all in by_region.items()}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    four = ranges(document, "prefixes", "ip_prefix")
    six = ranges(document, "ipv6_prefixes", "ipv6_prefix")
    print(HEADER.format(date=document["createDate"][:10]), end="")
    for region in sorted(four.keys() | six.keys()):
        print(region, *four.get(region, []), *six.get(region, []))


if __name__ == "__main__":
    main()
