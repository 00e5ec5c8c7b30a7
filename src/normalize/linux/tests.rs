mod headers;

use proptest::prelude::*;

use super::*;
use crate::activity::{CredentialKind, Provenance, Usage};
use crate::decode::Envelope;
use crate::time::{EventTime, ProcessingTime};

const RECEIVED: &str = "2026-03-10T12:00:00Z";

fn context() -> Context<'static> {
    Context {
        received: ProcessingTime::parse_rfc3339(RECEIVED).unwrap(),
        provenance: Provenance { source: "auth.linux".into(), ..Provenance::default() },
        clock_skew_ms: 300_000,
    }
}

fn record(format: Format, text: &str) -> RawRecord<'_> {
    RawRecord { format, text, envelope: Envelope::default() }
}

fn normalized(format: Format, text: &str) -> Result<Normalized<'_>, Error> {
    normalize(&record(format, text), &context())
}

/// What is known of a record in one line, leaving out what is empty or usual.
fn rendered(result: &Result<Normalized<'_>, Error>) -> String {
    match result {
        Err(error) => format!("error {}", error.kind()),
        Ok(Normalized::Skipped(label)) => format!("skipped {label}"),
        Ok(Normalized::Activity(Principal::Linux(principal), event)) => render(principal, event),
        Ok(Normalized::Activity(other, _)) => format!("{other:?}"),
    }
}

fn render(principal: &LinuxPrincipal<'_>, event: &Event<'_>) -> String {
    let mut out = format!("{}/{}", principal.host, principal.account);
    let mut add = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            out.push_str(&format!(" {name}{value}"));
        }
    };
    add("uid=", principal.uid.map(|uid| uid.to_string()).as_deref());
    add("", Some(&event.action()));
    add("", (event.outcome != crate::activity::Outcome::Success).then(|| event.outcome.as_str()));
    add("", event.error_code.as_deref());
    add("", (event.usage == Usage::Unproven).then_some("unproven"));
    let credential = event.credential.as_ref().map(|c| format!("{}:{}", c.kind.as_str(), c.id.as_str()));
    add("credential=", credential.as_deref());
    add("ip=", event.origin.ip.as_deref());
    add("on=", event.resource.as_deref());
    add("as=", event.account.as_deref());
    add("by=", event.caller.as_deref());
    add("workload=", event.workload.as_deref());
    add("", event.interactive.names().first().copied());
    out
}

/// The message of `program`, in an RFC 3164 line of host web-1.
fn check(program: &str, message: &str, expected: &str) {
    let line = format!("<86>Mar 10 11:59:58 web-1 {program}: {message}");
    assert_eq!(rendered(&normalized(Format::Syslog, &line)), expected, "{line}");
}

#[test]
fn sshd_logins() {
    let key = "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGLTLNAUnDx2ssIkzjQ";
    let check = |message: &str, expected: &str| check("sshd[4242]", message, expected);
    check(
        &format!("Accepted publickey for deploy from 203.0.113.9 port 50022 ssh2: ED25519 {key}"),
        &format!("web-1/deploy sshd:login credential=long_term:{key} ip=203.0.113.9"),
    );
    check(
        "Accepted publickey for deploy from 203.0.113.9 port 50022 ssh2: RSA 43:51:43:a1:b5:fc:8b:b7:0a:3a:a9:b1:0f:66:73:a8",
        "web-1/deploy sshd:login credential=long_term:43:51:43:a1:b5:fc:8b:b7:0a:3a:a9:b1:0f:66:73:a8 ip=203.0.113.9",
    );
    check(
        &format!(
            "Accepted publickey for ci from 2001:db8::7 port 1 ssh2: RSA-CERT {key} ID ci-runner (serial 77) CA ED25519 SHA256:ca"
        ),
        "web-1/ci sshd:login credential=certificate:SHA256:ca ci-runner ip=2001:db8::7",
    );
    check(
        "Accepted password for alice from 203.0.113.9 port 50022 ssh2",
        "web-1/alice sshd:login credential=password:password ip=203.0.113.9",
    );
    check(
        "Accepted keyboard-interactive/pam for alice from 203.0.113.9 port 50022 ssh2",
        "web-1/alice sshd:login credential=password:keyboard-interactive ip=203.0.113.9",
    );
    check(
        "Accepted gssapi-with-mic for svc from 203.0.113.9 port 50022 ssh2: svc@EXAMPLE.ORG",
        "web-1/svc sshd:login credential=token:svc@EXAMPLE.ORG ip=203.0.113.9",
    );
    check(
        &format!(
            "Accepted hostbased for svc from 203.0.113.9 port 50022 ssh2: RSA {key}, client user \"svc\", client host \"b\""
        ),
        &format!("web-1/svc sshd:login credential=long_term:{key} ip=203.0.113.9"),
    );
    check(
        "Accepted password for EXAMPLE\\john doe from 203.0.113.9 port 50022 ssh2",
        "web-1/EXAMPLE\\john doe sshd:login credential=password:password ip=203.0.113.9",
    );
    check("Accepted none for guest from UNKNOWN port 65535 ssh2", "web-1/guest sshd:login");
}

