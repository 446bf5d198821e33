# The usual verbs, for those who type `just`. Each is one cargo command; the logic is in xtask.

# Lists the verbs.
default:
    @just --list

# Checks that this machine has what it takes; `just bootstrap --install` installs what is missing.
bootstrap *arguments:
    scripts/bootstrap.sh {{arguments}}

# Starts four validators on this machine.
devnet *arguments:
    cargo run --release -- devnet {{arguments}}

# Runs every check and every test.
test *arguments:
    cargo xtask test {{arguments}}

# Runs the tests that start no process and link no engine: the quick answer while writing.
test-fast:
    cargo test --release -p primitives -p tree -p state -p mempool -p replica -p config -p rpc -p wallet -p cli

# Runs what CI runs.
test-full:
    .ci/run

# Starts a node with the configuration of its home directory.
node *arguments:
    cargo run --release -- node start {{arguments}}

# Checks licences, bans and sources of all dependencies, and that each is listed with a reason.
dependency-audit:
    cargo xtask test --only deny
    cargo xtask tidy

# Checks the house rules.
tidy *arguments:
    cargo xtask tidy {{arguments}}

# Compares the contract table with the tests that ran last.
contract *arguments:
    cargo xtask contract {{arguments}}

# Formats all code; `just fmt --check` only says whether it is needed.
fmt *arguments:
    cargo fmt --all {{arguments}}

# Runs the lints.
lint:
    cargo xtask test --only clippy

# Writes the committed files that are made from code.
codegen:
    cargo xtask codegen

# Runs the benchmarks.
bench *arguments:
    cargo xtask bench {{arguments}}
