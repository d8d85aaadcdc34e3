//! Holds `docs/api-compatibility.md` to the code, so that what it tells users stays true.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, iter};

use alluvium_oss::ErrorCode;

use super::{Operation, TABLE, Target, UNSUPPORTED};
use crate::error;

const DOCUMENT: &str = include_str!("../../../../docs/api-compatibility.md");

/// The text below a heading.
fn section(heading: &str) -> &'static str {
    let (_, rest) = DOCUMENT.split_once(&format!("\n## {heading}\n")).expect(heading);
    rest.split("\n## ").next().expect("split has a first piece")
}

/// The cells of a section's table, its head aside.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let lines = section(heading).lines().filter(|line| line.starts_with('|')).skip(2);
    lines
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// Every text between backticks.
fn quoted(text: &'static str) -> BTreeSet<&'static str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[track_caller]
fn check<T: Ord + std::fmt::Debug>(documented: BTreeSet<T>, true_of_the_code: BTreeSet<T>) {
    let missing: Vec<_> = true_of_the_code.difference(&documented).collect();
    let wrong: Vec<_> = documented.difference(&true_of_the_code).collect();
    assert!(
        missing.is_empty() && wrong.is_empty(),
        "the documentation lacks {missing:#?}, and says what is not so: {wrong:#?}"
    );
}

#[test]
fn every_operation_is_told_with_its_request() {
    let documented = rows("Operations").into_iter().map(|row| {
        assert!(["full", "partial", "not offered"].contains(&row[2]), "{row:?}");
        assert!(
            row[2] != "partial" || row[3].len() > 10,
            "{row:?} does not say what is missing"
        );
        (row[0].to_owned(), row[1].to_owned(), row[2] != "not offered")
    });
    let offered = TABLE.iter().map(|(verb, targets, when, operation)| {
        let path = match targets.last().expect("a row has a target") {
            Target::Service => "/",
            Target::Bucket => "/BUCKET",
            Target::Object => "/BUCKET/KEY",
            Target::Own => unreachable!("what is Alluvium's own is not in the table"),
        };
        let parameters: Vec<String> = when
            .iter()
            .map(|(name, value)| iter::once(*name).chain(*value).collect::<Vec<_>>().join("="))
            .collect();
        let query = if parameters.is_empty() { "" } else { "?" };
        let request = format!("`{verb} {path}{query}{}`", parameters.join("&"));
        match operation {
            Operation::Unsupported(what) => ((*what).to_owned(), request, false),
            offered => (format!("{offered:?}"), request, true),
        }
    });
    check(documented.collect(), offered.collect());
}

#[test]
fn it_is_told_of_every_operation_whom_it_is_open_to() {
    let document = include_str!("../../../../docs/security.md");
    let (_, rights) = document.split_once("\n| operation | open to |\n").expect("the table");
    let rows = rights.lines().skip(1).take_while(|line| line.starts_with('|'));
    let documented = rows
        .filter_map(|row| row.split('|').nth(1))
        .map(|name| name.trim().to_owned());
    let offered = TABLE.iter().filter_map(|(.., operation)| match operation {
        Operation::Unsupported(_) => None,
        offered => Some(format!("{offered:?}")),
    });
    check(documented.collect(), offered.collect());
}

#[test]
fn parameters_that_are_not_offered_are_told() {
    let told = section("Parameters that are not offered")
        .split_once("\n\n`")
        .expect("a list follows the sentence")
        .1;
    // The list's first quote was cut off with the sentence.
    let told = told.split(['`', ' ', '\n']).filter(|name| !name.is_empty());
    check(told.collect(), UNSUPPORTED.iter().copied().collect());
}

#[test]
fn every_code_is_told_with_its_status_and_number() {
    let told = rows("Error codes").into_iter().map(|row| {
        let status: u16 = row[1].parse().expect("a status is a number");
        (row[0].to_owned(), status, row[2].to_owned())
    });
    let codes = ErrorCode::ALL.iter().map(|code| {
        let answer = error::response(&(*code).into(), "", "", false);
        let ec = code.ec().unwrap_or_default();
        (code.to_string(), answer.status().as_u16(), ec.to_owned())
    });
    check(told.collect(), codes.collect());
}

#[test]
fn every_header_and_parameter_of_the_service_is_told() {
    for row in rows("Headers and parameters") {
        assert!(
            ["full", "partial", "ignored", "not offered"].contains(&row[2]),
            "{row:?}"
        );
        assert!(
            row[2] != "partial" || !row[3].is_empty(),
            "{row:?} does not say what is missing"
        );
    }
    let told = quoted(DOCUMENT);
    let mut known = BTreeSet::new();
    for room in ["../api/src", "../oss/src"] {
        literals(&Path::new(env!("CARGO_MANIFEST_DIR")).join(room), &mut known);
    }
    assert!(known.len() > 20, "the sources were not read: {known:?}");
    let untold: Vec<_> = known
        .iter()
        .filter(|name| {
            let open = format!("{name}*");
            let family = |told: &&str| told.strip_suffix('*').is_some_and(|stem| name.starts_with(stem));
            !told.contains(name.as_str()) && !told.contains(open.as_str()) && !told.iter().any(family)
        })
        .collect();
    assert!(untold.is_empty(), "docs/api-compatibility.md does not name {untold:?}");
}

/// Collects the literals that begin with `x-oss-` from the sources of a folder.
fn literals(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the sources are beside the test") {
        let path = entry.expect("a folder can be read").path();
        if path.is_dir() {
            literals(&path, found);
        } else {
            let text = fs::read_to_string(&path).expect("a source is text");
            let pieces = text.split("\"x-oss-").skip(1);
            let names = pieces.filter_map(|piece| piece.split_once('"')).map(|(name, _)| name);
            let plain = |name: &&str| {
                !name.is_empty()
                    && name
                        .bytes()
                        .all(|byte| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
            };
            found.extend(names.filter(plain).map(|name| format!("x-oss-{name}")));
        }
    }
}
