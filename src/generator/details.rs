//! What a call asks for and is answered: request parameters, response elements, resources.

use serde_json::{Value, json};

use super::catalog::{Call, Target};
use super::random::Random;
use super::record::Resource;

/// The parts of a record that depend on what a call acts on.
#[derive(Default)]
pub(super) struct Details {
    /// `requestParameters`.
    pub(super) request: Value,
    /// `responseElements`.
    pub(super) response: Value,
    /// `resources`.
    pub(super) resources: Vec<Resource>,
}

/// Whose call it is, as far as names of resources depend on it.
pub(super) struct Owner<'a> {
    /// Stem of the names of its resources.
    pub(super) stem: &'a str,
    /// Account of the resources.
    pub(super) account: &'a str,
    /// Region of the resources.
    pub(super) region: &'a str,
}

/// Endings of the names of one identity's resources of one sort.
const ENDINGS: [&str; 3] = ["data", "events", "archive"];

/// Details of one call on one of the owner's resources.
pub(super) fn of(call: &Call, owner: &Owner<'_>, random: &mut Random) -> Details {
    let name = format!("{}-{}", owner.stem, random.pick(&ENDINGS));
    let mut details = target(call.target, &name, owner, random);
    if !call.nature.is_read() && !call.nature.is_data() {
        details.response = response(call, &details.request, random);
    }
    details
}

fn target(target: Target, name: &str, owner: &Owner<'_>, random: &mut Random) -> Details {
    let Owner { account, region, .. } = owner;
    let arn = |service: &str, rest: String| format!("arn:aws:{service}:{region}:{account}:{rest}");
    match target {
        Target::Nothing => nothing(random),
        Target::Bucket => with(
            json!({"bucketName": name, "Host": format!("{name}.s3.{region}.amazonaws.com")}),
            owner,
            "AWS::S3::Bucket",
            format!("arn:aws:s3:::{name}"),
        ),
        Target::Object => object(name, owner, random),
        Target::Table => with(
            json!({"tableName": name, "key": {"id": random.hex(12)}, "consistentRead": false}),
            owner,
            "AWS::DynamoDB::Table",
            arn("dynamodb", format!("table/{name}")),
        ),
        Target::Queue => with(
            json!({"queueUrl": format!("https://sqs.{region}.amazonaws.com/{account}/{name}"), "maxNumberOfMessages": 10, "waitTimeSeconds": 20}),
            owner,
            "AWS::SQS::Queue",
            arn("sqs", name.to_owned()),
        ),
        Target::Topic => with(
            json!({"topicArn": arn("sns", name.to_owned()), "message": "HIDDEN_DUE_TO_SECURITY_REASONS"}),
            owner,
            "AWS::SNS::Topic",
            arn("sns", name.to_owned()),
        ),
        Target::Key => key(owner, random),
        Target::Function => with(
            json!({"functionName": arn("lambda", format!("function:{name}")), "invocationType": "RequestResponse"}),
            owner,
            "AWS::Lambda::Function",
            arn("lambda", format!("function:{name}")),
        ),
        other => plain(request(other, name, owner, random)),
    }
}

