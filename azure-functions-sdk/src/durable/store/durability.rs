//! How safe a commit is when it counts as done.

/// When a commit counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// When the operating system has it: the end of a process loses nothing, a power cut may lose the last moments,
    /// and neither corrupts.
    #[default]
    Process,
    /// When the disk has it: nothing is lost in a power cut either. Slower.
    Full,
}
