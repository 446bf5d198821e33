# The usual verbs, for those who type `just`. Each is one cargo command; the logic is in xtask.

# Lists the verbs.
default:
    @just --list

# Checks that this machine has what it takes.
bootstrap:
    scripts/bootstrap.sh

# Starts four validators on this machine.
devnet *arguments:
    cargo run --release -- devnet {{arguments}}

# Runs every check and every test.
test *arguments:
    cargo xtask test {{arguments}}

# Checks the house rules.
tidy *arguments:
    cargo xtask tidy {{arguments}}

# Compares the contract table with the tests that ran last.
contract *arguments:
    cargo xtask contract {{arguments}}

# Formats all code.
fmt:
    cargo fmt --all

# Runs the lints.
lint:
    cargo xtask test --only clippy

# Writes the committed files that are made from code.
codegen:
    cargo xtask codegen

# Runs the benchmarks.
bench *arguments:
    cargo xtask bench {{arguments}}
