//! The shape of the code, held by a test: what may import what, and how large a file or function may be.

#![allow(clippy::unwrap_used, reason = "a test may fail, and says where")]

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::Visit;

/// The core's modules in the order in which data flows; each imports only from those before it.
const CORE: [&str; 16] = [
    "text",
    "time",
    "term",
    "activity",
    "config",
    "decode",
    "normalize",
    "identity",
    "enrich",
    "ingest",
    "baseline",
    "detect",
    "monitor",
    "wire",
    "generator",
    "evaluation",
];
/// The modules that touch the world. They may import everything but the command line, which is the outermost.
const EDGES: [&str; 6] = ["files", "kafka", "runtime", "telemetry", "http", "cli"];
/// Where the world begins: paths that the core must not name.
const WORLD: [&str; 17] = [
    "tokio",
    "rdkafka",
    "axum",
    "prometheus",
    "indicatif",
    "tracing",
    "clap",
    "std::fs",
    "std::env",
    "std::thread",
    "std::process",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::net::ToSocketAddrs",
    "std::time::SystemTime",
    "std::time::Instant",
];
/// Lines of a file before its tests.
const MAX_FILE_LINES: usize = 500;
/// Lines of a function.
const MAX_FUNCTION_LINES: usize = 70;
/// Parameters of a function, `self` included.
const MAX_PARAMETERS: usize = 6;

struct Source {
    path: PathBuf,
    /// `config`, `cli`…; empty for `lib.rs` and `main.rs`.
    module: String,
    text: String,
}

impl Source {
    /// The text before its tests.
    fn code(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod ").next().unwrap_or_default()
    }
}

/// What `#[cfg(test)] mod name;` declares: files `name.rs`, and all below a folder `name`, beside the declaring file.
fn test_modules(source: &Source) -> Vec<PathBuf> {
    let folder = match source.path.file_stem().and_then(|stem| stem.to_str()) {
        Some("mod" | "lib" | "main") => source.path.parent().unwrap().to_owned(),
        _ => source.path.with_extension(""),
    };
    let mut lines = source.text.lines().peekable();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let declares = lines.peek().and_then(|next| next.rsplit_once("mod ")?.1.strip_suffix(';'));
        if let Some(name) = declares.filter(|_| line.trim() == "#[cfg(test)]") {
            found.push(folder.join(name));
        }
    }
    found
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    gather(&root, &root, &mut found);
    let tests: Vec<PathBuf> = found.iter().flat_map(test_modules).collect();
    found.retain(|source| !tests.iter().any(|test| source.path.with_extension("").starts_with(test)));
    found
}

fn gather(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(root, &path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let first = path.strip_prefix(root).unwrap().components().next().unwrap();
            let first = first.as_os_str().to_string_lossy();
            let module = first.trim_end_matches(".rs").replace("lib", "").replace("main", "");
            found.push(Source { text: fs::read_to_string(&path).unwrap(), module, path });
        }
    }
}

/// All paths that a file names (`a::b::c`), also within macros and groups; use trees are spread out.
fn paths(code: &str) -> Vec<String> {
    let tokens: TokenStream = code.parse().unwrap();
    let mut found = Vec::new();
    walk(tokens, String::new(), &mut found);
    found
}

