# shellcheck shell=bash
# What a machine needs, and how it gets it: functions for ./demo and ./test. Debian's packages; nothing else is installed.

package_lists_are_new=

say() {
  printf '\n== %s\n' "$*"
}

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

refresh_package_lists() {
  [[ -n $package_lists_are_new ]] || { as_root apt-get update -qq && package_lists_are_new=yes; }
}

install_package() {
  say "installing $1"
  refresh_package_lists
  local log
  log=$(mktemp)
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" \
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

# need_unpacked COMMAND PACKAGE: as need, but unpacks the package into tests/.tools. Installed, it would start a service
# that listens on all addresses (Prometheus, Alertmanager); this changes nothing of the system.
need_unpacked() {
  local tools=$PWD/tests/.tools
  [[ :$PATH: == *":$tools/usr/bin:"* ]] || export PATH="$PATH:$tools/usr/bin"
  command -v "$1" >/dev/null && return
  unpack_package "$2" "$tools"
  command -v "$1" >/dev/null || {
    echo "$1 is missing, and $2 could not be unpacked" >&2
    return 1
  }
}

# unpack_package PACKAGE FOLDER
unpack_package() {
  say "unpacking $1"
  refresh_package_lists
  local folder
  folder=$(mktemp -d)
  if (cd "$folder" && apt-get download -qq "$1") >"$folder/log" 2>&1; then
    mkdir -p "$2" && dpkg-deb --extract "$folder"/*.deb "$2"
  else
    tail -n 5 "$folder/log"
  fi
  rm -rf "$folder"
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

# What the core is built with: a linker, and a C compiler for libdeflate.
need_core() {
  need_rust && need cc gcc
}

# What librdkafka is built with; OpenSSL is found by pkg-config.
need_edges() {
  need_core && need make make && need g++ g++ && need pkg-config pkg-config &&
    need_header openssl/ssl.h libssl-dev && need_header zlib.h zlib1g-dev
}
