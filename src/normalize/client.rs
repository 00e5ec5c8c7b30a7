//! User agents: the program's family and version.

use crate::activity::Client;
use crate::text::Text;

use super::fold::fold;
use super::loose::capped;
use super::origin::is_service;

/// Longest family and version kept. A user agent is whatever its sender likes; real product names are shorter.
const MAX_NAME_BYTES: usize = 64;

/// The console in the browser, under its several names.
pub const AWS_CONSOLE: &str = "aws-console";

/// Products that say more than the first one of the user agent, which only carries them.
const TELLING_PRODUCTS: [&str; 4] = ["Terraform", "OpenTofu", "Pulumi", "CloudFormation"];

/// Browsers by their product, the most telling first: each also names those behind it.
const BROWSERS: [(&str, &str); 8] = [
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "HeadlessChrome"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
];

/// Family and version of the program that a user agent names; `None` where it names none.
///
/// Unknown programs are taken by their first product (`name/version`), with ids in the name folded.
#[must_use]
pub fn client<'a>(user_agent: &Text<'a>) -> Option<Client<'a>> {
    let agent = user_agent.map_part(without_brackets);
    if agent.is_empty() {
        return None;
    }
    Some(if is_console(&agent) {
        Client { family: AWS_CONSOLE.into(), version: None }
    } else if is_service(&agent) {
        Client { family: capped(&agent, MAX_NAME_BYTES), version: None }
    } else if is_browser(&agent) {
        browser(&agent)
    } else {
        telling_product(&agent).unwrap_or_else(|| first_product(&agent))
    })
}

fn without_brackets(agent: &str) -> &str {
    // Nearly all begin and end with neither white space nor bracket, and each is looked at several times.
    if let [b'!'..=b'Z', .., b'!'..=b'~'] | [b'\\'..=b'~', .., b'!'..=b'~'] = agent.as_bytes() {
        return agent;
    }
    let agent = agent.trim();
    agent.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(agent).trim()
}

/// Whether the user agent is the AWS console's own: its sign-in, its pages, or its S3 part.
#[must_use]
pub fn is_console(agent: &str) -> bool {
    let agent = without_brackets(agent);
    agent.starts_with("S3Console/")
        || agent.strip_suffix(".amazonaws.com").is_some_and(|host| {
            host == "signin"
                || host == "console"
                || host.starts_with("console.")
                || host.ends_with(".console")
        })
}

/// Whether the user agent is a browser's, or says so.
#[must_use]
pub fn is_browser(agent: &str) -> bool {
    without_brackets(agent).starts_with("Mozilla/")
}

fn browser<'a>(agent: &Text<'a>) -> Client<'a> {
    for (product, family) in BROWSERS {
        if let Some(at) = agent.find(product) {
            let version = agent.map_part(|agent| version_at(&agent[at + product.len()..]));
            return named(family.into(), version);
        }
    }
    named("Mozilla".into(), Text::default())
}

fn telling_product<'a>(agent: &Text<'a>) -> Option<Client<'a>> {
    let (product, version_from) = memchr::memchr_iter(b'/', agent.as_bytes()).find_map(|slash| {
        // Looked at slash by slash for every record: most words are told apart by their last letter.
        let may_tell = agent[..slash].ends_with(['m', 'u', 'i', 'n']);
        let known = TELLING_PRODUCTS.iter().filter(|_| may_tell);
        let product = *known.into_iter().find(|known| is_word(&agent[..slash], known))?;
        Some((product, slash + 1))
    })?;
    Some(named(product.into(), agent.map_part(|agent| version_at(&agent[version_from..]))))
}

/// Whether the last word of `text` is `word`.
fn is_word(text: &str, word: &str) -> bool {
    text.strip_suffix(word).is_some_and(|before| before.is_empty() || before.ends_with(' '))
}

fn first_product<'a>(agent: &Text<'a>) -> Client<'a> {
    let family = agent.map_part(|agent| product_of(agent).0);
    let version = agent.map_part(|agent| product_of(agent).1);
    named(fold(&family), version)
}

/// `name/version …`, `name version …` (where it begins with a digit) or `name …`.
fn product_of(agent: &str) -> (&str, &str) {
    let end = end_before(agent, b" ,/(");
    let (name, rest) = agent.split_at(end);
    if let Some(version) = rest.strip_prefix('/') {
        return (name, version_at(version));
    }
    let next = rest.trim_start();
    let is_version = next.starts_with(|c: char| c.is_ascii_digit());
    (name, if is_version { version_at(next) } else { "" })
}