fn walk(tokens: TokenStream, prefix: String, found: &mut Vec<String>) {
    let mut current = prefix.clone();
    let mut expects_name = !prefix.is_empty();
    for token in tokens {
        match token {
            TokenTree::Ident(name) if expects_name => {
                current.push_str(&name.to_string());
                expects_name = false;
            }
            TokenTree::Ident(name) => {
                found.push(std::mem::replace(&mut current, name.to_string()));
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => {
                if current.ends_with(':') && !current.ends_with("::") {
                    current.push(':');
                    expects_name = true;
                } else {
                    current.push(':');
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == ',' => {
                found.push(std::mem::replace(&mut current, prefix.clone()));
                expects_name = !prefix.is_empty();
            }
            TokenTree::Group(group) => {
                let inner = if current.ends_with("::") { current.clone() } else { String::new() };
                walk(group.stream(), inner, found);
            }
            _ => {
                found.push(std::mem::take(&mut current));
                expects_name = false;
            }
        }
    }
    found.push(current);
}

/// The modules of this crate that `code` imports from.
fn imports(code: &str) -> Vec<String> {
    let module = |path: &String| {
        path.strip_prefix("crate::").and_then(|rest| rest.split("::").next()).map(str::to_owned)
    };
    paths(code).iter().filter_map(module).map(|name| name.trim_end_matches(':').to_owned()).collect()
}

#[test]
fn every_module_has_its_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let declared: Vec<String> = fs::read_to_string(root)
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ").map(|name| name.trim_end_matches(';').to_owned()))
        .collect();
    for name in &declared {
        assert!(
            CORE.contains(&name.as_str()) || EDGES.contains(&name.as_str()),
            "{name} has no place in the order"
        );
    }
}

#[test]
fn the_core_imports_only_from_what_stands_before_it() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(place) = CORE.iter().position(|name| *name == source.module) else { continue };
        for import in imports(source.code()) {
            let allowed = CORE.iter().position(|name| *name == import).is_some_and(|other| other <= place);
            if !allowed {
                wrong.push(format!("{} imports {import}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_core_does_not_touch_the_world() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| CORE.contains(&source.module.as_str())) {
        for path in paths(source.code()) {
            let begins = |world: &&str| path == **world || path.starts_with(&format!("{world}::"));
            if WORLD.iter().any(begins) {
                wrong.push(format!("{} names {path}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_binary_imports_the_command_line() {
    for source in sources().iter().filter(|source| source.module != "cli" && !source.module.is_empty()) {
        assert!(!imports(source.code()).contains(&"cli".to_owned()), "{}", source.path.display());
    }
}

#[test]
fn files_are_short_enough_to_read() {
    let long: Vec<String> = sources()
        .iter()
        .map(|source| (source.code().lines().count(), &source.path))
        .filter(|(lines, _)| *lines > MAX_FILE_LINES)
        .map(|(lines, path)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

struct Functions<'a> {
    source: &'a Source,
    wrong: Vec<String>,
}

impl Functions<'_> {
    fn check(&mut self, signature: &syn::Signature, span: proc_macro2::Span) {
        let lines = span.end().line - signature.span().start().line + 1;
        if lines > MAX_FUNCTION_LINES {
            self.wrong.push(format!("{}: {} has {lines} lines", self.source.path.display(), signature.ident));
        }
        if signature.inputs.len() > MAX_PARAMETERS {
            let count = signature.inputs.len();
            self.wrong.push(format!(
                "{}: {} has {count} parameters",
                self.source.path.display(),
                signature.ident
            ));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.check(&function.sig, function.block.span());
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.check(&function.sig, function.block.span());
        syn::visit::visit_impl_item_fn(self, function);
    }
}

#[test]
fn functions_are_short_enough_to_read() {
    let mut wrong = Vec::new();
    for source in &sources() {
        let file = syn::parse_file(source.code()).unwrap();
        let mut functions = Functions { source, wrong: Vec::new() };
        functions.visit_file(&file);
        wrong.extend(functions.wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_commands_that_the_documents_name_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_nhi-monitor")).arg("--help").output().unwrap();
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let known: Vec<&str> =
        help.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    for name in ["README.md", "docs/operations.md"] {
        // A document that is not written yet names nothing.
        let text = fs::read_to_string(root.join(name)).unwrap_or_default();
        for command in named_commands(&text) {
            assert!(known.contains(&command.as_str()), "{name} names `nhi-monitor {command}`");
        }
    }
}

/// What stands after `nhi-monitor` or `cargo run … --` in code (blocks and spans) of a Markdown text.
fn named_commands(markdown: &str) -> Vec<String> {
    let mut in_block = false;
    let mut found = Vec::new();
    for line in markdown.lines() {
        in_block ^= line.trim_start().starts_with("```");
        let spans: Vec<&str> =
            if in_block { vec![line] } else { line.split('`').skip(1).step_by(2).collect() };
        for span in spans {
            let words: Vec<&str> = span.split_whitespace().collect();
            let is_call = |pair: &&[&str]| {
                let is_run = pair[0] == "--" && span.contains("cargo run");
                (pair[0].ends_with("nhi-monitor") || is_run)
                    && pair[1].chars().all(|c| c.is_ascii_lowercase())
            };
            found.extend(words.windows(2).filter(is_call).map(|pair| pair[1].to_owned()));
        }
    }
    found
}

#[test]
fn commands_are_found_in_code_only() {
    let text =
        "nhi-monitor is, `nhi-monitor scan x` and\n```\ncargo run --release -- demo\n./nhi-monitor -V\n```\n";
    assert_eq!(named_commands(text), ["scan", "demo"]);
}

#[test]
fn every_dependency_has_a_licence_that_is_allowed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules: toml::Table = fs::read_to_string(root.join("deny.toml")).unwrap().parse().unwrap();
    let allowed: Vec<&str> =
        rules["licenses"]["allow"].as_array().unwrap().iter().filter_map(toml::Value::as_str).collect();
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for package in metadata["packages"].as_array().unwrap() {
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(is_allowed(licence, &allowed), "{}: {licence}", package["name"]);
    }
}

/// Whether an SPDX expression of the form `(a OR b) AND c` can be fulfilled with the `allowed` licences.
fn is_allowed(licence: &str, allowed: &[&str]) -> bool {
    let licence = licence.replace(" / ", " OR ").replace('/', " OR ");
    let can_choose = |part: &str| {
        let part = part.trim_matches(['(', ')', ' ']);
        part.split(" OR ").any(|choice| allowed.contains(&choice.trim()))
    };
    licence.split(" AND ").all(can_choose)
}

#[test]
fn licences_are_read_as_they_are_written() {
    let allowed = ["MIT", "Zlib"];
    for (licence, expected) in [
        ("MIT", true),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("(GPL-3.0 OR MIT) AND Zlib", true),
        ("", false),
    ] {
        assert_eq!(is_allowed(licence, &allowed), expected, "{licence}");
    }
}

#[test]
fn the_scanner_of_paths_sees_what_it_must() {
    let code = "use crate::{a::B, c}; use crate::d::{E, F}; fn f() { crate::g::h(m!(crate::i::J)); let x: u8 = std::env::var; }";
    let found = imports(code);
    for name in ["a", "c", "d", "g", "i"] {
        assert!(found.contains(&name.to_owned()), "{name} of {found:?}");
    }
    assert!(paths(code).contains(&"std::env::var".to_owned()), "{:?}", paths(code));
}
