//! The limit of a custom status.

/// A custom status may have 16 KB, counted as .NET counts; the text says that it has more.
pub(super) fn too_long(custom_status: &str) -> Option<String> {
    const LIMIT: usize = 16 * 1024;
    let bytes = custom_status.encode_utf16().count() * 2;
    (bytes > LIMIT).then(|| format!("the custom status has {bytes} bytes as UTF-16; at most 16 KB are allowed"))
}
