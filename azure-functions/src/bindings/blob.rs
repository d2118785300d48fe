//! Blobs.

use super::{
    blob_content::{BlobContent, IntoBlobContent},
    blob_pattern,
};
use crate::{
    BindingError,
    binding::{
        BindingData, BindingSpec, FromBinding, Input, IntoBinding, IntoPayload, IntoTrigger, TriggerData, table,
        trigger_metadata::Fields,
    },
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::HashMap;

/// A blob that was written, which starts the function.
///
/// Arguments of its binding: `path` (required), a container alone or `container/pattern`, such as `"images/{name}.png"`;
/// `connection`, the name of a setting (`AzureWebJobsStorage` if absent); `source`, which is `"LogsAndContainerScan"` (polling, the
/// default) or `"EventGrid"` (at once, with an event subscription for the container).
///
/// `T` is the content: [`Bytes`], `String`, `Vec<u8>`, [`Json<T>`](crate::http::Json), or a
/// [`BlobReference`](super::BlobReference), with which a large blob is opened in the function and not sent through the host.
///
/// ```
/// use azure_functions::{bindings::{Blob, BlobTrigger}, func};
///
/// #[func]
/// #[binding(name = "$return", path = "thumbnails/{name}.png")]
/// fn shrink(#[binding(path = "images/{name}.png")] image: BlobTrigger) -> Blob<Vec<u8>> {
///     log::info!("{} has {} bytes", image.variable("name").unwrap_or_default(), image.content.len());
///     Blob(image.content.iter().step_by(2).copied().collect())
/// }
///
/// // A test calls the function.
/// let thumbnail = shrink(BlobTrigger::new("images/cat.png", vec![1, 2, 3].into()));
/// assert_eq!(thumbnail.0, [1, 3]);
/// ```
///
/// With `source = "EventGrid"` a host starts the function for every blob in the container, whatever the pattern says. The worker then
/// compares the names, and does not run the function for a blob that does not match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlobTrigger<T = Bytes> {
    /// The content.
    pub content: T,
    /// `container/name`, not encoded.
    pub path: String,
    /// Address of the blob, encoded.
    pub uri: String,
    /// What the storage service says about the blob.
    pub properties: BlobProperties,
    /// The blob's own metadata.
    pub metadata: HashMap<String, String>,
    /// What the variables of the pattern stand for.
    pub variables: HashMap<String, String>,
}

/// What the storage service says about a blob. What is missing is the default, and the default is not written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct BlobProperties {
    /// Length of the content in bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub content_length: u64,
    /// Media type of the content.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub content_type: String,
    /// Encoding of the content, such as `gzip`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub content_encoding: String,
    /// MD5 of the content in Base64.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub content_hash: String,
    /// `Hot`, `Cool`, and so on.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub access_tier: String,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_on: Option<DateTime<Utc>>,
    /// When it was last written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<DateTime<Utc>>,
    /// The version, if the account keeps versions.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version_id: String,
}

const PROPERTIES: &[&str] = &[
    "ContentLength",
    "ContentType",
    "ContentEncoding",
    "ContentHash",
    "AccessTier",
    "CreatedOn",
    "LastModified",
    "VersionId",
];

// A reference, because serde asks with one.
fn is_zero(length: &u64) -> bool {
    *length == 0
}

impl BlobProperties {
    fn from_fields(mut fields: Fields) -> Self {
        Self {
            content_length: fields.take("ContentLength").unwrap_or_default(),
            content_type: fields.take("ContentType").unwrap_or_default(),
            content_encoding: fields.take("ContentEncoding").unwrap_or_default(),
            content_hash: fields.take("ContentHash").unwrap_or_default(),
            access_tier: fields.take("AccessTier").unwrap_or_default(),
            created_on: fields.take_time("CreatedOn"),
            last_modified: fields.take_time("LastModified"),
            version_id: fields.take("VersionId").unwrap_or_default(),
        }
    }
}

impl<T> BlobTrigger<T> {
    /// A blob with this path, `container/name`, and content, for a test that calls a function.
    pub fn new(path: impl Into<String>, content: T) -> Self {
        Self {
            content,
            path: path.into(),
            uri: String::new(),
            properties: BlobProperties::default(),
            metadata: HashMap::new(),
            variables: HashMap::new(),
        }
    }

    /// What a variable of the pattern stands for.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The container.
    pub fn container(&self) -> &str {
        self.path.split_once('/').map_or("", |(container, _)| container)
    }

    /// The blob's name in the container; it may hold slashes.
    pub fn name(&self) -> &str {
        self.path.split_once('/').map_or("", |(_, name)| name)
    }
}

