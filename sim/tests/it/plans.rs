//! The plan language: topologies, regions, phases, expectations, RON, and what is refused.

use std::path::Path;

use sim::plan::{Fault, Misbehaviour, Topology};
use sim::{Format, Plan, PlanError, profile, run};

/// A small network with a place for more keys.
fn small(more: &str) -> Plan {
    let text = format!("seed = 9\nvalidators = 8\ntraffic_per_second = 2\nfaults_ms = 1000\ncalm_heights = 5\n{more}");
    Plan::from_toml(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn every_topology_carries_the_chain() {
    let texts = [
        "kind = \"full_mesh\"",
        "kind = \"ring\"",
        "kind = \"star\"\nhub = 3",
        "kind = \"k_regular\"\ndegree = 3",
        "kind = \"small_world\"\ndegree = 2\nshortcut_ppm = 500000",
        "kind = \"scale_free\"\nlinks = 2",
    ];
    let mut events = Vec::new();
    for (text, kind) in texts.into_iter().zip(Topology::KINDS) {
        let report = run(small(&format!("[topology]\n{text}\n")));
        assert!(report.verdict.is_pass(), "{kind}: {} {:?}", report.verdict, report.detail);
        assert_eq!(report.topology, kind);
        assert!(report.height >= 30 && report.acknowledged > 0, "{kind}: {} heights", report.height);
        events.push(report.events);
    }
    events.sort_unstable();
    events.dedup();
    assert_eq!(events.len(), 6, "two topologies that give the same run are one topology");
}

#[test]
fn a_message_takes_longer_round_a_ring_than_over_a_mesh() {
    let links = "[links]\ndelay_ms = 50\njitter_ms = 0\n";
    let mesh = run(small(links)).propagation_p95_ms.unwrap();
    let ring = run(small(&format!("{links}[topology]\nkind = \"ring\"\n"))).propagation_p95_ms.unwrap();
    // Four links to the other side of a ring of eight.
    assert_eq!((mesh, ring), (50, 200));
}

#[test]
fn what_is_passed_on_arrives_once_and_crosses_a_star_only_through_its_hub() {
    let hub_down = "[topology]\nkind = \"star\"\nhub = 3\n[[faults]]\nat_ms = 900\nfor_ms = 6000\n\
                    fault = { kind = \"crash\", node = 3, effects = 0 }\n";
    let report = run(small(hub_down));
    assert!(report.verdict.is_pass(), "{:?}", report.detail);
    let healthy = run(small("[topology]\nkind = \"star\"\nhub = 3\n"));
    assert!(report.height + 4 < healthy.height, "{} against {}", report.height, healthy.height);
}

#[test]
fn a_route_between_regions_is_slower_than_the_links_inside() {
    let regions = "[[regions]]\nname = \"a\"\nvalidators = [0, 1, 2, 3]\n[[regions]]\nname = \"b\"\n\
                   validators = [4, 5, 6, 7]\n[[routes]]\nbetween = [\"b\", \"a\"]\ndelay_ms = 150\n\
                   [links]\ndelay_ms = 10\njitter_ms = 0\n";
    let report = run(small(regions));
    assert!(report.verdict.is_pass(), "{:?}", report.detail);
    assert_eq!(report.propagation_p95_ms, Some(150));
    assert_eq!(run(small("[links]\ndelay_ms = 10\njitter_ms = 0\n")).propagation_p95_ms, Some(10));
}

#[test]
fn phases_change_the_traffic() {
    let issued = |traffic: &str| {
        let text = format!("[[phases]]\nfrom_ms = 0\ntraffic = {{ {traffic} }}\n");
        run(small(&text)).acknowledged
    };
    assert_eq!(issued("kind = \"idle\""), 0);
    let poisson = issued("kind = \"poisson\", per_second = 4");
    assert!((120..=360).contains(&poisson), "60 s with four in the mean: {poisson}");
    let bursty = issued("kind = \"bursty\", burst = 6, every_ms = 10000");
    assert!((20..=36).contains(&bursty), "six bursts of at most six: {bursty}");
    let ends = small("[[phases]]\nfrom_ms = 30000\ntraffic = { kind = \"idle\" }\n");
    let (half, all) = (run(ends).acknowledged, run(small("")).acknowledged);
    assert!(half * 3 < all * 2 && half > 0, "{half} of {all}");
}

#[test]
fn expectations_that_are_not_met_are_named() {
    let expect = "[expect]\nheights_min = 100000\nresume_ms_max = 0\nfork_detected = true\nequivocations_min = 1\n";
    let report = run(small(expect));
    assert!(report.verdict.is_pass() && !report.is_expected());
    let unmet = report.unmet.join("\n");
    for name in ["height is", "resume_ms is", "a fork was not detected", "equivocations is 0"] {
        assert!(unmet.contains(name), "{name} is missing in {unmet}");
    }
    let wanted = run(small("[expect]\nverdict = \"diverged\"\n"));
    assert_eq!(wanted.unmet, ["the verdict is `pass`, `diverged` was expected"]);
}

#[test]
fn ron_and_toml_give_the_same_plan_and_are_told_by_the_ending() {
    let toml = "seed = 3\nvalidators = 7\nfaults_ms = 9000\n[dishonest]\n2 = \"garbage\"\n[topology]\n\
                kind = \"k_regular\"\ndegree = 4\n[[faults]]\nat_ms = 1\nfor_ms = 2\n\
                fault = { kind = \"partition\", side = [0, 1] }\n[expect]\nheights_min = 7\n";
    let ron = "(seed: 3, validators: 7, faults_ms: 9000, dishonest: {\"2\": garbage}, \
               topology: (kind: \"k_regular\", degree: 4), \
               faults: [(at_ms: 1, for_ms: 2, fault: (kind: \"partition\", side: [0, 1]))], \
               expect: (heights_min: 7))";
    let plan = Plan::read(ron, Format::Ron).unwrap();
    assert_eq!(Plan::read(toml, Format::Toml), Ok(plan.clone()));
    assert_eq!(plan.dishonest[&2], Misbehaviour::Garbage);
    assert!(matches!(plan.faults[0].fault, Fault::Partition { .. }));
    assert_eq!(Format::of_path(Path::new("a/b.ron")), Ok(Format::Ron));
    let error = Format::of_path(Path::new("a/b.yaml")).unwrap_err();
    assert!(error.to_string().contains("b.yaml is neither"), "{error}");
}

#[test]
fn the_nearest_key_is_named() {
    let base = "seed = 1\nvalidators = 4\nfaults_ms = 1000\n";
    let cases = [
        ("calm_height = 3\n", "did you mean calm_heights?", "line 4"),
        ("[links]\nspeed = 3\n", "use one of delay_ms", "line 5"),
        ("[links]\ndelays_ms = 3\n", "did you mean delay_ms?", "line 5"),
        ("[topology]\nkind = \"rings\"\n", "did you mean ring?", "rings"),
        ("[expect]\nverdit = \"pass\"\n", "did you mean verdict?", "line 5"),
        ("[[faults]]\nat_ms = 1\nfor_ms = 1\nfault = { kind = \"crush\", node = 1 }\n", "did you mean crash?", "crush"),
    ];
    for (more, hint, place) in cases {
        let error = Plan::from_toml(&format!("{base}{more}")).unwrap_err();
        assert!(matches!(error, PlanError::Unknown { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(hint) && text.contains(place), "{text}");
    }
    let ron = Plan::from_ron("(seed: 1, validator: 4, faults_ms: 1000)").unwrap_err();
    assert!(ron.to_string().contains("did you mean validators?"), "{ron}");
    let ron = Plan::from_ron("(seed: 1, validators: 4, faults_ms: 1000, topology: (kind: \"rign\"))").unwrap_err();
    assert!(ron.to_string().contains("did you mean ring?"), "{ron}");
}

#[test]
fn a_network_that_cannot_be_is_refused() {
    let base = "seed = 1\nvalidators = 4\nfaults_ms = 1000\n";
    let cases = [
        ("[topology]\nkind = \"star\"\nhub = 4\n", "as hub"),
        ("[topology]\nkind = \"k_regular\"\ndegree = 4\n", "fewer than there are nodes"),
        ("[topology]\nkind = \"small_world\"\ndegree = 3\nshortcut_ppm = 1\n", "an even number"),
        ("[topology]\nkind = \"small_world\"\ndegree = 2\nshortcut_ppm = 1000001\n", "shortcut_ppm"),
        ("[topology]\nkind = \"scale_free\"\nlinks = 0\n", "as links"),
        ("[[regions]]\nname = \"a\"\nvalidators = [4]\n", "validator 4 is named"),
        ("[[regions]]\nname = \"a\"\nvalidators = [1]\n[[regions]]\nname = \"b\"\nvalidators = [1]\n", "region b"),
        ("[[routes]]\nbetween = [\"a\", \"b\"]\ndelay_ms = 1\n", "names the region a"),
        (
            "[[phases]]\nfrom_ms = 5\ntraffic = { kind = \"idle\" }\n[[phases]]\nfrom_ms = 5\ntraffic = { kind = \"idle\" }\n",
            "at 5 ms",
        ),
        ("[[phases]]\nfrom_ms = 5\ntraffic = { kind = \"poisson\", per_second = 201 }\n", "per_second is 201"),
        ("[[phases]]\nfrom_ms = 5\ntraffic = { kind = \"bursty\", burst = 9, every_ms = 9 }\n", "every_ms is 9"),
        ("[expect]\nverdict = \"fine\"\n", "`fine`"),
        ("seeds = 0\n", "seeds is 0"),
        ("[staking]\nlottery_seats = 65\n[identities]\n", "lottery_seats is 65"),
        ("[staking]\nlottery_seats = 1\n", "add [identities]"),
    ];
    for (more, expected) in cases {
        let error = Plan::from_toml(&format!("{base}{more}")).expect_err(more);
        assert!(error.to_string().contains(expected) && error.to_string().contains("next: "), "{error}");
    }
    let odd =
        Plan::from_toml("seed = 1\nvalidators = 5\nfaults_ms = 1\n[topology]\nkind = \"k_regular\"\ndegree = 3\n");
    assert!(odd.unwrap_err().to_string().contains("odd"));
}

#[test]
fn profiles_are_the_scenarios_of_the_project() {
    for name in sim::profiles::names() {
        let path = format!("{}/../scenarios/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(profile(name).unwrap(), Plan::from_toml(&text).unwrap(), "{name}");
    }
    let unknown = profile("tempest").unwrap_err();
    assert!(unknown.to_string().contains("canary-rolling"), "{unknown}");
}
