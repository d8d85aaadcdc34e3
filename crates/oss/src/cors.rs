//! Which pages of other origins may use a bucket (contract, 4.6).

use crate::error::{Error, ErrorCode};
use crate::xml::{Element, Writer};

/// The CORS rules of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsConfiguration {
    /// 1 to 10; the first that fits a request counts.
    pub rules: Vec<CorsRule>,
    /// Whether every answer of the bucket says that it depends on the origin.
    pub response_vary: bool,
}

/// One rule. Patterns are exact but for at most one `*`, which stands for any text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsRule {
    /// Patterns of `scheme://host[:port]`, at least one.
    pub allowed_origins: Vec<String>,
    /// Of `GET`, `PUT`, `DELETE`, `POST`, `HEAD`, at least one.
    pub allowed_methods: Vec<String>,
    /// Patterns of the header names that a page may send.
    pub allowed_headers: Vec<String>,
    /// The names of the headers that a page may read.
    pub expose_headers: Vec<String>,
    /// How long a browser may keep the answer to a preflight.
    pub max_age_s: Option<u32>,
}

impl CorsConfiguration {
    /// Bytes of a document.
    pub const DOCUMENT_BYTES_MAX: usize = 16 << 10;

    /// Reads the body of PutBucketCors. Elements that the contract does not name are ignored.
    ///
    /// # Errors
    ///
    /// `EntityTooLarge` past [`Self::DOCUMENT_BYTES_MAX`]; `MalformedXML` when it is another document, has no rule or a rule
    /// without origin or method; `InvalidArgument` for more than 10 rules and for values that are not allowed.
    pub fn from_xml(body: &[u8]) -> Result<Self, Error> {
        if body.len() > Self::DOCUMENT_BYTES_MAX {
            return Err(ErrorCode::EntityTooLarge.into());
        }
        let root = Element::parse(body, ROOT)?;
        let rules = root
            .children_named("CORSRule")
            .map(CorsRule::read)
            .collect::<Result<Vec<_>, _>>()?;
        match rules.len() {
            0 => return Err(Error::malformed_xml()),
            1..=RULES_MAX => {}
            _ => {
                return Err(Error::invalid_argument(
                    "The number of CORS rules must not exceed the allowed limit of 10 rules.",
                ));
            }
        }
        let response_vary = match root.child_text("ResponseVary").map(str::trim) {
            None | Some("" | "false") => false,
            Some("true") => true,
            Some(other) => {
                return Err(
                    Error::invalid_argument("ResponseVary must be true or false.").with_argument("ResponseVary", other)
                );
            }
        };
        Ok(Self { rules, response_vary })
    }

    /// The document, as GetBucketCors answers it.
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new(ROOT);
        for rule in &self.rules {
            writer.begin("CORSRule");
            for (name, values) in [
                ("AllowedOrigin", &rule.allowed_origins),
                ("AllowedMethod", &rule.allowed_methods),
                ("AllowedHeader", &rule.allowed_headers),
                ("ExposeHeader", &rule.expose_headers),
            ] {
                for value in values {
                    writer.element(name, value);
                }
            }
            if let Some(max_age_s) = rule.max_age_s {
                writer.number("MaxAgeSeconds", max_age_s);
            }
            writer.end();
        }
        writer.boolean("ResponseVary", self.response_vary);
        writer.finish()
    }

    /// The first rule that lets a page of `origin` use `method` with these headers, whose names may be in any case.
    pub fn rule<'h>(
        &self,
        origin: &str,
        method: &str,
        headers: impl Iterator<Item = &'h str> + Clone,
    ) -> Option<&CorsRule> {
        self.rules.iter().find(|rule| {
            rule.origin_pattern(origin).is_some()
                && rule.allowed_methods.iter().any(|allowed| allowed == method)
                && headers
                    .clone()
                    .all(|header| rule.allowed_headers.iter().any(|pattern| fits(pattern, header)))
        })
    }
}

