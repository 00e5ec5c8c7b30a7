//! Service accounts on groups of Linux hosts: deployment, backup, databases, scanners.
//!
//! Their actions are `ssh`, `sudo <command>` and `cron <command>`.

use super::{Archetype, Every, Job, Kind, Origin, Principal, Rhythm};

macro_rules! account {
    ($name:literal, $kind:ident, $share:literal, $rhythm:ident $per_day:literal, $usual:expr, $jobs:expr, $names:expr, $purpose:literal) => {
        Archetype {
            name: $name,
            kind: Kind::$kind,
            share: $share,
            principal: Principal::Linux,
            origin: Origin::DataCentre,
            clients: &["OpenSSH"],
            rhythm: Rhythm::$rhythm,
            tasks_per_day: $per_day,
            error_rate: 0.002,
            usual: $usual,
            some: &[],
            jobs: $jobs,
            names: $names,
            purpose: $purpose,
        }
    };
}

pub(super) const ALL: &[Archetype] = &[
    account!(
        "linux-deploy", ServiceAccount, 5, Staff 4.0,
        &[("ssh", 4), ("sudo /usr/bin/systemctl restart app", 2), ("sudo /usr/bin/rsync -a /srv/release/ /srv/app/", 2)],
        &[], &["deploy", "ansible", "release"], "deploys to the hosts"
    ),
    account!(
        "linux-backup", ServiceAccount, 4, Night 2.0,
        &[("ssh", 3), ("sudo /usr/bin/rsync --server --sender -logDtpr . /var/lib", 2)],
        &[Job { every: Every::Day(2), steps: &["ssh", "sudo /usr/local/bin/backup-snapshot"] }],
        &["backup", "bacula", "borg"], "copies data away"
    ),
    account!(
        "linux-cron", ServiceAccount, 6, Steady 1.0,
        &[("cron /usr/local/bin/healthcheck", 1)],
        &[
            Job { every: Every::Hour, steps: &["cron /usr/local/bin/rotate-spool"] },
            Job { every: Every::Day(3), steps: &["cron /usr/local/bin/nightly-report"] },
            Job { every: Every::Month(1, 4), steps: &["cron /usr/local/bin/month-end-close"] },
        ],
        &["postgres", "billing", "reports", "spool"], "runs scheduled jobs on the hosts"
    ),
    account!(
        "linux-scanner", Device, 2, Steady 2.0, &[("ssh", 3), ("sudo /usr/bin/dpkg --list", 1)],
        &[Job { every: Every::Week(5, 23), steps: &["ssh", "sudo /usr/bin/dpkg --list", "sudo /usr/bin/ss -lntp"] }],
        &["nessus", "qualys"], "scans the hosts for missing patches"
    ),
];
