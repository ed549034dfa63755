//! The fault dial: rules about what goes wrong, with which call or webhook, and how often.

pub(crate) mod kind;

use std::sync::{Mutex, MutexGuard, PoisonError};

use posta_core::chance::Chance;
use serde::{Deserialize, Serialize};

use self::kind::Fault;
use super::gate::Ask;

/// What a rule is about, and what happens then.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    /// The platform; without it, any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<String>,
    /// The calls: a name such as `messages`, or `POST /*/messages`. Without it, any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) route: Option<String>,
    /// The webhooks, by what they tell of, such as `message` or `echo`. Without it, any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<String>,
    /// The account, by its id; without it, any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    /// How many times it happens; without it, always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
    /// How many times it does not happen first.
    #[serde(default)]
    pub(crate) skip: u64,
    /// How likely it is each time, from 0 to 1; without it, certain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) probability: Option<f64>,
    /// What the chance begins with, so that it can be repeated.
    #[serde(default)]
    pub(crate) seed: u64,
    /// What goes wrong.
    pub(crate) fault: Fault,
}

/// A rule at work.
#[derive(Debug, Serialize)]
pub(crate) struct Rule {
    pub(crate) id: u64,
    #[serde(flatten)]
    wish: Wish,
    /// How many calls or webhooks it was about.
    matched: u64,
    /// How many times the fault happened.
    hits: u64,
    #[serde(skip)]
    chance: Chance,
}

/// Every rule, in the order they were made.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Rules>);

#[derive(Debug, Default)]
struct Rules {
    last_id: u64,
    rules: Vec<Rule>,
}

/// A webhook that is about to leave.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    pub(crate) platform: &'a str,
    pub(crate) account: &'a str,
    pub(crate) event: &'a str,
}

impl Faults {
    fn open(&self) -> MutexGuard<'_, Rules> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a rule and returns it as it stands.
    pub(crate) fn add(&self, wish: Wish) -> serde_json::Value {
        let mut open = self.open();
        open.last_id += 1;
        let chance = Chance::seeded(wish.seed);
        let rule = Rule { id: open.last_id, wish, matched: 0, hits: 0, chance };
        let shown = serde_json::json!(rule);
        open.rules.push(rule);
        shown
    }

    /// Returns every rule as it stands.
    pub(crate) fn list(&self) -> serde_json::Value {
        serde_json::json!(self.open().rules)
    }

    /// Takes one rule away, or all of them. Returns how many there were.
    pub(crate) fn remove(&self, id: Option<u64>) -> usize {
        let mut open = self.open();
        let before = open.rules.len();
        open.rules.retain(|rule| id.is_some_and(|id| id != rule.id));
        before - open.rules.len()
    }

    /// Returns what goes wrong with a call, in the order of the rules. A fault that answers the call
    /// ends the search, so that it does not use up another.
    pub(crate) fn of_call(&self, platform: &str, ask: &Ask) -> Vec<Fault> {
        let mut faults = Vec::new();
        for rule in &mut self.open().rules {
            if rule.is_about_call(platform, ask) && rule.strikes() {
                faults.push(rule.wish.fault.clone());
                if rule.wish.fault.answers() {
                    break;
                }
            }
        }
        faults
    }

    /// Returns what goes wrong with a webhook, in the order of the rules.
    pub(crate) fn of_webhook(&self, told: &Told<'_>) -> Vec<Fault> {
        let mut open = self.open();
        let about = open.rules.iter_mut().filter(|rule| rule.is_about_webhook(told));
        about.filter_map(|rule| rule.strikes().then(|| rule.wish.fault.clone())).collect()
    }
}

impl Rule {
    fn is_about_call(&self, platform: &str, ask: &Ask) -> bool {
        let wish = &self.wish;
        !wish.fault.is_of_webhooks()
            && wish.platform.as_deref().is_none_or(|wanted| wanted == platform)
            && wish.account.as_ref().is_none_or(|wanted| Some(wanted) == ask.account.as_ref())
            && wish.route.as_deref().is_none_or(|wanted| matches(wanted, ask))
    }

