#!/usr/bin/env bash
# Builds the components of the example `polyglot` that are not in Rust: report.wasm of report.py, with
# componentize-py, and chart.wasm of chart.js, with componentize-js. Both carry their interpreter
# (18 and 12 MB), so they are not committed. Needs Python with pip, Node.js with npm, and the network
# the first time.
#
# usage: build.sh [FOLDER]      (default: target/polyglot)
#
# Exits with 3 if the tools cannot be had.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
out=${1:-$here/../../target/polyglot}
mkdir -p -- "$out"
out=$(cd -- "$out" && pwd -P)
wit=$here/wit

unavailable() {
    echo "${0##*/}: $1 cannot be installed" >&2
    exit 3
}

if [ ! -e "$out/python/bin/componentize-py" ]; then
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        --target "$out/python" componentize-py==0.25.1 || unavailable componentize-py
fi
if [ ! -e "$out/javascript/node_modules/.bin/componentize-js" ]; then
    npm install --silent --no-fund --no-audit --prefix "$out/javascript" \
        @bytecodealliance/componentize-js@0.23.0 || unavailable componentize-js
fi

# Both write the working directory into what they build.
cd -- "$here"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$out/python "$out/python/bin/componentize-py" \
    --wit-path "$wit" --world python componentize --python-path "$here" report -o "$out/report.wasm"
# Without `fetch` and its server, it needs nothing but WASI's command line.
"$out/javascript/node_modules/.bin/componentize-js" chart.js --wit "$wit" --world-name javascript \
    --disable http fetch-event --out "$out/chart.wasm"
