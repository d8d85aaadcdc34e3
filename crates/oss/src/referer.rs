//! Which pages may link to the objects of a bucket (contract, 4.7).

use crate::error::{Error, ErrorCode};
use crate::xml::{Element, Writer};

/// The referer policy of a bucket.
///
/// In a pattern `*` stands for any text and `?` for one character; letters have no case. A pattern stands for what is below
/// it as well, `http://example.com` for `http://example.com/page` but not for `http://example.com.cn`, and one without a
/// scheme for every scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefererConfiguration {
    /// Whether a request may name no page, once `allowed` is not empty.
    pub allow_empty: bool,
    /// Whether the query of the page's URL is left out of the comparison.
    pub truncate_query: bool,
    /// Whether its path is left out too.
    pub truncate_path: bool,
    /// The pages that may link; empty for all that are not denied.
    pub allowed: Vec<String>,
    /// The pages that may not; they count more.
    pub denied: Vec<String>,
}

impl RefererConfiguration {
    /// Bytes of all patterns of a list together.
    pub const LIST_BYTES_MAX: usize = 20 << 10;

    /// Reads the body of PutBucketReferer. Elements that the contract does not name are ignored.
    ///
    /// # Errors
    ///
    /// `MalformedXML` when it is another document; `EntityTooLarge` for a list past [`Self::LIST_BYTES_MAX`];
    /// `InvalidArgument` for a value that is not allowed.
    pub fn from_xml(body: &[u8]) -> Result<Self, Error> {
        let root = Element::parse(body, ROOT)?;
        let truncate_path = boolean(&root, "TruncatePath")?.unwrap_or(false);
        Ok(Self {
            allow_empty: boolean(&root, "AllowEmptyReferer")?.unwrap_or(true),
            truncate_query: boolean(&root, "AllowTruncateQueryString")?.unwrap_or(true) || truncate_path,
            truncate_path,
            allowed: patterns(&root, "RefererList")?,
            denied: patterns(&root, "RefererBlacklist")?,
        })
    }

    /// The document, as GetBucketReferer answers it.
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new(ROOT);
        writer
            .boolean("AllowEmptyReferer", self.allow_empty)
            .boolean("AllowTruncateQueryString", self.truncate_query)
            .boolean("TruncatePath", self.truncate_path)
            .begin("RefererList");
        for pattern in &self.allowed {
            writer.element("Referer", pattern);
        }
        writer.end();
        if !self.denied.is_empty() {
            writer.begin("RefererBlacklist");
            for pattern in &self.denied {
                writer.element("Referer", pattern);
            }
        }
        writer.finish()
    }

    /// Whether a request with this `Referer` header may read; `None` and an empty one are the same.
    pub fn admits(&self, referer: Option<&str>) -> bool {
        let Some(referer) = referer.map(str::trim).filter(|referer| !referer.is_empty()) else {
            return self.allow_empty || self.allowed.is_empty();
        };
        let page = self.page(referer);
        let any = |patterns: &[String]| patterns.iter().any(|pattern| stands_for(pattern, page));
        !any(&self.denied) && (self.allowed.is_empty() || any(&self.allowed))
    }

    /// The part of the URL that is compared. Browsers, too, name only the origin of a page whose URL is very long.
    fn page<'a>(&self, referer: &'a str) -> &'a str {
        let referer = match referer.split_once('#') {
            Some((page, _)) => page,
            None => referer,
        };
        if self.truncate_path || referer.len() > REFERER_BYTES_MAX {
            let authority = authority(referer);
            let end = referer[authority..].find(['/', '?']).map(|at| authority + at);
            let origin = &referer[..end.unwrap_or(referer.len())];
            // Past any host name there is.
            return if origin.len() > REFERER_BYTES_MAX { "" } else { origin };
        }
        match referer.split_once('?') {
            Some((page, _)) if self.truncate_query => page,
            _ => referer,
        }
    }
}

impl Default for RefererConfiguration {
    /// What a bucket has until something else is put: no restriction.
    fn default() -> Self {
        Self {
            allow_empty: true,
            truncate_query: true,
            truncate_path: false,
            allowed: Vec::new(),
            denied: Vec::new(),
        }
    }
}

fn boolean(root: &Element, name: &'static str) -> Result<Option<bool>, Error> {
    match root.child_text(name).map(str::trim) {
        None | Some("") => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(other) => {
            Err(Error::invalid_argument(format!("{name} must be true or false.")).with_argument(name, other))
        }
    }
}

fn patterns(root: &Element, name: &'static str) -> Result<Vec<String>, Error> {
    let Some(list) = root.child(name) else {
        return Ok(Vec::new());
    };
    let texts = list.children_named("Referer").map(|referer| referer.text().trim());
    let patterns: Vec<String> = texts.filter(|text| !text.is_empty()).map(str::to_owned).collect();
    if patterns.iter().map(String::len).sum::<usize>() > RefererConfiguration::LIST_BYTES_MAX {
        return Err(ErrorCode::EntityTooLarge.into());
    }
    Ok(patterns)
}

