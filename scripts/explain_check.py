#!/usr/bin/env python3
"""Recomputes what the explain commands say, from blocks, receipts and closing events.

Reads a node's RPC: the explanations first (each names the height it was read at), then every block up to there with
its receipts, its closing events and the set that decided it. Recomputes tiers, scores with every counter and part and what
the next tier asks for, timetoke, every payout of every epoch, balances, stakes, the statistics of validators, and the
lottery: who was frozen with which weight and threshold, who was admitted by which route, why an address does not vote and
what would raise its share. All by the rules of spec/reputation.md, spec/timetoke.md, spec/rewards.md, spec/staking.md,
spec/lottery.md and spec/evidence.md, and compares. Voting sets may change, stake may come and go, and offenders may be
slashed. Uses the standard library and none of the project's code.

What is taken from the node: the voting set of each height (its members change at the ends of epochs only and by the
bounded part of the power, which is checked), the tickets in events, and what the witness pool pays. Not compared, because
they need BLAKE3: lost turns, and tickets of candidates that submitted none. A slash is recomputed for bonded stake,
for stake that is leaving and for stake that was redelegated. A difference ends with 1, no answer with 3, agreement
with 0.

  scripts/explain_check.py --rpc http://127.0.0.1:26658
"""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request

PPM = 1_000_000
BPS = 10_000
MICRO = 1_000_000
COUNT_CURVE = [(0, 0), (1, 50_000), (5, 200_000), (10, 400_000), (25, 600_000), (50, 750_000), (100, 900_000),
               (250, 970_000), (1_000, 1_000_000)]
UPTIME_CURVE = [(0, 0), (1, 50_000), (6, 200_000), (24, 500_000), (72, 700_000), (168, 850_000), (360, 950_000),
                (720, 1_000_000)]
FEEDBACK_CURVE = [(0, 0), (1, 100_000), (5, 400_000), (20, 800_000), (100, 1_000_000)]
DECAY_CURVE = [(0, 0), (1, 50_000), (7, 400_000), (30, 1_000_000)]
POOLS = ("witness_bps", "timetoke_bps", "prover_bps", "treasury_bps")
PAYOUTS_PER_BLOCK = 32
LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
LOTTERY_EPOCHS = 3
FROZEN_MAX = 512
STATISTICS = ("epochs", "commits", "missed", "built", "votes_left_out", "jailed")


class Node:
    def __init__(self, url):
        self.url = url.rstrip("/")

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)


def bech32m(data):
    """The text of an address."""
    bits = int.from_bytes(data, "big")
    size = len(data) * 8
    pad = -size % 5
    values = [(bits << pad) >> shift & 31 for shift in range(size + pad - 5, -1, -5)]

    def checksum(items):
        state = 1
        for item in items:
            top, state = state >> 25, (state & 0x1FFFFFF) << 5 ^ item
            for bit, word in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
                state ^= word if top >> bit & 1 else 0
        return state

    prefix = [ord(letter) >> 5 for letter in "tb"] + [0] + [ord(letter) & 31 for letter in "tb"]
    end = checksum(prefix + values + [0] * 6) ^ 0x2BC830A3
    values += [end >> 5 * (5 - index) & 31 for index in range(6)]
    return "tb1" + "".join(LETTERS[value] for value in values)


def order(address):
    """Sorts addresses as their bytes do."""
    return [LETTERS.index(letter) for letter in address[3:]]


def voting_set(node, height):
    """Address → power, from the canonical bytes: count 4, then address 30, key 32, VRF key 32, power 8 of each."""
    encoded = bytes.fromhex(node.get(f"/blocks/{height}/certified")["validators"])
    count = int.from_bytes(encoded[:4], "little")
    entries = [encoded[4 + 102 * at:4 + 102 * (at + 1)] for at in range(count)]
    return {bech32m(entry[:30]): int.from_bytes(entry[94:], "little") for entry in entries}


def next_set(node, height):
    """The set after a height: the chain goes on, so the next block comes."""
    for _ in range(100):
        try:
            return voting_set(node, height + 1)
        except urllib.error.HTTPError:
            time.sleep(0.1)
    return voting_set(node, height + 1)


def curve(points, count):
    """REP-3: straight lines between the points, rounded down."""
    for (start, low), (end, high) in zip(points, points[1:]):
        if count < end:
            return low + (high - low) * (count - start) // (end - start)
    return points[-1][1]


def weight_of(part):
    """The parameter that weighs a part of the score."""
    return "weight_feedback_ppm" if part == "peer_feedback" else f"weight_{part}_ppm"


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
    def __init__(self, active=False):
        self.active = active
        self.forget()

    def forget(self):
        self.validations = self.validation_failures = self.successes = self.failures = self.vouches = 0
        self.active_at, self.timetoke = None, Timetoke()


