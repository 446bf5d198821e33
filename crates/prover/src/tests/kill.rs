//! Switches every constraint and every interaction off in turn: a forgery must then pass, so each one is needed.
//!
//! A forgery breaks one thing. It must be refused by all tables, and be accepted when that one thing is left out.
//! An interaction that only brings an honest message cannot be exploited alone: without it the honest window is
//! refused too, which is the other way in which its absence is noticed.

use std::collections::{BTreeMap, BTreeSet};

use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use p3_poseidon2::GenericPoseidon2LinearLayers;
use proof::airs::NAMES;
use proof::airs::poseidon2::LinearLayers;

use super::coverage::{Kills, documented};
use super::forge::{WrongHash, rechain, remember, requests, settle};
use super::forgeries::{Forgery, all, base, named};
use super::honest::KEY;
use crate::check::{Part, Violation, check, each_row, parts};
use crate::prove::check_rows;
use crate::{ProveError, Traces};

/// Parts that nothing shows to be needed alone, with the reason.
const SURVIVORS: [(Part, &str); 2] = [
    (
        Part::Constraint(1, 5),
        "a row of two kinds would take one state and give two, but the chain of states carries exactly one",
    ),
    (Part::Constraint(5, 1), "a fraction of an opening needs a content and a capacity that hash to eight zeros"),
];

fn traces(forgery: &Forgery, without: Option<Part>) -> Traces {
    let mut traces = settle(KEY.verifying(), &forgery.tables, without);
    if let Some(raw) = forgery.raw {
        raw(&mut traces);
    }
    traces
}

#[test]
fn the_tools_of_forgers_keep_an_honest_window_as_it_is() {
    let (_, honest) = base();
    let mut tables = honest.clone();
    let asked = requests(&tables);
    remember(&mut tables, &asked);
    rechain(&mut tables, WrongHash::No);
    assert_eq!(tables.accesses, honest.accesses);
    assert_eq!(tables.operations, honest.operations);
    assert_eq!(tables.boundary, honest.boundary);
    assert_eq!(tables.merkle, honest.merkle);
    assert_eq!(tables.public_values, honest.public_values);
    assert_eq!(check(KEY.verifying(), &settle(KEY.verifying(), &tables, None), None), []);
}

#[test]
fn every_constraint_and_interaction_is_needed() {
    let key = KEY.verifying();
    let mut killed: BTreeMap<Part, String> = BTreeMap::new();
    let mut useless = Vec::new();
    for forgery in all() {
        let violations = check(key, &traces(&forgery, None), None);
        assert!(!violations.is_empty(), "accepted: {}", forgery.name);
        let mut hits = 0;
        for part in suspects(&forgery, &violations) {
            if check(key, &traces(&forgery, Some(part)), Some(part)).is_empty() {
                hits += 1;
                killed.entry(part).or_insert_with(|| forgery.name.clone());
            }
        }
        if hits == 0 {
            let shown: Vec<String> = violations.iter().take(4).map(ToString::to_string).collect();
            useless.push(format!("{}: {} violations: {shown:?}", forgery.name, violations.len()));
        }
    }
    let by_forgery = killed.len();
    killed.extend(permutations());

    let (_, honest) = base();
    let mut refused = BTreeSet::new();
    let all = parts(key);
    let by_permutation = killed.len() - by_forgery;
    for part in all.iter().filter(|part| !killed.contains_key(part)) {
        if matches!(part, Part::Interaction(..))
            && !check(key, &settle(key, &honest, Some(*part)), Some(*part)).is_empty()
        {
            refused.insert(*part);
        }
    }
    let left: BTreeSet<Part> =
        all.iter().copied().filter(|part| !killed.contains_key(part) && !refused.contains(part)).collect();
    println!(
        "{} parts: {by_forgery} exploited by a forgery, {} by a wrong permutation, {} refuse the honest window, {} left",
        all.len(),
        by_permutation,
        refused.len(),
        left.len(),
    );
    let mut found = Vec::new();
    for (at, name) in NAMES.iter().enumerate() {
        let of =
            |part: &&Part| matches!(part, Part::Constraint(table, _) | Part::Interaction(table, _) if *table == at);
        let constraints = all.iter().filter(of).filter(|part| matches!(part, Part::Constraint(..))).count();
        let interactions = all.iter().filter(of).count() - constraints;
        let (exploited, refuse) = (killed.keys().filter(of).count(), refused.iter().filter(of).count());
        println!(
            "{name}: {} parts, {exploited} exploited, refused without: {:?}, left: {:?}",
            constraints + interactions,
            refused.iter().filter(of).collect::<Vec<_>>(),
            left.iter().filter(of).collect::<Vec<_>>()
        );
        found.push(Kills { name: (*name).to_owned(), constraints, interactions, exploited, refuse });
    }
    assert!(useless.is_empty(), "forgeries that are more than one lie:\n{}", useless.join("\n"));
    assert_eq!(left, SURVIVORS.iter().map(|(part, _)| *part).collect());
    documented(&found, &SURVIVORS.map(|(_, reason)| reason));
}

#[test]
fn attacks_under_their_names_are_refused() {
    for forgery in named() {
        let traces = traces(&forgery, None);
        let violations = check(KEY.verifying(), &traces, None);
        assert!(!violations.is_empty(), "accepted: {}", forgery.name);
        // What a debug build says before it proves: how many, and the first one with its row.
        let said = check_rows(&KEY, &traces);
        let Err(ProveError::Unsound { count, first }) = said else { panic!("{}: {said:?}", forgery.name) };
        assert_eq!((count, &first), (violations.len(), &violations[0]), "{}", forgery.name);
    }
    let (_, honest) = base();
    check_rows(&KEY, &settle(KEY.verifying(), &honest, None)).expect("an honest window breaks nothing");
}