#[test]
fn sshd_sessions() {
    let check = |message: &str, expected: &str| check("sshd-session[4242]", message, expected);
    check(
        "Starting session: shell on pts/0 for alice from 203.0.113.9 port 50022 id 0",
        "web-1/alice sshd:shell ip=203.0.113.9 terminal",
    );
    check(
        "Starting session: subsystem 'sftp' for feed from 203.0.113.9 port 50022 id 0",
        "web-1/feed sshd:subsystem ip=203.0.113.9",
    );
    check(
        "Starting session: forced-command (key-option) '/opt/pull --token hunter2' for feed from 203.0.113.9 port 50022 id 0",
        "web-1/feed sshd:forced_command ip=203.0.113.9",
    );
    check("Close session: user alice from 203.0.113.9 port 50022 id 0", "skipped disconnect");
    check(
        "pam_unix(sshd:session): session opened for user alice(uid=1000) by (uid=0)",
        "skipped session_opened",
    );
    check("pam_unix(sshd:session): session closed for user alice", "skipped session_closed");
    check("Received disconnect from 203.0.113.9 port 50022:11: disconnected by user", "skipped disconnect");
    check("Disconnected from user alice 203.0.113.9 port 50022", "skipped disconnect");
    check("Connection closed by 203.0.113.9 port 50022 [preauth]", "skipped disconnect");
    check("Server listening on 0.0.0.0 port 22.", "skipped other_message");
}

#[test]
fn sshd_refusals() {
    let check = |message: &str, expected: &str| check("sshd[4242]", message, expected);
    check(
        "Failed password for deploy from 203.0.113.9 port 50022 ssh2",
        "web-1/deploy sshd:login denied auth_failed unproven ip=203.0.113.9",
    );
    check(
        "Failed publickey for deploy from 203.0.113.9 port 50022 ssh2: RSA SHA256:attacker",
        "web-1/deploy sshd:login denied auth_failed unproven ip=203.0.113.9",
    );
    check(
        "message repeated 5 times: [ Failed password for root from 203.0.113.9 port 50022 ssh2]",
        "web-1/root sshd:login denied auth_failed unproven ip=203.0.113.9",
    );
    check(
        "error: maximum authentication attempts exceeded for root from 203.0.113.9 port 50022 ssh2 [preauth]",
        "web-1/root sshd:login denied max_auth_attempts unproven ip=203.0.113.9",
    );
    check(
        "Connection closed by authenticating user root 203.0.113.9 port 50022 [preauth]",
        "web-1/root sshd:login denied closed_preauth unproven ip=203.0.113.9",
    );
    check(
        "Disconnecting authenticating user root 203.0.113.9 port 50022: Too many authentication failures [preauth]",
        "web-1/root sshd:login denied closed_preauth unproven ip=203.0.113.9",
    );
    check(
        "User backup from 203.0.113.9 not allowed because not listed in AllowUsers",
        "web-1/backup sshd:login denied not_allowed unproven ip=203.0.113.9",
    );
    check(
        "User backup not allowed because shell /usr/sbin/nologin is not executable",
        "web-1/backup sshd:login denied not_allowed unproven",
    );
    check(
        "ROOT LOGIN REFUSED FROM 203.0.113.9 port 50022",
        "web-1/root sshd:login denied not_allowed unproven ip=203.0.113.9",
    );
    check(
        "fatal: Access denied for user svc by PAM account configuration [preauth]",
        "web-1/svc sshd:login denied not_allowed unproven",
    );
    check("Failed none for root from 203.0.113.9 port 50022 ssh2", "skipped auth_step");
    check(
        "Postponed keyboard-interactive for root from 203.0.113.9 port 50022 ssh2 [preauth]",
        "skipped auth_step",
    );
    check("error: PAM: Authentication failure for root from 203.0.113.9", "skipped auth_step");
    check(
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9  user=root",
        "skipped auth_step",
    );
}

