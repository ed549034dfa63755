//! The three layers of settings, merged key by key so that each value remembers where it is from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{Config, DEFAULTS};

/// Why settings cannot be used. Each says which one, where it stands and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{} is not valid TOML: {source}", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// There is no such setting.
    #[error("{origin}: there is no setting {name}{}", meant(nearest))]
    UnknownKey {
        /// Where it was found.
        origin: Origin,
        /// What was written.
        name: String,
        /// The setting that was perhaps meant.
        nearest: Option<String>,
    },
    /// The value does not fit the setting.
    #[error("{origin}: {key} {problem}")]
    BadValue {
        /// Where it was found.
        origin: Origin,
        /// The setting.
        key: String,
        /// What is wrong with the value.
        problem: String,
    },
}

fn meant(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

/// Where a value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The defaults.
    Default,
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A command line flag, or `dev`'s own choice.
    Command,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Command => f.write_str("command line"),
        }
    }
}

/// The environment variables that are meant for Posta.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Reads this process's environment.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads it")]
    pub fn of_process() -> Self {
        std::env::vars().collect()
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        // The client's own variables and those of the tests share the prefix but set nothing here.
        const NOT_SETTINGS: [&str; 4] =
            ["POSTA_URL", "POSTA_API_KEY", "POSTA_TEST_", "POSTA_REQUIRE_"];
        let is_ours = |name: &str| {
            name.starts_with("POSTA_") && !NOT_SETTINGS.iter().any(|not| name.starts_with(not))
        };
        Self(variables.into_iter().filter(|(name, _)| is_ours(name)).collect())
    }
}

/// One setting as it is in force.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its key, with dots.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// Where the value is from.
    pub origin: Origin,
}

impl Setting {
    /// Returns the environment variable that sets it.
    #[must_use]
    pub fn variable(&self) -> String {
        variable(&self.key)
    }

    /// Returns the value for people: secrets are not shown.
    #[must_use]
    pub fn shown(&self) -> String {
        match self.shown_value() {
            Value::String(hidden) if hidden == HIDDEN => hidden,
            value => value.to_string(),
        }
    }

    /// Returns the value, but without secrets.
    #[must_use]
    pub fn shown_value(&self) -> Value {
        let name = self.key.rsplit('.').next().unwrap_or_default();
        let is_secret = ["master_key", "client_secret", "verify_token", "webhook_secrets"];
        let is_empty = match &self.value {
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        if is_secret.contains(&name) && !is_empty {
            return HIDDEN.into();
        }
        match &self.value {
            Value::String(text) if self.key == "database.url" => without_password(text).into(),
            value => value.clone(),
        }
    }
}

/// What is shown in the place of a secret.
const HIDDEN: &str = "(set, not shown)";

fn without_password(text: &str) -> String {
    let mut shown = text.to_owned();
    if let Ok(mut url) = url::Url::parse(text)
        && url.password().is_some()
        && url.set_password(Some("hidden")).is_ok()
    {
        shown = url.into();
    }
    shown
}

fn variable(key: &str) -> String {
    format!("POSTA_{}", key.replace('.', "_").to_uppercase())
}

/// The settings of all layers.
#[derive(Clone, Debug)]
pub struct Layers(BTreeMap<String, (Value, Origin)>);

impl Layers {
    /// Starts with the defaults.
    ///
    /// # Panics
    /// Never: the defaults are part of the program and tested.
    #[must_use]
    pub fn defaults() -> Self {
        let table: Table = DEFAULTS.parse().expect("the built-in defaults are valid TOML");
        let mut leaves = BTreeMap::new();
        flatten("", table, &mut leaves);
        Self(leaves.into_iter().map(|(key, value)| (key, (value, Origin::Default))).collect())
    }

    /// Reads defaults, file and environment.
    ///
    /// # Errors
    /// When the file cannot be read, or a key or value in it or in the environment is wrong.
    pub fn read(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let mut layers = Self::defaults();
        if let Some(path) = file {
            layers.add_file(path)?;
        }
        layers.add_environment(environment)?;
        Ok(layers)
    }

    fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let table: Table = text.parse().map_err(|source| ConfigError::NotToml {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        let mut leaves = BTreeMap::new();
        flatten("", table, &mut leaves);
        for (key, value) in leaves {
            self.put(&key, value, Origin::File(path.to_owned()))?;
        }
        Ok(())
    }

    fn add_environment(&mut self, environment: &Environment) -> Result<(), ConfigError> {
        for (name, text) in &environment.0 {
            let origin = Origin::Environment(name.clone());
            let Some(key) = self.0.keys().find(|key| variable(key) == *name).cloned() else {
                let nearest = nearest(name, self.0.keys().map(|key| variable(key)));
                return Err(ConfigError::UnknownKey { origin, name: name.clone(), nearest });
            };
            let value = read_like(&self.0[&key].0, text).map_err(|problem| {
                ConfigError::BadValue { origin: origin.clone(), key: key.clone(), problem }
            })?;
            self.0.insert(key, (value, origin));
        }
        Ok(())
    }

    /// Sets one setting from the command line.
    ///
    /// # Errors
    /// When there is no such setting, or the value has another type.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) -> Result<(), ConfigError> {
        self.put(key, value.into(), Origin::Command)
    }

    /// Whether nobody has set this.
    #[must_use]
    pub fn is_default(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|(_, origin)| *origin == Origin::Default)
    }

    fn put(&mut self, key: &str, value: Value, origin: Origin) -> Result<(), ConfigError> {
        let Some((current, _)) = self.0.get(key) else {
            let nearest = nearest(key, self.0.keys().cloned());
            return Err(ConfigError::UnknownKey { origin, name: key.to_owned(), nearest });
        };
        if !current.same_type(&value) {
            let problem =
                format!("must be {}, not {}", a_type(current.type_str()), a_type(value.type_str()));
            return Err(ConfigError::BadValue { origin, key: key.to_owned(), problem });
        }
        self.0.insert(key.to_owned(), (value, origin));
        Ok(())
    }

    /// Lists all settings in force, by key.
    pub fn settings(&self) -> impl Iterator<Item = Setting> {
        self.0.iter().map(|(key, (value, origin))| Setting {
            key: key.clone(),
            value: value.clone(),
            origin: origin.clone(),
        })
    }

    /// Makes typed settings of the layers.
    ///
    /// # Errors
    /// When a value does not mean anything for its setting.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let mut root = Table::new();
        for (key, (value, _)) in &self.0 {
            let mut table = &mut root;
            let mut path = key.split('.').peekable();
            while let Some(part) = path.next() {
                if path.peek().is_none() {
                    table.insert(part.to_owned(), value.clone());
                    break;
                }
                let entry = table.entry(part).or_insert_with(|| Value::Table(Table::new()));
                table = entry.as_table_mut().expect("a key is never also a section");
            }
        }
        serde_path_to_error::deserialize(Value::Table(root)).map_err(|error| {
            let key = error.path().to_string();
            let origin = self.0.get(&key).map_or(Origin::Default, |(_, origin)| origin.clone());
            let problem = error.into_inner().message().to_owned();
            ConfigError::BadValue { origin, key, problem: format!("is wrong: {problem}") }
        })
    }
}

fn flatten(prefix: &str, table: Table, leaves: &mut BTreeMap<String, Value>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) => flatten(&key, inner, leaves),
            leaf => {
                leaves.insert(key, leaf);
            }
        }
    }
}

fn read_like(example: &Value, text: &str) -> Result<Value, String> {
    match example {
        Value::Integer(_) => {
            text.trim().parse().map(Value::Integer).map_err(|_| "must be a whole number".to_owned())
        }
        Value::Boolean(_) => {
            text.trim().parse().map(Value::Boolean).map_err(|_| "must be true or false".to_owned())
        }
        Value::Array(_) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::Array(items.map(Value::from).collect()))
        }
        _ => Ok(Value::from(text)),
    }
}

fn a_type(name: &str) -> String {
    match name {
        "integer" => "a whole number".to_owned(),
        "array" => "a list".to_owned(),
        "boolean" => "true or false".to_owned(),
        "string" => "text".to_owned(),
        other => format!("a {other}"),
    }
}

fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    known
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, &candidate), candidate))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.5)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn the_defaults_are_complete_and_fit() {
        let config = Layers::defaults().config().unwrap();
        assert_eq!(config.listen.port(), 8700);
        assert!(!config.platforms["instagram"].has_app());
    }

    #[test]
    fn every_platform_has_a_section_with_its_own_defaults() {
        let config = Layers::defaults().config().unwrap();
        let known: BTreeSet<&str> = posta_platforms::ALL.iter().map(|one| one.name()).collect();
        assert_eq!(config.platforms.keys().map(String::as_str).collect::<BTreeSet<_>>(), known);
        for platform in posta_platforms::ALL {
            let section = &config.platforms[platform.name()];
            assert_eq!(section.version, platform.default_version());
            let urls: BTreeSet<_> =
                platform.urls().iter().map(|(role, url)| (*role, url.parse().unwrap())).collect();
            let ours = section.urls.iter().map(|(role, url)| (role.as_str(), url.clone()));
            assert_eq!(ours.collect::<BTreeSet<_>>(), urls);
            let rates = platform.limits().rates.iter().map(|rate| (rate.class, *rate));
            assert_eq!(section.rates, rates.collect());
        }
    }

    #[test]
    fn every_setting_names_its_variable_in_the_defaults() {
        for setting in Layers::defaults().settings() {
            let tail = setting.variable().rsplit("INSTAGRAM").next().unwrap().to_owned();
            assert!(DEFAULTS.contains(&tail), "{} is not mentioned", setting.variable());
        }
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
        let file = file("listen = \"127.0.0.1:1\"\n[api]\nsend_wait_seconds = 3\n");
        let environment = environment(&[
            ("POSTA_LISTEN", "127.0.0.1:2"),
            ("POSTA_PLATFORMS_INSTAGRAM_WEBHOOK_SECRETS", "a, b"),
            ("POSTA_API_KEY", "a client's, not a setting"),
        ]);
        let config = Layers::read(Some(file.path()), &environment).unwrap().config().unwrap();
        assert_eq!(config.listen.port(), 2);
        assert_eq!(config.api.send_wait_seconds, 3);
        assert_eq!(config.platforms["instagram"].webhook_secrets.len(), 2);
    }

    #[test]
    fn wrong_keys_and_values_are_refused_by_name() {
        let refused = |text: &str, pairs: &[(&str, &str)]| {
            let file = file(text);
            let layers = Layers::read(Some(file.path()), &environment(pairs));
            let error = layers.and_then(|layers| layers.config()).unwrap_err().to_string();
            error.replace(&file.path().display().to_string(), "FILE")
        };
        assert_eq!(
            refused("[database]\nurll = \"x\"", &[]),
            "FILE: there is no setting database.urll; did you mean database.url?"
        );
        assert_eq!(
            refused("", &[("POSTA_DATABASE_ULR", "x")]),
            "environment variable POSTA_DATABASE_ULR: there is no setting POSTA_DATABASE_ULR; \
             did you mean POSTA_DATABASE_URL?"
        );
        assert_eq!(
            refused("[api]\nsend_wait_seconds = \"3\"", &[]),
            "FILE: api.send_wait_seconds must be a whole number, not text"
        );
        assert_eq!(
            refused("", &[("POSTA_API_SEND_WAIT_SECONDS", "soon")]),
            "environment variable POSTA_API_SEND_WAIT_SECONDS: api.send_wait_seconds must be a \
             whole number"
        );
        assert_eq!(
            refused("", &[("POSTA_DATABASE_URL", "mysql://x")]),
            "environment variable POSTA_DATABASE_URL: database.url is wrong: a database URL begins \
             with sqlite: or postgres:"
        );
        assert!(refused("", &[("POSTA_PUBLIC_URL", "http://x/y")]).contains("without a path"));
        assert!(
            refused("", &[("POSTA_PLATFORMS_INSTAGRAM_RATES_TEXT", "fast")])
                .contains("platforms.instagram.rates.text is wrong: must be a number of calls")
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        let environment = environment(&[
            ("POSTA_MASTER_KEY", "hunter2"),
            ("POSTA_DATABASE_URL", "postgres://posta:hunter2@db/posta"),
            ("POSTA_PLATFORMS_INSTAGRAM_CLIENT_SECRET", "hunter2"),
        ]);
        let layers = Layers::read(None, &environment).unwrap();
        let shown: String = layers.settings().map(|setting| setting.shown()).collect();
        assert!(!shown.contains("hunter2"));
        assert!(shown.contains("postgres://posta:hidden@db/posta"));
    }
}
