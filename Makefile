# Maestro's chores. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null || true)
LDFLAGS := -s -w -X maestro.internal/internal/build.version=$(VERSION) -X maestro.internal/internal/build.commit=$(COMMIT) \
  -X maestro.internal/sdk/serve.version=$(VERSION) -X maestro.internal/sdk/serve.commit=$(COMMIT)
# One way to compile for binaries, tests, linters and tools, so that Go compiles every package once. grpcnotrace: gRPC
# without its trace pages, whose templates keep the linker from leaving out unused methods. "make lint" vets the tests.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath -tags=grpcnotrace -ldflags=-w -vet=off $(GOFLAGS)
GOBUILD := go build -ldflags '$(LDFLAGS)'

# Every binary, as name=package[:build tags].
BINARIES := \
  maestro=./cli/cmd/maestro \
  maestro-collector=./collector/cmd/maestro-collector:webui \
  maestro-agent=./agent/cmd/maestro-agent \
  maestro-demo=./demo/cmd/maestro-demo \
  maestro-plugintest=./sdk/plugintest/cmd/maestro-plugintest \
  maestro-plugin-aws=./plugins/aws/cmd/maestro-plugin-aws \
  maestro-plugin-azure=./plugins/azure/cmd/maestro-plugin-azure \
  maestro-plugin-ansible=./plugins/ansible/cmd/maestro-plugin-ansible \
  maestro-plugin-host=./plugins/host/cmd/maestro-plugin-host \
  maestro-plugin-openstack=./plugins/openstack/cmd/maestro-plugin-openstack \
  maestro-plugin-vsphere=./plugins/vsphere/cmd/maestro-plugin-vsphere
# What is never shipped.
DEV_ONLY := maestro-demo maestro-plugintest

PLATFORM ?= linux/arm64
TOOLS ?= $(CURDIR)/.cache/bin
BUF_VERSION := v1.57.2
PROTOC_GEN_GO_VERSION := v1.36.11
PROTOC_GEN_GO_GRPC_VERSION := v1.6.0
GOLANGCI_VERSION := v2.5.0

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- prerequisites, said plainly ----

.PHONY: need-go need-node
need-go:
	@command -v go >/dev/null || { echo "make: Go is missing. Maestro needs Go 1.26 or newer: https://go.dev/dl/ (or your system's package golang-1.26)"; exit 1; }
	@v=$$(go env GOVERSION | sed 's/^go//'); printf '1.26\n%s\n' "$$v" | sort -V -C || { echo "make: Go $$v is too old. Maestro needs Go 1.26 or newer: https://go.dev/dl/"; exit 1; }
need-node:
	@command -v node >/dev/null || { echo "make: Node.js is missing. The web UI needs Node.js 20.19 or newer, with npm: https://nodejs.org/"; exit 1; }
	@v=$$(node --version | sed 's/^v//'); printf '20.19\n%s\n' "$$v" | sort -V -C || { echo "make: Node.js $$v is too old. The web UI needs 20.19 or newer: https://nodejs.org/"; exit 1; }
	@command -v npm >/dev/null || { echo "make: npm is missing. It comes with Node.js: https://nodejs.org/"; exit 1; }

# ---- building ----

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

WEB_SOURCES := $(shell find web -type f \( -name '*.ts' -o -name '*.tsx' -o -name '*.css' -o -name '*.html' -o -name '*.svg' -o -name '*.po' \) -not -path 'web/node_modules/*' -not -path 'web/dist/*' 2>/dev/null)
web/dist/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES) web/vite.config.ts web/lingui.config.js web/scripts/texts.mjs web/tsconfig.json
	cd web && npm run build --silent
	@touch $@

.PHONY: web build
web: need-node web/dist/index.html ## build the web UI into web/dist

build: need-go web ## build every binary into bin/, static and stamped
	@mkdir -p bin
	@for b in $(BINARIES); do \
	  name=$${b%%=*}; spec=$${b#*=}; pkg=$${spec%%:*}; tags=; [ "$$spec" = "$$pkg" ] || tags=$${spec#*:}; \
	  $(GOBUILD) -tags "grpcnotrace,$$tags" -o bin/$$name $$pkg; done

.PHONY: man
man: need-go ## write the manual pages into dist/man, and docs/cli anew
	go test ./cli -run Docs -update
	go run ./cli/cmd/maestro man dist/man

.PHONY: run
run: build ## build everything and run it here, with a simulated vCenter: Ctrl-C ends it
	@bin/maestro dev --demo $(RUNFLAGS)

.PHONY: cross
cross: need-go web ## build every binary for PLATFORM (linux/arm64), into dist/PLATFORM
	@os=$(word 1,$(subst /, ,$(PLATFORM))); arch=$(word 2,$(subst /, ,$(PLATFORM))); mkdir -p dist/$$os-$$arch; \
	for b in $(BINARIES); do \
	  name=$${b%%=*}; spec=$${b#*=}; pkg=$${spec%%:*}; tags=; [ "$$spec" = "$$pkg" ] || tags=$${spec#*:}; \
	  case " $(DEV_ONLY) " in *" $$name "*) continue;; esac; \
	  GOOS=$$os GOARCH=$$arch $(GOBUILD) -tags "grpcnotrace,$$tags" -o dist/$$os-$$arch/$$name $$pkg; done

.PHONY: dist
dist: build cross ## make archives with checksums for this machine's platform and PLATFORM
	@native=$$(go env GOOS)-$$(go env GOARCH); mkdir -p dist/$$native; \
	for b in $(BINARIES); do name=$${b%%=*}; case " $(DEV_ONLY) " in *" $$name "*) continue;; esac; cp bin/$$name dist/$$native/; done
	@cd dist && for d in */; do d=$${d%/}; cp ../LICENSE ../README.md $$d/; \
	  (cd $$d && sha256sum maestro-plugin-* > plugins.sha256); \
	  tar --sort=name --owner=0 --group=0 --mtime=@0 -czf maestro-$(VERSION)-$$d.tar.gz $$d; done; sha256sum *.tar.gz > SHA256SUMS; cat SHA256SUMS

