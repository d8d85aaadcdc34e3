use std::collections::BTreeMap;

use crate::Condition;

/// What there is: the objects of a bucket, and the uploads to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct World {
    /// By key.
    pub(super) objects: BTreeMap<String, Fact>,
    /// By id: the key, and the parts by number.
    pub(super) uploads: BTreeMap<String, (String, BTreeMap<u32, Fact>)>,
}

/// What is known of an object or a part; its ETag is its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) length: u64,
    pub(super) crc64: u64,
    pub(super) etag: String,
}

/// A change that was asked for.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Put {
        key: String,
        fact: Fact,
        condition: Condition,
    },
    Delete {
        key: String,
    },
    Begin {
        id: String,
        key: String,
    },
    Part {
        id: String,
        number: u32,
        fact: Fact,
    },
    Complete {
        id: String,
        key: String,
        /// Number and ETag.
        parts: Vec<(u32, String)>,
        fact: Fact,
        condition: Condition,
    },
    Abort {
        id: String,
    },
}

/// Why a change is not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Exists,
    Precondition,
    NoUpload,
    /// The source of a copy.
    NotFound,
    Part(u32),
}

impl World {
    /// Makes a change, or refuses it.
    pub(super) fn apply(&mut self, asked: &Asked) -> Result<(), Refused> {
        match asked.clone() {
            Asked::Put { key, fact, condition } => self.put(key, fact, &condition)?,
            Asked::Delete { key } => drop(self.objects.remove(&key)),
            Asked::Begin { id, key } => drop(self.uploads.insert(id, (key, BTreeMap::new()))),
            Asked::Part { id, number, fact } => {
                let (_, parts) = self.uploads.get_mut(&id).ok_or(Refused::NoUpload)?;
                parts.insert(number, fact);
            }
            Asked::Complete {
                id,
                key,
                parts,
                fact,
                condition,
            } => {
                self.has_parts(&id, &parts)?;
                self.put(key, fact, &condition)?;
                self.uploads.remove(&id);
            }
            Asked::Abort { id } => drop(self.uploads.remove(&id).ok_or(Refused::NoUpload)?),
        }
        Ok(())
    }

    /// Whether an upload has parts of these numbers and ETags.
    pub(super) fn has_parts(&self, id: &str, chosen: &[(u32, String)]) -> Result<(), Refused> {
        let (_, parts) = self.uploads.get(id).ok_or(Refused::NoUpload)?;
        let missing = |(number, etag): &&(u32, String)| parts.get(number).is_none_or(|part| part.etag != *etag);
        match chosen.iter().find(missing) {
            Some((number, _)) => Err(Refused::Part(*number)),
            None => Ok(()),
        }
    }

    fn put(&mut self, key: String, fact: Fact, condition: &Condition) -> Result<(), Refused> {
        match (condition, self.objects.get(&key)) {
            (Condition::Absent, Some(_)) => return Err(Refused::Exists),
            (Condition::Etag(etag), found) if found.is_none_or(|found| found.etag != *etag) => {
                return Err(Refused::Precondition);
            }
            _ => {}
        }
        self.objects.insert(key, fact);
        Ok(())
    }
}
