//! As much of PromQL as is needed to find the metrics and labels that a query names.

/// What a query names.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Query {
    /// Metrics, with the labels they are selected by.
    pub(crate) selectors: Vec<Selector>,
    /// Labels in `by`, `without`, `on`, `ignoring`, `group_left` and `group_right`.
    pub(crate) grouping: Vec<String>,
}

/// One metric in a query.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Selector {
    /// Its name.
    pub(crate) metric: String,
    /// Labels in its braces.
    pub(crate) labels: Vec<String>,
}

const GROUPING: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const WORDS: [&str; 7] = ["and", "or", "unless", "bool", "offset", "inf", "nan"];

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Sign(char),
}

/// Finds the names in `text`.
pub(crate) fn parse(text: &str) -> Query {
    let tokens = tokens(text);
    let mut query = Query::default();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = tokens.get(at + 1);
        match token {
            Token::Name(word) if GROUPING.contains(&word.as_str()) => {
                let (names, end) = names_until(&tokens, at + 1, ')');
                query.grouping.extend(names);
                at = end;
            }
            Token::Name(word) if WORDS.contains(&word.to_lowercase().as_str()) => {}
            Token::Name(_) if is_operator(next) => {}
            Token::Name(metric) => {
                let has_labels = next == Some(&Token::Sign('{'));
                let (labels, end) =
                    if has_labels { names_until(&tokens, at + 1, '}') } else { (Vec::new(), at) };
                query.selectors.push(Selector { metric: metric.clone(), labels });
                at = end;
            }
            Token::Sign(_) => {}
        }
        at += 1;
    }
    query
}

/// Whether what stands before `next` is a function, or an aggregation with its grouping first.
fn is_operator(next: Option<&Token>) -> bool {
    match next {
        Some(Token::Sign(sign)) => *sign == '(',
        Some(Token::Name(word)) => word == "by" || word == "without",
        None => false,
    }
}

/// The names from `from` up to the closing sign, and where that stands. Without an opening sign there are none.
fn names_until(tokens: &[Token], from: usize, close: char) -> (Vec<String>, usize) {
    if !matches!(tokens.get(from), Some(Token::Sign('(' | '{'))) {
        return (Vec::new(), from - 1);
    }
    let end = tokens[from..].iter().position(|token| *token == Token::Sign(close)).expect("closed") + from;
    let names = tokens[from..end].iter().filter_map(|token| match token {
        Token::Name(name) => Some(name.clone()),
        Token::Sign(_) => None,
    });
    (names.collect(), end)
}

/// Names and signs; strings, ranges, numbers and blanks are left out.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => rest[1..].find('"').expect("the string ends") + 2,
            '[' => rest.find(']').expect("the range ends") + 1,
            '0'..='9' | '$' => length_of(rest, |c| c.is_ascii_alphanumeric() || "._$".contains(c)),
            'a'..='z' | 'A'..='Z' | '_' | ':' => {
                let length = length_of(rest, |c| c.is_ascii_alphanumeric() || "_:".contains(c));
                tokens.push(Token::Name(rest[..length].to_owned()));
                length
            }
            sign => {
                if !sign.is_whitespace() {
                    tokens.push(Token::Sign(sign));
                }
                sign.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    tokens
}

fn length_of(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

#[test]
fn names_are_found_and_nothing_else() {
    let check = |text: &str, selectors: &[(&str, &[&str])], grouping: &[&str]| {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let query = parse(text);
        let found: Vec<_> = query.selectors.into_iter().map(|found| (found.metric, found.labels)).collect();
        let expected: Vec<_> =
            selectors.iter().map(|(metric, labels)| ((*metric).to_owned(), own(labels))).collect();
        assert_eq!((found, query.grouping), (expected, own(grouping)), "{text}");
    };
    check("up", &[("up", &[])], &[]);
    check(
        r#"sum by (a, b) (rate(x_total{c="d{e}", f=~"$g"}[5m])) > 1e3"#,
        &[("x_total", &["c", "f"])],
        &["a", "b"],
    );
    check("x / on() group_left y offset 10m or vector(0)", &[("x", &[]), ("y", &[])], &[]);
    check("deriv(a:b:sum[15m:1m]) unless c", &[("a:b:sum", &[]), ("c", &[])], &[]);
    check(r#"label_replace(vector(0), "a", "b", "", "")"#, &[], &[]);
}
