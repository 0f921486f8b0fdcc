//! Rules for manifests: the layers, and the lints that every crate inherits.

use crate::tidy::Finding;
use crate::tidy::tree::{File, Tree};

/// Each crate, and the workspace crates it may name, dev-dependencies included.
const LAYERS: &[(&str, &[&str])] = &[
    ("rdb-format", &[]),
    ("dash-table", &[]),
    ("shard-runtime", &[]),
    ("aligned-io", &[]),
    ("epaxos-store", &[]),
    (
        "snapshot",
        &[
            "rdb-format",
            "dash-table",
            "shard-runtime",
            "aligned-io",
            "epaxos-store",
        ],
    ),
    (
        "forkless",
        &[
            "rdb-format",
            "dash-table",
            "shard-runtime",
            "aligned-io",
            "epaxos-store",
            "snapshot",
        ],
    ),
    ("xtask", &[]),
];

/// Crates from outside that only one crate may name, because of what they cost to build.
const ONLY_IN: &[(&str, &str)] = &[("rocksdb", "epaxos-store")];

/// Dependencies that a crate may have only behind a feature.
const ONLY_OPTIONAL: &[(&str, &str)] =
    &[("snapshot", "epaxos-store"), ("forkless", "epaxos-store")];

/// Every rule for every member's manifest.
///
/// A manifest that opens a workspace of its own (the root, a fuzz crate) is no member.
pub(crate) fn findings(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree
        .ending("Cargo.toml")
        .filter(|file| file.name() == "Cargo.toml")
    {
        if sections(file).any(|line| line.section == "workspace") {
            continue;
        }
        findings.extend(lints(file));
        findings.extend(layers(file));
    }
    findings
}

/// The names of the members that `tree` has a manifest of.
pub(crate) fn members(tree: &Tree) -> impl Iterator<Item = &'static str> {
    let names = LAYERS.iter().map(|(name, _)| *name);
    names.filter(|name| tree.text(&format!("{name}/Cargo.toml")).is_some())
}

/// One line of a manifest, with the table it stands in; a table's own line has no key.
#[derive(Debug)]
struct Line<'a> {
    number: usize,
    section: &'a str,
    key: &'a str,
    value: &'a str,
}

/// Splits a manifest into lines as far as these rules need it: one key on a line.
fn sections(file: File<'_>) -> impl Iterator<Item = Line<'_>> {
    let mut section = "";
    file.text
        .lines()
        .enumerate()
        .filter_map(move |(index, line)| {
            let number = index + 1;
            let line = line.split('#').next().unwrap_or_default().trim();
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_matches(['[', ']']);
                return Some(Line {
                    number,
                    section,
                    key: "",
                    value: "",
                });
            }
            let (key, value) = line.split_once('=')?;
            Some(Line {
                number,
                section,
                key: key.trim(),
                value: value.trim(),
            })
        })
}

fn lints(file: File<'_>) -> Option<Finding> {
    let inherited = |line: Line<'_>| {
        (line.section == "lints" && line.key == "workspace" && line.value == "true")
            || (line.section.is_empty() && line.key == "lints.workspace" && line.value == "true")
    };
    let found = sections(file).any(inherited);
    (!found).then(|| file.finding(1, "the manifest lacks `[lints] workspace = true`"))
}

fn layers(file: File<'_>) -> Vec<Finding> {
    let name = sections(file)
        .find(|line| line.section == "package" && line.key == "name")
        .map_or("", |line| line.value.trim_matches('"'));
    let Some((_, may_name)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
        return vec![file.finding(1, format!("`{name}` has no place in the layers"))];
    };
    let mut findings = Vec::new();
    for (line, dependency) in sections(file).filter_map(|line| named(&line).map(|to| (line, to))) {
        let is_member = LAYERS.iter().any(|(layer, _)| *layer == dependency);
        if is_member && !may_name.contains(&dependency) {
            let what = format!("`{name}` may not name `{dependency}`: arrows run down only");
            findings.push(file.finding(line.number, what));
        }
        if let Some((_, only)) = ONLY_IN
            .iter()
            .find(|(what, only)| *what == dependency && *only != name)
        {
            let what = format!("only `{only}` may name `{dependency}`");
            findings.push(file.finding(line.number, what));
        }
        let optional = line.value.contains("optional = true");
        if ONLY_OPTIONAL.contains(&(name, dependency)) && !optional && !line.key.is_empty() {
            let what = format!("`{name}` may name `{dependency}` only as `optional = true`");
            findings.push(file.finding(line.number, what));
        }
    }
    findings
}

