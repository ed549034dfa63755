//! Whether the platform tells us of an account's events.

use std::collections::BTreeSet;

use super::Answer;
use crate::cx::Cx;

/// Asking the platform to send us an account's events.
pub trait Subscriptions: Sync {
    /// Lists the fields that an account with these scopes is to be subscribed to.
    fn wanted(&self, granted: Option<&BTreeSet<String>>) -> Vec<&'static str>;

    /// Subscribes the account to these fields, and to none besides.
    fn subscribe<'a>(&'a self, cx: &'a Cx<'a>, fields: &'a [&'static str]) -> Answer<'a, ()>;

    /// Lists the fields that the account is subscribed to through our app; none when it is not.
    fn subscribed<'a>(&'a self, cx: &'a Cx<'a>) -> Answer<'a, BTreeSet<String>>;

    /// Ends the subscription.
    fn unsubscribe<'a>(&'a self, cx: &'a Cx<'a>) -> Answer<'a, ()>;
}
