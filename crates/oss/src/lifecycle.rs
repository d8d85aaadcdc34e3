//! When the objects of a bucket expire (contract, 4.7).

use std::collections::HashSet;
use std::time::Duration;

use crate::error::{Error, ErrorCode};
use crate::name::OBJECT_KEY_BYTES_MAX;
use crate::time::UnixTime;
use crate::xml::{Element, Writer};

/// The lifecycle rules of a bucket: 1 to 1000, of which no two speak of the same object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleConfiguration {
    /// In the order in which they were put.
    pub rules: Vec<LifecycleRule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleRule {
    /// Unique in the bucket, at most 255 bytes.
    pub id: String,
    /// Which keys it speaks of; empty for all.
    pub prefix: String,
    /// Whether it is followed.
    pub enabled: bool,
    /// What makes an object expire.
    pub expiration: Expiration,
}

/// What makes an object expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiration {
    /// So many days of 24 hours since it was last modified, at least 1.
    Days(u32),
    /// That it was last modified before this midnight, UTC.
    CreatedBefore(UnixTime),
}

impl Expiration {
    /// Whether an object last modified at `modified` has expired by `now`.
    pub fn is_due(self, modified: UnixTime, now: UnixTime) -> bool {
        match self {
            Self::Days(days) => modified.plus(DAY * days) <= now,
            Self::CreatedBefore(date) => modified < date,
        }
    }
}

impl LifecycleConfiguration {
    /// Bytes of a document: 1000 rules of half a KiB, most of which is the prefix.
    pub const DOCUMENT_BYTES_MAX: usize = 512 << 10;

    /// Reads the body of PutBucketLifecycle. A rule without an ID is given one.
    ///
    /// A rule that says more than when objects expire would delete too much or too little when the rest were ignored, so it is
    /// refused.
    ///
    /// # Errors
    ///
    /// `EntityTooLarge` past [`Self::DOCUMENT_BYTES_MAX`]; `MalformedXML` when it is another document or has no rule;
    /// `InvalidArgument` for more than 1000 rules, overlapping prefixes, and values that are not allowed; `NotImplemented` for
    /// transitions, tags, filters, versions and uploads.
    pub fn from_xml(body: &[u8]) -> Result<Self, Error> {
        if body.len() > Self::DOCUMENT_BYTES_MAX {
            return Err(ErrorCode::EntityTooLarge.into());
        }
        let root = Element::parse(body, ROOT)?;
        let rules: Vec<&Element> = root.children_named("Rule").collect();
        match rules.len() {
            0 => return Err(Error::malformed_xml()),
            1..=RULES_MAX => {}
            _ => return Err(Error::invalid_argument("There must be at most 1000 lifecycle rules.")),
        }
        let mut rules = rules.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        name(&mut rules)?;
        refuse_overlaps(&rules)?;
        Ok(Self { rules })
    }

    /// The document, as GetBucketLifecycle answers it.
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new(ROOT);
        for rule in &self.rules {
            writer
                .begin("Rule")
                .element("ID", &rule.id)
                .element("Prefix", &rule.prefix)
                .element("Status", if rule.enabled { "Enabled" } else { "Disabled" })
                .begin("Expiration");
            match rule.expiration {
                Expiration::Days(days) => writer.number("Days", days),
                Expiration::CreatedBefore(date) => writer.element("CreatedBeforeDate", &date.iso8601()),
            };
            writer.end().end();
        }
        writer.finish()
    }
}

fn read(rule: &Element) -> Result<LifecycleRule, Error> {
    for name in NOT_OFFERED {
        if rule.child(name).is_some() {
            return Err(Error::not_implemented(name));
        }
    }
    let id = rule.child_text("ID").map(str::trim).unwrap_or_default();
    if id.len() > ID_BYTES_MAX {
        return Err(Error::invalid_argument("The ID of a rule has at most 255 bytes.").with_argument("ID", id));
    }
    let prefix = rule.child_text("Prefix").unwrap_or_default();
    if prefix.len() > OBJECT_KEY_BYTES_MAX {
        return Err(Error::invalid_argument("The prefix is longer than any key.").with_argument("Prefix", prefix));
    }
    let enabled = match rule.child_text("Status").map(str::trim) {
        Some("Enabled") => true,
        Some("Disabled") => false,
        _ => return Err(Error::malformed_xml()),
    };
    Ok(LifecycleRule {
        id: id.to_owned(),
        prefix: prefix.to_owned(),
        enabled,
        expiration: expiration(rule.child("Expiration"))?,
    })
}