/// A user name that reads like the rest of a line makes nobody else's activity.
#[test]
fn hostile_names_name_nobody() {
    let unknown = |message: &str| check("sshd[1]", message, "skipped unknown_account");
    unknown("Invalid user admin from 203.0.113.9 port 50022");
    unknown("Failed password for invalid user admin from 203.0.113.9 port 50022 ssh2");
    unknown(
        "Failed password for invalid user root from 192.0.2.1 port 22 ssh2 from 203.0.113.9 port 50022 ssh2",
    );
    unknown(
        "Failed none for invalid user root from 192.0.2.1 port 22 ssh2: RSA SHA256:x from 203.0.113.9 port 1 ssh2",
    );
    unknown("Invalid user x Accepted password for root from 192.0.2.1 port 22 ssh2 from 203.0.113.9 port 1");
    unknown(
        "Connection closed by invalid user root 192.0.2.1 port 22 [preauth] 203.0.113.9 port 1 [preauth]",
    );
    unknown(
        "error: maximum authentication attempts exceeded for invalid user a b from 203.0.113.9 port 1 ssh2 [preauth]",
    );
    unknown("Disconnecting invalid user  203.0.113.9 port 1: Too many authentication failures [preauth]");
    // The peer chooses a certificate's key id and a subsystem's name.
    check(
        "sshd[1]",
        "Failed publickey for deploy from 203.0.113.9 port 1 ssh2: RSA-CERT SHA256:k ID x from 192.0.2.1 port 2 ssh2 (serial 0) CA RSA SHA256:c",
        "web-1/deploy sshd:login denied auth_failed unproven ip=203.0.113.9",
    );
    check(
        "sshd[1]",
        "Starting session: subsystem 'x for root from 192.0.2.1 port 2 id 0' for feed from 203.0.113.9 port 1 id 0",
        "web-1/feed sshd:subsystem ip=203.0.113.9",
    );
    check(
        "sshd[1]",
        "Accepted certificate ID \"x for root from 192.0.2.1 port 2 ssh2\" (serial 0) signed by RSA CA SHA256:c via /etc/ca",
        "skipped auth_step",
    );
}

#[test]
fn sudo_and_su() {
    check(
        "sudo",
        "   alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/usr/bin/mysql -phunter2",
        "web-1/alice sudo:exec on=/usr/bin/mysql as=root terminal",
    );
    check(
        "sudo[77]",
        "deploy : TTY=unknown ; PWD=/ ; USER=app ; GROUP=app ; ENV=KEY=hunter2 ; COMMAND=/usr/bin/systemctl restart app",
        "web-1/deploy sudo:exec on=/usr/bin/systemctl as=app",
    );
    check(
        "sudo",
        "deploy : command not allowed ; TTY=unknown ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
        "web-1/deploy sudo:exec denied not_allowed on=/bin/sh as=root",
    );
    check(
        "sudo",
        "deploy : user NOT in sudoers ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
        "web-1/deploy sudo:exec denied not_in_sudoers on=/bin/sh as=root terminal",
    );
    check(
        "sudo",
        "deploy : 3 incorrect password attempts ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
        "web-1/deploy sudo:exec denied auth_failed on=/bin/sh as=root terminal",
    );
    // The directory and the arguments are the user's choice: a line that names two targets or commands names none.
    check(
        "sudo",
        "eve : TTY=unknown ; PWD=/tmp/x ; USER=app ; COMMAND=/bin/true ; USER=root ; COMMAND=/bin/sh",
        "web-1/eve sudo:exec",
    );
    check("sudo", "alice : (command continued) hunter2", "skipped other_message");
    check(
        "sudo",
        "pam_unix(sudo:session): session opened for user app(uid=990) by alice(uid=1000)",
        "web-1/app uid=990 sudo:session by=linux:web-1:alice",
    );
    check("sudo", "pam_unix(sudo:session): session closed for user app", "skipped session_closed");
    check("su", "(to postgres) root on none", "web-1/root su:switch as=postgres");
    check("su", "(to postgres) alice on pts/1", "web-1/alice su:switch as=postgres terminal");
    check(
        "su[9]",
        "FAILED SU (to root) eve on pts/1",
        "web-1/eve su:switch denied auth_failed as=root terminal",
    );
    check("su[9]", "FAILED su for root by eve", "web-1/eve su:switch denied auth_failed as=root");
    check("su[9]", "+ /dev/pts/0 alice:root", "skipped auth_step");
    check(
        "su",
        "pam_unix(su-l:session): session opened for user postgres(uid=115) by (uid=0)",
        "web-1/postgres uid=115 su:session",
    );
    check(
        "pkexec[5]",
        "alice: Executing command [USER=root] [TTY=unknown] [CWD=/home/alice] [COMMAND=/usr/bin/id -u]",
        "web-1/alice pkexec:exec on=/usr/bin/id as=root",
    );
}

