//! Form bodies of requests.

use crate::BindingError;
use serde::de::DeserializeOwned;
use std::ops::{Deref, DerefMut};

/// The form in the body of a request, as browsers and `curl -d` send it: `application/x-www-form-urlencoded`, in UTF-8.
///
/// As a parameter it is an HTTP trigger with the arguments of [`HttpRequest`](super::HttpRequest); beside a parameter
/// of that type it only reads the body. The caller gets 400, with the reason, if the body is not a form of this type.
/// A field that may occur several times is a `Vec`, one that may be missing an `Option` or has `#[serde(default)]`.
///
/// ```
/// use azure_functions::{func, http::{Form, HttpResponse}};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Order {
///     item: String,
///     pieces: u32,
///     #[serde(default)]
///     extras: Vec<String>,
/// }
///
/// #[func]
/// async fn order(#[binding(methods = "post", route = "orders")] form: Form<Order>) -> HttpResponse {
///     format!("{} times {}, and {} extras", form.pieces, form.item, form.extras.len()).into()
/// }
/// ```
///
/// Forms with files (`multipart/form-data`) are refused with 400: take an [`HttpRequest`](super::HttpRequest), and read its
/// [`body`](super::HttpRequest::body) with a crate for them, such as `multer`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form<T>(pub T);

/// What a form is sent as.
const URL_ENCODED: &str = "application/x-www-form-urlencoded";

impl<T> Deref for Form<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Form<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// Reads a form. A body without a content type is taken for a form.
pub(super) fn read<T: DeserializeOwned>(content_type: Option<&str>, body: &[u8]) -> Result<T, BindingError> {
    let media_type = content_type.map(|text| text.split(';').next().unwrap_or_default().trim());
    if let Some(other) = media_type.filter(|media_type| !media_type.eq_ignore_ascii_case(URL_ENCODED)) {
        return Err(BindingError::bad_request(format!(
            "the body is no form: its content type is `{other}`, and a form is `{URL_ENCODED}`"
        )));
    }
    let fields = serde_html_form::Deserializer::new(url::form_urlencoded::parse(body));
    serde_path_to_error::deserialize(fields).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        let place = match path.as_str() {
            "." => String::new(),
            path => format!("{path}: "),
        };
        BindingError::bad_request(format!("the form is not as expected: {place}{error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    struct Order {
        item: String,
        pieces: u32,
        #[serde(default)]
        extras: Vec<String>,
        note: Option<String>,
    }

    #[test]
    fn a_form_is_read_with_its_repeated_fields() {
        let body = b"item=warm+s%C3%B6cks&pieces=3&extras=bow&extras=card";
        let order = Order {
            item: "warm s\u{f6}cks".to_owned(),
            pieces: 3,
            extras: vec!["bow".to_owned(), "card".to_owned()],
            note: None,
        };
        for content_type in [
            None,
            Some(URL_ENCODED),
            Some("Application/X-WWW-Form-Urlencoded; charset=UTF-8"),
        ] {
            assert_eq!(read::<Order>(content_type, body).unwrap(), order);
        }
    }

    #[test]
    fn what_is_no_such_form_is_the_callers_mistake() {
        for (content_type, body, text) in [
            (
                Some("multipart/form-data; boundary=x"),
                "--x--",
                "the body is no form: its content type is `multipart/form-data`, and a form is `application/x-www-form-urlencoded`",
            ),
            (None, "pieces=3", "the form is not as expected: missing field `item`"),
            (
                None,
                "item=a&pieces=many",
                "the form is not as expected: pieces: invalid digit found in string",
            ),
        ] {
            let error = read::<Order>(content_type, body.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), text);
            assert_eq!(error.response().unwrap().status(), 400);
        }
    }
}