fn expiration(expiration: Option<&Element>) -> Result<Expiration, Error> {
    let text = |name| {
        expiration
            .and_then(|expiration| expiration.child_text(name))
            .map(str::trim)
    };
    if text("Date").is_some() {
        return Err(Error::not_implemented("Date"));
    }
    if text("ExpiredObjectDeleteMarker").is_some_and(|value| value != "false") {
        return Err(Error::not_implemented("ExpiredObjectDeleteMarker"));
    }
    match (text("Days"), text("CreatedBeforeDate")) {
        (Some(days), None) => match days.parse() {
            Ok(days) if days > 0 => Ok(Expiration::Days(days)),
            _ => Err(Error::invalid_argument("Days must be a positive number.").with_argument("Days", days)),
        },
        (None, Some(date)) => midnight(date).map(Expiration::CreatedBefore).ok_or_else(|| {
            Error::invalid_argument("CreatedBeforeDate must be a midnight, as in 2002-10-11T00:00:00.000Z.")
                .with_argument("CreatedBeforeDate", date)
        }),
        _ => Err(
            Error::invalid_argument("A rule needs an Expiration with either Days or CreatedBeforeDate.")
                .with_ec("0014-00000060"),
        ),
    }
}

fn midnight(text: &str) -> Option<UnixTime> {
    let (date, time) = text.split_once('T')?;
    let is_shaped = date.len() == 10 && date.as_bytes()[4] == b'-' && date.as_bytes()[7] == b'-';
    if !is_shaped || !matches!(time, "00:00:00.000Z" | "00:00:00Z") {
        return None;
    }
    let date = UnixTime::parse_iso8601_basic(&format!("{}T000000Z", date.replace('-', "")))?;
    // Nothing was written before that, and no earlier date can be shown.
    Some(date.max(UnixTime::from_secs(0)))
}

/// Gives each rule without an ID the first number that no other has.
fn name(rules: &mut [LifecycleRule]) -> Result<(), Error> {
    let mut taken = HashSet::new();
    for rule in rules.iter().filter(|rule| !rule.id.is_empty()) {
        if !taken.insert(rule.id.clone()) {
            return Err(Error::invalid_argument("Two rules have the same ID.").with_argument("ID", &rule.id));
        }
    }
    let mut numbers = (1_u32..).map(|number| format!("rule-{number}"));
    for rule in rules.iter_mut().filter(|rule| rule.id.is_empty()) {
        rule.id = numbers
            .find(|id| !taken.contains(id))
            .expect("there are more numbers than rules");
    }
    Ok(())
}

fn refuse_overlaps(rules: &[LifecycleRule]) -> Result<(), Error> {
    let mut prefixes: Vec<&str> = rules.iter().map(|rule| rule.prefix.as_str()).collect();
    // In order, what begins with a prefix stands right behind it.
    prefixes.sort_unstable();
    match prefixes.windows(2).find(|pair| pair[1].starts_with(pair[0])) {
        None => Ok(()),
        Some(pair) => Err(Error::invalid_argument("The prefixes of two rules overlap.")
            .with_ec("0014-00000082")
            .with_argument("Prefix", pair[1])),
    }
}

const ROOT: &str = "LifecycleConfiguration";

/// The service's.
const RULES_MAX: usize = 1000;

