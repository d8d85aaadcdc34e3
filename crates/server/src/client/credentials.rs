use alluvium_oss::Secret;

/// What requests are signed with.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret: Secret,
    /// The session token, of temporary credentials.
    pub(crate) security_token: Option<Secret>,
}
