//! Rules for Markdown: links lead somewhere, and the map names every crate.

use crate::tidy::Finding;
use crate::tidy::manifests::members;
use crate::tidy::tree::{File, Tree};

/// The pages that list the crates, where they exist.
const MAPS: &[&str] = &["README.md", "docs/architecture.md"];

/// Every rule for every `.md` file.
pub(crate) fn findings(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.ending(".md") {
        findings.extend(dead_links(tree, file));
        if MAPS.contains(&file.path) {
            findings.extend(unnamed_crates(tree, file));
        }
    }
    findings
}

fn dead_links(tree: &Tree, file: File<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut in_fence = false;
    for (number, line) in file.lines() {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
        }
        if in_fence {
            continue;
        }
        for target in targets(line).filter(|target| is_relative(target)) {
            let path = target.split('#').next().unwrap_or_default();
            if !resolve(file.path, path).is_some_and(|path| tree.holds(&path)) {
                findings.push(file.finding(number, format!("the link leads nowhere: {target}")));
            }
        }
    }
    findings
}

/// What stands in the parentheses of `[text](target "title")`, outside of `code`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    // Every second piece between backticks is code.
    line.split('`').step_by(2).flat_map(|prose| {
        prose.split("](").skip(1).filter_map(|rest| {
            let target = rest.split(')').next()?;
            target.split_whitespace().next()
        })
    })
}

/// Addresses, places in the same page and paths of Rust items are not files.
fn is_relative(target: &str) -> bool {
    !(target.contains("://")
        || target.starts_with("mailto:")
        || target.starts_with('#')
        || target.contains("::"))
}

/// The path that `target` means in the page at `page`; nothing if it leaves the repository.
fn resolve(page: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut parts = page.split('/').collect::<Vec<_>>();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

fn unnamed_crates(tree: &Tree, map: File<'_>) -> Vec<Finding> {
    members(tree)
        .filter(|name| !map.text.contains(name))
        .map(|name| map.finding(1, format!("the crate `{name}` is not on this page")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines<const N: usize>(files: [(&str, &str); N]) -> Vec<String> {
        findings(&Tree::from(files))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn links_resolve_from_their_own_page() {
        let page = "[up](../README.md#top) [side](dash.md) ![picture](./a/b.svg \"title\")\n\
                    [folder](../docs) [web](https://example.org/x) [here](#there)\n\
                    [item](crate::Cut) `[code](gone.md)`\n```text\n[fence](gone.md)\n```\n";
        let tree = [
            ("README.md", ""),
            ("docs/rdb.md", page),
            ("docs/dash.md", ""),
            ("docs/a/b.svg", ""),
        ];
        assert_eq!(lines(tree), [""; 0]);
    }

    #[test]
    fn a_dead_link_is_found_with_its_line() {
        let page = "# A\n\n[gone](gone.md) and [out](../../x.md) and [root](/etc/hosts)\n";
        assert_eq!(
            lines([("docs/rdb.md", page)]),
            [
                "docs/rdb.md:3: the link leads nowhere: gone.md",
                "docs/rdb.md:3: the link leads nowhere: ../../x.md",
                "docs/rdb.md:3: the link leads nowhere: /etc/hosts",
            ]
        );
    }

    #[test]
    fn the_link_after_inline_code_still_counts() {
        assert_eq!(
            lines([("a.md", "`code` [gone](gone.md)\n")]),
            ["a.md:1: the link leads nowhere: gone.md"]
        );
        assert_eq!(
            lines([("a.md", "[`code`](gone.md)\n")]),
            ["a.md:1: the link leads nowhere: gone.md"]
        );
    }

    #[test]
    fn the_map_names_every_crate() {
        let manifest = "[package]\n";
        let tree = [
            ("README.md", "only `snapshot`\n"),
            ("snapshot/Cargo.toml", manifest),
            ("dash-table/Cargo.toml", manifest),
        ];
        assert_eq!(
            lines(tree),
            ["README.md:1: the crate `dash-table` is not on this page"]
        );
    }
}
