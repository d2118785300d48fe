//! What the local host reads of a project: `host.json`, `local.settings.json` and the app settings that they make.

mod error;
mod host_json;
pub(crate) mod json_text;
mod local_settings;
mod log_levels;
mod settings;
mod time_span;

pub use error::ProjectError;
pub use host_json::{DurableTaskOptions, FunctionTimeout, HostJson, HttpOptions, McpOptions, OverridableStates};
pub(crate) use local_settings::normalised;
pub use local_settings::{HostSection, LocalSettings};
pub use log_levels::{LogLevel, LogLevels};
pub use settings::{Settings, UnresolvedSetting};
pub(crate) use time_span::parse_time_span;
