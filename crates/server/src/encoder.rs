//! A publish URL as encoders ask for it.

use anyhow::{Context, Result};

/// Splits `rtmp://host/bucket/live/name?…` into server and stream key, as an encoder does: the key is what follows the
/// last slash of the path.
pub(crate) fn split(url: &str) -> Result<(&str, &str)> {
    let path_end = url.find('?').unwrap_or(url.len());
    let slash = url[..path_end].rfind('/').context("a publish URL without a path")?;
    Ok((&url[..slash], &url[slash + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publish_url_splits_into_what_obs_asks_for() {
        let url = "rtmp://127.0.0.1:8080/demo/live/yours?Expires=1&Signature=a/b";
        assert_eq!(
            split(url).unwrap(),
            ("rtmp://127.0.0.1:8080/demo/live", "yours?Expires=1&Signature=a/b")
        );
    }
}