fn stands_for(pattern: &str, page: &str) -> bool {
    let authority = authority(page);
    begins_with(pattern, page, authority) || (authority > 0 && begins_with(pattern, &page[authority..], 0))
}

/// Where the host begins: behind the scheme, if there is one.
fn authority(page: &str) -> usize {
    page.find("://").map_or(0, |at| at + 3)
}

/// Whether the page, or a beginning of it that ends where a part of its path does, is what the pattern says.
///
/// The last `*` takes as little as it can and one byte more each time the rest does not fit: that finds every place
/// where the pattern can end, in at most as many steps as the lengths of pattern and page multiplied.
fn begins_with(pattern: &str, page: &str, authority: usize) -> bool {
    let (pattern, page) = (pattern.as_bytes(), page.as_bytes());
    let is_end = |at: usize| at == page.len() || (at > authority && (page[at] == b'/' || page[at - 1] == b'/'));
    let (mut in_pattern, mut in_page) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    loop {
        match pattern.get(in_pattern) {
            None if is_end(in_page) => return true,
            Some(b'*') => {
                in_pattern += 1;
                last_star = Some((in_pattern, in_page));
                continue;
            }
            Some(wanted) if page.get(in_page).is_some_and(|byte| is(*wanted, *byte)) => {
                in_pattern += 1;
                in_page += if *wanted == b'?' { character(page, in_page) } else { 1 };
                continue;
            }
            _ => {}
        }
        match last_star {
            Some((after_star, taken_to)) if taken_to < page.len() => {
                last_star = Some((after_star, taken_to + 1));
                (in_pattern, in_page) = (after_star, taken_to + 1);
            }
            _ => return false,
        }
    }
}

fn is(wanted: u8, byte: u8) -> bool {
    wanted == b'?' || wanted.eq_ignore_ascii_case(&byte)
}

/// Bytes of the character that begins here, in UTF-8.
fn character(page: &[u8], at: usize) -> usize {
    1 + page[at + 1..].iter().take_while(|byte| *byte & 0xc0 == 0x80).count()
}

const ROOT: &str = "RefererConfiguration";

