//! Databases of addresses and lists of networks from files.

use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;

use crate::config;
use crate::enrich::{self, Content, Database, Enrichment, Error, Fault, List, Lists, MAX_PREFIXES, Problem};

use super::whole::{self, Unread};

/// Bytes of a database. Those that are given away have up to some 130 MB, and the whole is held in memory.
const MAX_DATABASE_BYTES: u64 = 1 << 30;

/// Bytes of a list: a million networks, each of the longest there is with a short comment.
const MAX_LIST_BYTES: u64 = 64 << 20;

/// Reads what the settings name.
///
/// # Errors
/// Where anything cannot be read or is not as it should be; names every problem.
pub fn load(settings: &config::Enrichment) -> Result<Enrichment, Error> {
    let mut problems = Vec::new();
    let (asn, country) = (settings.asn_database.as_deref(), settings.country_database.as_deref());
    let systems = database("enrichment.asn_database", asn, &mut problems);
    // One file may be both; it is held once.
    let countries = if country == asn {
        systems.clone()
    } else {
        database("enrichment.country_database", country, &mut problems)
    };
    let wanted = [
        ("enrichment.asn_database", asn, &systems, Content::Systems),
        ("enrichment.country_database", country, &countries, Content::Countries),
    ];
    for (key, path, database, content) in wanted {
        let lacking = database.as_ref().and_then(|database| database.holds(content).err());
        problems.extend(lacking.map(|fault| problem(key, path.unwrap_or_default(), fault)));
    }
    let lists = lists(&settings.networks, &mut problems);
    if problems.is_empty() { Ok(Enrichment { systems, countries, lists }) } else { Err(Error(problems)) }
}

fn database(key: &str, path: Option<&str>, problems: &mut Vec<Problem>) -> Option<Arc<Database>> {
    let path = path?;
    match read(path, MAX_DATABASE_BYTES).and_then(Database::new) {
        Ok(database) => Some(Arc::new(database)),
        Err(fault) => {
            problems.push(problem(key, path, fault));
            None
        }
    }
}

fn lists(settings: &[config::NetworkList], problems: &mut Vec<Problem>) -> Lists {
    let (mut lists, mut left) = (Vec::new(), MAX_PREFIXES);
    for (index, list) in settings.iter().enumerate() {
        let prefixes = prefixes(index, list, left, problems);
        left = left.saturating_sub(prefixes.len());
        lists.push(List { class: list.class, name: list.name.clone(), prefixes });
    }
    Lists::new(lists)
}

/// The networks of a list: those in the settings and those in its file, at most so many.
fn prefixes(
    index: usize,
    list: &config::NetworkList,
    most: usize,
    problems: &mut Vec<Problem>,
) -> Vec<IpNet> {
    let key = |name: &str| format!("enrichment.networks[{index}].{name}");
    let mut found = Vec::new();
    if !list.cidrs.is_empty() {
        match enrich::parse(&list.cidrs.join("\n"), most) {
            Ok(prefixes) => found = prefixes,
            Err(fault) => problems.push(problem(&key("cidrs"), &list.name, fault)),
        }
    }
    if let Some(path) = list.file.as_deref() {
        let text =
            read(path, MAX_LIST_BYTES).and_then(|bytes| String::from_utf8(bytes).map_err(|_| Fault::NotUtf8));
        match text.and_then(|text| enrich::parse(&text, most.saturating_sub(found.len()))) {
            Ok(prefixes) => found.extend(prefixes),
            Err(fault) => problems.push(problem(&key("file"), path, fault)),
        }
    }
    found
}

fn read(path: &str, most: u64) -> Result<Vec<u8>, Fault> {
    whole::read(Path::new(path), most).map_err(|unread| match unread {
        Unread::Unreadable(why) => Fault::Unreadable(why),
        Unread::TooLarge => Fault::TooLarge { what: "bytes", most },
    })
}

fn problem(key: &str, name: &str, fault: Fault) -> Problem {
    Problem { key: key.to_owned(), name: name.to_owned(), fault }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::NetworkClass;
    use crate::config::NetworkList;

    fn list(cidrs: &[&str], file: Option<&Path>) -> NetworkList {
        NetworkList {
            name: "exits".into(),
            class: NetworkClass::Tor,
            file: file.map(|path| path.display().to_string()),
            cidrs: cidrs.iter().map(|&cidr| cidr.to_owned()).collect(),
        }
    }

    #[test]
    fn a_list_has_the_networks_of_the_settings_and_those_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exits");
        std::fs::write(&path, "198.51.100.7\n2001:db8::/32\n").unwrap();
        let networks = vec![list(&["203.0.113.0/24"], Some(&path)), list(&["192.0.2.0/24"], None)];
        let read = load(&config::Enrichment { networks, ..config::Enrichment::default() }).unwrap();
        assert_eq!((read.lists.prefixes(), read.is_empty()), (4, false));
        assert!(load(&config::Enrichment::default()).unwrap().is_empty());
    }

    #[test]
    fn everything_that_cannot_be_taken_is_named_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("text"), "no database").unwrap();
        std::fs::write(path("binary"), b"198.51.100.7\n\xff\xfe").unwrap();
        std::fs::write(path("empty"), "# nothing\n").unwrap();
        let settings = config::Enrichment {
            asn_database: Some(path("absent").display().to_string()),
            country_database: Some(path("text").display().to_string()),
            networks: vec![
                list(&["192.0.2.0/24", "here"], Some(&path("binary"))),
                list(&[], Some(&path("empty"))),
                list(&[], Some(folder.path())),
            ],
        };
        let Err(Error(problems)) = load(&settings) else { panic!("it was taken") };
        let found: Vec<String> =
            problems.iter().map(|problem| format!("{} {}", problem.key, problem.fault.kind())).collect();
        assert_eq!(
            found,
            [
                "enrichment.asn_database unreadable",
                "enrichment.country_database not_a_database",
                "enrichment.networks[0].cidrs no_network",
                "enrichment.networks[0].file not_utf8",
                "enrichment.networks[1].file empty",
                "enrichment.networks[2].file unreadable",
            ]
        );
    }
}