/// The service's.
const ID_BYTES_MAX: usize = 255;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What else a rule may say.
const NOT_OFFERED: &[&str] = &[
    "Transition",
    "AbortMultipartUpload",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransition",
    "Tag",
    "Filter",
    "AtimeBase",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAYS: &str = "<Expiration><Days>7</Days></Expiration>";

    fn rules(rules: &str) -> String {
        format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>")
    }

    fn rule(prefix: &str, more: &str) -> String {
        format!("<Rule><Prefix>{prefix}</Prefix><Status>Enabled</Status>{more}</Rule>")
    }

    #[track_caller]
    fn check(body: &str, expected: Option<(ErrorCode, Option<&str>)>) {
        let refused = LifecycleConfiguration::from_xml(body.as_bytes()).err();
        let refused = refused.as_ref().map(|error| (error.code, error.ec));
        assert_eq!(refused, expected, "{body:.300}");
    }

    #[test]
    fn reads_what_the_contract_names() {
        let body = rules(
            "<Rule><ID>rule-1</ID><Prefix>camera/</Prefix><Status>Enabled</Status>
               <Expiration><Days>7</Days></Expiration><Other/></Rule>
             <Rule><Prefix>old/</Prefix><Status>Disabled</Status>
               <Expiration><CreatedBeforeDate>2022-10-11T00:00:00.000Z</CreatedBeforeDate></Expiration></Rule>",
        );
        let read = LifecycleConfiguration::from_xml(body.as_bytes()).unwrap();
        let expected = [
            LifecycleRule {
                id: "rule-1".to_owned(),
                prefix: "camera/".to_owned(),
                enabled: true,
                expiration: Expiration::Days(7),
            },
            LifecycleRule {
                id: "rule-2".to_owned(),
                prefix: "old/".to_owned(),
                enabled: false,
                expiration: Expiration::CreatedBefore(UnixTime::from_secs(1_665_446_400)),
            },
        ];
        assert_eq!(read.rules, expected);
        crate::document::check(
            &read.to_xml(),
            "<LifecycleConfiguration>
               <Rule><ID>rule-1</ID><Prefix>camera/</Prefix><Status>Enabled</Status>
                 <Expiration><Days>7</Days></Expiration></Rule>
               <Rule><ID>rule-2</ID><Prefix>old/</Prefix><Status>Disabled</Status>
                 <Expiration><CreatedBeforeDate>2022-10-11T00:00:00.000Z</CreatedBeforeDate></Expiration></Rule>
             </LifecycleConfiguration>",
        );
    }

    #[test]
    fn a_date_before_1970_is_1970() {
        let date = "<Expiration><CreatedBeforeDate>1011-11-14T00:00:00.000Z</CreatedBeforeDate></Expiration>";
        let read = LifecycleConfiguration::from_xml(rules(&rule("a", date)).as_bytes()).unwrap();
        assert_eq!(
            read.rules[0].expiration,
            Expiration::CreatedBefore(UnixTime::from_secs(0))
        );
        assert_eq!(LifecycleConfiguration::from_xml(read.to_xml().as_bytes()), Ok(read));
    }

    #[test]
    fn refuses_what_is_no_configuration() {
        let malformed = Some((ErrorCode::MalformedXML, Some("0031-00000001")));
        let invalid = Some((ErrorCode::InvalidArgument, None));
        let incomplete = Some((ErrorCode::InvalidArgument, Some("0014-00000060")));
        check("", malformed);
        check(&rules(""), malformed);
        check(&rules("<Rule><Prefix/></Rule>"), malformed);
        check(&rules(&rule("a", DAYS).replace("Enabled", "enabled")), malformed);
        check(&rules(&rule("a", "")), incomplete);
        check(&rules(&rule("a", "<Expiration/>")), incomplete);
        let both =
            "<Expiration><Days>1</Days><CreatedBeforeDate>2022-10-11T00:00:00.000Z</CreatedBeforeDate></Expiration>";
        check(&rules(&rule("a", both)), incomplete);
        for days in ["0", "-1", "1.5", "", "x", "4294967296"] {
            check(&rules(&rule("a", &DAYS.replace('7', days))), invalid);
        }
        for date in [
            "2022-10-11",
            "2022-10-11T00:00:01.000Z",
            "2022-13-11T00:00:00.000Z",
            "20221011TT00:00:00Z",
        ] {
            let date = format!("<Expiration><CreatedBeforeDate>{date}</CreatedBeforeDate></Expiration>");
            check(&rules(&rule("a", &date)), invalid);
        }
        let named = |id: &str, prefix| rule(prefix, &format!("{DAYS}<ID>{id}</ID>"));
        check(&rules(&format!("{}{}", named("x", "a"), named("x", "b"))), invalid);
        check(&rules(&named(&"x".repeat(255), "a")), None);
        check(&rules(&named(&"x".repeat(256), "a")), invalid);
        check(&rules(&rule(&"x".repeat(1023), DAYS)), None);
        check(&rules(&rule(&"x".repeat(1024), DAYS)), invalid);
    }

    #[test]
    fn refuses_rules_that_would_delete_other_objects_than_they_say() {
        let not_offered = Some((ErrorCode::NotImplemented, None));
        for more in NOT_OFFERED {
            check(&rules(&rule("a", &format!("{DAYS}<{more}/>"))), not_offered);
        }
        for more in [
            "<Date>2022-10-11T00:00:00.000Z</Date>",
            "<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>",
        ] {
            check(
                &rules(&rule("a", &format!("<Expiration><Days>1</Days>{more}</Expiration>"))),
                not_offered,
            );
        }
    }

    #[test]
    fn prefixes_must_not_overlap() {
        let overlapping = Some((ErrorCode::InvalidArgument, Some("0014-00000082")));
        for (prefixes, expected) in [
            (&["a", "b", "c"][..], None),
            (&["a/b", "a/c", "a1"], None),
            (&["a", "a"], overlapping),
            (&["", "a"], overlapping),
            (&["a/b/c", "a0", "a/b"], overlapping),
            (&["a", "a!", "b"], overlapping),
        ] {
            let body: String = prefixes.iter().map(|prefix| rule(prefix, DAYS)).collect();
            check(&rules(&body), expected);
        }
    }

    #[test]
    fn rules_and_bytes_are_bounded() {
        let many = |count| rules(&(0..count).map(|n| rule(&format!("{n:04}"), DAYS)).collect::<String>());
        check(&many(RULES_MAX), None);
        check(&many(RULES_MAX + 1), Some((ErrorCode::InvalidArgument, None)));
        let long = |bytes| rules(&rule("a", &format!("{DAYS}<Other>{}</Other>", "x".repeat(bytes))));
        let free = LifecycleConfiguration::DOCUMENT_BYTES_MAX - long(0).len();
        check(&long(free), None);
        check(&long(free + 1), Some((ErrorCode::EntityTooLarge, None)));
    }

    #[test]
    fn objects_expire_when_their_days_are_over_or_their_date_has_come() {
        let modified = UnixTime::from_secs(1_700_000_000);
        for (expiration, now_s, expected) in [
            (Expiration::Days(1), 1_700_086_399, false),
            (Expiration::Days(1), 1_700_086_400, true),
            (Expiration::Days(u32::MAX), 1_900_000_000, false),
            (Expiration::CreatedBefore(modified), 1_900_000_000, false),
            (Expiration::CreatedBefore(UnixTime::from_secs(1_700_000_001)), 0, true),
        ] {
            let is_due = expiration.is_due(modified, UnixTime::from_secs(now_s));
            assert_eq!(is_due, expected, "{expiration:?} {now_s}");
        }
    }

    proptest! {
        #[test]
        fn is_read_back(
            prefixes in proptest::collection::btree_set("[a-z/&<]{3}", 1..9), days in 1..=u32::MAX, midnights in 0..20_000_i64,
            enabled: bool,
        ) {
            let rules = prefixes.into_iter().enumerate().map(|(n, prefix)| LifecycleRule {
                id: format!("{n}"),
                prefix,
                enabled,
                expiration: match n % 2 {
                    0 => Expiration::Days(days),
                    _ => Expiration::CreatedBefore(UnixTime::from_secs(midnights * 86_400)),
                },
            });
            let configuration = LifecycleConfiguration { rules: rules.collect() };
            prop_assert_eq!(LifecycleConfiguration::from_xml(configuration.to_xml().as_bytes()), Ok(configuration));
        }
    }
}
