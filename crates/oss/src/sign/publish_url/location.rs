use super::no_channel;
use crate::address::{Addressing, Domains};
use crate::error::{Error, ErrorCode};
use crate::name::{BucketName, ChannelName};
use crate::percent;

/// The URL put together again: the path below the host, and the pieces of its query.
pub(super) struct Location<'a> {
    addressing: Addressing,
    /// Not decoded.
    path: String,
    /// Not decoded; what comes from `publish` first, then `connect`.
    pub(super) queries: Vec<String>,
    tc_url: &'a str,
}

impl<'a> Location<'a> {
    pub(super) fn assemble(app: &str, tc_url: &'a str, name: &str, domains: &Domains) -> Self {
        let (app, tc_url, name) = (unquoted(app), unquoted(tc_url), unquoted(name));
        let addressing = domains.resolve(host(tc_url));
        let (tc_path, tc_query) = split_query(below_host(tc_url));
        let (mut app_path, mut app_query) = split_query(app);
        if app_path.trim_matches('/').is_empty() && app_query.is_empty() {
            (app_path, app_query) = (tc_path, tc_query);
        }
        let whole = below_host(name);
        if whole.len() < name.len() {
            // The name is the whole URL, and the app's path stands in it once more.
            app_path = "";
        }
        let name = whole;
        let mut queries = Vec::new();
        let path = if names_channel(app_path, &addressing) && !app_query.is_empty() {
            // The encoder cut the URL at a slash inside of the query, such as one of the signature.
            let slash = if name.is_empty() { "" } else { "/" };
            queries.push(format!("{app_query}{slash}{name}"));
            app_path.to_owned()
        } else {
            let (name_path, name_query) = split_query(name);
            queries.extend([name_query.to_owned(), app_query.to_owned()]);
            format!("{app_path}/{name_path}")
        };
        if tc_query != app_query {
            queries.push(tc_query.to_owned());
        }
        Self {
            addressing,
            path,
            queries,
            tc_url,
        }
    }

    /// The bucket and channel that the path and host name; no bucket where it is lost.
    pub(super) fn channel(&self) -> Result<(Option<BucketName>, ChannelName), Error> {
        let path = percent::decode(&self.path).ok_or_else(|| {
            Error::new(
                ErrorCode::InvalidChannelName,
                "The live channel name in the publish URL must be utf-8.",
            )
        })?;
        let elements: Vec<&str> = path.split('/').filter(|element| !element.is_empty()).collect();
        match (&self.addressing, &elements[..]) {
            (_, [] | [APP]) => Err(no_channel()),
            (Addressing::Bucket(bucket), [APP, channel]) => Ok((Some(bucket.clone()), ChannelName::parse(channel)?)),
            (Addressing::Bucket(bucket), [APP, again, channel] | [again, APP, channel])
                if *again == bucket.as_str() =>
            {
                Ok((Some(bucket.clone()), ChannelName::parse(channel)?))
            }
            (Addressing::PathStyle, [APP, channel]) => Ok((None, ChannelName::parse(channel)?)),
            (Addressing::PathStyle, [bucket, APP, channel] | [APP, bucket, channel]) => {
                Ok((Some(BucketName::parse(bucket)?), ChannelName::parse(channel)?))
            }
            (_, [_, APP]) => Err(no_channel()),
            (_, [APP, .., _]) => Err(Error::new(
                ErrorCode::InvalidChannelName,
                "The path of the publish URL has too many parts: the live channel name must not contain a slash.",
            )
            .with_ec("0017-00000260")),
            _ => Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "The publish URL must be rtmp://<bucket>.<endpoint>/live/<channel>; nothing is published at {} below {}.",
                    shortened(&path),
                    shortened(host(self.tc_url)),
                ),
            )),
        }
    }
}

/// Whether an app already reaches down to a channel.
fn names_channel(app_path: &str, addressing: &Addressing) -> bool {
    let elements: Vec<&str> = app_path.split('/').filter(|element| !element.is_empty()).collect();
    matches!(
        (addressing, &elements[..]),
        (Addressing::Bucket(_), [APP, _]) | (_, [APP, _, _] | [_, APP, _])
    )
}

/// The text without the white space and quote characters that were copied along with it.
fn unquoted(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_whitespace() || QUOTES.contains(&character))
}

/// At the first question mark. Without one, an ampersand begins the query if what follows it has values.
fn split_query(text: &str) -> (&str, &str) {
    if let Some(split) = text.split_once('?') {
        return split;
    }
    match text.split_once('&') {
        Some((path, query)) if query.contains('=') => (path, query),
        _ => (text, ""),
    }
}

/// The host of a URL with its port; empty when there is none.
fn host(url: &str) -> &str {
    let Some((_, rest)) = url.split_once("://") else {
        return "";
    };
    let authority = rest.split(['/', '?', '&']).next().unwrap_or(rest);
    authority.rsplit('@').next().unwrap_or(authority)
}

/// What follows the host of a URL; the text itself where there is none.
fn below_host(text: &str) -> &str {
    match text.split_once("://") {
        Some((scheme, rest)) if !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            rest.find(['/', '?', '&']).map_or("", |at| &rest[at..])
        }
        _ => text,
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}

/// The application of every publish URL.
const APP: &str = "live";

const QUOTES: &[char] = &['"', '\'', '`', '“', '”', '„', '‘', '’', '«', '»'];

/// Enough to recognise the URL; some encoders show a status in one line only.
const SHOWN_CHARS_MAX: usize = 80;
