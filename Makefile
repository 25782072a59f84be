# Everything that is done with this repository. `make run` and `make test` need nothing but a Debian machine with a Rust
# toolchain: they install what else is missing (see scripts/setup).

CARGO ?= cargo
# Arguments for the service: make run ARGS='--data-dir /var/lib/tlsrpt'
ARGS ?=
export TLSRPT_CACHE_DIR ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/tlsrpt

.PHONY: help run demo test bench lint lint-code setup libchdb build

help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

run: build ## build the service and start it on the default ports
	target/release/tlsrpt all-in-one $(ARGS)

demo: build ## fill a demo tenant of the running service with 90 days of traffic, then show example calls
	target/release/tlsrpt demo $(ARGS)

test: setup libchdb lint-code ## run every test
	$(CARGO) build --locked -p tlsrpt
	$(CARGO) test --locked --workspace --no-fail-fast

bench: setup libchdb ## print speeds as ratios from one run
	$(CARGO) build --locked --release -p tlsrpt
	$(CARGO) bench --locked -p tlsrpt-tests

lint: lint-code ## rustfmt, clippy, cargo-deny
	scripts/cargo-deny check bans licenses sources

lint-code: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

build: setup libchdb
	$(CARGO) build --locked --release -p tlsrpt

setup:
	@scripts/setup

libchdb: setup ## fetch the embedded ClickHouse engine (pinned, checked, cached outside the checkout)
	@scripts/fetch-libchdb
