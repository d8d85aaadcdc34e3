//! Every store keeps every promise; a faulty one without faults is no exception.

use std::sync::Arc;

use alluvium_store::{FaultyStore, LocalStore, LocalStoreConfig, MemoryStore, ObjectStore, conformance::Subject};
use tempfile::TempDir;

fn subject(store: impl FnOnce(&TempDir) -> Arc<dyn ObjectStore>) -> (Subject, TempDir) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    (
        Subject {
            store: store(&folder),
            scratch: folder.path().to_owned(),
        },
        folder,
    )
}

fn local_store(folder: &TempDir, config: LocalStoreConfig) -> Arc<dyn ObjectStore> {
    Arc::new(LocalStore::open(&folder.path().join("store"), config).expect("it can be opened"))
}

mod memory {
    use super::*;
    alluvium_store::object_store_conformance!(|| subject(|_| Arc::new(MemoryStore::new())));
}

mod local {
    use super::*;
    alluvium_store::object_store_conformance!(|| subject(|folder| local_store(folder, LocalStoreConfig::default())));
}

/// One thread of each kind, hardly a queue, and nothing inline.
mod local_narrow {
    use super::*;
    const NARROW: LocalStoreConfig = LocalStoreConfig {
        inline_bytes_max: 0,
        reads_max: 1,
        writes_max: 1,
        queue_length_max: 8,
        hot_bytes_max: 0,
        hot_files_max: 0,
    };
    alluvium_store::object_store_conformance!(|| subject(|folder| local_store(folder, NARROW)));
}

/// Hardly anything stays hot, and all else goes for it.
mod local_crowded {
    use super::*;
    fn crowded() -> LocalStoreConfig {
        LocalStoreConfig {
            hot_bytes_max: 4096,
            hot_files_max: 1,
            ..LocalStoreConfig::default()
        }
    }
    alluvium_store::object_store_conformance!(|| subject(|folder| local_store(folder, crowded())));
}

mod faulty {
    use super::*;
    alluvium_store::object_store_conformance!(|| subject(|_| Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())))));
}
