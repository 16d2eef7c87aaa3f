//! Looking a setting up: command line over environment over `lectern.toml`, one name each.
//!
//! Rooms parse their own settings from a [`Lookup`]; so a test hands them a map, not an environment.

use std::{collections::BTreeMap, path::Path, str::FromStr, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};

/// Finds a setting's text by its one name, such as `LECTERN_RTMP_ADDR`.
#[derive(Clone)]
pub struct Lookup(Arc<Find>);

type Find = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Lookup {
    /// From any function; an empty text counts as not set.
    pub fn new(get: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(get))
    }

    /// From a fixed map, for tests and for command-line overrides.
    #[must_use]
    pub fn from_map(map: BTreeMap<String, String>) -> Self {
        Self::new(move |name| map.get(name).cloned())
    }

    /// The process's environment.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place the ban points to")]
    pub fn environment() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }

    /// A `lectern.toml`: top-level keys are the settings' names, in either case.
    ///
    /// # Errors
    /// When the file cannot be read, is not TOML, or holds a table or list where a value belongs.
    pub fn file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        let table: toml::Table = text.parse().with_context(|| format!("parse {}", path.display()))?;
        let mut map = BTreeMap::new();
        for (name, value) in table {
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Float(number) => number.to_string(),
                toml::Value::Boolean(flag) => flag.to_string(),
                toml::Value::Datetime(time) => time.to_string(),
                toml::Value::Array(_) | toml::Value::Table(_) => {
                    bail!("{}: {name} must be a plain value, written as NAME = \"value\"", path.display())
                }
            };
            map.insert(name.to_uppercase(), text);
        }
        Ok(Self::from_map(map))
    }

    /// This look-up first, then `below`.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self::new(move |name| self.text(name).or_else(|| below.text(name)))
    }

    /// The text of a setting; none when unset or empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|text| !text.is_empty())
    }

    /// A setting of any type that reads from text, or `default` when unset.
    ///
    /// # Errors
    /// Names the setting and what is wrong with its text.
    pub fn parsed<T>(&self, name: &str, default: T) -> Result<T>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        self.text(name).map_or(Ok(default), |text| {
            text.parse().map_err(|error| anyhow::anyhow!("{name} is {text:?}: {error}"))
        })
    }

    /// A length of time in seconds (`60`, `0.5`), or `default` when unset.
    ///
    /// # Errors
    /// Names the setting when it is no number or negative.
    pub fn seconds(&self, name: &str, default: Duration) -> Result<Duration> {
        let seconds: f64 = self.parsed(name, default.as_secs_f64())?;
        Duration::try_from_secs_f64(seconds).map_err(|error| anyhow::anyhow!("{name} is {seconds}: {error}"))
    }

    /// `true`/`1`/`yes`/`on` or `false`/`0`/`no`/`off`, or `default` when unset.
    ///
    /// # Errors
    /// Names the setting when it is neither.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool> {
        match self.text(name).map(|text| text.to_lowercase()).as_deref() {
            None => Ok(default),
            Some("true" | "1" | "yes" | "on") => Ok(true),
            Some("false" | "0" | "no" | "off") => Ok(false),
            Some(other) => bail!("{name} is {other:?}: write true or false"),
        }
    }
}

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Settings hold secrets; a look-up never shows them.
        f.write_str("Lookup")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(pairs: &[(&str, &str)]) -> Lookup {
        Lookup::from_map(pairs.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect())
    }

    #[test]
    fn the_nearer_source_wins_and_empty_counts_as_unset() {
        let both = lookup(&[("A", "1"), ("B", "")]).over(lookup(&[("A", "2"), ("B", "3")]));
        assert_eq!(both.text("A").as_deref(), Some("1"));
        assert_eq!(both.text("B").as_deref(), Some("3"));
    }

    #[test]
    fn a_wrong_text_is_named() {
        let error = lookup(&[("LECTERN_X", "ten")]).parsed("LECTERN_X", 5_u32).unwrap_err();
        assert!(error.to_string().starts_with("LECTERN_X is \"ten\""));
        assert!(lookup(&[("F", "maybe")]).flag("F", true).is_err());
        assert!(lookup(&[("S", "-1")]).seconds("S", Duration::ZERO).is_err());
    }
}
