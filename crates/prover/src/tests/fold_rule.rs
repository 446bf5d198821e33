//! The rule of the fold table, constraint by constraint, against a model of the verifier beside it.
//!
//! The verifier's tables give three kinds of messages for each proof they verify: each public value, the pre-hash of the
//! key, and the commitment to the constraints that the proof's own children were verified with. Here they are made
//! from what the children are, and the constraints are read from the pinned key, so what is checked is what is proven.

use std::collections::{BTreeMap, BTreeSet};

use openvm_stark_backend::keygen::types::MultiStarkVerifyingKey;
use openvm_stark_backend::p3_field::{PrimeCharacteristicRing, PrimeField32};
use openvm_stark_backend::p3_matrix::dense::RowMajorMatrix;
use openvm_stark_sdk::config::baby_bear_poseidon2::{Digest, F};
use proof::airs::STATEMENT;
use proof::folded::{CONSTRAINTS_TABLE, FOLD_VALUES, FoldColumns, FoldValues, STATEMENT_VALUES, fold_key};
use proof::keys::Config;

use super::coverage::{Kills, documented};
use crate::check::each_row;

/// The circuit whose table is checked.
pub(super) struct Circuit<'a> {
    pub(super) key: &'a MultiStarkVerifyingKey<Config>,
    /// The pre-hash of its children of the first kind.
    pub(super) first_key: Digest,
    /// The commitments that a lifted window and a first fold carry; none of a circuit that lifts windows.
    pub(super) carried: Option<[Digest; 2]>,
}

/// A proof that the verifier accepted.
#[derive(Debug, Clone)]
pub(super) struct Child {
    pub(super) values: Vec<F>,
    pub(super) key: Digest,
    pub(super) constraints: Option<Digest>,
}

/// What a prover says about what it verified.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) said: Vec<F>,
    pub(super) children: Vec<Child>,
    /// The rows; those of the children unless a forger changed them.
    pub(super) rows: Vec<Vec<F>>,
}

/// What is wrong, by place in the table: a constraint, or an interaction whose message is not the verifier's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Constraint(usize),
    Interaction(usize),
}

fn row(child: usize, last: bool, values: &[F]) -> Vec<F> {
    let mut row = vec![F::from_usize(child), F::ONE, F::from_bool(last)];
    row.extend(values);
    row.resize(FoldColumns::<F>::WIDTH, F::ZERO);
    row
}

impl Scene {
    pub(super) fn new(said: Vec<F>, children: Vec<Child>) -> Self {
        let mut scene = Self { said, children, rows: Vec::new() };
        scene.retrace();
        scene
    }

    /// Makes the rows again from the children.
    pub(super) fn retrace(&mut self) {
        let count = self.children.len();
        let rows = self.children.iter().enumerate();
        self.rows = rows.map(|(at, child)| row(at, at + 1 == count, &child.values)).collect();
        self.rows.resize(count.next_power_of_two(), vec![F::ZERO; FoldColumns::<F>::WIDTH]);
    }

    /// What the table does not accept.
    pub(super) fn wrong(&self, circuit: &Circuit<'_>) -> BTreeSet<Part> {
        let dag = &circuit.key.inner.per_air[STATEMENT].symbolic_constraints;
        let matrix = RowMajorMatrix::new(self.rows.concat(), FoldColumns::<F>::WIDTH);
        let mut open: BTreeMap<Vec<F>, F> = BTreeMap::new();
        for (at, child) in self.children.iter().enumerate() {
            let number = F::from_usize(at);
            for (place, value) in child.values.iter().enumerate() {
                open.insert(vec![number, F::from_usize(STATEMENT), F::from_usize(place), *value], F::ONE);
            }
            open.insert([&[number], child.key.as_slice()].concat(), F::ONE);
            if let Some(constraints) = child.constraints {
                let head = [number, F::from_usize(CONSTRAINTS_TABLE), F::ZERO, F::ZERO];
                open.insert([head.as_slice(), constraints.as_slice()].concat(), F::ONE);
            }
        }
        let mut wrong = BTreeSet::new();
        let mut asked: BTreeMap<Vec<F>, usize> = BTreeMap::new();
        each_row(dag, &matrix, &self.said, |_, values| {
            for (at, node) in dag.constraints.constraint_idx.iter().enumerate() {
                if values[*node] != F::ZERO {
                    wrong.insert(Part::Constraint(at));
                }
            }
            for (at, interaction) in dag.interactions.iter().enumerate() {
                let count = values[interaction.count];
                if count != F::ZERO {
                    let message: Vec<F> = interaction.message.iter().map(|node| values[*node]).collect();
                    *open.entry(message.clone()).or_default() += count;
                    asked.insert(message, at);
                }
            }
        });
        for (message, _) in open.iter().filter(|(_, surplus)| **surplus != F::ZERO) {
            // What the verifier gave and nobody took is found by its length and, for a public value, its place.
            let given = || {
                let place = message.get(2).map_or(0, |place| place.as_canonical_u32());
                let place = usize::try_from(place).expect("a usize has at least 32 bits");
                match message.len() {
                    4 => place,
                    9 => FOLD_VALUES,
                    _ => FOLD_VALUES + 1,
                }
            };
            wrong.insert(Part::Interaction(asked.get(message).copied().unwrap_or_else(given)));
        }
        wrong
    }
}

