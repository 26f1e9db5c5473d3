#!/usr/bin/env bash
# Sets the project up (tools/setup.sh), then runs every check and every test.
# The last line is `N passed, N failed[, N skipped]`; the exit status is 0 if
# nothing failed.
#
#   test/run.sh --all    also what takes long: the largest networks on the emulated
#                        GPU (CINCH_TEST_ALL=1)
#
# CINCH_TIDY_SECONDS: the time clang-tidy may take (default 900).
set -euo pipefail
case ${1:-} in
--all) export CINCH_TEST_ALL=1 ;;
"") ;;
*)
  echo "run.sh: unknown option '$1': there is --all" >&2
  exit 2
  ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."

results=build/test-results
python=.venv/bin/python
checks=()

# check NAME COMMAND...: runs a check that passes or fails as a whole.
check() {
  local name=$1 status=0
  shift
  echo "== $name"
  "$@" || status=$?
  checks+=("$name=$status")
}

# suite NAME COMMAND...: runs tests that write $results/NAME.xml.
suite() {
  local name=$1
  shift
  echo "== $name"
  "$@" || echo "$name exited with $?"
  [ -s "$results/$name.xml" ] || : >"$results/$name.xml"
}

# sanitized PRESET REGEX TARGET...: the unit tests that match, in build-PRESET.
sanitized() {
  local preset=$1 regex=$2
  shift 2
  cmake --preset "$preset" >build/configure.log || cat build/configure.log
  ninja -C "build-$preset" -j "${CINCH_JOBS:-$(nproc)}" --quiet "$@" ||
    echo "build-$preset was not built"
  suite "unit-$preset" ctest --test-dir "build-$preset" -R "$regex" -j "$(nproc)" \
    --timeout 300 --output-on-failure --progress \
    --output-junit "$PWD/$results/unit-$preset.xml"
}

tools/setup.sh
rm -rf "$results"
mkdir -p "$results"

check format tools/format.sh --check
check lint $python tools/lint.py
check reference-docs $python tools/generate_docs.py --check
check clang-tidy $python tools/tidy.py --seconds "${CINCH_TIDY_SECONDS:-900}"
suite unit ctest --test-dir build -j "$(nproc)" --timeout 300 \
  --output-on-failure --progress --output-junit "$PWD/$results/unit.xml"
sanitized asan '^cinch-(runtime|threads|cuda|plan|emulator)-tests' \
  cinch-runtime-tests cinch-threads-tests cinch-cuda-tests cinch-plan-tests \
  cinch-emulator-tests
sanitized tsan '^cinch-(runtime|threads|cuda)-tests' \
  cinch-runtime-tests cinch-threads-tests cinch-cuda-tests
sanitized fuzz '^cinch-import-tests' cinch-import-tests fuzzers
check fuzz $python test/fuzz/run.py --seconds 60
suite lit timeout 900 .venv/bin/lit -s build/test -j "$(nproc)" \
  --xunit-xml-output "$results/lit.xml"
# A file's tests share what they compiled, so a process takes whole files; threads
# that spin while they wait would take the time of the other processes.
OMP_WAIT_POLICY=passive suite pytest $python -m pytest -q -r fE --tb=short \
  --no-header -p no:warnings -n "$(nproc)" --dist=loadfile \
  --junit-xml "$results/pytest.xml"

echo
$python test/summary.py "$results" "${checks[@]}"
