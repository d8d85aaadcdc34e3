/// The codes that Alluvium sends to a publisher in `onStatus` or `_error` (specification 7.2.2.6, and usage).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusCode {
    /// `NetConnection.Connect.Success`
    ConnectSuccess,
    /// `NetConnection.Connect.Rejected`: no such application, or it may not be reached so.
    ConnectRejected,
    /// `NetConnection.Call.Failed`: a command that means nothing here.
    CallFailed,
    /// `NetStream.Publish.Start`
    PublishStart,
    /// `NetStream.Publish.BadName`: the name is taken, missing or unknown.
    PublishBadName,
    /// `NetStream.Publish.Denied`: this publisher may not publish here.
    PublishDenied,
    /// `NetStream.Unpublish.Success`
    UnpublishSuccess,
    /// `NetStream.Play.Failed`: there is no playing over RTMP here.
    PlayFailed,
    /// `NetStream.Failed`: a running publish cannot go on.
    Failed,
    /// `NetStream.Health.Notice`: a running publish goes on, and could be better. A code of our own: encoders take some
    /// that begin with `NetStream.Publish`, and some that end with `Failed`, for the end.
    HealthNotice,
}

impl StatusCode {
    /// The code as it goes over the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            StatusCode::ConnectSuccess => "NetConnection.Connect.Success",
            StatusCode::ConnectRejected => "NetConnection.Connect.Rejected",
            StatusCode::CallFailed => "NetConnection.Call.Failed",
            StatusCode::PublishStart => "NetStream.Publish.Start",
            StatusCode::PublishBadName => "NetStream.Publish.BadName",
            StatusCode::PublishDenied => "NetStream.Publish.Denied",
            StatusCode::UnpublishSuccess => "NetStream.Unpublish.Success",
            StatusCode::PlayFailed => "NetStream.Play.Failed",
            StatusCode::Failed => "NetStream.Failed",
            StatusCode::HealthNotice => "NetStream.Health.Notice",
        }
    }

    /// `status` or `error`: encoders stop at the second and show the description.
    pub fn level(self) -> &'static str {
        match self {
            StatusCode::ConnectSuccess
            | StatusCode::PublishStart
            | StatusCode::UnpublishSuccess
            | StatusCode::HealthNotice => "status",
            StatusCode::ConnectRejected
            | StatusCode::CallFailed
            | StatusCode::PublishBadName
            | StatusCode::PublishDenied
            | StatusCode::PlayFailed
            | StatusCode::Failed => "error",
        }
    }
}

/// Why a publish is refused, in a code for the encoder and words for its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// The code.
    pub code: StatusCode,
    /// The words; encoders show them.
    pub description: &'a str,
}