fn version_at(text: &str) -> &str {
    &text[..end_before(text, b" ,;()]")]
}

/// Where the first of these ASCII characters stands in `text`, or else its end.
fn end_before(text: &str, ends: &[u8]) -> usize {
    text.bytes().position(|byte| ends.contains(&byte)).unwrap_or(text.len())
}

fn named<'a>(family: Text<'a>, version: Text<'a>) -> Client<'a> {
    let family = if family.is_empty() { "other".into() } else { capped(&family, MAX_NAME_BYTES) };
    let version = (!version.is_empty()).then(|| capped(&version, MAX_NAME_BYTES));
    Client { family, version }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(agent: &str, family: &str, version: Option<&str>) {
        let text = Text::from(agent);
        let found = client(&text).unwrap();
        assert_eq!((found.family.as_str(), found.version.as_deref()), (family, version), "{agent}");
    }

    #[test]
    fn command_lines_and_sdks() {
        check("aws-cli/2.15.0 Python/3.11.6 Linux/5.10 exe/x86_64", "aws-cli", Some("2.15.0"));
        check("[aws-cli/2.17.32 md/awscrt#0.21.2 ua/2.0]", "aws-cli", Some("2.17.32"));
        check("Boto3/1.34.1 md/Botocore#1.34.1 ua/2.0 os/linux", "Boto3", Some("1.34.1"));
        check("aws-sdk-go-v2/1.24.0 os/linux lang/go#1.21", "aws-sdk-go-v2", Some("1.24.0"));
        check("aws-sdk-java/2.30.21 md/io#async", "aws-sdk-java", Some("2.30.21"));
        check("kubectl/v1.28.2 (linux/amd64) kubernetes/89a4ea3", "kubectl", Some("v1.28.2"));
        check("ec2-api-tools 1.6.12.2", "ec2-api-tools", Some("1.6.12.2"));
        check("TruffleHog", "TruffleHog", None);
    }

    #[test]
    fn terraform_is_known_under_its_wrappings() {
        let old =
            "APN/1.0 HashiCorp/1.0 Terraform/1.5.7 (+https://www.terraform.io) terraform-provider-aws/5.1";
        check(old, "Terraform", Some("1.5.7"));
        check(
            "aws-sdk-go/1.29.7 (go1.13.7; linux; amd64) APN/1.0 HashiCorp/1.0 Terraform/0.12.24",
            "Terraform",
            Some("0.12.24"),
        );
    }

    #[test]
    fn console_browsers_and_services() {
        check("console.ec2.amazonaws.com", AWS_CONSOLE, None);
        check("signin.amazonaws.com", AWS_CONSOLE, None);
        check("[S3Console/0.4, aws-internal/3 aws-sdk-java/1.11.666]", AWS_CONSOLE, None);
        check("AWS Internal", "AWS Internal", None);
        check("cloudformation.amazonaws.com", "cloudformation.amazonaws.com", None);
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";
        check(chrome, "Chrome", Some("120.0.0.0"));
        check(&format!("{chrome} Edg/120.0.1"), "Edge", Some("120.0.1"));
        check(
            "Mozilla/5.0 (Macintosh) AppleWebKit/605 (KHTML) Version/17.1 Safari/605",
            "Safari",
            Some("17.1"),
        );
        check("Mozilla/2.0 (compatible; NEWT ActiveX; Win32)", "Mozilla", None);
    }

    #[test]
    fn hostile_agents_stay_short_and_random_ones_fold() {
        check("68319f60-9dec-43b2-9702-de3a08c9d8a3", "*", None);
        check("stratus-red-team_8b255a24-d33d-4750-bd4b-4007124741df", "stratus-red-team_*", None);
        check("/ / /", "other", None);
        check(&format!("{}/{}", "a".repeat(500), "1".repeat(500)), &"a".repeat(64), Some(&"1".repeat(64)));
        check("Terraform\u{e9} Terraform/1.5.7", "Terraform", Some("1.5.7"));
        assert_eq!(client(&"[]".into()), None);
        assert_eq!(client(&"  ".into()), None);
    }
}
