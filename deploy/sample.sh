#!/bin/sh
# Produces the traffic of a made-up company to the input topics, as an independent client.
set -eu

brokers=${BROKERS:?host:port of a broker}
out=${OUT:-/tmp/sample}

rm -rf "$out"
nhi-monitor generate --out "$out" --events "${EVENTS:-100000}" --identities "${IDENTITIES:-300}" --seed "${SEED:-1}"

kcat -P -b "$brokers" -t nhi.inventory -K "$(printf '\t')" -l "$out/inventory.tsv"
kcat -P -b "$brokers" -t cloudtrail -l "$out/cloudtrail.jsonl"
for payload in "$out"/cloudtrail-binary/*; do
  if [ -e "$payload" ]; then
    kcat -P -b "$brokers" -t cloudtrail "$payload"
  fi
done
kcat -P -b "$brokers" -t auth.linux -l "$out/auth.log"
