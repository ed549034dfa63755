#!/usr/bin/env bash
# Runs the published SDKs of the unified API against a built Posta, with nothing but loopback: the
# Node SDK, plain HTTP, and where there is a Python with venv, the Python SDK.
#
# usage: sdks/compat/run.sh [path of the posta binary, default target/release/posta]
set -euo pipefail

binary=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/release/posta}")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
posta=

finish() {
  local status=$?
  if [[ -n $posta ]]; then
    kill -TERM "$posta" 2>/dev/null || true
    wait "$posta" 2>/dev/null || true
  fi
  if ((status)) && [[ -s $work/posta.log ]]; then
    printf '\n--- the last lines of Posta\n' >&2
    tail -n 40 "$work/posta.log" >&2
  fi
  rm -rf "$work"
}
trap finish EXIT

[[ -x $binary ]] || { printf 'no binary at %s; build it first\n' "$binary" >&2; exit 1; }

free_ports() {
  node -e '
    const net = require("net");
    const open = [0, 1].map(() => net.createServer().listen(0, "127.0.0.1"));
    setTimeout(() => {
      console.log(open.map((server) => server.address().port).join(" "));
      open.forEach((server) => server.close());
    }, 50);'
}

cp "$here"/*.{mjs,json,py,txt} "$work"
(cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)

python=
if python3 -c 'import ensurepip, venv' 2>/dev/null; then
  python3 -m venv "$work/python"
  python=$work/python/bin/python
  "$python" -m pip install --quiet --disable-pip-version-check -r "$work/requirements.txt"
fi

read -r port sandbox_port < <(free_ports)
data=$work/data
"$binary" dev --json --data-dir "$data" \
  --listen "127.0.0.1:$port" --sandbox-listen "127.0.0.1:$sandbox_port" \
  >"$work/posta.log" 2>&1 &
posta=$!

export POSTA_URL=http://127.0.0.1:$port SANDBOX_URL=http://127.0.0.1:$sandbox_port
is_ready() {
  [[ -s $data/dev-api-key ]] &&
    node -e 'fetch(process.env.POSTA_URL + "/readyz").then((r) => process.exit(r.ok ? 0 : 1),
      () => process.exit(1))'
}
for ((tries = 0; ; tries++)); do
  is_ready && break
  kill -0 "$posta" 2>/dev/null || { printf 'posta dev ended before it was ready\n' >&2; exit 1; }
  ((tries < 150)) || { printf 'posta dev was not ready within 30 s\n' >&2; exit 1; }
  sleep 0.2
done

POSTA_API_KEY=$(<"$data/dev-api-key")
export POSTA_API_KEY
cd "$work"
# Both languages note the methods that they call, and look at the end which they did not.
export SDK_CALLS=$work/node-calls
for suite in core sending inbox protocol covered; do
  node --test --test-reporter=spec "$suite.mjs"
done
export SDK_CALLS=$work/python-calls
if [[ -n $python ]]; then
  for suite in core inbox covered; do
    "$python" "$suite.py"
  done
else
  printf 'the Python SDK is skipped: there is no python3 with venv\n'
fi
