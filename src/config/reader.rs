//! Takes settings out of a file and the environment, and collects everything that is wrong with them.
//!
//! One pass reads what is wanted; what nobody asked for is then an unknown key. So all mistakes are
//! told at once, each with file, line and key, and none is passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::{Table, Value};

/// One mistake, where it stands and what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    pub origin: Origin,
    pub key: String,
    pub text: String,
}

/// Where a setting was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    File { path: PathBuf, line: usize },
    Environment { variable: String },
    Nowhere,
}

/// What stands directly below a section.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Inside {
    Key,
    Table,
}

pub(super) struct Reader<'a> {
    file: Option<(&'a Path, &'a str)>,
    table: Table,
    environment: BTreeMap<String, String>,
    asked: BTreeSet<String>,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// `environment` holds the variables whose names start with `FOOTBRIDGE__`.
    pub(super) fn new(
        file: Option<(&'a Path, &'a str)>,
        environment: BTreeMap<String, String>,
    ) -> Self {
        let mut reader = Self {
            file,
            table: Table::new(),
            environment,
            asked: BTreeSet::new(),
            problems: Vec::new(),
        };
        let Some((path, text)) = file else { return reader };
        match text.parse::<Table>() {
            Ok(table) => reader.table = table,
            Err(error) => {
                let start = error.span().map_or(0, |span| span.start);
                let line = text[..start.min(text.len())].lines().count().max(1);
                reader.problems.push(Problem {
                    origin: Origin::File { path: path.to_owned(), line },
                    key: "(the file)".to_owned(),
                    text: format!("is not valid TOML: {}", error.message()),
                });
            }
        }
        reader
    }

    pub(super) fn string(&mut self, key: &str, default: &str) -> String {
        self.parsed(key, default.to_owned(), |value| match value {
            Value::String(text) => Ok(text.clone()),
            _ => Err("wants a text in quotes".to_owned()),
        })
    }

    pub(super) fn count(&mut self, key: &str, default: usize) -> usize {
        self.parsed(key, default, |value| {
            let number = value.as_integer().and_then(|number| usize::try_from(number).ok());
            number
                .filter(|number| *number > 0)
                .ok_or_else(|| "wants a whole number above 0".to_owned())
        })
    }

    pub(super) fn switch(&mut self, key: &str, default: bool) -> bool {
        self.parsed(key, default, |value| {
            value.as_bool().ok_or_else(|| "wants true or false".to_owned())
        })
    }

    /// One of a few words.
    pub(super) fn choice<T: Clone>(&mut self, key: &str, default: T, choices: &[(&str, T)]) -> T {
        self.parsed(key, default, |value| {
            let chosen = choices.iter().find(|(word, _)| value.as_str() == Some(word));
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            chosen
                .map(|(_, choice)| choice.clone())
                .ok_or_else(|| format!("wants one of {}", words.join(", ")))
        })
    }

    /// `"15s"`, `"2m"`, `"500ms"`, `"1h"`.
    pub(super) fn duration(&mut self, key: &str, default: Duration) -> Duration {
        self.parsed(key, default, |value| {
            let text = value.as_str().ok_or(DURATION_FORM)?;
            parse_duration(text).ok_or_else(|| DURATION_FORM.to_owned())
        })
    }

    /// `"2 GiB"`, `"150 MiB"`, `"64 KiB"`, or a plain number of octets.
    pub(super) fn size(&mut self, key: &str, default: u64) -> u64 {
        self.parsed(key, default, |value| match value {
            Value::Integer(octets) => u64::try_from(*octets).map_err(|_| SIZE_FORM.to_owned()),
            Value::String(text) => parse_size(text).ok_or_else(|| SIZE_FORM.to_owned()),
            _ => Err(SIZE_FORM.to_owned()),
        })
    }

    /// A list of texts; a single text counts as a list of one.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        default: Vec<T>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        self.parsed(key, default, |value| match value {
            Value::String(text) => {
                text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(&parse).collect()
            }
            Value::Array(items) => items
                .iter()
                .map(|item| parse(item.as_str().ok_or("wants a list of texts in quotes")?))
                .collect(),
            _ => Err("wants a list of texts in quotes".to_owned()),
        })
    }

    /// Anything: `parse` says what it wants if it cannot use the value.
    pub(super) fn parsed<T>(
        &mut self,
        key: &str,
        default: T,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> T {
        self.asked.insert(key.to_owned());
        let Some((value, origin)) = self.find(key) else { return default };
        match parse(&value) {
            Ok(parsed) => parsed,
            Err(text) => {
                self.problems.push(Problem { origin, key: key.to_owned(), text });
                default
            }
        }
    }

    pub(super) fn problem(&mut self, key: &str, text: impl Into<String>) {
        let origin = self.find(key).map_or(Origin::Nowhere, |(_, origin)| origin);
        self.problems.push(Problem { origin, key: key.to_owned(), text: text.into() });
    }

    /// The names of the tables directly below `section`, in order; those that only the environment
    /// has are in lower case.
    pub(super) fn tables_in(&self, section: &str) -> BTreeSet<String> {
        self.names_in(section, Inside::Table)
    }

    /// The names of the keys directly below `section`, in the same way.
    pub(super) fn keys_in(&self, section: &str) -> BTreeSet<String> {
        self.names_in(section, Inside::Key)
    }

    fn names_in(&self, section: &str, wanted: Inside) -> BTreeSet<String> {
        let table = self.table.get(section).and_then(Value::as_table).into_iter().flatten();
        let of_file = table
            .filter(|(_, value)| value.is_table() == (wanted == Inside::Table))
            .map(|(name, _)| name.clone());
        let prefix = format!("{}__", variable(section));
        let of_environment = self.environment.keys().filter_map(|name| {
            let rest = name.strip_prefix(&prefix)?;
            let (name, is_table) =
                rest.split_once("__").map_or((rest, false), |(name, _)| (name, true));
            (is_table == (wanted == Inside::Table)).then(|| name.to_ascii_lowercase())
        });
        of_file.chain(of_environment).collect()
    }

    /// Everything that was set but never asked for.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        let mut present = Vec::new();
        keys_of(&self.table, "", &mut present);
        present.retain(|key| !self.asked.contains(key));
        for key in present {
            let text = self.unknown(&key);
            self.problem(&key, text);
        }
        let known: BTreeSet<String> = self.asked.iter().map(|key| variable(key)).collect();
        for name in self.environment.keys().filter(|name| !known.contains(*name)) {
            self.problems.push(Problem {
                origin: Origin::Environment { variable: name.clone() },
                key: name.clone(),
                text: "is not a known setting".to_owned(),
            });
        }
        self.problems
    }

    fn unknown(&self, key: &str) -> String {
        let last = key.rsplit('.').next().unwrap_or(key);
        let near = self.asked.iter().find(|known| known.rsplit('.').next() == Some(last));
        match near {
            Some(near) => format!("is not a known setting; did you mean {near}?"),
            None => "is not a known setting".to_owned(),
        }
    }

    /// The environment goes before the file.
    fn find(&self, key: &str) -> Option<(Value, Origin)> {
        let variable = variable(key);
        if let Some(text) = self.environment.get(&variable) {
            let value = format!("value = {text}")
                .parse::<Table>()
                .ok()
                .and_then(|mut table| table.remove("value"))
                .unwrap_or_else(|| Value::String(text.clone()));
            return Some((value, Origin::Environment { variable }));
        }
        let mut value: Option<&Value> = None;
        for part in key.split('.') {
            value = match value {
                None => self.table.get(part),
                Some(value) => value.get(part),
            };
            value?;
        }
        let (path, text) = self.file?;
        let origin = Origin::File { path: path.to_owned(), line: line_of(text, key) };
        Some((value?.clone(), origin))
    }
}

