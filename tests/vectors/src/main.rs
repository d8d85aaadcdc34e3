//! Writes the vectors that are made by hand: `cargo run -p alluvium-vectors`.

use anyhow::Context;

fn main() -> anyhow::Result<()> {
    for (name, capture) in alluvium_vectors::made() {
        let path = alluvium_vectors::path(name);
        std::fs::write(&path, capture.to_bytes()).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
