//! What a live channel is configured to do, as PutLiveChannel sends it (contract, 1.1).

use crate::error::Error;
use crate::name::PlaylistName;
use crate::xml::Element;

/// Whether a channel accepts a publisher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ChannelStatus {
    /// It does.
    #[default]
    Enabled,
    /// It refuses new ones, and the one it has is disconnected.
    Disabled,
}

impl ChannelStatus {
    /// Reads `enabled` or `disabled`, as in the query of PutLiveChannelStatus.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` with EC 0017-00000255 for any other text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "enabled" => Ok(Self::Enabled),
            "disabled" => Ok(Self::Disabled),
            other => Err(
                Error::invalid_argument("The live channel status must be enabled or disabled.")
                    .with_ec("0017-00000255")
                    .with_argument("status", other),
            ),
        }
    }

    /// `enabled` or `disabled`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }
}

/// The configuration of a live channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelConfig {
    /// Any text of at most 128 bytes.
    pub description: String,
    /// Whether publishers are accepted.
    pub status: ChannelStatus,
    /// The duration a segment aims at, in seconds, 1 to 100.
    pub frag_duration_s: u32,
    /// How many segments the live playlist lists, 1 to 100.
    pub frag_count: u32,
    /// The live playlist's name below the channel.
    pub playlist_name: PlaylistName,
}

impl ChannelConfig {
    /// Reads the body of PutLiveChannel. Elements that the contract does not name are ignored, among them `PlayListName`;
    /// of repeated ones the first counts. The caller bounds the length.
    ///
    /// # Errors
    ///
    /// `MalformedXML` when the body is not a `LiveChannelConfiguration` with a `Target`; `InvalidArgument` with the EC of the
    /// element whose value is not allowed.
    pub fn from_xml(body: &[u8]) -> Result<Self, Error> {
        let root = Element::parse(body, ROOT)?;
        let description = description(&root)?;
        let status = status(&root)?;
        refuse_snapshot(&root)?;
        let target = root.child("Target").ok_or_else(Error::malformed_xml)?;
        require_hls(target)?;
        Ok(Self {
            description,
            status,
            frag_duration_s: bounded(target, "FragDuration", "0044-00000014")?.unwrap_or(FRAG_DURATION_DEFAULT_S),
            frag_count: bounded(target, "FragCount", "0044-00000015")?.unwrap_or(FRAG_COUNT_DEFAULT),
            playlist_name: match target.child_text("PlaylistName") {
                None | Some("") => PlaylistName::default(),
                Some(name) => PlaylistName::parse(name)?,
            },
        })
    }
}

impl Default for ChannelConfig {
    fn default() -> Self {
        Self {
            description: String::new(),
            status: ChannelStatus::default(),
            frag_duration_s: FRAG_DURATION_DEFAULT_S,
            frag_count: FRAG_COUNT_DEFAULT,
            playlist_name: PlaylistName::default(),
        }
    }
}

fn description(root: &Element) -> Result<String, Error> {
    let text = root.child_text("Description").unwrap_or_default();
    if text.len() > DESCRIPTION_BYTES_MAX {
        return Err(
            Error::invalid_argument("The length of the live channel description must not exceed 128.")
                .with_ec("0044-00000001")
                .with_argument("Description", text),
        );
    }
    Ok(text.to_owned())
}

fn status(root: &Element) -> Result<ChannelStatus, Error> {
    root.child_text("Status").map_or(Ok(ChannelStatus::default()), |text| {
        ChannelStatus::parse(text.trim()).map_err(|error| error.with_ec("0044-00000002"))
    })
}

/// Snapshots of a live channel are one of the things that the service offers in some regions only.
fn refuse_snapshot(root: &Element) -> Result<(), Error> {
    match root.children_named("Snapshot").count() {
        0 => Ok(()),
        1 => Err(Error::invalid_argument("Snapshot is not supported in this region.").with_ec("0044-00000004")),
        _ => Err(Error::invalid_argument("There must be at most one Snapshot.").with_ec("0044-00000003")),
    }
}

fn require_hls(target: &Element) -> Result<(), Error> {
    let kind = target.child_text("Type").unwrap_or_default().trim();
    if kind == "HLS" {
        return Ok(());
    }
    Err(Error::invalid_argument("The target type must be HLS.")
        .with_ec("0044-00000013")
        .with_argument("Type", kind))
}

fn bounded(target: &Element, name: &'static str, ec: &'static str) -> Result<Option<u32>, Error> {
    let Some(text) = target.child_text(name) else {
        return Ok(None);
    };
    let digits = text.trim();
    let number = digits.parse().ok().filter(|number| (1..=FRAG_MAX).contains(number));
    match number {
        Some(number) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Some(number)),
        _ => Err(
            Error::invalid_argument(format!("{name} must be an integer between 1 and 100."))
                .with_ec(ec)
                .with_argument(name, text),
        ),
    }
}

const ROOT: &str = "LiveChannelConfiguration";
const DESCRIPTION_BYTES_MAX: usize = 128;
const FRAG_DURATION_DEFAULT_S: u32 = 5;
const FRAG_COUNT_DEFAULT: u32 = 3;