# ---- proving ----

.PHONY: test
test: need-go need-node web/node_modules/.package-lock.json ## run all tests that need nothing but Go and Node
	go test -timeout 25m ./...
	cd web && npm run test --silent

# SQLite is translated from C and keeps its memory outside of Go's, where the race detector sees nothing: there it would only
# cost time, to compile and to run.
UNINSTRUMENTED := -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc=-race=false

.PHONY: race
race: need-go ## run the concurrent packages under the race detector
	CGO_ENABLED=1 go test -race $(UNINSTRUMENTED) -short -timeout 25m ./sdk/serve ./sdk/host ./agent/... ./collector/internal/ingest/... ./collector/internal/fleet/... ./collector/internal/access

.PHONY: e2e
e2e: build ## run the end-to-end tests against the real binaries (and a browser, where Chromium is)
	go test -tags e2e,grpcnotrace -count=1 -p 1 -timeout 20m ./test/e2e/...

.PHONY: screenshots
SCREENSHOTS ?= screenshots
SCREENS ?=
screenshots: build ## make pictures of every page, wide and narrow, light and dark, full, empty and broken, into SCREENSHOTS (SCREENS="inventory runs": of these)
	@dir=$$(mktemp -d); bin/maestro dev --demo --listen 127.0.0.1:0 --data-dir "$$dir" >"$$dir.log" 2>&1 & pid=$$!; \
	trap 'kill $$pid 2>/dev/null; wait $$pid 2>/dev/null || true; rm -rf "$$dir" "$$dir.log"' EXIT; \
	for i in $$(seq 120); do [ -f "$$dir/dev.json" ] && break; kill -0 $$pid 2>/dev/null || { cat "$$dir.log"; exit 1; }; sleep 1; done; \
	[ -f "$$dir/dev.json" ] || { cat "$$dir.log"; exit 1; }; \
	cd web && MAESTRO_E2E_DEV_JSON="$$dir/dev.json" npm run screenshots --silent -- "$(abspath $(SCREENSHOTS))" $(SCREENS)

.PHONY: bench
bench: build ## measure, as ratios against a reference in the same run; docs/benchmarks.md tells what
	go test -run '^$$' -bench Ingest -benchtime 1x -count 3 ./collector/internal/inventory
	MAESTRO_BENCH_RESOURCES=$${MAESTRO_BENCH_RESOURCES:-100000} go test -count=1 -v -run TestScale -timeout 2h ./collector/internal/inventory
	go test -run '^$$' -bench Query -benchtime 5x ./collector/internal/inventory
	go test -run '^$$' -bench Stream -benchtime 1x -count 3 ./sdk/host
	go test -run '^$$' -bench Hosts -benchtime 2x ./plugins/ansible
	go test -run '^$$' -bench Sweep -benchtime 2x ./plugins/aws
	go test -run '^$$' -bench Machines -benchtime 3x ./plugins/azure
	go test -run '^$$' -bench Servers -benchtime 1x -count 3 ./plugins/openstack
	go test -run '^$$' -bench Sweep -benchtime 1x ./plugins/vsphere
	go test -tags e2e,bench,grpcnotrace -count=1 -run TestFigures -timeout 5m ./test/e2e/chaos
	web/e2e/bench/run.sh

.PHONY: lint
lint: need-go $(TOOLS)/golangci-lint ## run the linters
	$(TOOLS)/golangci-lint run ./...
	cd web && npm run lint --silent

# ---- generating ----

$(TOOLS)/buf:
	GOBIN=$(TOOLS) go install github.com/bufbuild/buf/cmd/buf@$(BUF_VERSION)
$(TOOLS)/protoc-gen-go:
	GOBIN=$(TOOLS) go install google.golang.org/protobuf/cmd/protoc-gen-go@$(PROTOC_GEN_GO_VERSION)
$(TOOLS)/protoc-gen-go-grpc:
	GOBIN=$(TOOLS) go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@$(PROTOC_GEN_GO_GRPC_VERSION)
$(TOOLS)/golangci-lint:
	GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

.PHONY: .tools
.tools: need-go $(TOOLS)/buf $(TOOLS)/protoc-gen-go $(TOOLS)/protoc-gen-go-grpc $(TOOLS)/golangci-lint

.PHONY: generate
generate: need-go $(TOOLS)/buf $(TOOLS)/protoc-gen-go $(TOOLS)/protoc-gen-go-grpc web/node_modules/.package-lock.json ## make all generated files anew: protocols, kinds, OpenAPI, the UI's types
	PATH=$(TOOLS):$$PATH buf generate
	go test ./sdk/schema -update
	go test ./collector/internal/api -run OpenAPI -update
	cd web && npm run generate --silent

.PHONY: breaking
breaking: $(TOOLS)/buf ## compare the protocols with those of the last release
	PATH=$(TOOLS):$$PATH buf lint
	PATH=$(TOOLS):$$PATH buf breaking --against internal/protocol/released.binpb

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist web/dist
