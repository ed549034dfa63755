#!/usr/bin/env bash
# Runs clients that others wrote for the platform against the sandbox of a built Posta, with nothing
# but loopback: one in JavaScript, one in Python.
#
# usage: sdks/third-party/run.sh [path of the posta binary, default target/release/posta]
set -euo pipefail

binary=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/release/posta}")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
sandbox=

finish() {
  local status=$?
  if [[ -n $sandbox ]]; then
    kill -TERM "$sandbox" 2>/dev/null || true
    wait "$sandbox" 2>/dev/null || true
  fi
  if ((status)) && [[ -s $work/sandbox.log ]]; then
    printf '\n--- the last lines of the sandbox\n' >&2
    tail -n 40 "$work/sandbox.log" >&2
  fi
  rm -rf "$work"
}
trap finish EXIT

[[ -x $binary ]] || { printf 'no binary at %s; build it first\n' "$binary" >&2; exit 1; }

cp "$here"/*.{mjs,json,py,txt} "$work"
(cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
python3 -m venv "$work/python"
"$work/python/bin/python" -m pip install --quiet --disable-pip-version-check \
  -r "$work/requirements.txt"

: >"$work/sandbox.log"
"$binary" sandbox --listen 127.0.0.1:0 >"$work/sandbox.log" 2>&1 &
sandbox=$!
address() { sed -nE 's|.* listens on (http://[0-9.:]+);.*|\1|p' "$work/sandbox.log"; }
for ((tries = 0; ; tries++)); do
  SANDBOX_URL=$(address)
  [[ -n $SANDBOX_URL ]] && break
  kill -0 "$sandbox" 2>/dev/null || { printf 'the sandbox ended before it listened\n' >&2; exit 1; }
  ((tries < 150)) || { printf 'the sandbox did not listen within 30 s\n' >&2; exit 1; }
  sleep 0.2
done
export SANDBOX_URL

cd "$work"
node --test --test-reporter=spec messenger.mjs
"$work/python/bin/python" pyfacebook_client.py