/// Browsers cut longer ones to their origin (Referrer Policy, 8.4).
const REFERER_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn allowing(patterns: &[&str]) -> RefererConfiguration {
        RefererConfiguration {
            allowed: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
            ..RefererConfiguration::default()
        }
    }

    #[test]
    fn patterns_stand_for_pages_and_what_is_below_them() {
        for (pattern, page, expected) in [
            ("http://www.example.com", "http://www.example.com", true),
            ("http://www.example.com", "http://www.example.com/", true),
            ("http://www.example.com", "HTTP://WWW.example.com/a?b=c#d", true),
            ("http://www.example.com", "http://www.example.com.cn/", false),
            ("http://www.example.com", "http://www.example.com:8080/", false),
            ("http://www.example.com", "https://www.example.com/", false),
            ("http://www.example.com/", "http://www.example.com/a", true),
            ("http://www.example.com/", "http://www.example.com", false),
            ("http://www.example.com/a", "http://www.example.com/a/b", true),
            ("http://www.example.com/a", "http://www.example.com/ab", false),
            ("www.example.com", "https://www.example.com/a", true),
            ("10.0.0.1:8080", "http://10.0.0.1:8080/a", true),
            ("*.example.com", "http://www.example.com/a", true),
            ("*.example.com", "https://help.example.com", true),
            ("*.example.com", "https://example.com/", false),
            ("*.example.com", "https://www.example.com.evil.test/", false),
            ("*example.com", "https://example.com/", true),
            ("http://www.example?.com", "http://www.examplec.com/", true),
            ("http://www.example?.com", "http://www.example.com/", false),
            ("http://?.test", "http://\u{6d4b}.test/", true),
            ("http://*.a.*.test", "http://x.a.y.a.z.test/", true),
            ("http:", "http://www.example.com/", false),
            ("http:/", "http://www.example.com/", false),
            ("http://", "http://www.example.com/", false),
            ("*", "anything", true),
            ("**", "", true),
        ] {
            assert_eq!(
                stands_for(pattern, page.split(['?', '#']).next().unwrap()),
                expected,
                "{pattern} {page}"
            );
        }
    }

    #[test]
    fn the_empty_the_denied_and_the_allowed_are_weighed_in_this_order() {
        let mut policy = allowing(&[]);
        policy.allow_empty = false;
        assert!(policy.admits(None) && policy.admits(Some("http://any.test")));
        policy.denied.push("http://bad.test".to_owned());
        assert!(policy.admits(None) && policy.admits(Some("http://any.test")));
        assert!(!policy.admits(Some("http://bad.test/a")));
        policy.allowed.push("*.test".to_owned());
        for (referer, expected) in [
            (None, false),
            (Some(""), false),
            (Some(" "), false),
            (Some("http://any.test"), true),
            (Some("http://bad.test"), false),
            (Some("http://any.other"), false),
        ] {
            assert_eq!(policy.admits(referer), expected, "{referer:?}");
        }
        policy.allow_empty = true;
        assert!(policy.admits(None) && policy.admits(Some("")));
    }

    #[test]
    fn queries_and_paths_are_left_out_as_configured() {
        let page = "http://a.test/b/c?d=http://e.test";
        for (pattern, truncate_query, truncate_path, expected) in [
            ("http://a.test/b/c", true, false, true),
            ("http://a.test/b/c", false, false, false),
            ("http://a.test/b", false, false, true),
            ("http://a.test/b/c?d=*", true, false, false),
            ("http://a.test/b/c?d=*", false, false, true),
            ("*e.test", true, false, false),
            ("http://a.test", true, true, true),
            ("http://a.test/b", true, true, false),
        ] {
            let mut policy = allowing(&[pattern]);
            (policy.truncate_query, policy.truncate_path) = (truncate_query, truncate_path);
            let admitted = policy.admits(Some(page));
            assert_eq!(admitted, expected, "{pattern} {truncate_query} {truncate_path}");
        }
        let long = format!("http://a.test/{}", "b".repeat(REFERER_BYTES_MAX));
        assert!(allowing(&["http://a.test"]).admits(Some(&long)));
        assert!(!allowing(&["http://a.test/b*"]).admits(Some(&long)));
        assert!(!allowing(&["http://a*"]).admits(Some(&"a".repeat(REFERER_BYTES_MAX + 1))));
    }

    #[test]
    fn reads_what_the_contract_names() {
        let body = "<RefererConfiguration><AllowEmptyReferer>false</AllowEmptyReferer><Other>x</Other>
            <RefererList><Referer>http://a.test</Referer><Referer> *.b.test </Referer><Referer/></RefererList>
            </RefererConfiguration>";
        let read = RefererConfiguration::from_xml(body.as_bytes()).unwrap();
        let expected = RefererConfiguration {
            allow_empty: false,
            ..allowing(&["http://a.test", "*.b.test"])
        };
        assert_eq!(read, expected);
        crate::document::check(
            &read.to_xml(),
            "<RefererConfiguration><AllowEmptyReferer>false</AllowEmptyReferer>
               <AllowTruncateQueryString>true</AllowTruncateQueryString><TruncatePath>false</TruncatePath>
               <RefererList><Referer>http://a.test</Referer><Referer>*.b.test</Referer></RefererList>
             </RefererConfiguration>",
        );
        let path = "<RefererConfiguration><AllowTruncateQueryString>false</AllowTruncateQueryString>
            <TruncatePath>true</TruncatePath><RefererList/></RefererConfiguration>";
        let read = RefererConfiguration::from_xml(path.as_bytes()).unwrap();
        assert!(read.truncate_query && read.truncate_path && read.allow_empty);
    }

    #[test]
    fn refuses_what_is_no_policy() {
        let list = |bytes| {
            let pattern = "x".repeat(bytes);
            format!(
                "<RefererConfiguration><RefererList><Referer>{pattern}</Referer></RefererList></RefererConfiguration>"
            )
        };
        for (body, code) in [
            (String::new(), Some(ErrorCode::MalformedXML)),
            ("<RefererList/>".to_owned(), Some(ErrorCode::MalformedXML)),
            (
                "<RefererConfiguration><AllowEmptyReferer>no</AllowEmptyReferer></RefererConfiguration>".to_owned(),
                Some(ErrorCode::InvalidArgument),
            ),
            (list(RefererConfiguration::LIST_BYTES_MAX), None),
            (
                list(RefererConfiguration::LIST_BYTES_MAX + 1),
                Some(ErrorCode::EntityTooLarge),
            ),
        ] {
            let read = RefererConfiguration::from_xml(body.as_bytes());
            assert_eq!(read.err().map(|error| error.code), code, "{body:.200}");
        }
    }

    proptest! {
        #[test]
        fn is_read_back(
            allow_empty: bool, truncate_query: bool, allowed in proptest::collection::vec("[a-z*?:/.&<]{1,12}", 0..4),
            denied in proptest::collection::vec("[a-z*?:/.]{1,12}", 0..3),
        ) {
            let policy = RefererConfiguration { allow_empty, truncate_query, truncate_path: false, allowed, denied };
            prop_assert_eq!(RefererConfiguration::from_xml(policy.to_xml().as_bytes()), Ok(policy));
        }

        #[test]
        fn a_pattern_stands_for_whatever_its_stars_leave_out(
            parts in proptest::collection::vec("[a-b.]{0,3}", 1..5), between in proptest::collection::vec("[a-b./]{0,4}", 5),
        ) {
            let pattern = parts.join("*");
            let mut page = String::new();
            for (part, more) in parts.iter().zip(&between) {
                page.push_str(part);
                page.push_str(more);
            }
            page.truncate(page.len() - between[parts.len() - 1].len());
            prop_assert!(stands_for(&pattern, &page), "{} {}", pattern, page);
        }

        #[test]
        fn nothing_panics(pattern in "\\PC{0,12}", page in "\\PC{0,24}") {
            let _ = stands_for(&pattern, &page);
            let _ = allowing(&[&pattern]).admits(Some(&page));
        }
    }
}
