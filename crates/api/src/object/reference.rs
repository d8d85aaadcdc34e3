//! From a reference in a playlist to the object that it names (RFC 3986, 5.2).

use alluvium_oss::percent::{self, Plus};
use alluvium_oss::{BucketName, ObjectKey};

/// Where a playlist lies, as its player sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base {
    /// Host and port, as the player wrote them.
    host: String,
    /// The encoded path that stands before every key of the bucket: `/`, or `/bucket/`.
    root: String,
    /// The encoded path up to the last slash.
    folder: String,
}

/// What a reference names: an object of the playlist's own bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Referred<'a> {
    pub(super) key: ObjectKey,
    /// The parameters that the reference has already, decoded.
    pub(super) query: Vec<(String, String)>,
    /// The reference up to its fragment.
    pub(super) before_fragment: &'a str,
    /// The fragment with its `#`; empty when there is none.
    pub(super) fragment: &'a str,
}

impl Base {
    /// The place of a key; `in_path` is the bucket, where the path names it.
    pub(super) fn new(host: &str, in_path: Option<&BucketName>, key: &ObjectKey) -> Self {
        let root = in_path.map_or_else(|| "/".to_owned(), |bucket| format!("/{bucket}/"));
        let encoded = percent::encode_path(key.as_str());
        let folder = &encoded[..encoded.rfind('/').map_or(0, |slash| slash + 1)];
        Base {
            host: host.to_owned(),
            folder: format!("{root}{folder}"),
            root,
        }
    }

    /// What a reference names; `None` for the playlist itself, and for everything outside of the bucket.
    ///
    /// References need not be well-formed: players send characters that no URI may have, and so may playlists name them.
    pub(super) fn resolve<'a>(&self, reference: &'a str) -> Option<Referred<'a>> {
        let (before_fragment, fragment) = reference.split_at(reference.find('#').unwrap_or(reference.len()));
        let (location, query) = before_fragment.split_once('?').unwrap_or((before_fragment, ""));
        let path = match scheme(location) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => {
                self.path_here(rest)?
            }
            Some(_) => return None,
            None if location.starts_with("//") => self.path_here(location)?,
            None => location,
        };
        let path = match path.strip_prefix('/') {
            _ if path.is_empty() => return None,
            Some(_) => without_dot_segments(path),
            None => without_dot_segments(&format!("{}{path}", self.folder)),
        };
        let key = percent::decode(path.strip_prefix(&self.root)?)?;
        Some(Referred {
            key: ObjectKey::parse(&key).ok()?,
            query: percent::decode_query(query, Plus::Space)?,
            before_fragment,
            fragment,
        })
    }

    /// The path of `//host/path`, when the host is the playlist's.
    fn path_here<'a>(&self, location: &'a str) -> Option<&'a str> {
        let location = location.strip_prefix("//")?;
        let (host, path) = location.split_at(location.find('/').unwrap_or(location.len()));
        host.eq_ignore_ascii_case(&self.host).then_some(path)
    }
}

/// The path of a reference, which tells by its suffix what is there: without query and fragment.
pub(super) fn path(reference: &str) -> &str {
    reference.split(['?', '#']).next().unwrap_or_default()
}

/// The scheme of an absolute reference, and what follows its colon (RFC 3986, 3.1).
fn scheme(location: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = location.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme.then_some((scheme, rest))
}

