//! House rules that a compiler cannot hold: who may use whom, how long a file may be, that exceptions say why.

#![expect(clippy::unwrap_used, reason = "tests, helpers included, stop at the first surprise")]

use std::{
    collections::BTreeSet,
    fs, mem,
    path::{Path, PathBuf},
};

/// Layer by layer, lowest first: a module may use only what its line names.
const MAY_USE: &[(&str, &[&str])] = &[
    ("mailbox", &[]),
    ("mime", &[]),
    ("clock", &["mailbox"]),
    ("metrics", &[]),
    ("config", &["mailbox"]),
    ("http", &["clock", "config", "mailbox", "metrics"]),
    ("auth", &["clock", "config", "http", "mailbox"]),
    ("store", &["clock", "mailbox"]),
    ("backend", &["auth", "clock", "http", "mailbox", "metrics", "mime"]),
    (
        "account",
        &["auth", "backend", "clock", "config", "mailbox", "metrics", "mime", "store", "verdict"],
    ),
    ("net", &["clock", "config", "metrics"]),
    ("verdict", &["mailbox"]),
    ("front", &["account", "clock", "config", "mailbox", "metrics", "mime", "net", "verdict"]),
    ("admin", &["account", "auth", "config", "mailbox", "metrics", "net", "verdict"]),
];
/// These compose everything and may use everything.
const COMPOSERS: &[&str] = &["app", "cli", "demo", "lib", "main"];
/// The only modules that may know the protocol crate.
const KNOW_WIRE: &[&str] = &["front", "verdict"];
/// Only the demo and its composers start a tenant.
const KNOW_TENANT: &[&str] = COMPOSERS;
/// What a protocol made of values has no business with. Addresses are values too, sockets are not.
const NOT_IN_WIRE: &[&str] = &[
    "tokio",
    "std::time",
    "std::fs",
    "std::env",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "footbridge",
];
/// What a tenant that must not share our mistakes has no business with.
const NOT_IN_TENANT: &[&str] = &["wire", "footbridge"];
const LONGEST_FILE: usize = 500;

