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
MAESTRO_E2E_DEV_JSON=$dir/data/dev.json node web/e2e/bench/table.mjs "$(pgrep -P "$pid" -f maestro-collector | head -n 1)"
