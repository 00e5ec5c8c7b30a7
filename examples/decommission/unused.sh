#!/usr/bin/env bash
# Prints the identities that nobody uses, as nhi.inventory knows them now: unused.sh BROKERS [TOPIC]
# Needs kcat and jq. Of each key the last record counts; one without a value was withdrawn.
# Status "retired": the inventory took it out already; where unused_days are told, nobody used it for its window either.
set -euo pipefail
kcat -C -b "$1" -t "${2:-nhi.inventory}" -X isolation.level=read_committed -o beginning -e -q -f '%k\t%s\n' |
  jq -rRn '[inputs | select(startswith("last-seen:")) | split("\t") | {key: .[0], value: .[1]}]
    | from_entries | .[] | select(. != null and . != "") | fromjson
    | if .schema != "nhi.last-seen/1" then error("unknown form of record: \(.schema)") else . end
    | select(.status == "unused" or .status == "never_seen")
    | [.identity_id, .status, .unused_days] | @tsv'