class Candidate:
    """A pool of stake: tokens owned in shares, and what a share earned, in units of 2^-64 µBLOCK.

    Stake that is leaving is in such pools too, one for each validator and epoch; it earns nothing.
    """

    def __init__(self, commission):
        self.commission, self.tokens, self.shares, self.per_share = commission, 0, 0, 0
        self.owned = {}
        self.jailed = self.tombstoned = False
        self.jailed_until = 0

    def value(self, owner):
        shares = self.owned.get(owner, (0, 0))[0]
        return shares * self.tokens // self.shares if shares else 0

    def settle(self, owner):
        """Pays what a delegation earned since its mark."""
        shares, mark = self.owned.get(owner, (0, 0))
        if shares == 0:
            return 0
        self.owned[owner] = (shares, self.per_share)
        return (self.per_share - mark) * shares >> 64

    def join(self, owner, amount):
        shares = amount if self.shares == 0 else self.shares * amount // self.tokens
        self.tokens += amount
        self.shares += shares
        self.owned[owner] = (self.owned.get(owner, (0, 0))[0] + shares, self.per_share)

    def slash(self, ppm):
        cut = self.tokens * ppm // PPM
        self.tokens -= cut
        return cut

    def leave(self, owner, amount):
        return self.give(owner, amount, -(-self.shares * amount // self.tokens))

    def give(self, owner, amount, cost):
        given = self.tokens if cost == self.shares else amount
        self.tokens -= given
        self.shares -= cost
        shares, mark = self.owned.pop(owner)
        if shares > cost:
            self.owned[owner] = (shares - cost, mark)
        return given


class Chain:
    """Everything that is recomputed, after some height."""

    def __init__(self, genesis, powers, differences):
        self.params, self.differences, self.checked = genesis["params"], differences, 0
        self.gates = {gate["name"]: gate["height"] for gate in genesis.get("gates", [])}
        self.identities = {address: Identity(True) for address in powers}
        self.candidates, self.balances = {}, {one["address"]: one["balance"] for one in genesis["accounts"]}
        for address, power in powers.items():
            self.candidates[address] = Candidate(0)
            self.candidates[address].join(address, power * MICRO)
            self.balances.setdefault(address, 0)
        self.voting = self.before = dict(powers)
        self.challenge, self.tally = None, {}
        self.missed, self.promised, self.bonus, self.pools = {}, 0, {}, [0] * len(POOLS)
        self.statistics, self.turns, self.offences, self.paid = {}, {}, [], 0
        # By epoch and validator: stake that is leaving. By epoch, source, owner and target: held redelegations.
        self.buckets, self.moves, self.slashes = {}, {}, 0
        # Each by the epoch to enter in. Of a draw: the result, and what would have come of each candidate.
        self.frozen, self.tickets, self.seeds, self.drawn = {}, {}, {}, {}
        self.timetoke_paid, self.witness_paid, self.admitted = 0, 0, 0

    def compare(self, what, expected, told):
        self.checked += 1
        if expected != told:
            self.differences.append(f"{what}: recomputed {expected}, the node says {told}")

    def identity(self, address):
        return self.identities.setdefault(address, Identity())

    def add(self, address, amount):
        self.balances[address] = self.balances.get(address, 0) + amount

    def epoch(self, height):
        return (height - 1) // self.params["epoch_blocks"]

    def record(self, address):
        return self.statistics.setdefault(address, dict.fromkeys(STATISTICS, 0))

    def apply(self, block, receipts, closing, voting):
        header = block["header"]
        self.height, self.time = header["height"], header["time_ms"]
        self.changed(voting)
        self.before, self.voting = self.voting, voting
        commit = block["last_commit"]
        signers = set(commit["signers"]) if commit else None
        for receipt, transaction in receipts:
            self.receipt(receipt, transaction, header["proposer"])
        self.count_commit(header["proposer"], signers)
        paid = {"reward_paid": {}, "rewarded": {}, "funded": []}
        ends = self.height % self.params["epoch_blocks"] == 0
        if ends:
            paid = self.pay()
        self.promise(header["proposer"], signers)
        self.open_challenge(header["proposer"], signers)
        if ends and self.params["lottery"]["min_tier"] > 0:
            self.lottery(header["beacon"])
        self.closed(closing, paid)
        if ends:
            self.end_epoch()

    def changed(self, voting):
        """STK-18 to STK-20: sets change at the ends of epochs, and what stays changes by a bounded part of the power."""
        if voting == self.voting:
            return
        if self.height % self.params["epoch_blocks"] != 1 and self.params["epoch_blocks"] != 1:
            self.differences.append(f"the voting set changed within an epoch, at height {self.height}")
        removed = {a for a in self.voting if self.candidates[a].jailed or self.candidates[a].tombstoned}
        moved = sum(abs(voting.get(a, 0) - self.voting.get(a, 0)) for a in {*voting, *self.voting} - removed)
        bound = max(1, sum(self.voting.values()) * self.params["staking"]["churn_bps"] // BPS)
        self.compare(f"the bounded change of power before {self.height}", True, moved <= bound)

    # Transactions

    def receipt(self, receipt, transaction, proposer):
        payer, action = transaction["payer"], transaction["action"]
        self.add(payer, -receipt["fee_burned"] - receipt["tip"])
        self.add(proposer, receipt["tip"])
        done = receipt["outcome"] == "success"
        inner = action.get("action", {})
        settled = []
        if done and action["type"] == "identity" and inner["kind"] == "withdraw":
            self.identity(payer).active = False
            self.identity(payer).forget()
        if done and action["type"] == "stake":
            settled = self.settled(payer, inner)
        if action["type"] == "evidence":
            self.slash(action["evidence"], receipt["events"])
        for event in receipt["events"]:
            self.event(event)
        told = [(one["to"], one["amount"]) for one in receipt["events"] if one["type"] == "reward_paid"]
        self.compare(f"rewards paid by {receipt['transaction']}", [one for one in settled if one[1]], told)
        for owner, amount in settled:
            self.add(owner, amount)
            self.paid += amount

    def settled(self, payer, action):
        """RWD-9: whoever changes a delegation, or claims, is paid what it earned before."""
        kind = action["kind"]
        if kind == "bond" and action.get("candidacy"):
            self.candidates[payer] = Candidate(action["candidacy"]["commission_bps"])
            self.statistics.pop(payer, None)
        behind = {"bond": [payer], "delegate": [action.get("validator")], "unbond": [action.get("validator")],
                  "claim": [action.get("validator")], "redelegate": [action.get("from"), action.get("to")]}
        paid = [(payer, self.candidates[one].settle(payer)) for one in behind.get(kind, [])]
        if kind == "unbond":
            given = self.candidates[action["validator"]].leave(payer, action["amount"])
            self.buckets.setdefault((self.free_after(), action["validator"]), Candidate(0)).join(payer, given)
        if kind == "redelegate":
            given = self.candidates[action["from"]].leave(payer, action["amount"])
            self.candidates[action["to"]].join(payer, given)
            move = (self.free_after(), action["from"], payer, action["to"])
            self.moves[move] = self.moves.get(move, 0) + given
        return paid

    def free_after(self):
        """STK-7 and STK-13: the epoch after which stake that leaves now is free."""
        return self.epoch(self.height) + self.params["staking"]["unbonding_epochs"]

    def event(self, event):
        kind = event["type"]
        if kind == "transferred":
            self.add(event["from"], -event["amount"])
            self.add(event["to"], event["amount"])
        elif kind == "bonded":
            self.add(event["owner"], -event["amount"])
            self.candidates[event["validator"]].join(event["owner"], event["amount"])
        elif kind == "commission_set":
            self.candidates[event["validator"]].commission = event["commission_bps"]
        elif kind == "jailed":
            self.jailed(event["validator"])
        elif kind == "unjailed":
            self.candidates[event["validator"]].jailed = False
        elif kind == "identity":
            self.identity_event(event["event"])
        elif kind == "timetoke" and event["event"]["kind"] == "heartbeat_accepted":
            self.heartbeat(event["event"])
        elif kind == "witness" and event["event"]["kind"] == "paid":
            self.add(event["event"]["identity"], event["event"]["amount"])
            self.witness_paid += 1
        elif kind == "lottery" and event["event"]["kind"] == "submitted":
            ticket = event["event"]
            self.tickets.setdefault(ticket["epoch"], {})[ticket["candidate"]] = ticket["ticket"]

    def identity_event(self, event):
        one = self.identity(event["identity"])
        if event["kind"] == "registered":
            one.active = False
            self.add(event["identity"], -event["bond"])
        elif event["kind"] == "activated":
            one.active = True
        elif event["kind"] == "revoked":
            one.active = False
        elif event["kind"] == "punished":
            one.active = False
            one.forget()
        elif event["kind"] == "bond_returned":
            self.add(event["identity"], event["amount"])
            one.forget()
        elif event["kind"] == "vouched":
            one.vouches += 1

    def jailed(self, validator):
        self.candidates[validator].jailed = True
        self.candidates[validator].jailed_until = self.epoch(self.height) + 1 + self.params["staking"]["jail_epochs"]
        self.record(validator)["jailed"] += 1

    def slash(self, evidence, events):
        """EVD-10 to EVD-14."""
        slashed = [event for event in events if event["type"] == "slashed"]
        if not slashed:
            return
        offender, rates = slashed[0]["validator"], self.params["evidence"]
        candidate = self.candidates[offender]
        if evidence["kind"] in ("double_vote", "double_proposal"):
            message = evidence["first"]["vote" if evidence["kind"] == "double_vote" else "proposal"]
            epoch, total = self.epoch(message["height"]), sum(self.voting.values())
            others = sum(power for when, who, power in self.offences
                         if abs(when - epoch) <= rates["together_epochs"] and who != offender)
            self.offences.append((epoch, offender, self.voting.get(offender, 0)))
            base = rates["equivocation_ppm"]
            ppm = min(PPM, base + (PPM - base) * min(total, 3 * others) // total)
            candidate.tombstoned = True
        else:
            ppm = rates["heartbeat_ppm" if evidence["kind"] == "conflicting_heartbeats" else "false_identity_ppm"]
        cut = candidate.slash(ppm)
        cut += sum(bucket.slash(ppm) for (_, left), bucket in self.buckets.items() if left == offender)
        moved = [move for move in self.moves if move[1] == offender]
        for move in sorted(moved, key=lambda move: (move[0], order(move[2]), order(move[3]))):
            part = self.moves[move] * ppm // PPM
            self.moves[move] -= part
            cut += self.slash_moved(move[2], self.candidates[move[3]], part)
        self.slashes += 1
        self.compare(f"the slash of {offender}", cut, slashed[0]["amount"])

    @staticmethod
    def slash_moved(owner, target, part):
        """EVD-11: out of the delegation that a redelegation went to, at most what that is worth."""
        shares, part = target.owned.get(owner, (0, 0))[0], min(part, target.value(owner))
        cost = -(-target.shares * part // target.tokens) if target.tokens else 0
        return target.give(owner, part, cost) if 0 < cost <= shares else 0

    def unbonded(self, told):
        """STK-8, and the end of held redelegations: the first entries by epoch, validator and owner."""
        now, due = self.epoch(self.height), []
        for (epoch, validator), bucket in self.buckets.items():
            due += [(epoch, order(validator), order(owner), validator, owner) for owner in bucket.owned if epoch < now]
        paid = []
        for epoch, _, _, validator, owner in sorted(due)[:PAYOUTS_PER_BLOCK]:
            bucket = self.buckets[(epoch, validator)]
            amount = bucket.give(owner, bucket.value(owner), bucket.owned[owner][0])
            if bucket.shares == 0:
                del self.buckets[(epoch, validator)]
            if amount:
                paid.append((owner, validator, amount))
                self.add(owner, amount)
        self.compare(f"stake paid out at the end of {self.height}", paid, told)
        over = sorted((move for move in self.moves if move[0] < now), key=lambda m: (m[0], *map(order, m[1:])))
        for move in over[:PAYOUTS_PER_BLOCK]:
            del self.moves[move]

    def heartbeat(self, event):
        one, candidate = self.identity(event["identity"]), self.candidates.get(event["identity"])
        one.timetoke.answer(self.params["timetoke"], event["challenge"])
        bonded = (candidate is not None and not candidate.jailed and not candidate.tombstoned
                  and candidate.value(event["identity"]) >= self.params["staking"]["min_self_stake"])
        if event["right"]:
            one.validations += 1
            one.successes += bonded
            one.active_at = self.time
        else:
            one.validation_failures += 1
            one.failures += bonded

    # The end of a block

    def count_commit(self, proposer, signers):
        """STK-22, STK-26 and STK-27."""
        turns = self.turns.setdefault(proposer, [0, 0])
        turns[0] += 1
        if signers is None:
            return
        turns[1] += len(self.before) - len(signers)
        for address in self.before:
            self.missed[address] = self.missed.get(address, 0) + (address not in signers)

    def pay(self):
        """RWD-6 to RWD-8, and the timetoke rewards of RWD-12."""
        blocks, paid, weights = self.params["epoch_blocks"], {}, {}
        signed = {a: max(0, blocks - self.missed.get(a, 0)) for a in self.voting}
        for address, power in self.voting.items():
            weights[address] = 0 if self.candidates[address].tombstoned else power * signed[address]
        total = sum(weights.values())
        for address, weight in weights.items():
            reward = self.promised * weight // total if total else 0
            paid[address] = self.distribute(address, reward) + self.bonus.get(address, 0)
        for address, bonus in self.bonus.items():
            if address not in self.voting:
                paid[address] = bonus
        for address, amount in paid.items():
            self.add(address, amount)
            self.paid += amount
        rewarded = self.timetoke_rewards(self.pools[POOLS.index("timetoke_bps")], signed)
        funded = [amount for amount in self.pools if amount]
        self.promised, self.bonus, self.pools = 0, {}, [0] * len(POOLS)
        return {"reward_paid": {a: amount for a, amount in paid.items() if amount}, "rewarded": rewarded,
                "funded": funded}

    def distribute(self, address, reward):
        candidate = self.candidates[address]
        if candidate.shares == 0:
            return 0
        commission = reward * candidate.commission // BPS
        candidate.per_share += (reward - commission << 64) // candidate.shares
        return commission + candidate.settle(address)

    def timetoke_rewards(self, funded, signed):
        rates = self.params["rewards"]
        on = self.gates.get("timetoke_rewards", self.height + 1) <= self.height

        def hours(address):
            candidate = self.candidates.get(address)
            counts = self.identity(address).active and not (candidate and candidate.tombstoned)
            return self.identity(address).timetoke.now(self.params["timetoke"], self.time) if counts else 0

        built = {a: bonus * hours(a) for a, bonus in self.bonus.items()}
        helped = {a: power * signed[a] * hours(a) for a, power in self.voting.items()}
        rewarded = {}
        for address in {*built, *helped}:
            parts = []
            for name, weights in (("timetoke_proposer_bps", built), ("timetoke_witness_bps", helped)):
                total = sum(weights.values())
                pot = funded * rates[name] // BPS
                parts.append(pot * weights.get(address, 0) // total if total else 0)
            paid = on and (not rates["timetoke_paid"] or address in rates["timetoke_paid"])
            if sum(parts):
                rewarded[address] = (*parts, paid)
                self.add(address, sum(parts) if paid else 0)
                self.timetoke_paid += paid
        return rewarded

    def promise(self, proposer, signers):
        """RWD-3 and RWD-4."""
        rates = self.params["rewards"]
        issued = min(rates["issuance_per_block"], self.params["issuance_per_block_max"])
        most = issued * rates["proposer_bonus_bps"] // BPS
        parts = [issued * rates[name] // BPS for name in POOLS]
        self.pools = [pool + part for pool, part in zip(self.pools, parts)]
        self.promised += issued - most - sum(parts)
        if signers is not None:
            total = sum(self.before.values())
            power = sum(self.before.get(address, 0) for address in signers)
            bonus = most * max(0, 3 * power - 2 * total) // total
            self.bonus[proposer] = self.bonus.get(proposer, 0) + bonus

    def open_challenge(self, proposer, signers):
        """TTK-2, TTK-3, TTK-14, and the counters of validators."""
        if signers is not None:
            for address in self.before:
                entry = self.tally.setdefault(address, [0, 0, 0])
                entry[0] += 1
                entry[1] += address in signers
        self.tally.setdefault(proposer, [0, 0, 0])[2] += 1
        timetoke = self.params["timetoke"]
        number = self.time * timetoke["challenges_per_window"] // (timetoke["window_seconds"] * 1000)
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
                    one.active_at = self.time
            self.tally = {}
        self.challenge = number

    def closed(self, events, paid):
        """What the node says that the block did by itself, against what was recomputed."""
        told, rewarded, funded, unbonded, admitted = {}, {}, [], [], []
        for event in events:
            kind, inner = event["type"], event.get("event", {})
            if kind == "reward_paid":
                told[event["to"]] = event["amount"]
            elif kind == "pool_funded":
                funded.append(event["amount"])
            elif kind == "unbonded":
                unbonded.append((event["owner"], event["validator"], event["amount"]))
            elif kind == "jailed":
                self.jailed(event["validator"])
            elif kind == "lottery" and inner["kind"] == "admitted":
                admitted.append((inner["candidate"], inner["fallback"]))
            elif kind == "timetoke" and inner["kind"] == "rewarded":
                rewarded[inner["validator"]] = (inner["proposer_part"], inner["witness_part"], inner["paid"])
            elif kind == "timetoke" and inner["kind"] == "challenge_opened":
                self.compare(f"the challenge opened at {self.height}", self.challenge, inner["challenge"])
        self.unbonded(unbonded)
        ends = self.height % self.params["epoch_blocks"] == 0
        self.drew(self.drawn.get(self.epoch(self.height) + 1) if ends else None, admitted)
        self.compare(f"rewards paid at the end of {self.height}", paid["reward_paid"], told)
        self.compare(f"timetoke rewards at the end of {self.height}", paid["rewarded"], rewarded)
        self.compare(f"what the pools got at the end of {self.height}", paid["funded"], funded)

    # The lottery

    def stands_by(self, address):
        """LOT-2 and LOT-12: bonded, not jailed, not removed, active, and outside the set."""
        candidate = self.candidates.get(address)
        return (candidate is not None and address not in self.voting and self.identity(address).active
                and not candidate.jailed and not candidate.tombstoned
                and candidate.value(address) >= self.params["staking"]["min_self_stake"])

    def weight(self, stake, tier, hours):
        rates, cap = self.params["lottery"], self.params["timetoke"]["cap_hours"]
        factor = PPM + rates["tier_bonus_ppm"] * max(0, tier - 3) + rates["timetoke_bonus_ppm"] * min(hours, cap) // cap
        return stake // MICRO * factor // PPM

    def threshold(self, weight, total):
        seats = self.params["lottery"]["seats"]
        return min(2**64 - 1, seats * weight * 2**64 // total) if total else 0

    def on_list(self, epoch):
        """The frozen list of an epoch with weight, threshold and ticket of each."""
        frozen, tickets = self.frozen.get(epoch, []), self.tickets.get(epoch, {})
        weights = [self.weight(stake, tier, hours) for _, stake, tier, hours in frozen]
        total = sum(weights)
        return total, [{
            "address": address, "stake": stake, "tier": f"tl{tier}", "hours": hours, "weight": weight,
            "share_ppm": weight * PPM // total if total else 0, "threshold": str(self.threshold(weight, total)),
            "ticket": str(tickets[address]) if address in tickets else None,
        } for (address, stake, tier, hours), weight in zip(frozen, weights)]

    def lottery(self, beacon):
        """LOT-1, LOT-2 and LOT-9 to LOT-13."""
        epoch = self.epoch(self.height)
        if epoch + 1 >= LOTTERY_EPOCHS:
            self.drawn[epoch + 1] = self.draw(epoch + 1)
        self.seeds[epoch + 2] = beacon
        frozen = []
        for address, candidate in self.candidates.items():
            if self.stands_by(address):
                tier = int(self.explain(address, self.time)["tier"][2:])
                if tier >= self.params["lottery"]["min_tier"]:
                    hours = self.identity(address).timetoke.now(self.params["timetoke"], self.time)
                    frozen.append((address, candidate.tokens, tier, hours))
        frozen.sort(key=lambda one: (-one[1], order(one[0])))
        self.frozen[epoch + LOTTERY_EPOCHS] = frozen[:FROZEN_MAX]

    def draw(self, epoch):
        """Who submitted stands in order; the silent follow, in an order that needs BLAKE3."""
        seats = self.params["lottery"]["seats"]
        _, listed = self.on_list(epoch)
        contested, ranked, silent = len(listed) > seats, [], set()
        for one in listed:
            if not self.stands_by(one["address"]):
                continue
            if one["ticket"] is None:
                silent.add(one["address"])
                continue
            ticket, threshold = int(one["ticket"]), int(one["threshold"])
            route = "uncontested" if not contested else "ticket" if ticket < threshold else "fallback"
            rank = ticket * 2**32 // one["weight"] if one["weight"] else 2**128 - 1
            ranked.append((route == "fallback", rank, order(one["address"]), one["address"], route, one))
        ranked.sort(key=lambda one: one[:3])
        listing = [(address, route, one["ticket"], one["threshold"]) for _, _, _, address, route, one in ranked]
        return {"epoch": epoch, "seats": seats, "candidates": len(listed), "order": listing, "silent": silent,
                "submissions": len(self.tickets.get(epoch, {})), "contested": contested}

    def drew(self, drawn, admitted):
        """The admissions that the end of the epoch tells, against the draw."""
        if drawn is None:
            self.compare(f"admissions at the end of {self.height}", [], admitted)
            return
        self.admitted += len(admitted)
        room = len(drawn["order"]) + len(drawn["silent"])
        self.compare(f"candidates admitted at the end of {self.height}", min(drawn["seats"], room), len(admitted))
        submitted = [(address, fallback) for address, fallback in admitted if address not in drawn["silent"]]
        expected = [(address, route == "fallback") for address, route, *_ in drawn["order"]]
        if not drawn["contested"]:
            self.compare(f"who was admitted at the end of {self.height}", sorted(expected), sorted(submitted))
            return
        self.compare(f"who was admitted at the end of {self.height}", expected[:drawn["seats"]], submitted)
        self.compare(f"routes of the silent at the end of {self.height}", True,
                     all(fallback for address, fallback in admitted if address in drawn["silent"]))

    def threshold_view(self):
        enter = self.epoch(self.height + 1) + 1
        total, listed = self.on_list(enter)
        return {"epoch": enter, "seed": self.seeds.get(enter), "total_weight": str(total), "candidates": listed,
                "submissions": len(self.tickets.get(enter, {})), "seats": self.params["lottery"]["seats"],
                "enabled": self.params["lottery"]["min_tier"] > 0}

    def raises(self, enter, address):
        own = next((one for one in self.frozen.get(enter, []) if one[0] == address), None)
        if own is None:
            return []
        _, stake, tier, hours = own
        before = self.weight(stake, tier, hours)
        others = self.on_list(enter)[0] - before
        more = min(hours + 24, self.params["timetoke"]["cap_hours"])
        changes = [("more stake", self.weight(stake + max(MICRO, stake // 10), tier, hours)),
                   (f"tier tl{tier + 1}", self.weight(stake, tier + 1, hours) if tier < 5 else 0),
                   (f"{more} hours of timetoke", self.weight(stake, tier, more))]
        return [(change, weight, weight * PPM // (others + weight)) for change, weight in changes if weight > before]

    def why(self, address, time):
        """LOT-17: the first thing that keeps an address out of the set of the next height."""
        enter = self.epoch(self.height + 1) + 1
        candidate, needs = self.candidates.get(address), self.params["lottery"]["min_tier"]
        tier = self.explain(address, time)["tier"]
        if address in self.next_voting:
            return "it votes now"
        if candidate is not None and candidate.tombstoned:
            return "evidence removed it for ever"
        if not self.identity(address).active:
            return "it has no active identity"
        if candidate is None or candidate.shares == 0:
            return "it is no candidate" if candidate is None else "it is no candidate|its own stake is"
        if candidate.value(address) < self.params["staking"]["min_self_stake"]:
            return "its own stake is"
        if candidate.jailed:
            return f"it is jailed: ask to return with tb stake unjail from epoch {candidate.jailed_until} on"
        if any(one[0] == address for one in self.frozen.get(enter, [])):
            has_ticket = address in self.tickets.get(enter, {})
            return "its ticket waits for the draw" if has_ticket else "it is on the list and has no ticket yet"
        return f"it is {tier} and needs tl{needs}" if int(tier[2:]) < needs else "it qualifies"

    def end_epoch(self):
        """STK-26."""
        for address in self.voting:
            record = self.record(address)
            record["epochs"] += 1
            record["commits"] += self.params["epoch_blocks"]
            record["missed"] += self.missed.get(address, 0)
        for address, (built, left_out) in self.turns.items():
            record = self.record(address)
            record["built"] += built
            record["votes_left_out"] += left_out
        self.turns, self.missed = {}, {}

    # Answers

    def explain(self, address, time):
        """REP-1 to REP-8."""
        one, params = self.identity(address), self.params["reputation"]
        days = 0
        if one.active_at is not None:
            days = max(0, time - one.active_at) // (self.params["timetoke"]["decay_seconds"] * 1000)
        hours = one.timetoke.now(self.params["timetoke"], time)
        validations = max(0, one.validations - one.validation_failures)
        successes = max(0, one.successes - one.failures)

        def part(points, count, weight):
            return curve(points, count) * params[weight] // PPM

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
        steps = (("identity", int(one.active), 1), ("hours", hours, limits["hours"]),
                 ("consensus_successes", successes, limits["candidate_successes"]),
                 ("consensus_successes", successes, limits["proven_successes"]),
                 ("verifiable_score_ppm", verifiable, limits["score_ppm"]))
        missing = None
        if tier < len(steps):
            counter, has, needs = steps[tier]
            missing = {"tier": f"tl{tier + 1}", "counter": counter, "has": has, "needs": needs}
        counted = (("validation", COUNT_CURVE, validations), ("uptime", UPTIME_CURVE, hours),
                   ("consensus", COUNT_CURVE, successes), ("peer_feedback", FEEDBACK_CURVE, one.vouches),
                   ("decay", DECAY_CURVE, days))
        parts = [{"name": name, "count": count, "curve_ppm": curve(points, count),
                  "weight_ppm": params[weight_of(name)], "contribution_ppm": part(points, count, weight_of(name)),
                  "negative": name == "decay", "verifiable": name != "peer_feedback"}
                 for name, points, count in counted]
        counters = {"validations": one.validations, "validation_failures": one.validation_failures,
                    "successes": one.successes, "failures": one.failures, "vouches": one.vouches,
                    "active_at_ms": one.active_at}
        return {"tier": f"tl{tier}", "score_ppm": score, "verifiable_score_ppm": verifiable, "parts": parts,
                "next": missing, "counters": counters}

    def statistics_of(self, address):
        built, left_out = self.turns.get(address, (0, 0))
        now = {"epoch_missed": self.missed.get(address, 0), "epoch_built": built, "epoch_votes_left_out": left_out}
        return {**self.statistics.get(address, dict.fromkeys(STATISTICS, 0)), **now}

    def stake_of(self, address):
        one = self.candidates[address]
        return {"bonded": one.tokens, "self_stake": one.value(address), "commission_bps": one.commission}


def told(node):
    """What the node says, each with the height it was read at."""
    timetoke, board = node.get("/ledger/timetoke"), node.get("/ui/reputation")
    listed = node.get("/staking/validators")
    validators = [one["address"] for one in listed["validators"]]
    addresses = sorted({line["address"] for line in board["best"]} | set(validators))
    draws = node.get("/consensus/vrf/threshold")
    answers = [(timetoke["height"], "timetoke", None, timetoke), (listed["height"], "stakes", None, listed),
               (draws["height"], "draws", None, draws)]
    for address in addresses:
        view = node.get(f"/ledger/reputation/{address}")
        answers.append((view["height"], "reputation", address, view))
        account = node.get(f"/accounts/{address}")
        answers.append((account["height"], "balance", address, account))
        standing = node.get(f"/consensus/vrf/{address}")
        answers.append((standing["height"], "lottery", address, standing))
    for address in validators:
        try:
            view = node.get(f"/staking/validators/{address}/statistics")
        except urllib.error.HTTPError:
            # It left between the two questions.
            continue
        answers.append((view["height"], "statistics", address, view))
    return answers, len(addresses)


def judge_draws(chain, view):
    height = view["height"]
    for field, value in chain.threshold_view().items():
        chain.compare(f"{field} of the lottery at {height}", value, view[field])
    result, last = chain.drawn.get(view["epoch"] - 1), view["last"]
    chain.compare(f"a result at {height}", result is not None, last is not None)
    if result is not None and last is not None:
        for field in ("epoch", "seats", "candidates", "submissions"):
            chain.compare(f"{field} of the last lottery at {height}", result[field], last[field])
        told = [tuple(one[name] for name in ("address", "route", "ticket", "threshold")) for one in last["admitted"]
                if one["address"] not in result["silent"]]
        expected = result["order"] if result["contested"] else sorted(result["order"])
        chain.compare(f"admitted at {height}", expected[:len(told)], told if result["contested"] else sorted(told))


def judge_standing(chain, address, view):
    height, enter = view["height"], chain.epoch(view["height"] + 1) + 1
    chain.compare(f"whether {address} votes after {height}", address in chain.next_voting, view["validator"])
    own = next((one for one in chain.on_list(enter)[1] if one["address"] == address), None)
    chain.compare(f"place of {address} on the list at {height}", own, view["candidate"])
    expected = chain.why(address, chain.time).split("|")
    # What the last draw did stands before it.
    is_told = any(one in view["reason"] for one in expected)
    chain.compare(f"{expected} about {address} at {height} in {view['reason']!r}", True, is_told)
    told = [(one["change"], one["weight"], one["share_ppm"]) for one in view["raises"]]
    told = [("more stake" if change.endswith("more stake") else change, *rest) for change, *rest in told]
    chain.compare(f"what would raise {address} at {height}", chain.raises(enter, address), told)


def judge(chain, kind, address, view):
    height = view["height"]
    if kind == "draws":
        judge_draws(chain, view)
    elif kind == "lottery":
        judge_standing(chain, address, view)
    elif kind == "reputation":
        for field, value in chain.explain(address, view["time_ms"]).items():
            chain.compare(f"{field} of {address} at {height}", value, view[field])
    elif kind == "balance":
        chain.compare(f"balance of {address} at {height}", chain.balances.get(address, 0), view["balance"])
    elif kind == "statistics":
        for field, value in chain.statistics_of(address).items():
            chain.compare(f"{field} of {address} at {height}", value, view[field])
    elif kind == "stakes":
        for one in view["validators"]:
            for field, value in chain.stake_of(one["address"]).items():
                chain.compare(f"{field} of {one['address']} at {height}", value, one[field])
    elif kind == "timetoke":
        for subject in view["subjects"]:
            own = chain.identity(subject["address"]).timetoke
            expected = (own.hours, own.accrued, own.now(chain.params["timetoke"], view["time_ms"]))
            is_told = (subject["hours"], subject["accrued_at_ms"], subject["hours_now"])
            chain.compare(f"timetoke of {subject['address']} at {height}", expected, is_told)


def check(node):
    genesis = node.get("/genesis")
    answers, identities = told(node)
    top = max(height for height, *_ in answers)
    differences, chain, changes = [], None, 0
    for height in range(1, top + 1):
        block = node.get(f"/blocks/{height}")
        voting = voting_set(node, height)
        if chain is None:
            chain = Chain(genesis, voting, differences)
        changes += voting != chain.voting
        receipts = []
        for name in block["transactions"]:
            status = node.get(f"/transactions/{name}")
            receipts.append((status["receipt"], status["transaction"]))
        chain.apply(block, receipts, node.get(f"/blocks/{height}/events")["events"], voting)
        # Answers at the last height are judged by the set that decides the next one.
        if any(at == height for at, *_ in answers):
            chain.next_voting = next_set(node, height)
        for at, kind, address, view in answers:
            if at == height:
                judge(chain, kind, address, view)
    return chain, top, identities, changes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rpc", default="http://127.0.0.1:26658", help="URL of the node's RPC")
    arguments = parser.parse_args()
    try:
        chain, top, identities, changes = check(Node(arguments.rpc))
    except OSError as error:
        print(f"the node at {arguments.rpc} does not answer: {error}", file=sys.stderr)
        return 3
    for line in chain.differences:
        print(line)
    if chain.differences:
        print(f"{len(chain.differences)} of {chain.checked} values differ")
        return 1
    print(f"tier, score, timetoke, lottery, stake and rewards of {identities} identities agree with blocks 1 to {top}: "
          f"{chain.checked} values, {changes} changes of the voting set, {chain.slashes} slashes, "
          f"{chain.paid} µBLOCK of rewards, {chain.timetoke_paid} payments of timetoke, {chain.witness_paid} to "
          f"witnesses, {chain.admitted} admissions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