/// Of both FragDuration, in seconds, and FragCount.
const FRAG_MAX: u32 = 100;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorCode;

    fn body(head: &str, target: &str) -> String {
        format!("<LiveChannelConfiguration>{head}<Target>{target}</Target></LiveChannelConfiguration>")
    }

    #[track_caller]
    fn check(head: &str, target: &str, expected: ChannelConfig) {
        assert_eq!(
            ChannelConfig::from_xml(body(head, target).as_bytes()).unwrap(),
            expected
        );
    }

    #[track_caller]
    fn refused(body: &str, code: ErrorCode, ec: &str) {
        let error = ChannelConfig::from_xml(body.as_bytes()).unwrap_err();
        assert_eq!((error.code, error.ec), (code, Some(ec)), "{body}");
    }

    #[test]
    fn reads_every_element() {
        let config = ChannelConfig {
            description: "a\n<b> & 测试".to_owned(),
            status: ChannelStatus::Disabled,
            frag_duration_s: 100,
            frag_count: 1,
            playlist_name: PlaylistName::parse("live.m3u8").unwrap(),
        };
        check(
            "<Description>a\r\n&lt;b&gt; &amp; &#27979;试</Description><Status>disabled</Status>",
            "<Type>HLS</Type><FragDuration>100</FragDuration><FragCount>1</FragCount><PlaylistName>live.m3u8</PlaylistName>",
            config,
        );
    }

    #[test]
    fn absent_elements_take_their_defaults() {
        let default = ChannelConfig::default;
        check("", "<Type>HLS</Type>", default());
        check(
            "<Description/>",
            "<Type>HLS</Type><PlaylistName></PlaylistName>",
            default(),
        );
        check(
            "",
            "<Type>HLS</Type><FragDuration>2</FragDuration>",
            ChannelConfig {
                frag_duration_s: 2,
                ..default()
            },
        );
        check(
            "",
            "<Type>HLS</Type><FragCount>9</FragCount>",
            ChannelConfig {
                frag_count: 9,
                ..default()
            },
        );
        assert_eq!((default().frag_duration_s, default().frag_count), (5, 3));
        assert_eq!(default().playlist_name.as_str(), "playlist.m3u8");
    }

    #[test]
    fn unknown_elements_are_ignored() {
        check(
            "<Other><Status>x</Status></Other><status>disabled</status>",
            "<PlayListName>hello.m3u8</PlayListName><Type>HLS</Type>",
            ChannelConfig::default(),
        );
    }

    #[test]
    fn descriptions_are_bounded_by_bytes() {
        let description = |text: &str| body(&format!("<Description>{text}</Description>"), "<Type>HLS</Type>");
        for text in ["a".repeat(128), "é".repeat(64), "&amp;".repeat(128)] {
            assert!(ChannelConfig::from_xml(description(&text).as_bytes()).is_ok());
        }
        for text in ["a".repeat(129), "é".repeat(65)] {
            refused(&description(&text), ErrorCode::InvalidArgument, "0044-00000001");
        }
    }

    #[test]
    fn each_wrong_value_has_its_code() {
        for (head, target, ec) in [
            ("<Status>Enabled</Status>", "<Type>HLS</Type>", "0044-00000002"),
            ("<Status></Status>", "<Type>HLS</Type>", "0044-00000002"),
            ("<Snapshot/><Snapshot/>", "<Type>HLS</Type>", "0044-00000003"),
            (
                "<Snapshot><Interval>5</Interval></Snapshot>",
                "<Type>HLS</Type>",
                "0044-00000004",
            ),
            ("", "", "0044-00000013"),
            ("", "<Type>hls</Type>", "0044-00000013"),
            ("", "<Type>HLS</Type><FragDuration>0</FragDuration>", "0044-00000014"),
            ("", "<Type>HLS</Type><FragDuration>101</FragDuration>", "0044-00000014"),
            ("", "<Type>HLS</Type><FragDuration>5.5</FragDuration>", "0044-00000014"),
            ("", "<Type>HLS</Type><FragDuration>+5</FragDuration>", "0044-00000014"),
            ("", "<Type>HLS</Type><FragDuration></FragDuration>", "0044-00000014"),
            ("", "<Type>HLS</Type><FragCount>0</FragCount>", "0044-00000015"),
            (
                "",
                "<Type>HLS</Type><FragCount>99999999999</FragCount>",
                "0044-00000015",
            ),
            (
                "",
                "<Type>HLS</Type><PlaylistName>a/b.m3u8</PlaylistName>",
                "0044-00000016",
            ),
            (
                "",
                "<Type>HLS</Type><PlaylistName>.m3u8</PlaylistName>",
                "0044-00000017",
            ),
            (
                "",
                "<Type>HLS</Type><PlaylistName>playlist.txt</PlaylistName>",
                "0044-00000018",
            ),
        ] {
            refused(&body(head, target), ErrorCode::InvalidArgument, ec);
        }
    }

    #[test]
    fn other_documents_are_malformed() {
        for text in [
            "",
            "{}",
            "<LiveChannelConfiguration>",
            "<LiveChannelConfiguration/>",
            "<Other/>",
        ] {
            refused(text, ErrorCode::MalformedXML, "0031-00000001");
        }
    }

    #[test]
    fn status_of_the_query_has_its_own_code() {
        assert_eq!(ChannelStatus::parse("enabled").unwrap().as_str(), "enabled");
        assert_eq!(ChannelStatus::parse("disabled").unwrap().as_str(), "disabled");
        assert_eq!(ChannelStatus::parse("Live").unwrap_err().ec, Some("0017-00000255"));
    }

    proptest! {
        #[test]
        fn bounds_hold_for_every_number(duration: u32, count in 0..200_u32) {
            let target = format!("<Type>HLS</Type><FragDuration>{duration}</FragDuration><FragCount>{count}</FragCount>");
            let valid = (1..=100).contains(&duration) && (1..=100).contains(&count);
            prop_assert_eq!(ChannelConfig::from_xml(body("", &target).as_bytes()).is_ok(), valid);
        }

        #[test]
        fn no_body_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = ChannelConfig::from_xml(&bytes);
            let _ = ChannelConfig::from_xml(body("", &String::from_utf8_lossy(&bytes)).as_bytes());
        }
    }
}
