//! The program of a command line, and nothing else of it: arguments and assignments may hold secrets.

/// First words that only prepare for the program that matters.
const PREPARATIONS: [&str; 11] =
    ["cd", "test", "[", "command", ":", "umask", "export", "set", "ulimit", "true", "if"];
/// First words that run the program that follows them.
const WRAPPERS: [&str; 7] = ["exec", "nice", "nohup", "time", "env", "then", "{"];

/// Path or name of the program that a shell command line runs; `None` where it is not plain to see.
///
/// Where quoting or substitution stands before the program, telling one from the other would take a shell: then none is named,
/// so that no part of a quoted secret passes for a program.
pub(super) fn program(command: &str) -> Option<&str> {
    let mut rest = command;
    loop {
        let (step, after) = split_step(rest);
        let first = first_word(step)?;
        if !PREPARATIONS.contains(&first) {
            return is_program(first).then_some(first);
        }
        if step.contains(is_quoting) {
            return None;
        }
        rest = after?;
    }
}

/// Path of the program that a sudo-like log names as what it ran, of a text that starts with it.
pub(super) fn path(command: &str) -> Option<&str> {
    let path = command.split(' ').next()?;
    is_program(path).then_some(path)
}

/// The first step of a list (`a && b`, `a; b`, `a || b`), and what follows.
fn split_step(command: &str) -> (&str, Option<&str>) {
    match command.find([';', '&', '|']) {
        Some(at) => (&command[..at], Some(command[at..].trim_start_matches([';', '&', '|']))),
        None => (command, None),
    }
}

/// The first word that is neither an assignment nor a wrapper; `None` where there is none or an assignment is quoted.
fn first_word(step: &str) -> Option<&str> {
    for word in step.trim_start_matches([' ', '\t', '(']).split_ascii_whitespace() {
        if word.contains(is_quoting) {
            return None;
        }
        if !word.contains('=') && !WRAPPERS.contains(&word) {
            return Some(word);
        }
    }
    None
}

fn is_quoting(c: char) -> bool {
    matches!(c, '"' | '\'' | '\\' | '`' | '$')
}

fn is_program(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= super::reading::MAX_RESOURCE
        && word.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_'))
        && word.chars().all(|c| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | '@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_named_and_arguments_are_not() {
        let check =
            |command: &str, expected: Option<&str>| assert_eq!(program(command), expected, "{command}");
        check("/usr/local/bin/backup.sh --password hunter2", Some("/usr/local/bin/backup.sh"));
        check("   cd / && run-parts --report /etc/cron.hourly", Some("run-parts"));
        check("test -x /usr/sbin/anacron || ( cd / && run-parts /etc/cron.daily )", Some("run-parts"));
        check(
            "[ -x /usr/lib/php/sessionclean ] && /usr/lib/php/sessionclean",
            Some("/usr/lib/php/sessionclean"),
        );
        check("TOKEN=abc /opt/run", Some("/opt/run"));
        check("nice -n 5 /opt/run", None);
        check("env TOKEN=abc /opt/run", Some("/opt/run"));
        check("cd /tmp", None);
        check("", None);
    }

    #[test]
    fn secrets_before_the_program_stay_out() {
        let check = |command: &str| assert_eq!(program(command), None, "{command}");
        check("PASS=\"a hunter2 b\" /opt/run");
        check("PASS='hunter2' /opt/run");
        check("PASS=a\\ hunter2 /opt/run");
        check("PASS=$(echo hunter2) /opt/run");
        check("test \"x && hunter2\" && /opt/run");
        check("'hunter2'");
    }
}
