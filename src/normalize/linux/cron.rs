//! cron (Debian's, cronie) and crontab: `(backup) CMD (/usr/local/bin/backup.sh)`.

use crate::text::Text;

use super::command;
use super::reading::{Act, OTHER_MESSAGE, Reading};

/// Reads one message of cron. The account is whose job it is.
pub(super) fn read(message: &str) -> Reading<'_> {
    let Some((account, "CMD", command)) = split(message) else { return Reading::Skip(OTHER_MESSAGE) };
    let mut act = Act::new(account, "cron", "run");
    if let Some(program) = command::program(command) {
        act.workload = Some(format!("cron:{program}").into());
        act.resource = Some(program.into());
    }
    act.reading()
}

/// Reads one message of crontab: `(alice) REPLACE (backup)` is alice writing backup's jobs.
pub(super) fn read_crontab(message: &str) -> Reading<'_> {
    let Some((account, verb, subject)) = split(message) else { return Reading::Skip(OTHER_MESSAGE) };
    let operation = match verb {
        "REPLACE" => "replace",
        "DELETE" => "delete",
        "LIST" => "list",
        "AUTH" => return Act::new(account, "crontab", "edit").denied("not_allowed").reading(),
        _ => return Reading::Skip(OTHER_MESSAGE),
    };
    let mut act = Act::new(account, "crontab", operation).on(format!("user:{subject}"));
    act.target = (subject != account).then(|| Text::from(subject));
    act.reading()
}

/// `(ACCOUNT) VERB (SUBJECT)`. The account is one of the host's own and holds no parenthesis; the subject may.
fn split(message: &str) -> Option<(&str, &str, &str)> {
    let (account, rest) = message.strip_prefix('(')?.split_once(") ")?;
    let (verb, subject) = rest.split_once(" (")?;
    Some((account, verb, subject.strip_suffix(')').unwrap_or(subject)))
}
