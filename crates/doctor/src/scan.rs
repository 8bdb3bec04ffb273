//! The words about names of a scan directory that are not served, shared with the supervisor.

/// A name that is no directory.
pub const NOT_A_DIRECTORY: &str =
    "it is not a directory; remove it, or let its name begin with a dot";

/// A name that is new.
pub const NOT_PICKED_UP: &str = "svscan has not picked it up yet";

/// A second name of the directory that is served as `other`.
#[must_use]
pub fn same_as(other: &str) -> String {
    format!("is the same directory as {other}: it is supervised once")
}