const DURATION_FORM: &str = "wants a time such as \"15s\", \"2m\" or \"500ms\"";
const SIZE_FORM: &str = "wants a size such as \"2 GiB\", \"150 MiB\" or a number of octets";

fn variable(key: &str) -> String {
    format!("FOOTBRIDGE__{}", key.to_ascii_uppercase().replace('.', "__"))
}

fn keys_of(table: &Table, prefix: &str, found: &mut Vec<String>) {
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        match value {
            Value::Table(inner) => keys_of(inner, &format!("{key}."), found),
            _ => found.push(key),
        }
    }
}

/// The line that sets `key`, counted from 1: the place a person looks at first.
fn line_of(text: &str, key: &str) -> usize {
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let mut current = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            current = header.trim().to_owned();
            if current == key {
                return index + 1;
            }
        }
        let sets = line.split_once('=').is_some_and(|(left, _)| left.trim() == name);
        if sets && current == section {
            return index + 1;
        }
    }
    1
}

fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..split].parse().ok()?;
    let millis = match text[split..].trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(millis)?))
}

fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..split].parse().ok()?;
    let unit = match text[split..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return None,
    };
    number.checked_mul(unit)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::File { path, line } => write!(f, "{}:{line}: ", path.display())?,
            Origin::Environment { variable } => write!(f, "environment {variable}: ")?,
            Origin::Nowhere => {}
        }
        write!(f, "{} {}", self.key, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_read_as_people_write_them() {
        assert_eq!(parse_duration("15s"), Some(Duration::from_secs(15)));
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("soon"), None);
        assert_eq!(parse_size("2 GiB"), Some(2 << 30));
        assert_eq!(parse_size("1000"), Some(1000));
        assert_eq!(parse_size("2 apples"), None);
    }
}
