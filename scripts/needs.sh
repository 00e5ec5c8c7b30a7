# shellcheck shell=bash
# What a machine needs, and how it gets it: functions for ./demo and ./test. Debian's packages; nothing else is installed.

package_lists_are_new=

say() {
  printf '\n== %s\n' "$*"
}

install_package() {
  say "installing $1"
  local sudo=()
  [[ $(id -u) == 0 ]] || sudo=(sudo)
  if [[ -z $package_lists_are_new ]]; then
    "${sudo[@]}" apt-get update -qq && package_lists_are_new=yes
  fi
  local log
  log=$(mktemp)
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" \
    >"$log" 2>&1 || tail -n 5 "$log"
  rm -f "$log"
}

# need COMMAND PACKAGE: installs the Debian package where the command is missing.
need() {
  command -v "$1" >/dev/null && return
  install_package "$2"
  command -v "$1" >/dev/null || {
    echo "$1 is missing, and $2 could not be installed" >&2
    return 1
  }
}

# need_header FILE PACKAGE: as need, for a C header below /usr/include.
need_header() {
  has_header "$1" && return
  install_package "$2"
  has_header "$1" || {
    echo "$1 is missing, and $2 could not be installed" >&2
    return 1
  }
}

has_header() {
  compgen -G "/usr/include/$1" >/dev/null || compgen -G "/usr/include/*/$1" >/dev/null
}

# need_venv: python3 comes without its venv module on Debian.
need_venv() {
  python3 -c 'import ensurepip, venv' 2>/dev/null && return
  install_package python3-venv
  python3 -c 'import ensurepip, venv'
}

need_rust() {
  command -v cargo >/dev/null || {
    echo "cargo is missing: install Rust 1.88 or newer" >&2
    return 1
  }
}

# What librdkafka is built with.
need_edges() {
  need_rust && need cc gcc && need make make && need g++ g++ &&
    need_header openssl/ssl.h libssl-dev && need_header zlib.h zlib1g-dev
}
