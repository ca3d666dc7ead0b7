#!/usr/bin/env bash
# Fills a store with MAESTRO_BENCH_RESOURCES servers (100,000), starts the real product on it, and measures its list in a browser.
# After `make build`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
dir=$(mktemp -d) pid=
trap '[ -z "$pid" ] || { kill -INT "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; }; rm -rf "$dir"' EXIT
start() {
	rm -f "$dir/data/dev.json"
	bin/maestro dev --listen 127.0.0.1:0 --data-dir "$dir/data" >"$dir/dev.log" 2>&1 &
	pid=$!
	for _ in $(seq 300); do
		[ -s "$dir/data/dev.json" ] && return
		kill -0 "$pid" 2>/dev/null || break
		sleep 1
	done
	cat "$dir/dev.log"
	return 1
}
start
kill -INT "$pid"
wait "$pid" || true
MAESTRO_BENCH_STORE=$dir/data/collector/maestro.db MAESTRO_BENCH_RESOURCES=${MAESTRO_BENCH_RESOURCES:-100000} \
	go test -count=1 -v -timeout 2h -run 'TestFill$' ./collector/internal/inventory
start
# A reader's browser has a machine of its own. Here it has cores of its own, and curl the same ones: a browser that starts would
# otherwise take the collector's, and the figures would tell how two programs share two cores.
beside=()
if command -v taskset >/dev/null && [ "$(nproc)" -gt 1 ]; then
	for p in "$pid" $(pgrep -P "$pid"); do taskset -a -c -p 0 "$p" >/dev/null; done
	beside=(taskset -c "1-$(($(nproc) - 1))")
fi
MAESTRO_E2E_DEV_JSON=$dir/data/dev.json "${beside[@]}" node web/e2e/bench/table.mjs "$(pgrep -P "$pid" -f maestro-collector | head -n 1)"
