#!/usr/bin/env python3
"""Reads what `tb sim` wrote and fails on the limits of the project.

Usage: scripts/analyze_simnet.py SUMMARY.json [SUMMARY.json ...]

A summary is the output of `tb sim --json` or the file summary.json in the folder of `--report`: of one run, or of
a batch of seeds. The limits stand here and nowhere else:

    propagation   95 of 100 offers are judged within 500 ms
    resume        everybody goes on within 5 s of the last fault
    properties    every property held, in every run, and each was checked
    tampering     no block that a dishonest validator made up became final
    proofs        with `tb sim --proofs`: no altered proof was taken, 95 of 100 windows are proven within 5.5 s and
                  checked within 100 ms, on the machine that wrote the summary

What is missing counts as a failure. Exit codes: 0 all limits hold, 1 a limit is passed or something is missing (each
named in a line that starts with FAIL), 2 the command line is wrong. Nothing but the standard library is needed.
"""

import json
import sys

PROPAGATION_P95_MS_MAX = 500
RESUME_MS_MAX = 5_000
# The alert ProveSlow has the first limit, docs/performance/consensus_proofs.md the second.
PROVE_P95_MS_MAX = 5_500
VERIFY_P95_MS_MAX = 100
# Every run checks these; a run that is cut short before it could check them shows nothing. Only `mempool_bounded`, which
# needs payments, `damage_is_found`, which needs damage, and those of snapshots, proofs and pruning are not among them.
PROPERTIES = (
    "admitted_by_the_draw",
    "agreement",
    "disk_holds_the_state",
    "equivocators_are_punished",
    "finalized_survives_restart",
    "honest_validator_runs",
    "ledger_equals_model",
    "no_acknowledged_transaction_lost",
    "no_conflicting_signature",
    "no_false_slash",
    "no_transaction_applied_twice",
    "no_unearned_credit",
    "no_vote_against_a_lock",
    "payouts_add_up",
    "progress",
    "queues_bounded",
    "readiness_tells_the_truth",
    "sets_change_slowly",
    "state_roots_equal",
    "supply_conserved",
    "validity",
)


def number(summary, key):
    """The whole number under `key`, or None when it is missing or something else."""
    value = summary.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def within(summary, key, most):
    """What is wrong with a time that may be `most` milliseconds at most, if anything."""
    value = number(summary, key)
    if value is None:
        return [f"{key} is missing"]
    return [f"{key} is {value}, the limit is {most}"] if value > most else []


def verdicts(summary):
    """What is wrong with the verdict and the runs of a batch."""
    verdict = summary.get("verdict")
    if not isinstance(verdict, str):
        return ["verdict is missing"]
    failures = [] if verdict == "pass" else [f"a property failed: {verdict}"]
    if "seeds" in summary or "passed" in summary:
        seeds, passed = number(summary, "seeds"), number(summary, "passed")
        if not seeds or passed is None:
            failures.append("seeds or passed is missing")
        elif passed != seeds:
            failures.append(f"{seeds - passed} of {seeds} runs failed")
    for text in summary.get("unmet") or []:
        failures.append(f"not as the scenario expects: {text}")
    return failures


def properties(summary):
    """The properties that were not checked."""
    checks = summary.get("properties")
    if not isinstance(checks, dict):
        return ["properties is missing"]
    return [f"the property {name} was never checked" for name in PROPERTIES if not number(checks, name)]


def tampering(summary):
    """What is wrong with the blocks that dishonest validators made up."""
    accepted, attempts = number(summary, "tamper_accepted"), number(summary, "tamper_attempts")
    if accepted is None or attempts is None:
        return ["tamper_accepted or tamper_attempts is missing"]
    return [f"{accepted} tampered blocks were accepted, of {attempts} attempts"] if accepted else []


def proofs(summary):
    """What is wrong with the proofs that were made beside the run, if there were any."""
    if "proofs" not in summary:
        return []
    found = summary["proofs"]
    if not isinstance(found, dict):
        return ["proofs holds no figures"]
    failures = within(found, "prove_p95_ms", PROVE_P95_MS_MAX) + within(found, "verify_p95_ms", VERIFY_P95_MS_MAX)
    accepted, attempts = number(found, "tamper_accepted"), number(found, "tamper_attempts")
    if accepted is None or not attempts:
        failures.append("no altered proof was tried")
    elif accepted:
        failures.append(f"{accepted} altered proofs were accepted, of {attempts} attempts")
    return failures


def analyze(summary):
    """Every failure of a summary, in words; none when all limits hold."""
    if not isinstance(summary, dict):
        return ["the file is no summary: it holds no JSON object"]
    return (
        verdicts(summary)
        + within(summary, "propagation_p95_ms", PROPAGATION_P95_MS_MAX)
        + within(summary, "resume_ms", RESUME_MS_MAX)
        + properties(summary)
        + tampering(summary)
        + proofs(summary)
    )


def main(paths):
    if not paths or any(path.startswith("-") for path in paths):
        print(__doc__.strip(), file=sys.stderr)
        return 0 if paths in (["--help"], ["-h"]) else 2
    failed = False
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                failures = analyze(json.load(file))
        except (OSError, ValueError, RecursionError) as error:
            failures = [f"the file cannot be read: {error}"]
        for failure in failures:
            print(f"FAIL {path}: {failure}")
        if not failures:
            print(f"ok   {path}")
        failed = failed or bool(failures)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