/// The statement of a range from `start` to `end`, as values that differ wherever they may.
pub(super) fn range(start: u32, end: u32) -> Vec<F> {
    let point = |point: u32| (0..25).map(move |at| F::from_u32(1_000 * point + at));
    let constants = |from: u32, count: u32| (0..count).map(move |at| F::from_u32(90_000 + from + at));
    let payout = (0..8).map(move |at| F::from_u32(5_000 * end + at));
    constants(0, 16).chain(point(start)).chain(point(end)).chain(constants(16, 8)).chain(payout).collect()
}

pub(super) const OWN: [[F; 8]; 2] = [[F::new(77); 8], [F::new(88); 8]];

/// The values of a range that says what kind it is.
pub(super) fn said(start: u32, end: u32, later: bool) -> Vec<F> {
    let mut values = range(start, end);
    values.push(F::from_bool(later));
    values.extend(OWN.concat());
    values
}

fn circuit() -> Circuit<'static> {
    let key = fold_key().expect("this build reads the pinned key");
    let dag = &key.verifying().inner().inner.per_air[STATEMENT].symbolic_constraints;
    // The circuit's constants, as its own messages have them when an honest first and later fold is traced.
    let message = |at: usize, later: bool, below: bool| {
        let mut cells = row(0, true, &said(0, 1, below));
        cells.resize(FoldColumns::<F>::WIDTH, F::ZERO);
        let matrix = RowMajorMatrix::new(cells, FoldColumns::<F>::WIDTH);
        let mut found: Digest = [F::ZERO; 8];
        each_row(dag, &matrix, &said(0, 1, later), |_, values| {
            let message: Vec<F> = dag.interactions[at].message.iter().map(|node| values[*node]).collect();
            found.copy_from_slice(&message[message.len() - 8..]);
        });
        found
    };
    Circuit {
        key: key.verifying().inner(),
        first_key: message(FOLD_VALUES, false, false),
        carried: Some([message(FOLD_VALUES + 1, false, false), message(FOLD_VALUES + 1, true, false)]),
    }
}

/// Neighbouring children of one kind, with what is honestly said about them.
pub(super) fn honest(circuit: &Circuit<'_>, later: bool, kinds: &[bool]) -> Scene {
    let count = u32::try_from(kinds.len()).expect("few");
    let children = (0_u32..).zip(kinds).map(|(at, kind)| Child {
        values: match circuit.carried {
            None => range(at, at + 1),
            Some(_) => said(at, at + 1, *kind),
        },
        key: if later { OWN[0] } else { circuit.first_key },
        constraints: circuit.carried.map(|[of_lifted, of_first]| match (later, kind) {
            (false, _) => of_lifted,
            (true, false) => of_first,
            (true, true) => OWN[1],
        }),
    });
    Scene::new(said(0, count, later), children.collect())
}

