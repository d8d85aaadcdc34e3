//! Who may read and write without a signature (contract, 4.5).

use crate::error::Error;

/// The access control list of a bucket, or an object's own one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Acl {
    /// Anonymous requests may do nothing.
    #[default]
    Private,
    /// Anonymous requests may read objects.
    PublicRead,
    /// Anonymous requests may read, write and delete objects, and publish.
    PublicReadWrite,
}

impl Acl {
    /// Reads the value of `x-oss-acl`.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for any other text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "private" => Ok(Self::Private),
            "public-read" => Ok(Self::PublicRead),
            "public-read-write" => Ok(Self::PublicReadWrite),
            other => Err(
                Error::invalid_argument("The acl must be private, public-read or public-read-write.")
                    .with_argument("x-oss-acl", other),
            ),
        }
    }

    /// The text of `x-oss-acl` and of `Grant`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::PublicRead => "public-read",
            Self::PublicReadWrite => "public-read-write",
        }
    }

    /// Whether a request without a signature may read objects.
    pub const fn anonymous_may_read(self) -> bool {
        matches!(self, Self::PublicRead | Self::PublicReadWrite)
    }

    /// Whether a request without a signature may write and delete objects, and publish to channels.
    pub const fn anonymous_may_write(self) -> bool {
        matches!(self, Self::PublicReadWrite)
    }
}

/// The access control list of an object, which wins over the bucket's unless it is `default`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ObjectAcl {
    /// As the bucket says.
    #[default]
    Default,
    /// As the object says.
    Own(Acl),
}

impl ObjectAcl {
    /// Reads the value of `x-oss-object-acl`.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for any other text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text == "default" {
            return Ok(Self::Default);
        }
        Acl::parse(text).map(Self::Own).map_err(|_| {
            Error::invalid_argument("The object acl must be default, private, public-read or public-read-write.")
                .with_argument("x-oss-object-acl", text)
        })
    }

    /// The text of `x-oss-object-acl` and of `Grant`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Own(acl) => acl.as_str(),
        }
    }

    /// What holds for the object in a bucket with this list.
    pub const fn effective(self, bucket: Acl) -> Acl {
        match self {
            Self::Default => bucket,
            Self::Own(acl) => acl,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn opens_what_its_name_says() {
        for (text, read, write) in [
            ("private", false, false),
            ("public-read", true, false),
            ("public-read-write", true, true),
        ] {
            let acl = Acl::parse(text).unwrap();
            assert_eq!(acl.as_str(), text);
            assert_eq!(
                (acl.anonymous_may_read(), acl.anonymous_may_write()),
                (read, write),
                "{text}"
            );
            assert_eq!(ObjectAcl::parse(text).unwrap(), ObjectAcl::Own(acl));
            assert_eq!(ObjectAcl::Own(acl).as_str(), text);
        }
    }

    #[test]
    fn refuses_other_texts() {
        for text in ["", "Private", "default", "public", "public-read "] {
            let error = Acl::parse(text).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{text}");
        }
        assert_eq!(ObjectAcl::parse("open").unwrap_err().code, ErrorCode::InvalidArgument);
    }

    #[test]
    fn own_list_wins_over_the_buckets() {
        assert_eq!(
            ObjectAcl::parse("default").unwrap().effective(Acl::PublicRead),
            Acl::PublicRead
        );
        assert_eq!(
            ObjectAcl::Own(Acl::Private).effective(Acl::PublicReadWrite),
            Acl::Private
        );
        assert_eq!(ObjectAcl::Own(Acl::PublicRead).effective(Acl::Private), Acl::PublicRead);
    }
}
