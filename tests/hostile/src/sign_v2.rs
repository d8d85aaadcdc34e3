//! Any request, signed with version 2 in its header and in its URL: the signature holds for it, in any order, and for no other.

use crate::signed::{Head, ID, NOW, secret};
use alluvium_oss::sign::v2;

/// Panics where the promise above is broken.
pub fn check(bytes: &[u8]) {
    let Some(head) = Head::read(bytes) else { return };
    head.check_own_claim();
    let head = head.unclaimed();

    let mut in_header = head.clone();
    in_header.headers.push(("date".to_owned(), NOW.http_date()));
    let authorization = v2::authorization_header(&in_header.request(), ID, &secret(), &["range"]);
    in_header.headers.push(("authorization".to_owned(), authorization));
    in_header.check_signed();

    let mut in_url = head;
    let claim = v2::presign(&in_url.request(), ID, &secret(), NOW, None);
    in_url.query.extend(claim);
    in_url.check_signed();
}
