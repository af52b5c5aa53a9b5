//! temporary
pub(crate) fn respond(_: &http::HeaderMap) -> crate::http::Reply {
    http::Response::new(crate::http::full("pogu"))
}
