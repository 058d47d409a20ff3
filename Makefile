# stackctl: `make up` starts the stack, `make test` runs all tests, `make help` lists the rest.
VERSION ?= $(shell git describe --tags --always 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse --short HEAD 2>/dev/null)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
BENCH_RUNS ?= 5

.DEFAULT_GOAL := help
.PHONY: help build up down test test-rules lint bench release-check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/stackctl
	@scripts/need-go
	@CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/stackctl.new ./cmd/stackctl
	@mv bin/stackctl.new bin/stackctl

up: build ## build, get whatever is missing, start the stack, print its URL
	@scripts/up

down: build ## stop and remove the stack; its data stays
	@bin/stackctl down

test: build ## run all tests, those on a real engine included
	@scripts/test

test-rules: ## run all 4,674 regression tests of the Core Rule Set on the WAF (make test runs every sixth)
	@go test -count=1 -run TestCoreRuleSet ./internal/server/waf

lint: ## check format, vet and the linters
	@scripts/lint

bench: build ## measure, beside the raw API and Compose (BENCH_RUNS=5, BENCH_FLAGS='-o FILE up changes count dash waf')
	@STACKCTL_COMPOSE="$${STACKCTL_COMPOSE:-$$(scripts/ensure-compose)}" go run ./bench -n $(BENCH_RUNS) $(BENCH_FLAGS)

release-check: ## check goreleaser.yaml and build a snapshot (slow: it builds goreleaser first)
	@scripts/release-check

clean: ## remove what was built
	rm -rf bin dist
