# backfill: what one does with its source. Needs Rust, a C compiler and make; servers for the demo and the tests
# are fetched where they are missing (see src/sandbox/fetch-servers.sh).

.DEFAULT_GOAL := help
.PHONY: help build demo test test-full soak lint bench servers

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the program for use: target/release/backfill
	cargo build --release

demo: servers ## See a pull from end to end on throwaway servers
	cargo run --quiet -- demo

test: servers ## Run every test against a real MariaDB and a real MySQL
	cargo test --lib --bins --tests

test-full: servers ## Every test at its full size: thousands of tables, hundreds of pulls (hours)
	BACKFILL_TEST_FULL=1 BACKFILL_TEST_TABLES=2000 BACKFILL_SOAK_PULLS=500 cargo test --lib --bins --tests

N ?= 500

soak: servers ## N=500 delta pulls on both servers under writes and kills; a failure prints its BACKFILL_SOAK_SEED
	BACKFILL_SOAK_PULLS=$(N) cargo test --test it -- soak::

lint: ## Check formatting, lints and documentation
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

bench: servers ## Measure against real servers
	cargo bench

servers: ## Fetch MariaDB and MySQL where the machine has none
	@src/sandbox/fetch-servers.sh
