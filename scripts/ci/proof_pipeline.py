#!/usr/bin/env python3
"""The proof pipeline of a deployed node: a proof of a later height is made, verified and taken, and none fails meanwhile.

  scripts/ci/proof_pipeline.py --rpc http://127.0.0.1:26658 [--above HEIGHT] [--patience SECONDS]

Waits until the node's proven height has passed HEIGHT (default: what it is now), at most SECONDS (default 1800). It ends at once, by
name, when a prover reports a failure to the node, and when the node rejects a proof.
Exit: 0 a later height is proven, 1 FAILED: proofs: what happened, 2 a wrong command line.
"""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request

# Longest time for one answer, and the pause between two looks, seconds.
ANSWER_SECONDS = 15
PAUSE_SECONDS = 0.5
# Looks in a row that may stay without an answer: a node that is restarted is away for a while.
SILENT_LOOKS_MAX = 60


def fail(words):
    sys.exit(f"FAILED: proofs: {words}")


def look(rpc):
    """Proven height, rejected proofs and the open failure of the node, or None when it does not answer."""
    try:
        with urllib.request.urlopen(f"{rpc}/status/node", timeout=ANSWER_SECONDS) as answer:
            status = json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        return None
    backends = status["verifier_metrics"]["per_backend"].values()
    failure = status["backend_health"]["plonky3"]["last_failure"]
    # Nothing is proven yet: no height.
    return status["proven_height"] or 0, sum(backend["rejected"] for backend in backends), failure


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--rpc", default="http://127.0.0.1:26658")
    parser.add_argument("--above", type=int)
    parser.add_argument("--patience", type=int, default=1800)
    arguments = parser.parse_args()
    first = look(arguments.rpc)
    if first is None:
        fail(f"the node at {arguments.rpc} does not answer")
    start, rejected, failure = first
    above = start if arguments.above is None else arguments.above
    print(f"   proven height {start}, a later one than {above} is awaited", flush=True)
    deadline, silent = time.monotonic() + arguments.patience, 0
    while True:
        now = look(arguments.rpc)
        silent = silent + 1 if now is None else 0
        if silent > SILENT_LOOKS_MAX:
            fail(f"the node at {arguments.rpc} does not answer any more")
        if now is not None:
            if now[1] > rejected:
                fail(f"the node rejected {now[1] - rejected} of them")
            if now[2] not in (None, failure):
                fail(f"a prover reports: {now[2]}")
            if now[0] > above:
                print(f"   proven height {now[0]}")
                return
            # What failed before this look is over once a proof was taken.
            failure = now[2]
        if time.monotonic() > deadline:
            before = f"; a prover had reported: {failure}" if failure else "; is a prover running (tb prover)?"
            fail(f"none of a later height than {above} within {arguments.patience} s{before}")
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