    fn is_about_webhook(&self, told: &Told<'_>) -> bool {
        let wish = &self.wish;
        wish.fault.is_of_webhooks()
            && wish.platform.as_deref().is_none_or(|wanted| wanted == told.platform)
            && wish.account.as_deref().is_none_or(|wanted| wanted == told.account)
            && wish.event.as_deref().is_none_or(|wanted| wanted == told.event)
    }

    /// Notes that something matched, and decides whether the fault happens.
    fn strikes(&mut self) -> bool {
        self.matched += 1;
        let is_its_turn =
            self.matched > self.wish.skip && self.wish.count.is_none_or(|count| self.hits < count);
        let strikes = is_its_turn && self.is_likely();
        self.hits += u64::from(strikes);
        strikes
    }

    #[expect(clippy::cast_precision_loss, reason = "a millionth more or less does not matter")]
    fn is_likely(&self) -> bool {
        const PARTS: u64 = 1_000_000;
        self.wish
            .probability
            .is_none_or(|likely| (self.chance.below(PARTS) as f64) < likely * PARTS as f64)
    }
}

/// Whether a route, by name or as method and path with `*` for a segment, is the one asked for.
fn matches(wanted: &str, ask: &Ask) -> bool {
    let (method, path) = wanted.split_once(' ').unwrap_or(("*", wanted));
    if !path.starts_with('/') {
        return wanted == ask.route;
    }
    let segments = |path: &str| path.split('/').skip(1).map(str::to_owned).collect::<Vec<_>>();
    let (wanted, asked) = (segments(path), segments(&ask.path));
    (method == "*" || method.eq_ignore_ascii_case(&ask.method))
        && wanted.len() == asked.len()
        && wanted.iter().zip(&asked).all(|(wanted, asked)| wanted == "*" || wanted == asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: &str, path: &str, route: &'static str) -> Ask {
        Ask { method: method.to_owned(), path: path.to_owned(), route, ..Ask::default() }
    }

    fn faults(wishes: &[serde_json::Value]) -> Faults {
        let faults = Faults::default();
        for wish in wishes {
            faults.add(serde_json::from_value(wish.clone()).unwrap());
        }
        faults
    }

    #[test]
    fn routes_match_by_name_and_by_pattern() {
        let send = ask("POST", "/me/messages", "messages");
        for route in ["messages", "POST /*/messages", "/me/messages", "post /me/*", "* /*/*"] {
            assert!(matches(route, &send), "{route}");
        }
        for route in ["profile", "GET /*/messages", "/*", "/*/messages/*", "/you/messages"] {
            assert!(!matches(route, &send), "{route}");
        }
    }

    #[test]
    fn a_rule_strikes_as_often_as_it_was_told() {
        let wish = serde_json::json!({"route": "messages", "skip": 1, "count": 2, "fault": "cut"});
        let faults = faults(&[wish]);
        let send = ask("POST", "/me/messages", "messages");
        let struck: Vec<usize> = (0..5).map(|_| faults.of_call("any", &send).len()).collect();
        assert_eq!(struck, [0, 1, 1, 0, 0]);
        let rule = &faults.list()[0];
        assert_eq!((&rule["matched"], &rule["hits"]), (&5.into(), &2.into()));
        assert_eq!((faults.remove(Some(7)), faults.remove(Some(1))), (0, 1));
    }

    #[test]
    fn the_same_seed_strikes_the_same_calls() {
        let struck = |seed: u64| {
            let wish = serde_json::json!({"probability": 0.3, "seed": seed, "fault": "cut"});
            let (faults, send) = (faults(&[wish]), ask("GET", "/me", "me"));
            (0..200).map(|_| faults.of_call("any", &send).len()).collect::<Vec<_>>()
        };
        assert_eq!(struck(7), struck(7));
        assert_ne!(struck(7), struck(8));
        let share: usize = struck(7).iter().sum();
        assert!((40..80).contains(&share), "{share} of 200");
    }

    #[test]
    fn what_answers_ends_the_search_and_leaves_the_next_rule_unused() {
        let slow = serde_json::json!({"fault": {"kind": "latency", "by": "2s"}});
        let cut = serde_json::json!({"fault": "cut"});
        let faults = faults(&[slow, cut.clone(), cut]);
        assert_eq!(faults.of_call("any", &ask("GET", "/me", "me")).len(), 2);
        assert_eq!(faults.list()[2]["matched"], 0);
    }
}