impl CorsRule {
    /// What `Access-Control-Allow-Origin` says to a page of `origin`: `*` where any page is welcome.
    pub fn allow_origin<'a>(&self, origin: &'a str) -> &'a str {
        match self.origin_pattern(origin) {
            Some("*") => "*",
            _ => origin,
        }
    }

    fn origin_pattern(&self, origin: &str) -> Option<&str> {
        let mut patterns = self.allowed_origins.iter().map(String::as_str);
        patterns.find(|pattern| fits(pattern, origin))
    }

    fn read(rule: &Element) -> Result<Self, Error> {
        let read = Self {
            allowed_origins: values(rule, "AllowedOrigin"),
            allowed_methods: values(rule, "AllowedMethod"),
            allowed_headers: values(rule, "AllowedHeader"),
            expose_headers: values(rule, "ExposeHeader"),
            max_age_s: max_age_s(rule)?,
        };
        if read.allowed_origins.is_empty() || read.allowed_methods.is_empty() {
            return Err(Error::malformed_xml());
        }
        for (name, patterns) in [
            ("AllowedOrigin", &read.allowed_origins),
            ("AllowedHeader", &read.allowed_headers),
        ] {
            refuse(name, patterns, "can have at most one * wildcard.", |pattern| {
                pattern.is_empty() || pattern.matches('*').count() > 1
            })?;
        }
        refuse(
            "ExposeHeader",
            &read.expose_headers,
            "must be the name of a header.",
            |name| !is_token(name) || name.contains('*'),
        )?;
        refuse(
            "AllowedMethod",
            &read.allowed_methods,
            "must be GET, PUT, DELETE, POST or HEAD.",
            |method| !METHODS.contains(&method),
        )?;
        Ok(read)
    }
}

fn values(rule: &Element, name: &'static str) -> Vec<String> {
    rule.children_named(name)
        .map(|value| value.text().trim().to_owned())
        .collect()
}

fn max_age_s(rule: &Element) -> Result<Option<u32>, Error> {
    let Some(text) = rule.child_text("MaxAgeSeconds").map(str::trim) else {
        return Ok(None);
    };
    match text.parse() {
        Ok(seconds) if seconds <= MAX_AGE_S_MAX => Ok(Some(seconds)),
        _ => Err(
            Error::invalid_argument("MaxAgeSeconds must be a number from 0 to 999999999.")
                .with_argument("MaxAgeSeconds", text),
        ),
    }
}

fn refuse(
    name: &'static str,
    values: &[String],
    demand: &'static str,
    is_wrong: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    match values.iter().find(|value| is_wrong(value)) {
        None => Ok(()),
        Some(value) => Err(Error::invalid_argument(format!("{name} {demand}")).with_argument(name, value)),
    }
}

/// Whether the text is the pattern, its `*` standing for anything. Schemes, hosts and header names have no case.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, end)) = pattern.split_once('*') else {
        return pattern.eq_ignore_ascii_case(text);
    };
    let (text, start, end) = (text.as_bytes(), start.as_bytes(), end.as_bytes());
    text.len() >= start.len() + end.len()
        && text[..start.len()].eq_ignore_ascii_case(start)
        && text[text.len() - end.len()..].eq_ignore_ascii_case(end)
}

/// A header name (RFC 9110, 5.6.2).
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

const ROOT: &str = "CORSConfiguration";

/// The service's.
const RULES_MAX: usize = 10;

/// The service's.
const MAX_AGE_S_MAX: u32 = 999_999_999;

