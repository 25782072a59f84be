# Everything that is done with this repository. `make run` and `make test` need nothing but a Debian machine with a Rust
# toolchain: they install what else is missing (see scripts/setup).

CARGO ?= cargo
# Arguments for the service: make run ARGS='--data-dir /var/lib/tlsrpt'
ARGS ?=
# Port of make kafka's first broker; the next are on every second port after it.
KAFKA_PORT ?= 9092
export TLSRPT_CACHE_DIR ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/tlsrpt

# Brokers of make kafka: 1, or 3 that fail over.
BROKERS ?= 1
# How long make chaos goes round at least.
MINUTES ?= 20

.PHONY: help run demo kafka test chaos bench lint lint-code setup libchdb kafka-jars mail-peers prometheus oidc-provider typescript schemathesis systemd build

help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

run: build ## build the service and start it on the default ports
	target/release/tlsrpt all-in-one $(ARGS)

demo: build ## fill a demo tenant of the running service with 90 days of traffic, then show example calls
	target/release/tlsrpt demo $(ARGS)

kafka: setup kafka-jars ## start Kafka on loopback until Ctrl-C; BROKERS=3 for a cluster
	$(CARGO) build --locked -q -p tlsrpt-kafka-broker
	@exec target/debug/tlsrpt-kafka-broker --brokers $(BROKERS) --port $(KAFKA_PORT)

# The binaries that the suites start are built with the tests, in one selection: by themselves they would choose other features
# of the same dependencies, which would all be built twice.
test: setup libchdb kafka-jars mail-peers prometheus oidc-provider typescript schemathesis systemd lint-code ## run every test
	$(CARGO) build --locked --workspace --bins --tests
	$(CARGO) test --locked --workspace --no-fail-fast

chaos: setup libchdb kafka-jars ## faults under load on real brokers, MINUTES long; prints a line a fault
	$(CARGO) build --locked --workspace --bins --tests
	TLSRPT_CHAOS_MINUTES=$(MINUTES) $(CARGO) test --locked --workspace --test chaos -- --nocapture

bench: setup libchdb kafka-jars mail-peers ## print speeds as ratios from one run
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

kafka-jars: ## fetch the Kafka broker (pinned, checked, cached outside the checkout)
	@scripts/setup kafka
	@scripts/fetch-kafka

mail-peers: ## fetch the mail servers and clients that the tests speak to (checked, cached outside the checkout, not installed)
	@scripts/fetch-mail-peers

prometheus: ## fetch the Prometheus that the tests let scrape the service (checked, cached outside the checkout, not installed)
	@scripts/fetch-prometheus

systemd: ## fetch systemd-analyze, which checks the units (checked, cached outside the checkout, not installed)
	@scripts/fetch-systemd

typescript: setup ## fetch the TypeScript compiler that checks the examples of docs/clients.md (pinned, checked, cached outside the checkout)
	@scripts/fetch-typescript

schemathesis: setup ## fetch schemathesis, which tries the API by its own description (pinned, checked, cached outside the checkout)
	@scripts/fetch-schemathesis

oidc-provider: setup ## fetch the OpenID provider that the tests get tokens from (pinned, checked, cached outside the checkout)
	@scripts/fetch-oidc-provider
