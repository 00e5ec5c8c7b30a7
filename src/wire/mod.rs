//! Public records and binary codecs: what leaves the monitor, what its neighbours write, and what it stores.

pub mod alert;
pub mod backfill;
pub mod dead_letter;
pub mod declared;
pub mod feedback;
pub mod frame;
pub mod last_seen;
pub mod ocsf;
mod schemas;
pub mod snapshot;

pub use alert::Alert;
pub use dead_letter::DeadLetter;
pub use feedback::FeedbackRecord;
pub use last_seen::LastSeenRecord;
pub use schemas::schemas;

/// The most characters that one text out of a log takes up in a public record, identity ids excepted.
///
/// An ARN is at most 2,048 characters by AWS's own rule and in practice below 300; a user agent or session name may
/// be anything that an attacker types. 512 keeps the former readable and the latter from filling an alert.
pub const MAX_TEXT_CHARS: usize = 512;

/// `text`, cut to [`MAX_TEXT_CHARS`] characters with `…` in place of the rest.
#[must_use]
pub fn clip(text: &str) -> String {
    clip_to(text, MAX_TEXT_CHARS)
}

/// `text`, cut to `max_chars` characters with `…` in place of the rest.
fn clip_to(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(clip_to("abc", 3), "abc");
        assert_eq!(clip_to("abcd", 3), "abc…");
        assert_eq!(clip_to("äöüß", 2), "äö…");
    }
}
