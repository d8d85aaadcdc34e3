//! HeadObject (contract, 4.4).

use alluvium_oss::{Error, ErrorCode};
use axum::response::Response;

use crate::conditions::{self, Verdict};
use crate::object::headers;
use crate::service::Call;
use crate::{authorise, respond};

/// Says of an object what a GET would, without its bytes.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let info = authorise::readable_object(call).await?;
    match conditions::weigh(&call.request.headers, &info) {
        Verdict::Failed => Err(ErrorCode::PreconditionFailed.into()),
        Verdict::NotModified => Ok(headers::not_modified(&info)),
        Verdict::Send => {
            let mut response = respond::empty();
            headers::describe(&mut response, &info);
            Ok(response)
        }
    }
}
