#!/usr/bin/env python3
"""Recomputes what the explain commands say, from blocks and receipts alone.

Reads a node's RPC: the explanations first (each names the height it was read at), then every block up to there with
its receipts. Recomputes tier, score, timetoke and the rewards of the validators by the rules of spec/reputation.md,
spec/timetoke.md and spec/rewards.md, and compares. Uses the standard library and none of the project's code.

Limits: the validator set must still be that of genesis, and nobody slashed, jailed or delegated to: the script says
so and ends with 2. A difference ends with 1, agreement with 0.

  scripts/explain_check.py --rpc http://127.0.0.1:26658
"""

import argparse
import json
import sys
import urllib.request

PPM = 1_000_000
COUNT_CURVE = [(0, 0), (1, 50_000), (5, 200_000), (10, 400_000), (25, 600_000), (50, 750_000), (100, 900_000),
               (250, 970_000), (1_000, 1_000_000)]
UPTIME_CURVE = [(0, 0), (1, 50_000), (6, 200_000), (24, 500_000), (72, 700_000), (168, 850_000), (360, 950_000),
                (720, 1_000_000)]
FEEDBACK_CURVE = [(0, 0), (1, 100_000), (5, 400_000), (20, 800_000), (100, 1_000_000)]
DECAY_CURVE = [(0, 0), (1, 50_000), (7, 400_000), (30, 1_000_000)]


class Unsupported(Exception):
    """Something on the chain that the script does not recompute."""


class Node:
    def __init__(self, url):
        self.url = url.rstrip("/")

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)


def curve(points, count):
    """REP-3: straight lines between the points, rounded down."""
    for (start, low), (end, high) in zip(points, points[1:]):
        if count < end:
            return low + (high - low) * (count - start) // (end - start)
    return points[-1][1]