#[test]
fn cron_and_other_sessions() {
    check(
        "CRON[5]",
        "(backup) CMD (TOKEN=hunter2 /usr/local/bin/backup.sh --all)",
        "web-1/backup cron:run on=/usr/local/bin/backup.sh workload=cron:/usr/local/bin/backup.sh",
    );
    check(
        "/usr/sbin/crond[5]",
        "(root) CMD (   cd / && run-parts --report /etc/cron.hourly)",
        "web-1/root cron:run on=run-parts workload=cron:run-parts",
    );
    check("CROND[5]", "(backup) CMDOUT (the password is hunter2)", "skipped other_message");
    check("CRON[5]", "(CRON) INFO (Running @reboot jobs)", "skipped other_message");
    check(
        "CRON[5]",
        "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
        "skipped session_opened",
    );
    check("crontab[5]", "(alice) REPLACE (alice)", "web-1/alice crontab:replace on=user:alice");
    check("crontab[5]", "(root) DELETE (backup)", "web-1/root crontab:delete on=user:backup as=backup");
    check(
        "crontab[5]",
        "(eve) AUTH (crontab command not allowed)",
        "web-1/eve crontab:edit denied not_allowed",
    );
    check("systemd-logind[5]", "New session 12 of user alice.", "skipped session_opened");
    check("systemd-logind[5]", "Removed session 12.", "skipped session_closed");
    check(
        "atd[5]",
        "pam_unix(atd:session): session opened for user svc(uid=990) by (uid=0)",
        "web-1/svc uid=990 atd:session",
    );
    check(
        "vsftpd",
        "pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=feed rhost=203.0.113.9  user=feed",
        "web-1/feed vsftpd:login denied auth_failed unproven ip=203.0.113.9",
    );
    check("vsftpd", "pam_unix(vsftpd:auth): check pass; user unknown", "skipped auth_step");
    check("kernel", "usb 1-1: new device", "skipped other_program");
}

#[test]
fn account_changes() {
    check(
        "useradd[5]",
        "new user: name=svc, UID=1001, GID=1001, home=/home/svc, shell=/bin/bash, from=/dev/pts/0",
        "web-1/root shadow:useradd on=user:svc",
    );
    check("groupadd[5]", "new group: name=svc, GID=1001", "web-1/root shadow:groupadd on=group:svc");
    check(
        "usermod[5]",
        "add 'svc' to group 'sudo'",
        "web-1/root shadow:add_group_member on=group:sudo as=svc",
    );
    check("usermod[5]", "add 'svc' to shadow group 'sudo'", "skipped other_message");
    check(
        "gpasswd[5]",
        "user svc added by alice to group docker",
        "web-1/alice shadow:add_group_member on=group:docker as=svc",
    );
    check(
        "usermod[5]",
        "change user 'svc' shell from '/bin/sh' to '/bin/bash'",
        "web-1/root shadow:usermod on=user:svc",
    );
    check("userdel[5]", "delete user 'svc'", "web-1/root shadow:userdel on=user:svc");
    check(
        "passwd[5]",
        "pam_unix(passwd:chauthtok): password changed for svc",
        "web-1/root shadow:passwd on=user:svc",
    );
    check("passwd[5]", "password for 'svc' changed by 'root'", "web-1/root shadow:passwd on=user:svc");
}

