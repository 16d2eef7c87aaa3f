# What one does here. Every target sets up what it needs, asks nothing, and is instant where nothing changed.
# Needed beforehand: a Rust toolchain, Node.js >= 20.19 and make. See README.md.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
# Property tests draw the same cases each time, so that a failure stays one; `make fuzz` looks for new ones.
SAME_CASES := PROPTEST_RNG_SEED=20261120
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)
WEB_SOURCES := $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' 2>/dev/null)

.PHONY: help run test check fix e2e bench fuzz soak

help: ## Say what can be made
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):.*## (.*)/make \1\t\2/' | expand -t 14

run: ## Build everything and start a demo lecture on this machine (Ctrl-C ends it)
	@setup/install build
	@$(MAKE) web/dist/.built
	cargo build --release --locked -p lectern -p packager-transcoder
	$(TARGET_DIR)/release/lectern demo $(ARGS)

test: ## Set up what the tests need and run all of them, end to end ones too
	@setup/install build test
	@$(MAKE) web/dist/.built tests/e2e/browser/node_modules/.installed
	cd web && npm test
	@# One build of everything, executables included: the end-to-end tests start the real ones.
	cargo build --workspace --all-targets --locked
ifdef NEXTEST
	$(SAME_CASES) cargo nextest run --workspace --locked
else
	$(SAME_CASES) cargo test --workspace --all-targets --locked
endif

check: ## Format, lints with warnings denied, the rules of the house, licences and bans, web types
	@setup/install build
	cargo fmt --all --check
	@$(MAKE) web/dist/.built
	cd web && npm run check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --locked -p tidy -- --show-output
	@if cargo deny --version >/dev/null 2>&1; then \
	    cargo deny --all-features check licenses bans sources; \
	    if cargo deny fetch db >/dev/null 2>&1; then cargo deny --all-features check advisories; \
	    else echo "advisories cannot be fetched here and were not looked at"; fi; \
	else echo "cargo-deny is not installed: tests/tidy looked at licences, bans and sources instead"; fi

fix: ## Format, and apply what clippy can mend by itself
	@setup/install build
	@$(MAKE) web/dist/.built
	cargo clippy --workspace --all-targets --locked --fix --allow-dirty --allow-staged
	cargo fmt --all

e2e: ## The end-to-end tests alone; ARGS=name picks some of them
	@setup/install build test
	@$(MAKE) web/dist/.built tests/e2e/browser/node_modules/.installed
	cargo build --workspace --all-targets --locked
ifdef NEXTEST
	cargo nextest run --locked -p e2e --no-capture $(ARGS)
else
	cargo test --locked -p e2e -- --nocapture $(ARGS)
endif

bench: ## What a lecture costs, on the release build, beside nginx and ffmpeg; ARGS="ingest replies" for some of it
	@setup/install build test bench
	@$(MAKE) web/dist/.built tests/e2e/browser/node_modules/.installed
	cargo build --release --locked -p lectern -p packager-transcoder
	LECTERN_E2E_BIN=$(abspath $(TARGET_DIR))/release cargo run --locked -p e2e --bin bench -- $(ARGS)
	cargo bench --locked -p access --bench token_check

soak: ## What takes too long for every day: a server killed 500 times (KILLS=500), publishers gone for a minute, ten minutes judged by hlscheck
	@setup/install build test
	@$(MAKE) web/dist/.built tests/e2e/browser/node_modules/.installed
	cargo build --workspace --all-targets --locked
	LECTERN_E2E_KILLS=$(or $(KILLS),500) cargo test --locked -p e2e --test lecture -- --nocapture killed_again
	cargo test --locked -p e2e --test lecture -- --nocapture --ignored --test-threads 1

fuzz: ## Property tests, parsers and damaged media with many more cases (CASES=20000, FUZZ_SECONDS=60 a parser, FLIPS=10000)
	@setup/install build test
	PROPTEST_CASES=$(or $(CASES),20000) cargo test --release --locked -p media -p hls -p access -p limits \
	    -p ingest-core -p packager-core -p origin-core -p sim
	LECTERN_FLIP_SEEDS=$(or $(FLIPS),10000) cargo test --release --locked -p packager-transcoder --test broken_media \
	    -- --nocapture
	@# By coverage where cargo-fuzz and a nightly compiler are; by changes of the corpus, on the stable one, anywhere.
	@if cargo fuzz --version >/dev/null 2>&1 && cargo +nightly --version >/dev/null 2>&1; then \
	    for target in $$(basename -s .rs tests/fuzz/fuzz_targets/*.rs); do \
	        mkdir -p "tests/fuzz/target/found/$$target"; \
	        cargo +nightly fuzz run --fuzz-dir tests/fuzz "$$target" \
	            "tests/fuzz/target/found/$$target" "tests/fuzz/corpus/$$target" -- \
	            -max_total_time=$(or $(FUZZ_SECONDS),60) -rss_limit_mb=512 -timeout=1; \
	    done; \
	else \
	    echo "cargo-fuzz with a nightly compiler is not installed: the parsers get changes of their corpus instead"; \
	    cargo run --release --locked -p hostile -- run --seconds $(or $(FUZZ_SECONDS),60) --seed "$$(date +%s)"; \
	fi

# Files, so that a second run has nothing to do.

web/node_modules/.installed: web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

web/dist/.built: web/node_modules/.installed $(WEB_SOURCES)
	cd web && npm run build
	@touch $@

tests/e2e/browser/node_modules/.installed: tests/e2e/browser/package.json tests/e2e/browser/package-lock.json
	cd tests/e2e/browser && npm ci --no-audit --no-fund
	@touch $@
