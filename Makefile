# The commands a developer runs; .ci/run runs the same ones.
# Needed beforehand: Rust (rustup, stable), a C compiler, and root or sudo where Debian packages are missing.

CARGO ?= cargo
FUZZ_SECONDS ?= 20
PYTEST_ARGS ?=
CRASH_KILLS ?= 100

TARGET := $(or $(CARGO_TARGET_DIR),target)
BENCH_STORAGE ?= $(TARGET)/bench
WITNESS := $(TARGET)/debug/alluvium-crash
NGINX := .tools/nginx/usr
BENCH = $(TARGET)/release/alluvium-bench compare --server $(TARGET)/release/alluvium --storage $(BENCH_STORAGE) \
	--nginx $(NGINX)/sbin/nginx --rtmp-module $(NGINX)/lib/nginx/modules/ngx_rtmp_module.so
STAGES := $(CARGO) run --release -p alluvium-stages --locked
VENV := .venv
CARGO_DENY := .tools/bin/cargo-deny
CARGO_DENY_VERSION := 0.20.2

export FUZZ_SECONDS

.DEFAULT_GOAL := help
.PHONY: help check test unit e2e crash crash-quick instructions instructions-update bench bench-quick bench-build bench-micro bench-scale fuzz deny demo setup clean-tools

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

check: ## Format, lints, documentation and the walls of the house; warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked
	$(CARGO) test -p alluvium-server --test house --locked

test: unit e2e crash-quick instructions ## Everything `unit`, `e2e`, `crash-quick` and `instructions` run

unit: setup ## Unit, property, conformance and documentation tests of every crate
	$(CARGO) test --workspace --locked

e2e: setup ## The real binary with OBS, ffmpeg, GStreamer and the client libraries; PYTEST_ARGS='-k name' picks tests
	$(VENV)/bin/python -m pytest tests/e2e $(PYTEST_ARGS)

crash: ## Kill the release build CRASH_KILLS (100) times, cut off 2,000 publishers, then attack it: minutes
	$(CARGO) build --release -p alluvium-server --bin alluvium --locked
	$(CARGO) build -p alluvium-crash --locked
	$(WITNESS) kills --server $(TARGET)/release/alluvium --kills $(CRASH_KILLS)
	$(WITNESS) disconnect --server $(TARGET)/release/alluvium
	$(WITNESS) hostile --server $(TARGET)/release/alluvium

crash-quick: ## The same with the build that is tested: 20 kills, 300 cut off, an attack of 500
	$(CARGO) build -p alluvium-server --bin alluvium --locked
	$(CARGO) build -p alluvium-crash --locked
	$(WITNESS) kills --server $(TARGET)/debug/alluvium --kills 20
	$(WITNESS) disconnect --server $(TARGET)/debug/alluvium --publishers 300
	$(WITNESS) hostile --server $(TARGET)/debug/alluvium --publishers 5 --connections 500 --seconds 4

instructions: setup ## Count the instructions of each stage of the way of a frame: over 5 % more than docs/instructions.md fails
	$(STAGES) -- check

instructions-update: setup ## The same, and write the table anew
	$(STAGES) -- update

bench-micro: ## The time of each stage of the way of a frame, and of playlists and signatures: a minute
	$(CARGO) bench -p alluvium-stages --bench stages --locked

bench: bench-build ## What it costs, beside nginx-rtmp and a floor: one table, 10 minutes on a quiet machine; BENCH_STORAGE=DIR
	$(BENCH)

bench-quick: bench-build ## The same in 3 minutes, to see whether all is well
	$(BENCH) --quick

bench-build:
	bench/setup
	$(CARGO) build --release -p alluvium-server --bin alluvium --locked
	$(CARGO) build --release -p alluvium-bench --locked

bench-scale: ## Starts, and VOD playlists of a day, with 100,000 channels and 10 million records: minutes, and 1 GB that stays
	$(CARGO) build --release -p alluvium-server --bin alluvium --locked
	$(CARGO) run --release -p alluvium-scale --locked -- --server $(TARGET)/release/alluvium --folder $(TARGET)/scale

fuzz: ## Each fuzz target for FUZZ_SECONDS (20) over the kept corpus
	tests/tools/fuzz

deny: $(CARGO_DENY) ## Licences, sources and duplicates of all dependencies (compiles cargo-deny on first use: minutes)
	$(CARGO_DENY) --locked check bans licenses sources

demo: ## Serve with a bucket, a channel and a test stream of its own
	$(CARGO) run -p alluvium-server --bin alluvium --locked -- demo

setup: ## Install what the tests need: Debian packages that are missing, .venv and node_modules
	@tests/tools/setup

clean-tools: ## Remove what `setup`, `fuzz` and `deny` have installed in this folder
	rm -rf $(VENV) .tools tests/e2e/node/node_modules

$(CARGO_DENY):
	$(CARGO) install cargo-deny --version $(CARGO_DENY_VERSION) --locked --root .tools
