//! What was measured, as a table for people and as JSON for programs.

use serde::Serialize;

use crate::Database;

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) bench: &'static str,
    pub(crate) what: String,
    /// `None` for what has none.
    pub(crate) database: Option<Database>,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// What it has to reach, if anything, and whether more is better.
    pub(crate) target: Option<Target>,
}

/// What a figure has to reach.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Row {
    pub(crate) fn new(
        bench: &'static str,
        database: impl Into<Option<Database>>,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) -> Self {
        Self { bench, what: what.into(), database: database.into(), value, unit, target: None }
    }

    pub(crate) fn at_least(self, target: f64) -> Self {
        Self { target: Some(Target::AtLeast(target)), ..self }
    }

    pub(crate) fn at_most(self, target: f64) -> Self {
        Self { target: Some(Target::AtMost(target)), ..self }
    }

    /// The row of a table in Markdown.
    pub(crate) fn line(&self) -> String {
        let database = self.database.map_or("", Database::name);
        let (bench, what, value) = (self.bench, &self.what, shown(self.value));
        format!("| {bench} | {database} | {what} | {value} {} | {} |", self.unit, self.verdict())
    }

    fn verdict(&self) -> String {
        let (word, target, is_met) = match self.target {
            None => return String::new(),
            Some(Target::AtLeast(least)) => ("≥", least, self.value >= least),
            Some(Target::AtMost(most)) => ("≤", most, self.value <= most),
        };
        let wanted = format!("{word} {} {}", shown(target), self.unit);
        if is_met {
            return format!("{wanted}: met");
        }
        format!("{wanted}: missed by {:.0} %", (self.value / target - 1.0).abs() * 100.0)
    }
}

/// The head of the table.
pub(crate) const HEAD: &str =
    "| bench | database | what | figure | target |\n| --- | --- | --- | ---: | --- |";

fn shown(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 100.0 {
        let digits = format!("{magnitude:.0}");
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        return text;
    }
    if magnitude >= 10.0 { format!("{value:.1}") } else { format!("{value:.2}") }
}
