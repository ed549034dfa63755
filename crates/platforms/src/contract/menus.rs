//! What a person can tap before or beside writing: ice breakers and the persistent menu.

use posta_core::message::Button;

use super::Answer;
use crate::cx::Cx;

/// Reading and setting what can be tapped. Setting an empty list takes it away.
pub trait Menus: Sync {
    /// Reads the questions that are offered to whoever has not written yet.
    fn ice_breakers<'a>(&'a self, cx: &'a Cx<'a>) -> Answer<'a, Vec<IceBreakers>>;

    /// Sets them, in place of all that were there.
    fn set_ice_breakers<'a>(&'a self, cx: &'a Cx<'a>, all: &'a [IceBreakers]) -> Answer<'a, ()>;

    /// Reads the menu that stands beside the text field.
    fn menu<'a>(&'a self, cx: &'a Cx<'a>) -> Answer<'a, Vec<Menu>>;

    /// Sets it, in place of what was there.
    fn set_menu<'a>(&'a self, cx: &'a Cx<'a>, all: &'a [Menu]) -> Answer<'a, ()>;
}

/// The questions for people of one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceBreakers {
    /// The language, such as `de_DE`, or `default` for all others.
    pub locale: String,
    /// The questions, in order.
    pub questions: Vec<Question>,
}

/// A question to tap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What it says.
    pub question: String,
    /// What comes back with the tap.
    pub payload: String,
}

/// The menu for people of one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Menu {
    /// The language, such as `de_DE`, or `default` for all others.
    pub locale: String,
    /// The entries, in order.
    pub items: Vec<Button>,
}
