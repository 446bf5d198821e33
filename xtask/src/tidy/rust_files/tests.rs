//! Each rule for Rust files finds what it is for and leaves the rest alone.

use super::*;

fn found(path: &str, text: &str) -> Vec<String> {
    let snapshot = Snapshot::of(&[(path, text)]);
    check(&snapshot).iter().map(ToString::to_string).collect()
}

/// A file with a header and `body`.
fn found_in(body: &str) -> Vec<String> {
    found("crates/x/src/a.rs", &format!("//! Header.\n{body}"))
}

fn function(name: &str, lines: usize) -> String {
    format!("fn {name}() {{\n{}}}\n", "    work();\n".repeat(lines - 2))
}

#[test]
fn a_file_without_a_header_is_found() {
    assert!(found("a.rs", "fn f() {}\n")[0].starts_with("a.rs:1: a file opens with"));
    assert!(found("a.rs", "")[0].contains("opens with"));
    assert!(found("a.rs", "//!\n")[0].contains("opens with"));
    assert!(found("a.rs", "//! Placeholder.\n")[0].contains("placeholder"));
    assert!(found_in("fn f() {}\n").is_empty());
}

#[test]
fn a_file_may_have_600_lines_and_its_tests_do_not_count() {
    let body = "const A: u8 = 1;\n".repeat(599);
    assert!(found_in(&body).is_empty());
    let longer = format!("{body}const B: u8 = 1;\n");
    assert!(found_in(&longer)[0].contains("601 lines outside tests"));
    let tests = format!("{body}#[cfg(test)]\nmod tests {{\n    fn f() {{}}\n}}\n");
    assert!(found_in(&tests).is_empty());
    for path in ["a/src/tests.rs", "a/tests/it/main.rs", "a/src/b/tests/c.rs"] {
        assert!(found(path, &format!("//! Header.\n{longer}")).is_empty(), "{path}");
    }
}

#[test]
fn code_after_a_test_module_counts() {
    let text =
        format!("#[cfg(test)]\nmod tests {{\n{}}}\n{}", "    const A: u8 = 1;\n".repeat(700), function("after", 71));
    assert!(found_in(&text)[0].contains("a.rs:705: `after` has 71 lines"), "{:?}", found_in(&text));
}

#[test]
fn a_function_may_have_70_lines() {
    assert!(found_in(&function("fits", 70)).is_empty());
    assert!(found_in(&function("long", 71))[0].contains(":2: `long` has 71 lines"));
    let short = format!("{}{}", function("one", 40), function("two", 40));
    assert!(found_in(&short).is_empty());
}

#[test]
fn functions_are_found_with_every_qualifier_and_header() {
    let work = "        work();\n".repeat(80);
    let wide = format!(
        "impl A {{\n    pub(crate) async unsafe fn wide<T>(\n        a: T,\n    ) -> [u8; 2]\n    where\n        T: B,\n    {{\n{work}    }}\n}}\n"
    );
    let found = found_in(&wide);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains(":3: `wide` has 87 lines"), "{found:?}");
}

#[test]
fn declarations_without_a_body_end_where_they_end() {
    let filler = "    const A: u8 = 1;\n".repeat(80);
    let text = format!("trait A {{\n    fn one(&self);\n    fn two(\n        a: u8,\n    ) -> [u8; 2];\n{filler}}}\n");
    assert!(found_in(&text).is_empty(), "{:?}", found_in(&text));
}

#[test]
fn a_brace_in_a_string_does_not_end_a_function() {
    let text = format!("fn f() {{\n    a(\"\n}}\n\");\n{}}}\n", "    work();\n".repeat(70));
    assert!(found_in(&text)[0].contains("`f` has 75 lines"), "{:?}", found_in(&text));
}

#[test]
fn banned_words_are_found_however_they_are_written() {
    for identifier in
        ["block_number", "BlockNumber", "GAS_LIMIT", "gas", "AppHash", "isLeader", "PeerManager", "on_view_change"]
    {
        let found = found_in(&format!("const {identifier}: u8 = 1;\n"));
        assert_eq!(found.len(), 1, "{identifier}: {found:?}");
        assert!(found[0].contains(":2: the identifier"), "{found:?}");
    }
    for fine in ["gasket", "block_count", "viewer", "apps_hash", "misleading", "leaders_only_x"] {
        assert!(found_in(&format!("const {fine}: u8 = 1;\n")).is_empty(), "{fine}");
    }
}

#[test]
fn banned_words_may_stand_in_text_but_not_in_file_names() {
    assert!(found_in("// the leader of the gas utils\nconst A: &str = \"leader\";\n").is_empty());
    assert!(found("a/src/utils.rs", "//! Header.\n")[0].contains("the name `utils`"));
    assert!(found("a/gas/mod.rs", "//! Header.\n")[0].contains("the name `gas`"));
}

#[test]
fn unfinished_code_is_found() {
    assert!(found_in("fn f() {\n    todo!();\n}\n")[0].contains(":3: `todo!`"));
    assert!(found_in("fn f() {\n    unimplemented!(\"x\");\n}\n")[0].contains("`unimplemented!`"));
    let comment = format!("// {}: later\n", UNFINISHED_MARKS[0]);
    assert!(found_in(&comment)[0].contains("do it or drop the comment"));
    assert!(found_in("const A: &str = \"todo!\";\n").is_empty());
}