const METHODS: &[&str] = &["GET", "PUT", "DELETE", "POST", "HEAD"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(rules: &str) -> String {
        format!("<CORSConfiguration>{rules}</CORSConfiguration>")
    }

    fn rule(more: &str) -> String {
        format!("<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>{more}</CORSRule>")
    }

    #[test]
    fn reads_what_the_contract_names() {
        let body = rules(
            "<CORSRule>
               <AllowedOrigin>https://*.example.com</AllowedOrigin><AllowedOrigin>http://localhost:8000</AllowedOrigin>
               <AllowedMethod>GET</AllowedMethod><AllowedMethod>HEAD</AllowedMethod>
               <AllowedHeader>x-oss-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>
               <MaxAgeSeconds>600</MaxAgeSeconds><ID>ignored</ID>
             </CORSRule><ResponseVary>true</ResponseVary>",
        );
        let read = CorsConfiguration::from_xml(body.as_bytes()).unwrap();
        let expected = CorsConfiguration {
            rules: vec![CorsRule {
                allowed_origins: vec!["https://*.example.com".to_owned(), "http://localhost:8000".to_owned()],
                allowed_methods: vec!["GET".to_owned(), "HEAD".to_owned()],
                allowed_headers: vec!["x-oss-*".to_owned()],
                expose_headers: vec!["ETag".to_owned()],
                max_age_s: Some(600),
            }],
            response_vary: true,
        };
        assert_eq!(read, expected);
        crate::document::check(
            &read.to_xml(),
            "<CORSConfiguration><CORSRule>
               <AllowedOrigin>https://*.example.com</AllowedOrigin><AllowedOrigin>http://localhost:8000</AllowedOrigin>
               <AllowedMethod>GET</AllowedMethod><AllowedMethod>HEAD</AllowedMethod>
               <AllowedHeader>x-oss-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>
               <MaxAgeSeconds>600</MaxAgeSeconds>
             </CORSRule><ResponseVary>true</ResponseVary></CORSConfiguration>",
        );
    }

    #[test]
    fn refuses_what_the_service_refuses() {
        let full = "x".repeat(CorsConfiguration::DOCUMENT_BYTES_MAX - rules(&rule("<ID></ID>")).len());
        for (body, code) in [
            (String::new(), Some(ErrorCode::MalformedXML)),
            ("<Other/>".to_owned(), Some(ErrorCode::MalformedXML)),
            (rules(""), Some(ErrorCode::MalformedXML)),
            (
                rules("<CORSRule><AllowedMethod>GET</AllowedMethod></CORSRule>"),
                Some(ErrorCode::MalformedXML),
            ),
            (
                rules("<CORSRule><AllowedOrigin>*</AllowedOrigin></CORSRule>"),
                Some(ErrorCode::MalformedXML),
            ),
            (rules(&rule("").repeat(10)), None),
            (rules(&rule("").repeat(11)), Some(ErrorCode::InvalidArgument)),
            (rules(&rule(&format!("<ID>{full}</ID>"))), None),
            (
                rules(&rule(&format!("<ID>{full}x</ID>"))),
                Some(ErrorCode::EntityTooLarge),
            ),
            (
                rules(&rule("<AllowedOrigin>*.*</AllowedOrigin>")),
                Some(ErrorCode::InvalidArgument),
            ),
            (rules(&rule("<AllowedOrigin/>")), Some(ErrorCode::InvalidArgument)),
            (
                rules(&rule("<AllowedMethod>PATCH</AllowedMethod>")),
                Some(ErrorCode::InvalidArgument),
            ),
            (rules(&rule("<AllowedHeader>*</AllowedHeader>")), None),
            (
                rules(&rule("<AllowedHeader>**</AllowedHeader>")),
                Some(ErrorCode::InvalidArgument),
            ),
            (
                rules(&rule("<ExposeHeader>*</ExposeHeader>")),
                Some(ErrorCode::InvalidArgument),
            ),
            (
                rules(&rule("<ExposeHeader>a\nb</ExposeHeader>")),
                Some(ErrorCode::InvalidArgument),
            ),
            (rules(&rule("<MaxAgeSeconds>999999999</MaxAgeSeconds>")), None),
            (
                rules(&rule("<MaxAgeSeconds>1000000000</MaxAgeSeconds>")),
                Some(ErrorCode::InvalidArgument),
            ),
            (
                rules(&rule("<MaxAgeSeconds>-1</MaxAgeSeconds>")),
                Some(ErrorCode::InvalidArgument),
            ),
            (
                rules(&format!("{}<ResponseVary>perhaps</ResponseVary>", rule(""))),
                Some(ErrorCode::InvalidArgument),
            ),
        ] {
            let read = CorsConfiguration::from_xml(body.as_bytes());
            assert_eq!(read.err().map(|error| error.code), code, "{body:.200}");
        }
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let read = CorsConfiguration::from_xml(
            rules(
                "<CORSRule>
                   <AllowedOrigin>https://*.example.com</AllowedOrigin><AllowedMethod>GET</AllowedMethod>
                   <AllowedHeader>Range</AllowedHeader><AllowedHeader>x-oss-*</AllowedHeader><MaxAgeSeconds>1</MaxAgeSeconds>
                 </CORSRule><CORSRule>
                   <AllowedOrigin>null</AllowedOrigin><AllowedOrigin>*</AllowedOrigin>
                   <AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod><MaxAgeSeconds>2</MaxAgeSeconds>
                 </CORSRule>",
            )
            .as_bytes(),
        )
        .unwrap();
        // Origin, method, headers; the rule and what it says of the origin.
        for (origin, method, headers, expected) in [
            (
                "https://a.example.com",
                "GET",
                &["range", "X-OSS-date"][..],
                Some((1, "https://a.example.com")),
            ),
            ("HTTPS://A.EXAMPLE.COM", "GET", &[], Some((1, "HTTPS://A.EXAMPLE.COM"))),
            ("https://.example.com", "GET", &[], Some((1, "https://.example.com"))),
            ("https://example.com", "GET", &[], Some((2, "*"))),
            ("http://a.example.com", "GET", &[], Some((2, "*"))),
            ("null", "PUT", &[], Some((2, "null"))),
            ("https://a.example.com", "GET", &["authorization"], None),
            ("https://a.example.com", "PUT", &["range"], None),
            ("https://a.example.com", "DELETE", &[], None),
            ("https://a.example.com", "get", &[], None),
        ] {
            let found = read.rule(origin, method, headers.iter().copied());
            let found = found.map(|rule| (rule.max_age_s.unwrap(), rule.allow_origin(origin)));
            assert_eq!(found, expected, "{origin} {method} {headers:?}");
        }
    }

    proptest! {
        #[test]
        fn is_read_back(
            origins in proptest::collection::vec("[a-z:/.&<]{1,9}\\*?[a-z.]{0,5}", 1..4),
            headers in proptest::collection::vec("\\*?[a-z-]{1,9}", 0..3),
            exposed in proptest::collection::vec("[a-zA-Z-]{1,9}", 0..3),
            max_age_s in proptest::option::of(0..=MAX_AGE_S_MAX), response_vary: bool, count in 1..=RULES_MAX,
        ) {
            let rule = CorsRule {
                allowed_origins: origins,
                allowed_methods: vec!["HEAD".to_owned(), "POST".to_owned()],
                allowed_headers: headers,
                expose_headers: exposed,
                max_age_s,
            };
            let configuration = CorsConfiguration { rules: vec![rule; count], response_vary };
            prop_assert_eq!(CorsConfiguration::from_xml(configuration.to_xml().as_bytes()), Ok(configuration));
        }

        #[test]
        fn a_star_stands_for_any_text(start in "\\PC{0,4}", middle in "\\PC{0,4}", end in "\\PC{0,4}") {
            prop_assume!(!start.contains('*') && !end.contains('*'));
            prop_assert!(fits(&format!("{start}*{end}"), &format!("{start}{middle}{end}")), "{} {} {}", start, middle, end);
        }
    }
}
