use alluvium_oss::{OwnerId, Secret, SecurityToken, UnixTime};

/// A pair of identifier and secret with which an owner signs requests.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// The public half, as it stands in requests.
    pub id: String,
    /// The private half; prints as `***`.
    pub secret: Secret,
    /// On whose behalf the key acts.
    pub owner: OwnerId,
    /// The token without which the key is nothing, and the end of both; `None` for a key that lasts.
    pub security_token: Option<SecurityToken>,
    /// Whether requests signed with it are accepted.
    pub enabled: bool,
    /// When it was made.
    pub created: UnixTime,
}
