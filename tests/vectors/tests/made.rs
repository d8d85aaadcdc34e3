//! The files are what their generator makes.

use std::collections::BTreeSet;

#[test]
fn every_hand_made_file_is_what_its_generator_makes() {
    for (name, capture) in alluvium_vectors::made() {
        let file = std::fs::read(alluvium_vectors::path(name)).unwrap_or_default();
        assert!(
            file == capture.to_bytes(),
            "{name}.rtmp differs from its generator: `cargo run -p alluvium-vectors` writes it anew"
        );
    }
}

#[test]
fn names_are_given_once() {
    let made = alluvium_vectors::made();
    let names: BTreeSet<_> = made.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), made.len());
}

/// All vectors together are small enough to be cloned by everybody who builds the server.
#[test]
fn all_vectors_together_are_small() {
    let folder = alluvium_vectors::path("any");
    let entries = std::fs::read_dir(folder.parent().unwrap()).unwrap().map(Result::unwrap);
    let vectors = entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "rtmp"));
    let total: u64 = vectors.map(|entry| entry.metadata().unwrap().len()).sum();
    assert!(total < 3 << 20, "{total} bytes");
}