/// Honest scenes with one lie each.
fn forgeries(circuit: &Circuit<'_>) -> Vec<(String, Scene)> {
    let mut forgeries: Vec<(String, Scene)> = Vec::new();
    let mut push = |name: String, base: &Scene, change: &dyn Fn(&mut Scene)| {
        let mut forged = base.clone();
        change(&mut forged);
        forgeries.push((name, forged));
    };
    let first = honest(circuit, false, &[false, false]);
    let later = honest(circuit, true, &[false, true]);
    let alone = honest(circuit, true, &[true]);
    let spans = [("genesis", 0..16), ("before", 16..41), ("after", 41..66), ("limits", 66..74), ("payout", 74..82)];
    for (name, span) in spans {
        for at in span {
            push(format!("said {name} {at}"), &first, &|scene| scene.said[at] += F::ONE);
            // A gap between the children, another chain, other limits, another end or payout address.
            push(format!("second child's {name} {at}"), &later, &|scene| {
                scene.children[1].values[at] += F::ONE;
                scene.retrace();
            });
        }
    }
    for at in 0..FOLD_VALUES {
        push(format!("a row that says something else than its child {at}"), &alone, &|scene| {
            scene.children[0].values[at] += F::ONE;
        });
    }
    for at in 0..8 {
        push(format!("another own key {at}"), &later, &|scene| {
            scene.children[0].values[83 + at] += F::ONE;
            scene.retrace();
        });
        push(format!("other own constraints {at}"), &later, &|scene| {
            scene.children[1].values[91 + at] += F::ONE;
            scene.retrace();
        });
        for (kind, base) in [("first", &first), ("later", &later)] {
            push(format!("wrong key, right constraints, {kind} {at}"), base, &|scene| {
                scene.children[0].key[at] += F::ONE;
            });
            push(format!("right key, wrong constraints, {kind} {at}"), base, &|scene| {
                if let Some(constraints) = &mut scene.children[1].constraints {
                    constraints[at] += F::ONE;
                }
            });
        }
    }
    push("swapped children".into(), &first, &|scene| {
        scene.children.swap(0, 1);
        scene.retrace();
    });
    push("a lifted window as a fold".into(), &first, &|scene| scene.said[82] = F::ONE);
    push("a fold as a lifted window".into(), &later, &|scene| scene.said[82] = F::ZERO);
    push("a first fold as a later one".into(), &later, &|scene| {
        scene.rows[0][3 + 82] = F::ONE;
    });
    push("a verified proof without a row".into(), &first, &|scene| {
        scene.rows.truncate(1);
        scene.rows[0][2] = F::ONE;
        scene.said[41..66].copy_from_slice(&range(0, 1)[41..66]);
        scene.said[74..82].copy_from_slice(&range(0, 1)[74..82]);
    });
    push("a row without a proof".into(), &first, &|scene| {
        scene.children.truncate(1);
    });
    push("no child".into(), &alone, &|scene| {
        scene.children.clear();
        scene.rows[0][..3].fill(F::ZERO);
    });
    // Two kinds at once: every constant and every key is a mixture, which only the two range checks notice.
    push("said to be of two kinds".into(), &alone, &|scene| {
        scene.said[82] = F::TWO;
        let mix =
            |first: Digest, later: Digest| std::array::from_fn(|at| first[at] * (F::ONE - F::TWO) + later[at] * F::TWO);
        scene.children[0].key = mix(circuit.first_key, OWN[0]);
        let [of_lifted, _] = circuit.carried.expect("a circuit of ranges");
        scene.children[0].constraints = Some(mix(of_lifted, OWN[1]));
        scene.retrace();
    });
    push("a child of two kinds".into(), &alone, &|scene| {
        scene.children[0].values[82] = F::TWO;
        let [_, of_first] = circuit.carried.expect("a circuit of ranges");
        scene.children[0].constraints = Some(std::array::from_fn(|at| OWN[1][at] * F::TWO - of_first[at]));
        scene.retrace();
    });
    push("the last child is not marked, so another end is said".into(), &first, &|scene| {
        scene.rows[1][2] = F::ZERO;
        scene.said[41] += F::ONE;
    });
    push("a child in the middle is marked as the last".into(), &first, &|scene| {
        scene.rows[0][2] = F::ONE;
    });
    push("children numbered from 1".into(), &alone, &|scene| scene.rows[0][0] = F::ONE);
    push("the only child is not marked, so another end is said".into(), &alone, &|scene| {
        scene.rows[0][2] = F::ZERO;
        scene.rows.push(vec![F::ZERO; FoldColumns::<F>::WIDTH]);
        scene.said[41] += F::ONE;
    });
    push("a row that is taken back, for another payout address".into(), &first, &|scene| {
        // The second child is nobody's proof: it changes nothing, names the thief, and is taken back at the end.
        scene.children.truncate(1);
        let mut thief = said(1, 1, false);
        thief[74..82].copy_from_slice(&scene.said[74..82]);
        scene.said[41..66].copy_from_slice(&range(0, 1)[41..66]);
        let [mut back, mut between] = [row(1, true, &thief), row(0, true, &thief)];
        (back[1], back[2], between[1]) = (-F::ONE, -F::ONE, F::ZERO);
        scene.rows = vec![row(0, false, &scene.children[0].values), row(1, true, &thief), between, back];
    });
    push("padding between the children".into(), &first, &|scene| {
        let mut still = said(1, 1, false);
        let payout = scene.children[0].values[74..82].to_vec();
        still[74..82].copy_from_slice(&payout);
        scene.said[41..66].copy_from_slice(&range(0, 1)[41..66]);
        scene.said[74..82].copy_from_slice(&payout);
        scene.children[1].values.clone_from(&still);
        let mut between = row(0, false, &still);
        (between[1], between[2]) = (F::ZERO, -F::ONE);
        let padding = vec![F::ZERO; FoldColumns::<F>::WIDTH];
        scene.rows = vec![row(0, true, &scene.children[0].values), between, row(1, true, &still), padding];
    });
    push("children out of order".into(), &honest(circuit, true, &[true; 3]), &|scene| {
        scene.children.swap(1, 2);
        scene.rows[1] = row(2, false, &scene.children[2].values);
        scene.rows[2] = row(1, true, &scene.children[1].values);
    });
    forgeries
}

