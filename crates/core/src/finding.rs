//! What a doctor finds: one thing that was looked at, how bad it is, and what to do about it.

use crate::failure::PlatformSaid;

/// How bad it is. The order is that of the badness.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Fine,
    /// It could not be looked at, for a reason that another finding names.
    Skipped,
    /// It works, and will stop working or works in part.
    Warning,
    /// It does not work.
    Error,
}

impl Severity {
    /// Its word, in reports and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What was looked at, as a stable word such as `token`.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was seen.
    pub seen: String,
    /// The call that showed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<Box<Call>>,
    /// Why it is so, most likely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// A call and what it was answered, without anything secret.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct Call {
    /// The method.
    pub method: &'static str,
    /// Host and path, without query and token.
    pub url: String,
    /// What the platform said; empty when there was no answer.
    #[serde(flatten)]
    pub said: PlatformSaid,
}

impl Finding {
    /// As it should be.
    #[must_use]
    pub fn fine(check: &'static str, seen: impl Into<String>) -> Self {
        Self::new(check, Severity::Fine, seen)
    }

    /// Could not be looked at.
    #[must_use]
    pub fn skipped(check: &'static str, seen: impl Into<String>) -> Self {
        Self::new(check, Severity::Skipped, seen)
    }

    /// Will stop working, or works in part.
    #[must_use]
    pub fn warning(check: &'static str, seen: impl Into<String>) -> Self {
        Self::new(check, Severity::Warning, seen)
    }

    /// Does not work.
    #[must_use]
    pub fn error(check: &'static str, seen: impl Into<String>) -> Self {
        Self::new(check, Severity::Error, seen)
    }

    fn new(check: &'static str, severity: Severity, seen: impl Into<String>) -> Self {
        Self { check, severity, seen: seen.into(), call: None, cause: None, remedy: None }
    }

    /// Names the call that showed it.
    #[must_use]
    pub fn call(self, call: Call) -> Self {
        Self { call: Some(Box::new(call)), ..self }
    }

    /// Says why it is so, most likely.
    #[must_use]
    pub fn cause(self, cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// Says what to do.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.url)?;
        let said = &self.said;
        match said.status {
            Some(status) => write!(f, " was answered {status}")?,
            None => f.write_str(" got no answer")?,
        }
        if let Some(code) = said.code {
            write!(f, ", code {code}")?;
            if let Some(subcode) = said.subcode {
                write!(f, "/{subcode}")?;
            }
        }
        if let Some(message) = &said.message {
            write!(f, ": {message}")?;
        }
        Ok(())
    }
}

/// The worst of these findings. What was skipped is no trouble of its own.
#[must_use]
pub fn worst<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Severity {
    let severities = findings.into_iter().map(|one| one.severity);
    severities.filter(|one| *one != Severity::Skipped).max().unwrap_or(Severity::Fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_with_the_platforms_code_and_words() {
        let said = PlatformSaid {
            status: Some(400),
            code: Some(190),
            subcode: Some(463),
            message: Some("expired".to_owned()),
            ..PlatformSaid::default()
        };
        let mut call = Call { method: "GET", url: "graph.example/me".to_owned(), said };
        assert_eq!(
            call.to_string(),
            "GET graph.example/me was answered 400, code 190/463: expired"
        );
        call.said = PlatformSaid::default();
        assert_eq!(call.to_string(), "GET graph.example/me got no answer");
    }

    #[test]
    fn what_was_skipped_is_no_trouble() {
        let (fine, skipped) = (Finding::fine("a", ""), Finding::skipped("b", ""));
        let (warning, error) = (Finding::warning("c", ""), Finding::error("d", ""));
        assert_eq!(worst([&fine, &skipped]), Severity::Fine);
        assert_eq!(worst([&warning, &skipped, &fine]), Severity::Warning);
        assert_eq!(worst([&warning, &error, &fine]), Severity::Error);
    }
}