const MEMBERS: &[&str] = &["BlobTrigger", "Uri", "Properties", "Metadata"];

impl<T: BlobContent> FromBinding for BlobTrigger<T> {
    const SPEC: BindingSpec = match T::DEFERRED {
        true => BindingSpec::of(&table::BLOB_TRIGGER).deferred(),
        false => BindingSpec::of(&table::BLOB_TRIGGER),
    };

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        let mut fields = Fields::of(&mut input, MEMBERS);
        let path: String = fields.take("BlobTrigger").unwrap_or_default();
        let pattern = input.argument("path").unwrap_or_default();
        let by_event = input
            .argument("source")
            .is_some_and(|source| source.eq_ignore_ascii_case("EventGrid"));
        if by_event && !path.is_empty() && !blob_pattern::matches(pattern, &path) {
            return Err(BindingError::not_for_the_function(format!(
                "the blob `{path}` does not match the pattern `{pattern}`"
            )));
        }
        let variables = blob_pattern::variables(pattern)
            .filter_map(|name| Some((name.to_owned(), input.take_metadata_as(name)?)))
            .collect();
        Ok(Self {
            content: T::read(input.take_data())?,
            path,
            uri: fields.take("Uri").unwrap_or_default(),
            properties: BlobProperties::from_fields(fields.take_members("Properties", PROPERTIES)),
            metadata: fields.take_texts("Metadata"),
            variables,
        })
    }
}

impl<T: IntoBlobContent> IntoTrigger for BlobTrigger<T> {
    /// The variables are read from the path.
    fn into_trigger(self) -> Result<TriggerData, BindingError> {
        let properties = Some(&self.properties).filter(|properties| **properties != BlobProperties::default());
        self.content
            .into_data()?
            .with_text("BlobTrigger", &self.path)?
            .with_text("Uri", &self.uri)?
            .with("Properties", properties)?
            .with("Metadata", Some(self.metadata).filter(|metadata| !metadata.is_empty()))
    }
}

/// The content of a blob: an input, or an output.
///
/// Arguments of its binding: `path` (required), `container/blob`, which may hold `{names}` of the trigger's metadata, `{rand-guid}` and
/// `{DateTime:format}`; `connection`, the name of a setting (`AzureWebJobsStorage` if absent).
///
/// As an input, it is the content of a blob that exists; `Option<Blob<T>>` is `None` for one that does not. `T` is as for
/// [`BlobTrigger`]. As an output, the blob is written, over one that is there, with exactly this content: [`Bytes`], `Vec<u8>`,
/// `String`, or [`Json<T>`](crate::http::Json).
///
/// ```
/// use azure_functions::{bindings::{Blob, HttpRequest, HttpResponse}, func};
///
/// #[func]
/// fn read(
///     #[binding(route = "notes/{name}")] _request: HttpRequest,
///     #[binding(path = "notes/{name}.txt")] note: Option<Blob<String>>,
/// ) -> HttpResponse {
///     match note {
///         Some(Blob(text)) => text.into(),
///         None => HttpResponse::build().status(404).finish(),
///     }
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blob<T = Bytes>(pub T);

const fn input_spec(deferred: bool) -> BindingSpec {
    match deferred {
        true => BindingSpec::of(&table::BLOB_INPUT).fixed(&[]).deferred(),
        false => BindingSpec::of(&table::BLOB_INPUT),
    }
}

impl<T: BlobContent> FromBinding for Blob<T> {
    const SPEC: BindingSpec = input_spec(T::DEFERRED);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        match input.take_data() {
            BindingData::None => Err(BindingError::new(
                "there is no such blob: take `Option<Blob<..>>` if it need not exist",
            )),
            data => T::read(data).map(Self),
        }
    }
}

impl<T: BlobContent> FromBinding for Option<Blob<T>> {
    const SPEC: BindingSpec = input_spec(T::DEFERRED);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        match input.take_data() {
            BindingData::None => Ok(None),
            data => T::read(data).map(|content| Some(Blob(content))),
        }
    }
}