/// Constraints that no forgery shows to be needed alone, with the reason.
const SURVIVORS: [(usize, &str); 2] = [
    (3, "the verifier numbers its proofs from 0, so rows with consecutive numbers that all match start there"),
    (139, "it is about the circuit that lifts windows; in this one it says nothing"),
];

#[test]
fn honest_folds_of_either_kind_and_of_mixed_children_are_accepted() {
    let circuit = circuit();
    for kinds in [&[false][..], &[false, false]] {
        assert_eq!(honest(&circuit, false, kinds).wrong(&circuit), BTreeSet::new(), "lifted {kinds:?}");
    }
    for kinds in [&[false][..], &[true], &[false, false], &[true, true], &[true, false], &[false, true]] {
        assert_eq!(honest(&circuit, true, kinds).wrong(&circuit), BTreeSet::new(), "folds {kinds:?}");
    }
}

#[test]
fn every_lie_about_children_is_refused_and_every_part_of_the_rule_is_needed() {
    let circuit = circuit();
    let dag = &circuit.key.inner.per_air[STATEMENT].symbolic_constraints;
    let mut killed: BTreeMap<Part, String> = BTreeMap::new();
    let mut accepted = Vec::new();
    for (name, forged) in forgeries(&circuit) {
        let wrong = forged.wrong(&circuit);
        if wrong.is_empty() {
            accepted.push(name.clone());
        }
        if let (Some(part), 1) = (wrong.first(), wrong.len()) {
            killed.entry(*part).or_insert(name);
        }
    }
    assert!(accepted.is_empty(), "accepted: {accepted:?}");
    let left: Vec<usize> =
        (0..dag.constraints.constraint_idx.len()).filter(|at| !killed.contains_key(&Part::Constraint(*at))).collect();
    println!(
        "{} constraints, left {left:?}; {} interactions",
        dag.constraints.constraint_idx.len(),
        dag.interactions.len()
    );
    assert_eq!(left, SURVIVORS.map(|(at, _)| at));
    let idle: Vec<usize> =
        (0..dag.interactions.len()).filter(|at| !killed.contains_key(&Part::Interaction(*at))).collect();
    assert_eq!(idle, Vec::<usize>::new(), "interactions that no lie is refused by alone");
    assert_eq!(dag.interactions.len(), FOLD_VALUES + 2);
    assert_eq!(FoldValues::<F>::WIDTH, STATEMENT_VALUES + 17);
    let (constraints, interactions) = (dag.constraints.constraint_idx.len(), dag.interactions.len());
    let found =
        Kills { name: "rule of folds".to_owned(), constraints, interactions, exploited: killed.len(), refuse: 0 };
    documented(&[found], &SURVIVORS.map(|(_, reason)| reason));
}