class Timetoke:
    """One subject: TTK-15 and TTK-16."""

    def __init__(self):
        self.hours, self.accrued, self.window, self.answers, self.last = 0, 0, 0, 0, None

    def decayed(self, params, now):
        lost = max(0, now - self.accrued) // (params["decay_seconds"] * 1000)
        return max(0, min(self.hours, params["cap_hours"]) - lost)

    def settled(self, params, window):
        after = Timetoke()
        after.__dict__.update(self.__dict__)
        if self.window >= window:
            return after
        after.window, after.answers = window, 0
        needed = -(-params["challenges_per_window"] * params["participation_min_ppm"] // PPM)
        if self.answers >= needed:
            end = (self.window + 1) * params["window_seconds"] * 1000
            credit = params["window_seconds"] // params["hour_seconds"]
            after.hours = min(params["cap_hours"], self.decayed(params, end) + credit)
            after.accrued = end
        return after

    def answer(self, params, number):
        if self.last is not None and self.last >= number:
            return
        after = self.settled(params, number // params["challenges_per_window"])
        after.answers += 1
        after.last = number
        self.__dict__.update(after.__dict__)

    def now(self, params, time):
        return self.settled(params, time // (params["window_seconds"] * 1000)).decayed(params, time)


class Identity:
    def __init__(self, active):
        self.active, self.bonded = active, 0
        self.validations = self.validation_failures = self.successes = self.failures = self.vouches = 0
        self.active_at, self.timetoke = None, Timetoke()


class Chain:
    """Everything that is recomputed, after some height."""

    def __init__(self, params, powers):
        self.params, self.powers = params, powers
        self.identities = {address: Identity(True) for address in powers}
        self.challenge, self.tally = None, {}
        self.missed, self.promised, self.bonus = {}, 0, {}
        self.per_share, self.balances, self.paid = {}, {address: 0 for address in powers}, 0

    def identity(self, address):
        return self.identities.setdefault(address, Identity(False))

    def apply(self, block, receipts):
        header = block["header"]
        height, time = header["height"], header["time_ms"]
        commit = block["last_commit"]
        signers = set(commit["signers"]) if commit else None
        for receipt, payer in receipts:
            self.receipt(receipt, payer, time)
        self.count_commit(header["proposer"], signers)
        self.open_challenge(time)
        if height % self.params["epoch_blocks"] == 0:
            self.pay()
        self.promise(header["proposer"], signers)

    def receipt(self, receipt, payer, time):
        if payer in self.balances:
            self.balances[payer] -= receipt["fee_burned"] + receipt["tip"]
        for event in receipt["events"]:
            kind = event["type"]
            if kind == "transferred":
                for side, sign in (("from", -1), ("to", 1)):
                    if event[side] in self.balances:
                        self.balances[event[side]] += sign * event["amount"]
            elif kind == "identity":
                self.identity_event(event["event"])
            elif kind == "timetoke" and event["event"]["kind"] == "heartbeat_accepted":
                self.heartbeat(event["event"], time)
            elif kind == "bonded":
                if event["owner"] != event["validator"] or event["owner"] in self.powers:
                    raise Unsupported("a delegation")
                self.identity(event["owner"]).bonded += event["amount"]
            elif kind in ("unbonding", "redelegated", "slashed", "jailed", "reward_paid", "commission_set"):
                raise Unsupported(f"the event {kind}")

    def identity_event(self, event):
        if event["kind"] == "activated":
            self.identity(event["identity"]).active = True
        elif event["kind"] in ("revoked", "punished"):
            raise Unsupported("the end of an identity")
        elif event["kind"] == "vouched":
            self.identity(event["identity"]).vouches += 1

    def heartbeat(self, event, time):
        one = self.identity(event["identity"])
        one.timetoke.answer(self.params["timetoke"], event["challenge"])
        bonded = one.bonded >= self.params["staking"]["min_self_stake"]
        if event["right"]:
            one.validations += 1
            one.successes += bonded
            one.active_at = time
        else:
            one.validation_failures += 1
            one.failures += bonded

    def count_commit(self, proposer, signers):
        if signers is not None:
            for address in self.powers:
                entry = self.tally.setdefault(address, [0, 0, 0])
                entry[0] += 1
                entry[1] += address in signers
                self.missed[address] = self.missed.get(address, 0) + (address not in signers)
        self.tally.setdefault(proposer, [0, 0, 0])[2] += 1

    def open_challenge(self, time):
        """TTK-2, TTK-3, TTK-14, and the counters of validators."""
        timetoke = self.params["timetoke"]
        number = time * timetoke["challenges_per_window"] // (timetoke["window_seconds"] * 1000)
        if self.challenge is not None and number <= self.challenge:
            return
        if self.challenge is not None:
            for address, (commits, signed, built) in self.tally.items():
                one = self.identity(address)
                if not one.active:
                    continue
                needed = -(-commits * timetoke["participation_min_ppm"] // PPM)
                answered = commits > 0 and signed >= needed
                if answered:
                    one.timetoke.answer(timetoke, self.challenge)
                one.successes += signed
                one.failures += commits - signed
                one.validations += built + answered
                one.validation_failures += commits > 0 and not answered
                if signed or built:
                    one.active_at = time
            self.tally = {}
        self.challenge = number

    def pay(self):
        """RWD-6 to RWD-8 for validators whose only backer is their own genesis stake and whose commission is 0."""
        blocks = self.params["epoch_blocks"]
        weights = {a: power * max(0, blocks - self.missed.get(a, 0)) for a, power in self.powers.items()}
        total = sum(weights.values())
        for address, weight in weights.items():
            reward = self.promised * weight // total if total else 0
            shares = self.powers[address] * 1_000_000
            before = self.per_share.get(address, 0)
            after = before + (reward << 64) // shares
            self.per_share[address] = after
            own = ((after - before) * shares) >> 64
            paid = own + self.bonus.get(address, 0)
            self.balances[address] += paid
            self.paid += paid
        self.promised, self.bonus, self.missed = 0, {}, {}

    def promise(self, proposer, signers):
        """RWD-3 and RWD-4."""
        rates = self.params["rewards"]
        issued = min(rates["issuance_per_block"], self.params["issuance_per_block_max"])
        parts = [issued * rates[name] // 10_000
                 for name in ("proposer_bonus_bps", "witness_bps", "timetoke_bps", "prover_bps", "treasury_bps")]
        self.promised += issued - sum(parts)
        if signers is not None:
            total = sum(self.powers.values())
            signed = sum(self.powers[address] for address in signers)
            bonus = parts[0] * max(0, 3 * signed - 2 * total) // total
            self.bonus[proposer] = self.bonus.get(proposer, 0) + bonus

    def explain(self, address, time):
        """REP-1 to REP-8."""
        one, params = self.identity(address), self.params["reputation"]
        days = 0
        if one.active_at is not None:
            days = max(0, time - one.active_at) // (self.params["timetoke"]["decay_seconds"] * 1000)
        hours = one.timetoke.now(self.params["timetoke"], time)
        validations = max(0, one.validations - one.validation_failures)
        successes = max(0, one.successes - one.failures)
        part = lambda points, count, weight: curve(points, count) * params[weight] // PPM
        verifiable = (part(COUNT_CURVE, validations, "weight_validation_ppm")
                      + part(UPTIME_CURVE, hours, "weight_uptime_ppm")
                      + part(COUNT_CURVE, successes, "weight_consensus_ppm"))
        decay = part(DECAY_CURVE, days, "weight_decay_ppm")
        feedback = part(FEEDBACK_CURVE, one.vouches, "weight_feedback_ppm")
        score, verifiable = max(0, verifiable + feedback - decay), max(0, verifiable - decay)
        limits, tier = params["tier_thresholds"], 0
        for holds in (one.active, hours >= limits["hours"], successes >= limits["candidate_successes"],
                      successes >= limits["proven_successes"], verifiable >= limits["score_ppm"]):
            if not holds:
                break
            tier += 1
        return {"tier": f"tl{tier}", "score_ppm": score, "verifiable_score_ppm": verifiable}


def compare(differences, what, expected, told):
    if expected != told:
        differences.append(f"{what}: recomputed {expected}, the node says {told}")


def check(node):
    genesis = node.get("/genesis")
    timetoke = node.get("/ledger/timetoke")
    board = node.get("/ui/reputation")
    addresses = [line["address"] for line in board["best"]]
    told = {address: node.get(f"/ledger/reputation/{address}") for address in addresses}
    validators = node.get("/staking/validators")["validators"]
    by_key = {one["public_key"]: one["address"] for one in validators}
    powers = {by_key[one["public_key"]]: one["power"] for one in genesis["validators"]}
    accounts = {address: node.get(f"/accounts/{address}") for address in powers}
    top = max([timetoke["height"]] + [one["height"] for one in list(told.values()) + list(accounts.values())])

    chain, differences, checked = Chain(genesis["params"], powers), [], 0
    first_set = None
    for height in range(1, top + 1):
        block = node.get(f"/blocks/{height}")
        first_set = first_set or block["header"]["validators"]
        if block["header"]["validators"] != first_set:
            raise Unsupported(f"another validator set at height {height}")
        receipts = []
        for name in block["transactions"]:
            status = node.get(f"/transactions/{name}")
            receipts.append((status["receipt"], status["transaction"]["payer"]))
        chain.apply(block, receipts)
        for address, view in told.items():
            if view["height"] == height:
                for field, value in chain.explain(address, view["time_ms"]).items():
                    compare(differences, f"{field} of {address} at {height}", value, view[field])
                    checked += 1
        if timetoke["height"] == height:
            for subject in timetoke["subjects"]:
                own = chain.identity(subject["address"]).timetoke
                expected = (own.hours, own.accrued, own.now(chain.params["timetoke"], timetoke["time_ms"]))
                is_told = (subject["hours"], subject["accrued_at_ms"], subject["hours_now"])
                compare(differences, f"timetoke of {subject['address']} at {height}", expected, is_told)
                checked += 1
        for address, account in accounts.items():
            if account["height"] == height:
                compare(differences, f"rewards of {address} at {height}", chain.balances[address], account["balance"])
                checked += 1
    return checked, differences, top, len(addresses), chain.paid


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rpc", default="http://127.0.0.1:26658", help="URL of the node's RPC")
    arguments = parser.parse_args()
    try:
        checked, differences, top, identities, paid = check(Node(arguments.rpc))
    except Unsupported as reason:
        print(f"not recomputed: the chain has {reason}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"the node at {arguments.rpc} does not answer: {error}", file=sys.stderr)
        return 3
    for line in differences:
        print(line)
    if differences:
        print(f"{len(differences)} of {checked} values differ")
        return 1
    print(f"tier, score, timetoke and rewards of {identities} identities agree with blocks 1 to {top}: "
          f"{checked} values, {paid} µBLOCK of rewards")
    return 0


if __name__ == "__main__":
    sys.exit(main())
