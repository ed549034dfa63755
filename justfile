# The index of commands; `just` alone lists them.

_default:
    @just --list

# Start Posta, the pretend networks and a webhook receiver, and take the tour
dev *arguments:
    cargo run --release -- dev {{arguments}}

# Everything that CI runs
check:
    bash .ci/run

# All tests, on SQLite
test *arguments:
    cargo test --workspace {{arguments}}

# All tests, on the PostgreSQL server at this URL, whose user may create databases
test-pg url *arguments:
    POSTA_REQUIRE_POSTGRES=1 POSTA_TEST_POSTGRES_URL={{url}} cargo test --workspace {{arguments}}

# Run real servers under load and faults, and balance the books: docs/reliability.md
ledger *arguments:
    cargo xtask ledger {{arguments}}

# Measure: docs/performance.md
bench *arguments:
    cargo xtask bench {{arguments}}

# Write every generated file
gen:
    cargo xtask gen

# Start only the pretend networks
sandbox *arguments:
    cargo run --release -- sandbox {{arguments}}

# Format the code
fmt:
    cargo fmt --all
