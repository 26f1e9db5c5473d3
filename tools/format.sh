#!/usr/bin/env bash
# Formats the C and C++ sources; --check only says which are not formatted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mode=-i
if [ "${1:-}" = --check ]; then
  mode="--dry-run -Werror"
fi
# shellcheck disable=SC2086
find . \( -name '.?*' -o -name 'build*' \) -prune -o \
  \( -name '*.cpp' -o -name '*.h' -o -name '*.c' \) -print0 |
  xargs -0 -r clang-format-22 $mode
