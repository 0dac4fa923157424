//! The contract of configurations: strict keys, and an error that says where and what was meant.

use serde::de::DeserializeOwned;

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A value or a key is not what is expected.
    #[error("{}{problem}{}", place(path), meant(hint.as_deref()))]
    Invalid {
        /// The path of the key, such as `model.gate.score`.
        path: String,
        /// What is wrong and what was expected.
        problem: String,
        /// The nearest known name.
        hint: Option<String>,
    },
    /// The text is not TOML.
    #[error("{0}")]
    Syntax(String),
}

fn place(path: &str) -> String {
    if path.is_empty() || path == "." { String::new() } else { format!("{path}: ") }
}

fn meant(hint: Option<&str>) -> String {
    hint.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

impl ConfigError {
    /// A value that is not acceptable.
    #[must_use]
    pub fn invalid(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { path: path.into(), problem: problem.into(), hint: None }
    }

    /// The same error with its path below `outer`.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        match self {
            Self::Invalid { path, problem, hint } => {
                let path = if path.is_empty() || path == "." { outer.to_owned() } else { format!("{outer}.{path}") };
                Self::Invalid { path, problem, hint }
            }
            Self::Syntax(_) => self,
        }
    }
}

/// Reads a table strictly: an unknown key or variant is an error with the nearest known name.
pub fn read<T: DeserializeOwned>(table: toml::Table) -> Result<T, ConfigError> {
    serde_path_to_error::deserialize(toml::Value::Table(table)).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.inner().to_string().trim_end().to_owned();
        let problem = plain(problem.lines().next().unwrap_or_default());
        let unknown = unknown_name(&problem);
        let hint = unknown.as_ref().and_then(|(name, known)| nearest(name, known.iter().map(String::as_str)));
        let hint = hint.map(str::to_owned);
        // The path of an unknown key ends with the key itself, which the message names; in a table that is told apart by its
        // `kind` it ends with the table.
        let (table, last) = path.rsplit_once('.').unwrap_or(("", &path));
        let is_key = problem.starts_with("unknown field") && unknown.is_some_and(|(name, _)| name == last);
        let path = if is_key { table.to_owned() } else { path };
        ConfigError::Invalid { path, problem, hint }
    })
}

/// Serde's message ``invalid type: floating point `0.5`, expected usize`` in words that need no knowledge of Rust.
fn plain(problem: &str) -> String {
    const FOUND: [(&str, &str); 6] = [
        ("floating point ", ""),
        ("integer ", ""),
        ("boolean ", ""),
        ("string ", "the text "),
        ("sequence", "a list"),
        ("map", "a table"),
    ];
    let Some(rest) = problem.strip_prefix("invalid type: ").or(problem.strip_prefix("invalid value: ")) else {
        return problem.to_owned();
    };
    let Some((found, expected)) = rest.rsplit_once(", expected ") else { return problem.to_owned() };
    let (jargon, word) = FOUND.into_iter().find(|(jargon, _)| found.starts_with(jargon)).unwrap_or_default();
    let found = format!("{word}{}", &found[jargon.len()..]);
    let value = found.strip_prefix("the text ").or(found.starts_with('`').then_some(found.as_str()));
    let value = value.map(|value| value.trim_matches(['`', '"'])).filter(|value| !value.is_empty());
    let expected = match expected {
        "usize" | "u64" | "u32" | "u16" | "u8" => "a whole number, 0 or more",
        "isize" | "i64" | "i32" => "a whole number",
        "f64" | "f32" => "a number",
        "a string" => "a text",
        "a boolean" => "`true` or `false`",
        "a sequence" => &value.map_or("a list".to_owned(), |value| format!("a list, such as {}", list(value))),
        other if other == "a map" || other.starts_with("struct ") => "a table",
        other if other.contains("tagged enum ") => "a table with a `kind`",
        other => other,
    };
    format!("found {found}, expected {expected}")
}

/// A list of a single value, or of those that commas separate.
fn list(value: &str) -> String {
    let whole = format!("[{value}]");
    if format!("v = {whole}").parse::<toml::Table>().is_ok() {
        whole
    } else {
        format!("[{}]", toml::Value::from(value))
    }
}

/// The unknown name and the known ones of serde's message ``unknown field `x`, expected one of `a`, `b` ``.
fn unknown_name(problem: &str) -> Option<(String, Vec<String>)> {
    if !problem.starts_with("unknown ") {
        return None;
    }
    let mut names = problem.split('`').skip(1).step_by(2).map(str::to_owned);
    Some((names.next()?, names.collect()))
}

/// The known name nearest to `name`, if one is near enough to have been meant.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |known: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase());
    let best = known.into_iter().map(|known| (distance(known), known)).min()?;
    (best.0 <= 1 + name.chars().count() / 3).then_some(best.1)
}