/// What is asked for, of the targets whose records name no resources.
fn request(target: Target, name: &str, owner: &Owner<'_>, random: &mut Random) -> Value {
    let Owner { account, region, .. } = owner;
    let arn = |service: &str, rest: String| format!("arn:aws:{service}:{region}:{account}:{rest}");
    match target {
        Target::Secret => {
            json!({"secretId": arn("secretsmanager", format!("secret:{name}-{}", &random.hex(6)))})
        }
        Target::Parameter => json!({"name": format!("/{}/{name}", owner.stem), "withDecryption": true}),
        Target::Role => json!({"roleName": format!("{name}-role")}),
        Target::User => json!({"userName": format!("{name}-user")}),
        Target::Instance => {
            json!({"instanceId": format!("i-{}", random.hex(17)), "agentName": "amazon-ssm-agent", "agentVersion": "3.3.551.0", "platformType": "Linux", "platformName": "Amazon Linux"})
        }
        Target::Cluster => {
            json!({"cluster": arn("ecs", format!("cluster/{}", owner.stem)), "services": [name], "include": ["TAGS"]})
        }
        Target::Repository => {
            json!({"registryId": account, "repositoryName": owner.stem, "imageTag": random.hex(12)})
        }
        Target::LogGroup => {
            json!({"logGroupName": format!("/aws/{name}"), "logStreamName": format!("{}/{}", name, random.hex(32))})
        }
        Target::Stack => json!({"stackName": name, "changeSetName": format!("cdk-deploy-{}", random.hex(8))}),
        Target::Model => {
            json!({"modelId": "anthropic.claude-3-5-sonnet-20240620-v1:0", "accept": "application/json", "contentType": "application/json"})
        }
        Target::Trail => {
            json!({"name": format!("arn:aws:cloudtrail:{region}:{account}:trail/organization-trail")})
        }
        Target::Thing => json!({"thingName": format!("{name}-{}", random.hex(6)), "shadowName": "state"}),
        Target::Snapshot => {
            json!({"volumeId": format!("vol-{}", random.hex(17)), "snapshotId": format!("snap-{}", random.hex(17)), "tagSpecificationSet": {"items": [{"resourceType": "snapshot", "tags": [{"key": "team", "value": owner.stem}]}]}})
        }
        Target::Database => json!({"dBInstanceIdentifier": name, "maxRecords": 100}),
        Target::StateMachine => {
            json!({"stateMachineArn": arn("states", format!("stateMachine:{name}")), "name": random.uuid()})
        }
        Target::Build => {
            json!({"projectName": owner.stem, "ids": [format!("{}:{}", owner.stem, random.uuid())]})
        }
        // The others are made with their resources.
        _ => Value::Null,
    }
}

fn plain(request: Value) -> Details {
    Details { request, ..Details::default() }
}

fn with(request: Value, owner: &Owner<'_>, resource_type: &'static str, arn: String) -> Details {
    let resource = Resource { account_id: owner.account.to_owned(), resource_type, arn };
    Details { request, resources: vec![resource], ..Details::default() }
}

fn nothing(random: &mut Random) -> Details {
    match random.below(3) {
        0 => plain(Value::Null),
        1 => plain(
            json!({"maxResults": 100, "filterSet": {"items": [{"name": "tag:managed", "valueSet": {"items": [{"value": "true"}]}}]}}),
        ),
        _ => plain(json!({"maxResults": 50, "nextToken": random.hex(64)})),
    }
}

fn object(bucket: &str, owner: &Owner<'_>, random: &mut Random) -> Details {
    let key = format!("{}/{:02}/{}.json", owner.stem, random.below(28) + 1, random.hex(16));
    let request = json!({"bucketName": bucket, "Host": format!("{bucket}.s3.{}.amazonaws.com", owner.region), "key": key});
    let mut details = with(request, owner, "AWS::S3::Object", format!("arn:aws:s3:::{bucket}/{key}"));
    details.resources.push(Resource {
        account_id: owner.account.to_owned(),
        resource_type: "AWS::S3::Bucket",
        arn: format!("arn:aws:s3:::{bucket}"),
    });
    details
}

fn key(owner: &Owner<'_>, random: &mut Random) -> Details {
    let Owner { stem, account, region } = owner;
    let id = format!("{:08x}-1111-4222-8333-{:012x}", crate::term::stable_hash(stem) >> 32, random.below(2));
    let request = json!({"encryptionContext": {"app": stem}, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"});
    with(request, owner, "AWS::KMS::Key", format!("arn:aws:kms:{region}:{account}:key/{id}"))
}

/// What calls that change something are answered, where that is of interest to an analyst.
fn response(call: &Call, request: &Value, random: &mut Random) -> Value {
    match call.name {
        "CreateAccessKey" => json!({"accessKey": {
            "userName": request.get("userName"), "accessKeyId": random.aws_id("AKIA"), "status": "Active"
        }}),
        "CreateUser" => {
            json!({"user": {"userName": request.get("userName"), "userId": random.aws_id("AIDA"), "path": "/"}})
        }
        "CreateRole" => {
            json!({"role": {"roleName": request.get("roleName"), "roleId": random.aws_id("AROA"), "path": "/"}})
        }
        "RunInstances" => {
            json!({"instancesSet": {"items": [{"instanceId": format!("i-{}", random.hex(17)), "instanceType": "t3.large"}]}})
        }
        _ => Value::Null,
    }
}
