#!/usr/bin/env bash
# Sets the project up on Debian 12: apt packages, .venv with the pinned Python
# packages, a build in build/. Runs again at once when there is nothing to do.
#
#   tools/setup.sh              everything
#   tools/setup.sh --no-build   packages and .venv only
#
# CINCH_JOBS: parallel compilations (default: one a core, as memory allows).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(
  # build
  ca-certificates ccache clang-22 cmake g++ ninja-build python3 python3-dev python3-venv
  # compiler
  libmlir-22-dev llvm-22-dev mlir-22-tools lld-22
  libprotobuf-dev protobuf-compiler libxsmm-dev
  liblapacke-dev libopenblas-openmp-dev
  # runtime and tools
  rapidjson-dev zlib1g-dev
  # tests
  chromium-headless-shell clang-format-22 clang-tidy-22
  libclang-rt-22-dev libgmock-dev libgtest-dev
  llvm-22-tools
)

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_packages() {
  local missing=() as_root=()
  command -v dpkg-query >/dev/null ||
    fail "this is not a Debian system; install what tools/setup.sh lists by hand," \
         "then build with: cmake --preset release && cmake --build --preset release"
  for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "setup: installing ${missing[*]}"
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null ||
      fail "not root, and these Debian packages are missing: ${missing[*]}" \
           "run as root: apt-get install --no-install-recommends ${missing[*]}"
    as_root=(sudo -n)
  fi
  "${as_root[@]}" apt-get update -q -o APT::Update::Error-Mode=any >/dev/null ||
    fail "cannot read the package lists (no network?); missing: ${missing[*]}"
  local log
  log=$(mktemp)
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
    --no-install-recommends "${missing[@]}" >"$log" 2>&1 ||
    fail "apt-get could not install: ${missing[*]}" \
         "$(grep '^E:' "$log" || tail -n 3 "$log")" \
         "LLVM 22 is in Debian 12 through its security updates (bookworm-security)"
  rm "$log"
}

install_python_packages() {
  local python=/usr/bin/python3
  [ -x "$python" ] || python=python3
  if cmp -s tools/requirements.txt .venv/requirements.txt; then
    return
  fi
  echo "setup: installing the Python packages of tools/requirements.txt in .venv"
  rm -rf .venv
  "$python" -m venv .venv
  .venv/bin/pip install -q --disable-pip-version-check --retries 1 -r tools/requirements.txt ||
    fail "pip could not install (no network?): $(grep -v '^#' tools/requirements.txt | tr '\n' ' ')"
  cp tools/requirements.txt .venv/requirements.txt
}

# A compilation of MLIR headers takes up to 1.5 GB.
count_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/MemAvailable/ {print int($2 / 1500000)}' /proc/meminfo)
  [ "$memory" -ge 1 ] || memory=1
  echo $((cores < memory ? cores : memory))
}

build() {
  if [ ! -f build/build.ninja ]; then
    local log
    log=$(mktemp)
    cmake --preset release >"$log" 2>&1 || {
      cat "$log" >&2
      fail "cmake could not configure build/"
    }
    rm "$log"
  fi
  echo "setup: building in build/"
  ninja -C build -j "${CINCH_JOBS:-$(count_jobs)}" --quiet
}

install_packages
install_python_packages
if [ "${1:-}" != --no-build ]; then
  build
fi
