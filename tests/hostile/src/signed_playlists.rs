//! Any object as a playlist whose URIs are to be signed: refused in words, or a text in which nothing but URIs has changed.

use alluvium_api::Limits;
use alluvium_oss::sign::v1;
use axum::body::Body;
use http::{Request, StatusCode};

use crate::service::Service;
use crate::signed::{Head, ID, NOW, secret};

/// Small, so that inputs get there.
const LIMITS: fn() -> Limits = || Limits {
    signed_playlist_result_bytes_max: 8 << 10,
    signed_segments_max: 8,
    signed_playlists_max: 4,
    ..Limits::default()
};

/// Panics where the promise above is broken.
pub fn check(playlist: &[u8]) {
    let service = Service::new(LIMITS());
    service.put("a/b/playlist.m3u8", playlist, "ETAG");
    let target = "/shown/a/b/playlist.m3u8?x-oss-process=hls/sign";
    let head = Head::read(format!("GET {target}").as_bytes()).expect("a request");
    let claim = v1::presign(&head.request(), ID, &secret(), NOW, None);
    let claim = claim
        .into_iter()
        .map(|(name, value)| format!("&{name}={}", alluvium_oss::percent::encode(&value)));
    let request = Request::get(format!("{target}{}", claim.collect::<String>())).header("host", "127.0.0.1");
    let (answer, body) = service.ask(request.body(Body::empty()).expect("every part was checked"));
    let Ok(text) = std::str::from_utf8(&body) else {
        panic!("{:?}", answer.status())
    };
    if answer.status() != StatusCode::OK {
        assert!(answer.status().is_client_error(), "{text}");
        return;
    }
    assert!(body.len() <= LIMITS().signed_playlist_result_bytes_max);
    let was = std::str::from_utf8(playlist).expect("a playlist is text");
    assert_eq!(text.lines().count(), was.lines().count());
    for (now, was) in text.lines().zip(was.lines()) {
        let is_comment = was.trim_start().starts_with('#') && !was.contains("URI");
        assert!(!is_comment || now == was, "{was:?} became {now:?}");
    }
}