/// An absolute path without its `.` and `..` (RFC 3986, 5.2.4).
fn without_dot_segments(path: &str) -> String {
    let mut kept = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if segments.peek().is_none() {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn base(in_path: bool, key: &str) -> Base {
        let bucket = BucketName::parse("bucket").unwrap();
        Base::new(
            "oss.test:9000",
            in_path.then_some(&bucket),
            &ObjectKey::parse(key).unwrap(),
        )
    }

    /// The key a reference names, with the bucket in the host and in the path.
    #[track_caller]
    fn check(reference: &str, in_host: Option<&str>, in_path: Option<&str>) {
        for (style, expected) in [(false, in_host), (true, in_path)] {
            let base = base(style, "b/c d/p.m3u8");
            let referred = base.resolve(reference);
            let key = referred.as_ref().map(|referred| referred.key.as_str());
            assert_eq!(key, expected, "{reference}, bucket in path: {style}");
        }
    }

    #[test]
    fn relative_references_name_objects_beside_the_playlist() {
        for (reference, key) in [
            ("1.ts", "b/c d/1.ts"),
            ("./1.ts", "b/c d/1.ts"),
            ("../1.ts", "b/1.ts"),
            ("../../1.ts", "1.ts"),
            ("g/1.ts?a=b#c", "b/c d/g/1.ts"),
            ("g/./h/../1.ts", "b/c d/g/1.ts"),
            ("g//h/../1.ts", "b/c d/g//1.ts"),
            ("%E6%B8%AC%201.ts", "b/c d/測 1.ts"),
            ("測 1.ts", "b/c d/測 1.ts"),
            ("1+2.ts", "b/c d/1+2.ts"),
            ("100%.ts", "b/c d/100%.ts"),
            ("a%2Fb.ts", "b/c d/a/b.ts"),
            ("1:2/3.ts", "b/c d/1:2/3.ts"),
            ("g/..", "b/c d/"),
        ] {
            check(reference, Some(key), Some(key));
        }
    }

    #[test]
    fn absolute_references_name_what_lies_at_the_same_host() {
        for (reference, in_host, in_path) in [
            ("/e/1.ts", Some("e/1.ts"), None),
            ("/bucket/e/1.ts", Some("bucket/e/1.ts"), Some("e/1.ts")),
            ("http://oss.test:9000/bucket/1.ts", Some("bucket/1.ts"), Some("1.ts")),
            ("HTTPS://OSS.test:9000/bucket/1.ts", Some("bucket/1.ts"), Some("1.ts")),
            ("//oss.test:9000/bucket/../1.ts", Some("1.ts"), None),
            ("/bucket2/1.ts", Some("bucket2/1.ts"), None),
            ("/bucket/../other/1.ts", Some("other/1.ts"), None),
        ] {
            check(reference, in_host, in_path);
        }
    }

    #[test]
    fn nothing_outside_of_the_bucket_is_named() {
        for reference in [
            "",
            "?a",
            "#a",
            "http://oss.test/bucket/1.ts",
            "http://user@oss.test:9000/bucket/1.ts",
            "//elsewhere/bucket/1.ts",
            "http:/bucket/1.ts",
            "http:1.ts",
            "ftp://oss.test:9000/bucket/1.ts",
            "skd://key",
            "data:text/plain,a",
            "//oss.test:9000",
            "/",
            "/bucket/%2F1.ts",
            "%FF.ts",
            "1.ts?%FF",
        ] {
            let in_path = base(true, "b/p.m3u8").resolve(reference);
            assert_eq!(in_path, None, "{reference}");
        }
        // Climbing out of the root ends there, which in a path is where other buckets begin.
        check("../../../1.ts", Some("1.ts"), None);
        check("../../../../other/1.ts", Some("other/1.ts"), None);
    }

    #[test]
    fn query_and_fragment_are_kept_apart() {
        let base = base(false, "p.m3u8");
        let referred = base.resolve("1.ts?a=b%20c&d#e?f").unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(referred.query, [pair("a", "b c"), pair("d", "")]);
        assert_eq!(referred.before_fragment, "1.ts?a=b%20c&d");
        assert_eq!(referred.fragment, "#e?f");
        assert_eq!(path("a/1.ts?b#c"), "a/1.ts");
        assert_eq!(path("a/1.ts#b?c"), "a/1.ts");
    }

    proptest! {
        #[test]
        fn any_key_beside_the_playlist_is_found(folder in "([a-z 測]{1,4}/){0,3}", name in "[^/\u{0}\\\\]{1,12}") {
            prop_assume!(name != "." && name != "..");
            let key = format!("{folder}{name}");
            for in_path in [false, true] {
                let encoded = percent::encode(&name);
                let base = base(in_path, &format!("{folder}p.m3u8"));
                let referred = base.resolve(&encoded).unwrap();
                prop_assert_eq!(referred.key.as_str(), &key);
            }
        }

        #[test]
        fn no_reference_panics(reference in "[a-z:/?#.%]{0,20}|\\PC{0,20}") {
            let _ = (base(true, "b/p.m3u8").resolve(&reference), base(false, "p.m3u8").resolve(&reference));
        }
    }
}
