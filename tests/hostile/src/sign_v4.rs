//! Any request, signed with version 4 in its header and in its URL: the signature holds for it, in any order, and for no other.

use std::time::Duration;

use crate::signed::{Head, ID, NOW, secret};
use alluvium_oss::sign::v4;

/// Panics where the promise above is broken.
pub fn check(bytes: &[u8]) {
    let Some(head) = Head::read(bytes) else { return };
    head.check_own_claim();
    let head = head.unclaimed();

    let mut in_header = head.clone();
    in_header.headers.push(("x-oss-date".to_owned(), NOW.iso8601_basic()));
    let authorization =
        v4::authorization_header(&in_header.request(), ID, &secret(), REGION, &["range"]).expect("has a date");
    in_header.headers.push(("authorization".to_owned(), authorization));
    in_header.check_signed();

    let mut in_url = head;
    let claim = v4::presign(
        &in_url.request(),
        ID,
        &secret(),
        REGION,
        NOW,
        Duration::from_secs(60),
        None,
    );
    in_url.query.extend(claim);
    in_url.check_signed();
}

const REGION: &str = "cn-hangzhou";
