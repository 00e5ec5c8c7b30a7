//! The dimensions of behaviour that a baseline remembers values of.

use crate::activity::{CredentialKind, Event, NetworkClass};

/// One dimension of behaviour.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Dimension {
    /// `s3:GetObject`.
    Action,
    /// `s3`.
    Service,
    /// `eu-west-1`.
    Region,
    /// `203.0.113.0/24`, a VPC endpoint, or the provider service that called.
    Network,
    /// Client family: `Boto3`.
    Client,
    /// Public id of a long-lived credential; all temporary ones count as one value.
    Credential,
    /// `ec2:i-*`, `lambda:resize`.
    Workload,
    /// Identity that assumed this one.
    Caller,
    /// Account, project or tenant acted in.
    Account,
    /// `NL`, where it is known.
    Country,
    /// What was acted on, where that says something of the identity: the bucket, the table, the secret.
    Resource,
    /// The role that was assumed.
    Role,
    /// `AS64500`, where it is known.
    Asn,
    /// `tor`: what the operator's lists say that the network is.
    NetworkClass,
}

impl Dimension {
    /// All dimensions, in storage order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Action,
        Self::Service,
        Self::Region,
        Self::Network,
        Self::Client,
        Self::Credential,
        Self::Workload,
        Self::Caller,
        Self::Account,
        Self::Country,
        Self::Resource,
        Self::Role,
        Self::Asn,
        Self::NetworkClass,
    ];

    /// How many there are.
    pub const COUNT: usize = 14;

    /// The name used in records and explanations.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Service => "service",
            Self::Region => "region",
            Self::Network => "network",
            Self::Client => "client",
            Self::Credential => "credential",
            Self::Workload => "workload",
            Self::Caller => "caller",
            Self::Account => "account",
            Self::Country => "country",
            Self::Resource => "resource",
            Self::Role => "role",
            Self::Asn => "asn",
            Self::NetworkClass => "network_class",
        }
    }

    /// Most values that one identity's baseline keeps in this dimension.
    ///
    /// Well above what a healthy identity shows, so that only churn (random user agents, spoofed hosts)
    /// reaches it; then the value unseen for longest goes. All dimensions at their caps are about 36 KB.
    #[must_use]
    pub const fn capacity(self) -> usize {
        match self {
            Self::Action => 256,
            Self::Network => 128,
            Self::Service | Self::Workload | Self::Caller | Self::Resource | Self::Role => 64,
            Self::Region | Self::Client | Self::Credential | Self::Account | Self::Country => 32,
            Self::Asn => 32,
            Self::NetworkClass => NetworkClass::ALL.len(),
        }
    }

    /// Whether its values are what a database or a list says of an address. They change with their source, while the
    /// identity stays where it is.
    #[must_use]
    pub const fn is_looked_up(self) -> bool {
        matches!(self, Self::Country | Self::Asn | Self::NetworkClass)
    }

    /// Hands this dimension's value of `event` to `take`, where it has one.
    pub fn value_of<R>(self, event: &Event<'_>, take: impl FnOnce(&str) -> R) -> Option<R> {
        match self {
            Self::Action => Some(with_action(event, take)),
            Self::Service => Some(take(&event.service)),
            Self::Region => event.region.as_deref().map(take),
            Self::Network => {
                event.origin.network.as_deref().or(event.origin.provider_service.as_deref()).map(take)
            }
            Self::Client => event.client.as_ref().map(|client| take(&client.family)),
            Self::Credential => event.credential.as_ref().map(|credential| match credential.kind {
                CredentialKind::LongTerm => take(&credential.id),
                CredentialKind::Temporary => take(TEMPORARY),
                CredentialKind::Certificate => take(&format!("{CERTIFICATE}{}", credential.id)),
                CredentialKind::Token => take(&format!("{TOKEN}{}", credential.id)),
                CredentialKind::Password => take(&format!("{PASSWORD}{}", credential.id)),
            }),
            Self::Workload => event.workload.as_deref().map(take),
            Self::Caller => event.caller.as_deref().map(take),
            Self::Account => account_of(event).map(take),
            Self::Country => event.origin.country.as_deref().map(take),
            Self::Resource => resource_of(event).map(take),
            Self::Role => role_of(event).map(take),
            Self::Asn => event.origin.asn.as_deref().map(take),
            Self::NetworkClass => event.origin.listed.as_ref().map(|listed| take(listed.class.as_str())),
        }
    }
}

