//! Detectors from a folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::detect::{Detectors, Error, Fault, MAX_DETECTORS, Problem};

use super::walk::explain;
use super::whole::{self, Unread};

/// Bytes of one file. The built-in ones have 2 to 4 KB; a thousand exceptions take some 200 KB.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The detectors of a folder, laid over the built-in ones. Its `*.yaml` and `*.yml` are read; what begins with a dot and
/// what lies in folders below is not.
///
/// # Errors
/// Where the folder or a file cannot be read, holds no detectors, or is not as it should be; names every problem.
pub fn load(folder: &Path) -> Result<Detectors, Error> {
    let name = folder.display().to_string();
    let whole = |fault| Error(vec![Problem::of_file(&name, fault)]);
    let paths = list(folder).map_err(|error| whole(Fault::Unreadable(explain(&error))))?;
    if paths.len() > MAX_DETECTORS {
        return Err(whole(Fault::TooLarge { what: "files", most: MAX_DETECTORS as u64 }));
    }
    let files: Vec<_> = paths.iter().map(|path| (path.display().to_string(), read(path))).collect();
    Detectors::over_builtin(&name, &files)
}

/// The files, by name.
fn list(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // Mounted volumes hold links to files, which count, and `..data` beside them.
        if is_named_as_detector(&path) && !path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn is_named_as_detector(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    !is_hidden && matches!(ending.as_deref(), Some("yaml" | "yml"))
}

fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    whole::read(path, MAX_FILE_BYTES).map_err(|unread| match unread {
        Unread::Unreadable(why) => Fault::Unreadable(why),
        Unread::TooLarge => Fault::TooLarge { what: "bytes", most: MAX_FILE_BYTES },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../../detectors/new-service.yaml");

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(dir.path().join(name), bytes).unwrap();
        }
        dir
    }

    /// The kinds of fault, by file name, in order.
    fn faults(dir: &Path) -> Vec<(String, &'static str)> {
        let Err(Error(problems)) = load(dir) else { panic!("it was taken") };
        let name = |file: &str| Path::new(file).file_name().unwrap().to_string_lossy().into_owned();
        problems.iter().map(|problem| (name(&problem.file), problem.fault.kind())).collect()
    }

    #[test]
    fn a_folder_is_laid_over_the_built_in_detectors() {
        let own = GOOD.replace("id: new-service", "id: own").replace("min_bits: 3", "min_bits: 4");
        let changed = GOOD.replace("severity: low", "severity: high");
        let notes: &[u8] = b"not a detector";
        let dir = folder(&[
            ("own.yml", own.as_bytes()),
            ("b.YAML", changed.as_bytes()),
            ("README.md", notes),
            (".hidden.yaml", notes),
        ]);
        fs::create_dir(dir.path().join("below.yaml")).unwrap();
        let (set, builtin) = (load(dir.path()).unwrap(), Detectors::builtin().unwrap());
        assert_eq!(set.iter().count(), builtin.iter().count() + 1);
        assert!(set.file("own").unwrap().ends_with("own.yml"));
        assert!(set.file("new-service").unwrap().ends_with("b.YAML"));
        assert_eq!(set.file("human-use"), None);
        assert_eq!(set.get("new-service").unwrap().severity, crate::detect::finding::Severity::High);
        assert!(set.iter().is_sorted_by_key(|detector| &detector.id));
    }

    #[test]
    fn what_cannot_be_taken_is_named_all_at_once() {
        let huge = vec![b'#'; MAX_FILE_BYTES as usize + 1];
        let dir = folder(&[
            ("a.yaml", GOOD.as_bytes()),
            ("b.yaml", GOOD.as_bytes()),
            ("c.yaml", b"id: \xff\xfe"),
            ("d.yaml", &huge),
            ("e.yaml", b""),
            ("f.yaml", b"id: [unclosed"),
        ]);
        std::os::unix::fs::symlink("/nowhere", dir.path().join("g.yaml")).unwrap();
        let expected =
            ["b duplicate", "c not_utf8", "d too_large", "e wrong_type", "f syntax", "g unreadable"];
        let found: Vec<String> =
            faults(dir.path()).iter().map(|(file, kind)| format!("{} {kind}", &file[..1])).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_file_of_just_the_largest_size_is_read() {
        let mut text = GOOD.as_bytes().to_vec();
        text.resize(MAX_FILE_BYTES as usize, b'\n');
        assert!(load(folder(&[("a.yaml", &text)]).path()).is_ok());
    }

    #[test]
    fn a_folder_without_detectors_is_a_mistake_and_so_is_none() {
        let dir = folder(&[("README.md", b"")]);
        assert_eq!(faults(dir.path())[0].1, "no_files");
        assert_eq!(faults(&dir.path().join("absent"))[0].1, "unreadable");
    }
}
