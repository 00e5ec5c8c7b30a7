#!/bin/sh
# Checks everything that Prometheus and Alertmanager read, with their own tools.
#
#   tests/prometheus/check.sh [METRICS_URL...]
#
# Without a URL: rules, their tests, and the configurations. With URLs also what they serve: format and naming, and that
# every dashboard query gives data on a Prometheus that scrapes them. Needs promtool, prometheus and amtool.
set -eu
cd "$(dirname "$0")/../.."

for tool in promtool prometheus amtool; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: ./test prometheus gets it" >&2; exit 2; }
done

promtool check rules --lint=all --lint-fatal dashboards/rules/*.yml
promtool test rules dashboards/rules/tests/*.yml
amtool check-config deploy/alertmanager.yml

# The configuration names the rules where the container has them.
config=$(mktemp)
trap 'rm -f "$config"' EXIT
sed "s|/etc/prometheus/rules|$PWD/dashboards/rules|" deploy/prometheus.yml >"$config"
promtool check config --lint=all --lint-fatal "$config"

if [ $# -gt 0 ]; then
  for url in "$@"; do
    python3 -c 'import sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1]).read())' "$url" | promtool check metrics
  done
  python3 tests/prometheus/query.py "$@"
fi