/// Services whose resources say something of an identity: few, named by people, and holding what is worth stealing, or programs run in
/// another account's name. Of other resources it has too many, or made-up names (`task/0f3a…`).
const TELLING: [&str; 9] =
    ["s3", "dynamodb", "secretsmanager", "kms", "lambda", "sqs", "ecr", "sudo", "pkexec"];

/// The role that was assumed.
fn role_of<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    let is_assumed = event.service == *"sts" && event.operation.starts_with("AssumeRole");
    event.resource.as_deref().filter(|resource| is_assumed && resource.contains(":role/"))
}

/// What was acted on, of services whose resources say something: the bucket, the table.
fn resource_of<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    let resource = event.resource.as_deref()?;
    TELLING.contains(&event.service.as_str()).then(|| whole_of(&event.service, resource))
}

/// The bucket of an object, the table of an index; others as they are.
fn whole_of<'r>(service: &str, resource: &'r str) -> &'r str {
    let cut = |from: usize| resource[from..].find('/').map_or(resource, |end| &resource[..from + end]);
    match resource.split_once(":table/") {
        Some((head, _)) if service == "dynamodb" => cut(head.len() + ":table/".len()),
        _ => bucket_at(resource).map_or(resource, cut),
    }
}

/// Where the bucket's name begins in the ARN of a bucket or an object, in any partition (`aws`, `aws-cn`, `aws-us-gov`, `aws-iso`).
fn bucket_at(resource: &str) -> Option<usize> {
    const SERVICE: &str = ":s3:::";
    let (head, _) = resource.split_once(SERVICE)?;
    let partition = head.strip_prefix("arn:")?;
    (!partition.contains([':', '/'])).then_some(head.len() + SERVICE.len())
}

/// The account acted in: that of the resource where it has one, since a caller's own log names the caller's account.
fn account_of<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    let of_resource =
        event.resource.as_deref().and_then(|resource| resource.strip_prefix("arn:")?.split(':').nth(3));
    let is_account = |text: &&str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    of_resource.filter(is_account).or(event.account.as_deref())
}

/// The one value under which all temporary credentials count: each lives for hours, and there is no end of them.
pub const TEMPORARY: &str = "temporary";

/// What the values of credentials begin with that are not long-term keys.
const CERTIFICATE: &str = "certificate:";
const TOKEN: &str = "token:";
const PASSWORD: &str = "password:";

/// Kind and public id of the credential that a value of [`Dimension::Credential`] stands for.
#[must_use]
pub fn credential_of(value: &str) -> (CredentialKind, &str) {
    let kinds = [
        (CERTIFICATE, CredentialKind::Certificate),
        (TOKEN, CredentialKind::Token),
        (PASSWORD, CredentialKind::Password),
    ];
    let known = kinds.into_iter().find_map(|(prefix, kind)| Some((kind, value.strip_prefix(prefix)?)));
    match known {
        Some(known) => known,
        None if value == TEMPORARY => (CredentialKind::Temporary, value),
        None => (CredentialKind::LongTerm, value),
    }
}

/// Longest action put together on the stack; longer ones are allocated.
const INLINE_ACTION_BYTES: usize = 96;

fn with_action<R>(event: &Event<'_>, take: impl FnOnce(&str) -> R) -> R {
    let (service, operation) = (event.service.as_bytes(), event.operation.as_bytes());
    let length = service.len() + 1 + operation.len();
    let mut inline = [0_u8; INLINE_ACTION_BYTES];
    let Some(buffer) = inline.get_mut(..length) else {
        return take(&event.action());
    };
    buffer[..service.len()].copy_from_slice(service);
    buffer[service.len()] = b':';
    buffer[service.len() + 1..].copy_from_slice(operation);
    match std::str::from_utf8(buffer) {
        Ok(action) => take(action),
        Err(_) => take(&event.action()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_count_as_their_bucket_in_every_partition() {
        let check = |service: &str, resource: &str, expected: &str| {
            assert_eq!(whole_of(service, resource), expected, "{resource}");
        };
        for partition in ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b"] {
            let bucket = format!("arn:{partition}:s3:::orders");
            check("s3", &format!("{bucket}/2026/01/a.json"), &bucket);
            check("s3", &bucket, &bucket);
            let table = format!("arn:{partition}:dynamodb:cn-north-1:111122223333:table/orders");
            check("dynamodb", &format!("{table}/index/by-date"), &table);
        }
        check("s3", "orders/a:s3:::b/c", "orders/a:s3:::b/c");
        check(
            "s3",
            "arn:aws:sqs:eu-west-1:111122223333:a:s3:::b/c",
            "arn:aws:sqs:eu-west-1:111122223333:a:s3:::b/c",
        );
    }
}