#[test]
fn modules_only_use_the_layers_below_them() {
    let mut broken = Vec::new();
    for (module, allowed) in MAY_USE {
        for path in sources_of(module) {
            for used in crate_modules_named_in(&code_of(&path)) {
                if used != *module && !allowed.contains(&used.as_str()) {
                    broken.push(format!("{}: {module} may not use {used}", path.display()));
                }
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn every_module_has_a_place_in_the_layers() {
    let placed: BTreeSet<&str> =
        MAY_USE.iter().map(|(module, _)| *module).chain(COMPOSERS.iter().copied()).collect();
    let homeless: Vec<_> =
        modules().into_iter().filter(|module| !placed.contains(module.as_str())).collect();
    assert_none(&homeless);
}

#[test]
fn only_the_front_speaks_wire_and_only_the_demo_starts_a_tenant() {
    let mut broken = Vec::new();
    for module in modules() {
        for path in sources_of(&module) {
            let code = code_of(&path);
            for (name, knowing) in [("wire", KNOW_WIRE), ("m365_sim", KNOW_TENANT)] {
                if !knowing.contains(&module.as_str()) && names_crate(&code, name) {
                    broken
                        .push(format!("{}: {module} may not use the crate {name}", path.display()));
                }
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn wire_knows_no_socket_no_clock_and_no_bridge() {
    assert_none(&uses_of(NOT_IN_WIRE, "crates/wire/src"));
}

#[test]
fn the_simulator_shares_no_code_with_the_bridge() {
    assert_none(&uses_of(NOT_IN_TENANT, "crates/m365-sim/src"));
    let manifest = fs::read_to_string(root().join("crates/m365-sim/Cargo.toml")).unwrap();
    let lines = manifest.lines().map(str::trim_start);
    let shared: Vec<_> = lines
        .filter(|line| NOT_IN_TENANT.iter().any(|name| depends_on(line, name)))
        .map(String::from)
        .collect();
    assert_none(&shared);
}

#[test]
fn no_file_outgrows_a_reader() {
    let mut long = Vec::new();
    for path in all_sources() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        if lines > LONGEST_FILE {
            long.push(format!("{}: {lines} lines", path.display()));
        }
    }
    assert_none(&long);
}

#[test]
fn every_exception_to_a_lint_gives_its_reason() {
    let mut silent = Vec::new();
    for path in all_sources() {
        let text = fs::read_to_string(&path).unwrap();
        for marker in [concat!("#[", "expect("), concat!("#![", "expect(")] {
            for (at, _) in text.match_indices(marker) {
                let end = text[at..].find(")]").map_or(text.len(), |length| at + length);
                if !text[at..end].contains("reason = \"") {
                    silent.push(format!(
                        "{}: {}",
                        path.display(),
                        text[at..end].lines().next().unwrap()
                    ));
                }
            }
        }
    }
    assert_none(&silent);
}

#[test]
fn the_example_configuration_shows_every_section_the_code_reads() {
    let example = fs::read_to_string(root().join("config/footbridge.example.toml")).unwrap();
    let shown: BTreeSet<String> = example
        .lines()
        .filter_map(|line| {
            line.trim_start_matches("# ").strip_prefix('[')?.strip_suffix(']').map(String::from)
        })
        .collect();
    let mut missing = BTreeSet::new();
    for path in sources_of("config") {
        for section in sections_read_in(&code_of(&path)) {
            if !shown.contains(&section) {
                missing.insert(section);
            }
        }
    }
    assert_none(&Vec::from_iter(missing));
}

#[test]
fn grouped_and_plain_imports_are_both_seen() {
    let seen = crate_modules_named_in(
        "use crate::{mailbox::{Uid, Fault}, store};\nlet x = crate::backend::go();",
    );
    assert_eq!(seen, ["backend", "mailbox", "store"].map(String::from).into());
}

#[test]
fn a_crate_is_recognised_by_its_path_only() {
    assert!(names_crate("use wire::imap;", "wire"));
    assert!(names_crate("fn f(x: &wire::Set) {}", "wire"));
    assert!(!names_crate("crate::wire::x; hard_wire::y; let wire = 1;", "wire"));
}

fn assert_none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn all_sources() -> Vec<PathBuf> {
    ["src", "crates", "tests", "benches"]
        .iter()
        .flat_map(|folder| rust_files(&root().join(folder)))
        .collect()
}

/// Names of the top-level modules of the bridge.
fn modules() -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("src")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter_map(|path| path.file_stem()?.to_str().map(String::from)).collect()
}

fn sources_of(module: &str) -> Vec<PathBuf> {
    let source = root().join("src");
    let file = source.join(format!("{module}.rs"));
    let mut files = rust_files(&source.join(module));
    files.extend(file.exists().then_some(file));
    files
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The file without its comment lines, and without tests: prose and tests may name anything.
fn code_of(path: &Path) -> String {
    let only_tests = |part: &str| part == "tests" || part.ends_with("tests.rs");
    if path.strip_prefix(root()).unwrap().iter().any(|part| only_tests(part.to_str().unwrap())) {
        return String::new();
    }
    let text = fs::read_to_string(path).unwrap();
    let production = text.split("#[cfg(test)]\nmod ").next().unwrap();
    let code = production.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

fn uses_of(names: &[&str], folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for path in rust_files(&root().join(folder)) {
        let code = code_of(&path);
        let is_type = |name: &str| name.starts_with(char::is_uppercase);
        let used = names
            .iter()
            .filter(|name| names_crate(&code, name) || (is_type(name) && code.contains(**name)));
        found.extend(used.map(|name| format!("{}: may not use {name}", path.display())));
    }
    found
}

/// Whether `name::` stands in the text as the beginning of a path.
fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(&format!("{name}::")).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':')
    })
}

fn depends_on(manifest_line: &str, name: &str) -> bool {
    manifest_line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
}

/// Every `section` in `"section.key"`, and every section handed to a function that reads a listener.
fn sections_read_in(code: &str) -> BTreeSet<String> {
    let mut sections = BTreeSet::new();
    for call in ["reader.", "reader, "] {
        for (at, _) in code.match_indices(call) {
            let Some((_, rest)) = code[at..].split_once('"') else { continue };
            let Some((key, _)) = rest.split_once('"') else { continue };
            let listener = call == "reader, ";
            if let Some((section, _)) =
                key.split_once('.').or_else(|| listener.then_some((key, "")))
            {
                let plain = section.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
                sections.extend((plain && !section.is_empty()).then(|| section.to_owned()));
            }
        }
    }
    sections
}

/// Every `x` in `crate::x`, grouped imports such as `use crate::{a, b::C}` included.
fn crate_modules_named_in(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                found.extend(top_items(group).iter().filter_map(|item| first_segment(item)))
            }
            None => found.extend(first_segment(rest)),
        }
    }
    found
}

/// The items of an import group, up to its closing brace, inner groups cut short.
fn top_items(group: &str) -> Vec<String> {
    let (mut depth, mut item, mut items) = (0, String::new(), Vec::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => items.push(mem::take(&mut item)),
            c if depth == 0 => item.push(c),
            _ => {}
        }
    }
    items.push(item);
    items
}

fn first_segment(path: &str) -> Option<String> {
    let name: String =
        path.trim_start().chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}
