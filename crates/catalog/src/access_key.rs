use alluvium_oss::{OwnerId, Secret, UnixTime};

/// A pair of identifier and secret with which an owner signs requests.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// The public half, as it stands in requests.
    pub id: String,
    /// The private half; prints as `***`.
    pub secret: Secret,
    /// On whose behalf the key acts.
    pub owner: OwnerId,
    /// Whether requests signed with it are accepted.
    pub enabled: bool,
    /// When it was made.
    pub created: UnixTime,
}
