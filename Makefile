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

.PHONY: help run demo kafka test chaos bench lint format setup libchdb kafka-jars mail-peers prometheus oidc-provider typescript schemathesis clickhouse-go clickhouse-connect grafana-schema otel-collector pictures go helm deploy-schemas systemd build unit-tests

help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

run: build ## build the service and start it on the default ports
	target/release/tlsrpt all-in-one $(ARGS)

demo: build ## fill a demo tenant of the running service with 90 days of traffic, then show example calls
	target/release/tlsrpt demo $(ARGS)

kafka: setup kafka-jars ## start Kafka on loopback until Ctrl-C; BROKERS=3 for a cluster
	$(CARGO) build --locked -q -p tlsrpt-kafka-broker
	@exec target/debug/tlsrpt-kafka-broker --brokers $(BROKERS) --port $(KAFKA_PORT)

# Two suites go side by side, since each waits now and then; the output of each comes in one piece when it is done.
test: format setup libchdb kafka-jars mail-peers prometheus oidc-provider typescript schemathesis clickhouse-go clickhouse-connect grafana-schema otel-collector helm deploy-schemas systemd ## run every test, and clippy
	$(BUILD_TESTS)
	@$(MAKE) --no-print-directory --keep-going --output-sync=target --jobs=2 $(SUITES)

# Longest first. Every suite is in one of them: those of the service by its directory, the others by their files.
SERVICE_SUITES := $(patsubst tests/tests/%/main.rs,%,$(wildcard tests/tests/*/main.rs))
CRATE_SUITES := $(sort $(basename $(notdir $(wildcard crates/*/tests/*.rs tests/*/tests/*.rs))) \
	$(notdir $(patsubst %/main.rs,%,$(wildcard crates/*/tests/*/main.rs tests/*/tests/*/main.rs))))
SUITES := $(addprefix suite-,e2e chaos $(filter-out e2e chaos,$(SERVICE_SUITES)) $(CRATE_SUITES)) unit-tests

# The binaries that the suites start are built with the tests, in one selection: by themselves they would choose other features
# of the same dependencies, which would all be built twice. cargo clippy would build them once more to look at them; its compiler is rustc
# with more to say, so it builds the tests, told what cargo clippy tells it. What make run and make bench build is rustc's.
LINTED = RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-Dwarnings
BUILD_TESTS = $(LINTED) $(CARGO) build --locked --workspace --all-targets
RUN_TESTS = $(LINTED) $(CARGO) test --locked --workspace --no-fail-fast

suite-%:
	$(RUN_TESTS) --test $*

unit-tests:
	$(RUN_TESTS) --lib --bins
	$(RUN_TESTS) --doc

chaos: setup libchdb kafka-jars ## faults under load on real brokers, MINUTES long; prints a line a fault
	$(BUILD_TESTS)
	TLSRPT_CHAOS_MINUTES=$(MINUTES) $(RUN_TESTS) --test chaos -- --nocapture

bench: setup libchdb kafka-jars mail-peers ## print speeds as ratios from one run
	$(CARGO) build --locked --release -p tlsrpt
	$(CARGO) bench --locked -p tlsrpt-tests

lint: format ## rustfmt, clippy, cargo-deny
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	scripts/cargo-deny check bans licenses sources

format: setup
	$(CARGO) fmt --all --check

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

prometheus: ## fetch the Prometheus and Alertmanager that the tests let watch the service (checked, cached outside the checkout, not installed)
	@scripts/fetch-prometheus

systemd: ## fetch systemd-analyze, which checks the units (checked, cached outside the checkout, not installed)
	@scripts/fetch-systemd

typescript: setup ## fetch the TypeScript compiler that checks the examples of docs/clients.md (pinned, checked, cached outside the checkout)
	@scripts/fetch-typescript

schemathesis: setup ## fetch schemathesis, which tries the API by its own description (pinned, checked, cached outside the checkout)
	@scripts/fetch-schemathesis

oidc-provider: setup ## fetch the OpenID provider that the tests get tokens from (pinned, checked, cached outside the checkout)
	@scripts/fetch-oidc-provider

helm: setup ## build the helm that the tests render the chart with (pinned, checked, cached outside the checkout, not installed)
	@scripts/fetch-helm

deploy-schemas: setup ## fetch the schemas that the chart and the compose file are checked by (pinned, checked, cached outside the checkout)
	@scripts/fetch-deploy-schemas

go: setup ## find Go, or fetch it where there is none (pinned, checked, cached outside the checkout)
	@scripts/fetch-go

clickhouse-go: ## build the program that asks the database as Grafana does (pinned, checked, cached outside the checkout)
	@scripts/fetch-clickhouse-go

clickhouse-connect: setup ## fetch clickhouse-connect, which asks the database as notebooks do (pinned, checked, cached outside the checkout)
	@scripts/fetch-clickhouse-connect

grafana-schema: ## build the program that holds dashboards against Grafana's schema (pinned, checked, cached outside the checkout)
	@scripts/fetch-grafana-schema

otel-collector: ## build the OpenTelemetry collector that takes the tests' traces (pinned, checked, cached outside the checkout)
	@scripts/fetch-otel-collector

pictures: setup libchdb prometheus ## draw the dashboards of docs/grafana.md from the demo's data
	$(BUILD_TESTS)
	TLSRPT_PICTURES_DIR=docs/grafana TLSRPT_PICTURES_SECONDS=180 $(RUN_TESTS) --test deploy every_panel -- --nocapture