impl<T: IntoPayload> IntoBinding for Blob<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::BLOB);

    fn into_binding(self) -> Result<BindingData, BindingError> {
        self.0.into_payload().map(BindingData::Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::shown::shows;
    use crate::{
        binding::{
            recorded::Recorded,
            signature::{Given, Literal, Parameter},
        },
        bindings::BlobReference,
        http::Json,
        rpc::Data,
    };
    use serde_json::{Value, json};

    const TRIGGER: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/recorded/triggers/blob.jsonl"
    ));
    const INPUT: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/recorded/triggers/blob_input.jsonl"
    ));

    const BINARY: &[u8] = &[0xff, 0xfe, 0, 0x80];

    /// The binding as the recorded function declared it.
    fn take<T: FromBinding>(recorded: &Recorded) -> Result<T, BindingError> {
        let given = |name| {
            let value = recorded.binding.get(name)?.as_str()?.to_owned().leak();
            Some(Given {
                name,
                value: Literal::Text(value),
                wrong_schedule: None,
                wrong_route: None,
            })
        };
        let arguments: Vec<_> = ["path", "source"].into_iter().filter_map(given).collect();
        recorded.take_with(Parameter {
            name: "file",
            binding: "file",
            spec: T::SPEC,
            by_reference: false,
            arguments: arguments.leak(),
        })
    }

    #[test]
    fn every_recorded_blob_is_read_with_its_metadata_and_variables() {
        let all = Recorded::all(TRIGGER);
        let (deferred, whole): (Vec<_>, Vec<_>) = all.iter().partition(|one| one.name.contains("deferred"));
        assert_eq!((deferred.len(), whole.len()), (7, 28));
        for recorded in whole {
            if recorded.name == "blob.source-eventgrid.fails" {
                continue;
            }
            let blob: BlobTrigger = take(recorded).unwrap();
            let wanted: &[u8] = match recorded.name.rsplit('.').next().unwrap() {
                "text" => "hello wörld".as_bytes(),
                "binary" => BINARY,
                "bom" => b"\xef\xbb\xbfbom",
                "empty" => b"",
                "json" => br#"{"a": 1}"#,
                "changed-blob" => b"changed",
                "one" => b"hello",
                _ => b"x",
            };
            assert_eq!(blob.content, wanted, "{}", recorded.name);
            assert_eq!(blob.properties.content_length, wanted.len() as u64, "{}", recorded.name);
            assert!(
                blob.properties.last_modified.is_some() && blob.uri.starts_with("http"),
                "{}",
                recorded.name
            );
            assert!(
                !blob.container().is_empty() && !blob.name().is_empty(),
                "{}",
                recorded.name
            );
        }
    }

    #[test]
    fn the_variables_of_a_blob_pattern_are_those_of_the_host() {
        let variables = |name: &str| {
            let blob: BlobTrigger = take(&Recorded::named(TRIGGER, name)).unwrap();
            let mut all: Vec<_> = blob.variables.into_iter().collect();
            all.sort();
            all.into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(variables("blob.path-ext"), "ext=txt name=a.b");
        assert_eq!(variables("blob.path-dirs"), "dir=one/two rest=three");
        assert_eq!(variables("blob.path-whole"), "");
        assert_eq!(variables("blob.path-nopattern"), "");
        assert_eq!(variables("blob.unicode-name"), "name=name with späces & ü+%25.txt");
    }

    #[test]
    fn the_properties_and_metadata_of_a_blob_are_typed() {
        let blob: BlobTrigger<String> = take(&Recorded::named(TRIGGER, "blob.text")).unwrap();
        assert_eq!(blob.content, "hello wörld");
        assert_eq!(blob.metadata["Author"], "me");
        let properties = &blob.properties;
        assert_eq!(properties.content_type, "text/plain");
        assert_eq!(properties.content_hash, "jG4V33Q6A4Cqom5XQXlNew==");
        assert_eq!(
            (properties.access_tier.as_str(), properties.version_id.as_str()),
            ("Hot", "")
        );
        let json: BlobTrigger<Json<Value>> = take(&Recorded::named(TRIGGER, "blob.json")).unwrap();
        assert_eq!(json.content.0, json!({"a": 1}));
    }

    #[test]
    fn an_odd_property_of_a_blob_hides_no_other() {
        // By hand: no host sends such ones yet.
        let blob: BlobTrigger = Recorded::by_hand(
            "blob",
            Data::Bytes(Bytes::new()),
            &[
                (
                    "Properties",
                    Data::Json(
                        r#"{"ContentLength":null,"ContentType":{},"AccessTier":"Hot","CreatedOn":3,"LastModified":"2026-01-02T03:04:05"}"#
                            .to_owned(),
                    ),
                ),
                ("Metadata", Data::Json(r#"{"a":"x","b":1,"c":null}"#.to_owned())),
            ],
        )
        .take()
        .unwrap();
        let properties = blob.properties;
        assert_eq!((properties.access_tier.as_str(), properties.content_length), ("Hot", 0));
        assert_eq!(
            properties.last_modified.unwrap().to_rfc3339(),
            "2026-01-02T03:04:05+00:00"
        );
        assert_eq!((properties.content_type.as_str(), properties.created_on), ("", None));
        assert_eq!(
            (
                blob.metadata["a"].as_str(),
                blob.metadata["b"].as_str(),
                blob.metadata.len()
            ),
            ("x", "1", 2)
        );
    }

    #[test]
    fn a_blob_that_a_test_fires_says_only_the_properties_that_it_sets() {
        let mut blob = BlobTrigger::new("in/a", "x");
        blob.properties.content_type = "text/plain".to_owned();
        let (_, _, metadata) = blob.into_trigger().unwrap().into_parts();
        assert_eq!(metadata["Properties"], json!({"ContentType": "text/plain"}));
    }

    #[test]
    fn a_blob_of_an_event_that_does_not_match_the_pattern_does_not_run_the_function() {
        let recorded = Recorded::named(TRIGGER, "blob.source-eventgrid.fails");
        let error = take::<BlobTrigger>(&recorded).unwrap_err();
        assert!(error.is_not_for_the_function(), "{error}");
        let error = take::<BlobTrigger<BlobReference>>(&Recorded::named(TRIGGER, "blob.source-eventgrid.deferred"));
        assert!(error.unwrap_err().is_not_for_the_function());
        let matching: BlobTrigger = take(&Recorded::named(TRIGGER, "blob.source-eventgrid.one")).unwrap();
        assert_eq!(matching.variable("name"), Some("a b"));
    }

    #[test]
    fn a_deferred_blob_is_a_reference_which_the_function_opens() {
        for recorded in Recorded::all(TRIGGER) {
            if recorded.name.starts_with("blob.deferred") {
                let blob: BlobTrigger<BlobReference> = take(&recorded).unwrap();
                assert_eq!(blob.content.connection, "AzureWebJobsStorage");
                assert_eq!(format!("{}/{}", blob.content.container, blob.content.name), blob.path);
                // Nothing of it is content.
                assert!(take::<BlobTrigger>(&recorded).is_err());
            }
        }
    }

    #[test]
    fn every_recorded_blob_input_is_its_content_or_nothing() {
        for recorded in Recorded::all(INPUT) {
            let kind = recorded.name.rsplit('.').next().unwrap();
            if recorded.name.contains("deferred") || kind == "container" {
                let Blob(reference): Blob<BlobReference> = take(&recorded).unwrap();
                assert!(reference.container.ends_with("-input"), "{}", recorded.name);
                assert_eq!(reference.name.is_empty(), kind == "container");
                continue;
            }
            let read: Option<Blob<Bytes>> = take(&recorded).unwrap();
            if kind == "missing" || recorded.name.starts_with("blob-input.stream") {
                assert_eq!(read, None, "{}", recorded.name);
                let error = take::<Blob<Bytes>>(&recorded).unwrap_err().to_string();
                assert!(error.contains("no such blob"), "{error}");
                continue;
            }
            let exact = recorded.name.starts_with("blob-input.binary");
            let wanted: &[u8] = match kind {
                "binary" if exact => BINARY,
                "bom" if exact => b"\xef\xbb\xbfbom",
                // As text a blob that is no UTF-8 is garbage, and its byte order mark is lost: why the type asks for bytes.
                "binary" => "\u{8000}".as_bytes(),
                "bom" => b"bom",
                "empty" => b"",
                "json" => br#"{"a": 1}"#,
                _ => "hello wörld".as_bytes(),
            };
            assert_eq!(read.unwrap().0, wanted, "{}", recorded.name);
        }
        assert_eq!(<Blob<Bytes> as FromBinding>::SPEC.fixed, [("dataType", "binary")]);
        assert!(<Blob<BlobReference> as FromBinding>::SPEC.fixed.is_empty());
    }

    #[test]
    fn a_blob_is_written_as_bytes_so_that_numbers_stay_text() {
        let sent = Blob(Json(42)).into_binding().unwrap();
        assert!(matches!(sent, BindingData::Bytes(bytes) if bytes == "42"));
        let sent = Blob(String::new()).into_binding().unwrap();
        assert!(matches!(sent, BindingData::Bytes(bytes) if bytes.is_empty()));
    }

    shows!(BLOB_TRIGGER, Decoding: every_recorded_blob_is_read_with_its_metadata_and_variables, a_deferred_blob_is_a_reference_which_the_function_opens);
    shows!(BLOB_INPUT, Decoding: every_recorded_blob_input_is_its_content_or_nothing);
    shows!(BLOB, Encoding: a_blob_is_written_as_bytes_so_that_numbers_stay_text);
}