/// The dependency that a line declares, whether as a key or as a table of its own.
fn named<'a>(line: &Line<'a>) -> Option<&'a str> {
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    let last = line.section.rsplit('.').next().unwrap_or_default();
    if !line.key.is_empty() && tables.contains(&last) {
        return line.key.split('.').next();
    }
    let (table, dependency) = line.section.rsplit_once('.')?;
    let last = table.rsplit('.').next().unwrap_or_default();
    (line.key.is_empty() && tables.contains(&last)).then_some(dependency)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINTS: &str = "[lints]\nworkspace = true\n";

    fn lines(path: &str, text: &str) -> Vec<String> {
        findings(&Tree::from([(path, text)]))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn member(name: &str, rest: &str) -> Vec<String> {
        let text = format!("[package]\nname = \"{name}\"\n{LINTS}{rest}");
        lines("m/Cargo.toml", &text)
    }

    #[test]
    fn snapshot_may_name_what_is_below() {
        let rest = "[dependencies]\nrdb-format.workspace = true\nthiserror = \"2\"\n\
                    epaxos-store = { workspace = true, optional = true }\n";
        assert_eq!(member("snapshot", rest), [""; 0]);
    }

    #[test]
    fn arrows_run_down_only() {
        let what = "`dash-table` may not name `snapshot`: arrows run down only";
        for (number, rest) in [
            (6, "[dependencies]\nsnapshot.workspace = true\n"),
            (6, "[dev-dependencies]\nsnapshot = { workspace = true }\n"),
            (6, "[target.'cfg(loom)'.dependencies]\nsnapshot = \"1\"\n"),
            (5, "[dependencies.snapshot]\nworkspace = true\n"),
        ] {
            assert_eq!(
                member("dash-table", rest),
                [format!("m/Cargo.toml:{number}: {what}")]
            );
        }
    }

    #[test]
    fn base_crates_do_not_name_each_other_even_in_tests() {
        let found = member(
            "aligned-io",
            "[dev-dependencies]\nrdb-format.workspace = true\n",
        );
        let what = "`aligned-io` may not name `rdb-format`: arrows run down only";
        assert_eq!(found, [format!("m/Cargo.toml:6: {what}")]);
    }

    #[test]
    fn the_slow_build_stays_in_one_crate_and_behind_a_feature() {
        assert_eq!(
            member("epaxos-store", "[dependencies]\nrocksdb = \"0.25\"\n"),
            [""; 0]
        );
        assert_eq!(
            member(
                "snapshot",
                "[dependencies]\nrocksdb = \"0.25\"\nepaxos-store = \"0.1\"\n"
            ),
            [
                "m/Cargo.toml:6: only `epaxos-store` may name `rocksdb`",
                "m/Cargo.toml:7: `snapshot` may name `epaxos-store` only as `optional = true`",
            ]
        );
    }

    #[test]
    fn a_new_crate_needs_a_place_in_the_layers() {
        assert_eq!(
            member("extra", ""),
            ["m/Cargo.toml:1: `extra` has no place in the layers"]
        );
    }

    #[test]
    fn lints_are_inherited() {
        let missing = "m/Cargo.toml:1: the manifest lacks `[lints] workspace = true`";
        let package = "[package]\nname = \"xtask\"\n";
        assert_eq!(lines("m/Cargo.toml", package), [missing]);
        assert_eq!(
            lines("m/Cargo.toml", &format!("{package}[lints.rust]\n")),
            [missing]
        );
        let dotted = format!("lints.workspace = true\n{package}");
        assert_eq!(lines("m/Cargo.toml", &dotted), [""; 0]);
    }

    #[test]
    fn a_workspace_of_its_own_is_no_member() {
        let fuzz = "[package]\nname = \"rdb-format-fuzz\"\n[workspace]\n";
        assert_eq!(lines("rdb-format/fuzz/Cargo.toml", fuzz), [""; 0]);
    }
}