#[test]
fn no_argument_of_a_command_is_kept() {
    let lines = [
        "Mar 10 11:59:58 h sudo: a : TTY=pts/0 ; PWD=/hunter2 ; USER=root ; ENV=P=hunter2 ; COMMAND=/bin/x hunter2",
        "Mar 10 11:59:58 h CRON[1]: (a) CMD (P=hunter2 /bin/x --p=hunter2 hunter2 && hunter2)",
        "Mar 10 11:59:58 h CRON[1]: (a) CMD (cd 'a && hunter2' && /bin/x)",
        "Mar 10 11:59:58 h sshd[1]: Starting session: command hunter2 for a from 203.0.113.9 port 5 id 0",
    ];
    for line in lines {
        let Ok(Normalized::Activity(_, event)) = normalized(Format::Syslog, line) else { panic!("{line}") };
        assert!(!format!("{event:?}").contains("hunter2"), "{line}: {event:?}");
    }
}

/// A line as long as a record may be, made so that each word could end a name: it costs what a short one costs.
#[test]
fn long_hostile_lines_cost_little() {
    for piece in [" from 192.0.2.1", " 192.0.2.1", " ; USER=", " && cd", "[a b=\"", " for root from"] {
        for start in [
            "sshd: Accepted password for",
            "sshd: Connection closed by authenticating user",
            "sudo: a : TTY=x",
            "CRON: (a) CMD (cd",
        ] {
            let line = format!("Mar 10 11:59:58 h {start}{}", piece.repeat((1 << 20) / piece.len()));
            drop(normalized(Format::Syslog, &line));
        }
    }
}

fn pieces() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "<38>",
        "1 ",
        "Mar 10 11:59:58 ",
        "2026-03-10T11:59:58Z ",
        "web-1 ",
        "sshd[1]: ",
        "sudo: ",
        "CRON[1]: ",
        "su: ",
        "Accepted ",
        "Failed ",
        "password ",
        "publickey ",
        "for ",
        "invalid user ",
        "root ",
        "from ",
        "203.0.113.9 ",
        "port ",
        "22 ",
        "ssh2",
        ": ",
        "RSA SHA256:x ",
        "ID x (serial 1) CA ",
        "pam_unix(",
        "sshd:session): ",
        "TTY=",
        "session opened for user ",
        " ; USER=",
        " ; COMMAND=",
        "(root) CMD (",
        ")",
        "[",
        "]",
        "\"",
        "\\",
        "-",
        "é",
        "\u{feff}",
        "message repeated 5 times: [ ",
        "Connection closed by authenticating user ",
        "new user: name=",
        "add '",
        "' to group '",
    ]);
    prop::collection::vec(words, 0..24).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        drop(normalized(Format::Syslog, &text));
        drop(normalized(Format::Journald, &text));
    }

    /// Lines put together from the formats' own pieces: no panic, and every account can be one.
    #[test]
    fn no_line_panics(text in pieces()) {
        if let Ok(Normalized::Activity(Principal::Linux(principal), _)) = normalized(Format::Syslog, &text) {
            prop_assert!(reading::is_account(&principal.account));
        }
        let entry = serde_json::json!({
            "MESSAGE": text, "_HOSTNAME": "h", "__REALTIME_TIMESTAMP": "1773143998000000", "SYSLOG_IDENTIFIER": "sshd",
        });
        drop(normalized(Format::Journald, &entry.to_string()));
    }

    /// Whatever name a peer tries, an attempt on an unknown account is nobody's activity.
    #[test]
    fn no_invalid_user_is_anybody(name in "\\PC{0,100}") {
        let line = format!("Mar 10 11:59:58 h sshd[1]: Failed password for invalid user {name} from 203.0.113.9 port 5 ssh2");
        prop_assert_eq!(normalized(Format::Syslog, &line), Ok(Normalized::Skipped("unknown_account")));
    }
}
