#!/usr/bin/env bash
# Prints the identities that nobody uses, as nhi.inventory knows them now: unused.sh BROKERS [TOPIC]
# Needs kcat and jq. Of each key the last record counts; one without a value was withdrawn. Fails, and prints nothing, where
# no record was written for a day: the monitor may have stopped.
# Status "retired": the inventory took it out already; where unused_days are told, nobody used it for its window either.
set -euo pipefail
kcat -C -b "$1" -t "${2:-nhi.inventory}" -X isolation.level=read_committed -o beginning -e -q -J |
  jq -rn 'reduce (inputs | select(.key // "" | startswith("last-seen:"))) as $message ({}; .[$message.key] = $message.payload)
    | [.[] | select(. != null and . != "") | fromjson
        | if .schema != "nhi.last-seen/1" then error("unknown form of record: \(.schema)") else . end]
    | (map(.updated_at) | max) as $newest
    | if length > 0 and $newest < (now - 86400 | floor | todate)
        then error("no record was written since \($newest): is the monitor running?") else .[] end
    | select(.status == "unused" or .status == "never_seen")
    | [.identity_id, .status, .unused_days] | @tsv'