/// The parts that a forgery may exploit: the only constraint it breaks, or an interaction on the only bus.
fn suspects(forgery: &Forgery, violations: &[Violation]) -> BTreeSet<Part> {
    let key = KEY.verifying();
    let mut constraints = BTreeSet::new();
    let mut buses = BTreeSet::new();
    for violation in violations {
        match violation {
            Violation::Constraint { table, constraint, .. } => {
                constraints.insert(Part::Constraint(*table, *constraint));
            }
            Violation::Bus { bus, .. } => {
                buses.insert(*bus);
            }
        }
    }
    if buses.is_empty() {
        return if constraints.len() == 1 { constraints } else { BTreeSet::new() };
    }
    if !constraints.is_empty() || buses.len() != 1 {
        return BTreeSet::new();
    }
    // Of the interactions on the bus, those that take part in a message that does not balance.
    let unbalanced: BTreeSet<Vec<u32>> = violations
        .iter()
        .filter_map(
            |violation| if let Violation::Bus { message, .. } = violation { Some(message.clone()) } else { None },
        )
        .collect();
    let traces = traces(forgery, None);
    let mut suspects = BTreeSet::new();
    for (table, air) in key.inner().inner.per_air.iter().enumerate() {
        let dag = &air.symbolic_constraints;
        if !dag.interactions.iter().any(|interaction| buses.contains(&interaction.bus_index)) {
            continue;
        }
        each_row(dag, &traces.matrices[table], &traces.public_values, |_, values| {
            for (at, interaction) in dag.interactions.iter().enumerate() {
                if buses.contains(&interaction.bus_index) && values[interaction.count] != F::ZERO {
                    let message: Vec<u32> =
                        interaction.message.iter().map(|node| super::forge::small(values[*node])).collect();
                    if unbalanced.contains(&message) {
                        suspects.insert(Part::Interaction(table, at));
                    }
                }
            }
        });
    }
    suspects
}

/// The constraints of the permutation, each broken alone by a row that goes wrong at one cell and on from there.
fn permutations() -> BTreeMap<Part, String> {
    let key = KEY.verifying();
    let (_, honest) = base();
    let mut traces = settle(key, &honest, None);
    let matrix = &mut traces.matrices[7];
    let template = matrix.values[matrix.values.len() - matrix.width..].to_vec();
    matrix.values.clear();
    let cells = wrong_row(&template, usize::MAX).1;
    for wrong in 0..cells.next_power_of_two() {
        matrix.values.extend(wrong_row(&template, if wrong < cells { wrong } else { usize::MAX }).0);
    }
    let mut broken: BTreeMap<usize, BTreeSet<Part>> = BTreeMap::new();
    let dag = &key.inner().inner.per_air[7].symbolic_constraints;
    each_row(dag, &traces.matrices[7], &traces.public_values, |row, values| {
        for (constraint, node) in dag.constraints.constraint_idx.iter().enumerate() {
            if values[*node] != F::ZERO {
                broken.entry(row).or_default().insert(Part::Constraint(7, constraint));
            }
        }
    });
    assert_eq!(broken.len(), cells, "every wrong row breaks something");
    let alone = broken.into_iter().filter(|(_, parts)| parts.len() == 1);
    alone.flat_map(|(row, parts)| parts.into_iter().map(move |part| (part, format!("cell {row}")))).collect()
}

/// A permutation in the columns of the table, one more than it should be at cell `wrong`; and how many cells it has.
fn wrong_row(template: &[F], wrong: usize) -> (Vec<F>, usize) {
    use p3_baby_bear::{BABYBEAR_RC16_EXTERNAL_FINAL, BABYBEAR_RC16_EXTERNAL_INITIAL, BABYBEAR_RC16_INTERNAL};
    let mut state: [F; 16] = std::array::from_fn(|at| template[1 + at]);
    let mut row = template[..17].to_vec();
    let mut cells = 0;
    let mut cell = |value: F, row: &mut Vec<F>| {
        let value = if cells == wrong { value + F::ONE } else { value };
        cells += 1;
        row.push(value);
        value
    };
    let full =
        |state: &mut [F; 16], constants: &[F; 16], row: &mut Vec<F>, cell: &mut dyn FnMut(F, &mut Vec<F>) -> F| {
            for (element, constant) in state.iter_mut().zip(constants) {
                *element += *constant;
                let cube = cell(element.cube(), row);
                *element = cube.square() * *element;
            }
            LinearLayers::external_linear_layer(state);
            for element in state.iter_mut() {
                *element = cell(*element, row);
            }
        };
    LinearLayers::external_linear_layer(&mut state);
    for constants in &BABYBEAR_RC16_EXTERNAL_INITIAL {
        full(&mut state, constants, &mut row, &mut cell);
    }
    for constant in BABYBEAR_RC16_INTERNAL {
        state[0] += constant;
        let cube = cell(state[0].cube(), &mut row);
        state[0] = cell(cube.square() * state[0], &mut row);
        LinearLayers::internal_linear_layer(&mut state);
    }
    for constants in &BABYBEAR_RC16_EXTERNAL_FINAL {
        full(&mut state, constants, &mut row, &mut cell);
    }
    row.extend([F::ZERO, F::ZERO]);
    (row, cells)
}
