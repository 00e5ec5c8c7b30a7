//! The main resource of a call: from `resources[]`, or else from well-known request parameters.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::normalize::loose::{self, text};
use crate::text::Text;

/// One element of `resources[]`. Its ARN is spelt in two ways.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(in crate::normalize) struct Resource<'a> {
    #[serde(rename = "ARN", borrow, deserialize_with = "text")]
    upper: Option<Text<'a>>,
    #[serde(rename = "arn", borrow, deserialize_with = "text")]
    lower: Option<Text<'a>>,
}

impl<'a> Resource<'a> {
    /// A resource with this ARN.
    pub(in crate::normalize) fn new(arn: Option<Text<'a>>) -> Self {
        Self { upper: arn, lower: None }
    }

    /// The resource's ARN.
    pub(in crate::normalize) fn arn(&self) -> Option<&Text<'a>> {
        self.upper.as_ref().or(self.lower.as_ref())
    }
}

/// Request parameters that name what a call acts on, the most telling first. Where several are given, the first
/// in this order is the main resource: whose key is made or whose policy is changed, rather than which policy.
#[rustfmt::skip]
const NAMING_PARAMETERS: [&str; 52] = [
    "roleArn", "resourceArn", "resourceARN", "targetArn",
    "userName", "roleName", "instanceProfileName", "policyArn", "groupName", "sAMLProviderArn", "openIDConnectProviderArn",
    "secretId", "keyId", "functionName", "bucketName", "tableName",
    "dBInstanceIdentifier", "dBClusterIdentifier", "dBSnapshotIdentifier", "dBClusterSnapshotIdentifier",
    "instanceId", "imageId", "snapshotId", "volumeId", "groupId", "vpcId", "subnetId", "networkInterfaceId",
    "topicArn", "queueUrl", "stateMachineArn", "streamName", "streamARN", "logGroupName", "stackName", "trailName",
    "repositoryName", "projectName", "clusterName", "cluster", "detectorId", "certificateArn", "hostedZoneId",
    "modelId", "agentId", "agentRuntimeArn", "documentName", "domainName", "applicationId", "accountId", "policyName",
    "name",
];

/// Lists that EC2 puts around ids: `instancesSet.items[].instanceId`.
const LISTS: [&str; 2] = ["instancesSet", "items"];

/// The request parameters that are kept.
#[derive(Debug, Default, PartialEq)]
pub(in crate::normalize) struct Parameters<'a> {
    /// Place in [`NAMING_PARAMETERS`] and value.
    named: Option<(usize, Text<'a>)>,
    /// Name asked for a role's session.
    pub(in crate::normalize) role_session_name: Option<Text<'a>>,
}

impl<'a> Parameters<'a> {
    /// What the call acts on.
    pub(in crate::normalize) fn resource(&self) -> Option<&Text<'a>> {
        self.named.as_ref().map(|(_, value)| value)
    }

    /// Without ties to the text that it was read from.
    pub(in crate::normalize) fn into_owned(self) -> Parameters<'static> {
        Parameters {
            named: self.named.map(|(place, value)| (place, value.into_owned())),
            role_session_name: self.role_session_name.map(Text::into_owned),
        }
    }

    fn take<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        if key == "roleSessionName" {
            self.role_session_name = map.next_value::<Field<'_>>()?.0;
        } else if LISTS.contains(&key) {
            self.merge(map.next_value::<Nested<'_>>()?.0);
        } else if let Some(place) = NAMING_PARAMETERS.iter().position(|known| *known == key) {
            let value = map.next_value::<Field<'_>>()?.0;
            self.merge(Parameters { named: value.map(|value| (place, value)), ..Parameters::default() });
        } else {
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        let is_better = match (&self.named, &other.named) {
            (Some((held, _)), Some((found, _))) => found < held,
            (None, found) => found.is_some(),
            (Some(_), None) => false,
        };
        if is_better {
            self.named = other.named;
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Parameters<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ParametersVisitor)
    }
}

struct ParametersVisitor;

impl<'de> Visitor<'de> for ParametersVisitor {
    type Value = Parameters<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("request parameters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut parameters = Parameters::default();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            parameters.take(&key, &mut map)?;
        }
        Ok(parameters)
    }
}

/// A parameter of any type.
struct Field<'a>(Option<Text<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text(from).map(Self)
    }
}

/// A list around further parameters: `{"items":[…]}` or `[…]`; its first element counts.
#[derive(Default)]
struct Nested<'a>(Parameters<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Nested<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        loose::first_or_object(from).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Option<&str>) {
        let parameters: Parameters<'_> = serde_json::from_str(json).unwrap();
        assert_eq!(parameters.resource().map(Text::as_str), expected, "{json}");
    }

    #[test]
    fn the_most_telling_parameter_is_the_resource() {
        check(r#"{"bucketName":"b","key":"k"}"#, Some("b"));
        check(r#"{"policyArn":"arn:aws:iam::aws:policy/X","userName":"u"}"#, Some("u"));
        check(r#"{"userName":"u","policyArn":"arn:aws:iam::aws:policy/X"}"#, Some("u"));
        check(r#"{"instancesSet":{"items":[{"instanceId":"i-1"},{"instanceId":"i-2"}]}}"#, Some("i-1"));
        check(r#"{"unknown":{"userName":"inner"}}"#, None);
        check(r#"{"userName":{"userName":"inner"},"name":7}"#, Some("7"));
        check("{}", None);
    }

    #[test]
    fn deep_nesting_is_refused_by_the_parser_not_by_the_stack() {
        let deep = format!("{}1{}", r#"{"items":["#.repeat(10_000), "]}".repeat(10_000));
        assert!(serde_json::from_str::<Parameters<'_>>(&deep).is_err());
    }
}
