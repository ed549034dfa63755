//! The balance: what went in, what is there, what came out, and every id that does not agree.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context;
use posta_core::time::Timestamp;
use serde_json::{Value, json};

use crate::load::Fate;
use crate::receiver::{MOODY, STEADY, Taken};
use crate::world::{Blow, EVENTS, SCHEDULE, World};
use crate::{Arguments, Kind};

/// How many ids of one problem are printed.
const SHOWN: usize = 20;

/// How long a delivery that was under way at a blow may take to be answered.
const ANSWER: Duration = Duration::from_secs(5);

/// The balance.
pub(crate) struct Balance {
    lines: Vec<(&'static str, u64)>,
    /// What does not balance, with the ids.
    problems: Vec<(String, Vec<String>)>,
}

/// What the servers say they have.
struct Books {
    /// How often each message of a person is there, by the platform's id.
    stored: BTreeMap<String, u64>,
    /// The states of the messages that answer an event.
    answers: BTreeMap<String, Vec<String>>,
    /// The events in the log, by kind: the id, and the platform's id of the message.
    events: Vec<(String, String, String)>,
    holes: Vec<String>,
    pending: u64,
    parked: BTreeSet<(String, String)>,
}

impl Balance {
    /// Reads all books and compares them.
    pub(crate) async fn of(world: &World) -> anyhow::Result<Self> {
        let books = Books::read(world).await?;
        let seen = seen(world).await?;
        let taken = world.receiver.taken();
        let mut balance = Self { lines: Vec::new(), problems: Vec::new() };
        balance.received(world, &books);
        balance.delivered(&books, &taken);
        balance.sent(world, &books, &seen);
        balance.doubled(&taken, &world.notes().blows);
        let (forged, refused) = world.receiver.turned_away();
        balance.line("deliveries turned away by endpoints", refused);
        balance.expect("deliveries with a wrong signature", (0..forged).map(|one| one.to_string()));
        Ok(balance)
    }

    fn line(&mut self, name: &'static str, count: impl TryInto<u64>) {
        self.lines.push((name, count.try_into().unwrap_or(u64::MAX)));
    }

    /// Notes ids that should not be.
    fn expect(&mut self, what: &str, wrong: impl IntoIterator<Item = String>) {
        let ids: Vec<String> = wrong.into_iter().collect();
        if !ids.is_empty() {
            self.problems.push((what.to_owned(), ids));
        }
    }

    /// Accepted by the servers = stored, once each = announced, once each.
    fn received(&mut self, world: &World, books: &Books) {
        let notes = world.notes();
        let accepted: BTreeSet<&String> = notes.written.intersection(&notes.told).collect();
        self.line("messages that people wrote", notes.written.len());
        self.line("  of these answered with 200 by Posta", accepted.len());
        self.line("messages of people stored", books.stored.values().sum::<u64>());
        self.line("webhooks turned away with 503, to come again", notes.refused.len());
        self.line("webhooks still to be handed over", notes.owed);
        let wrong = notes.wrong.iter().map(|(id, answer)| format!("{id}: {answer}"));
        self.expect("webhooks answered with neither 200 nor 503", wrong);
        let owed = (0..notes.owed).map(|one| one.to_string());
        self.expect("webhooks that could not be handed over", owed);
        self.expect("written and never taken", missing(&notes.written, &notes.told));
        self.expect(
            "accepted and not stored",
            accepted.iter().filter(|id| !books.stored.contains_key(**id)).map(ToString::to_string),
        );
        let twice = books.stored.iter().filter(|(_, count)| **count > 1);
        self.expect("stored more than once", twice.map(|(id, _)| id.clone()));
        let of = |kind: &str| -> Vec<&String> {
            let events = books.events.iter().filter(|(_, one, _)| one == kind);
            events.map(|(_, _, message)| message).collect()
        };
        let announced = of("message.received");
        self.line("message.received in the event log", announced.len());
        let unique: BTreeSet<String> = announced.iter().map(ToString::to_string).collect();
        self.expect("announced more than once", repeated(&announced));
        let stored: BTreeSet<String> = books.stored.keys().cloned().collect();
        self.expect("stored, and nobody wrote it", missing(&stored, &notes.written));
        self.expect("stored and not announced", missing(&stored, &unique));
        self.expect("announced and not stored", missing(&unique, &stored));
        self.expect("message.sent more than once", repeated(&of("message.sent")));
        self.expect("places that are missing in the event log", books.holes.clone());
    }

    /// Events times endpoints = delivered + pending + parked.
    fn delivered(&mut self, books: &Books, taken: &Taken) {
        let endpoints = crate::receiver::ALL;
        let ids: BTreeSet<&String> = books.events.iter().map(|(id, ..)| id).collect();
        let owed = ids.len() * endpoints.len();
        let delivered = taken.keys().filter(|(_, id)| ids.contains(id)).count();
        let parked = books.parked.iter().filter(|one| !taken.contains_key(*one)).count();
        self.line("events", ids.len());
        self.line("deliveries owed: events × endpoints", owed);
        self.line("  delivered", delivered);
        self.line("  pending", books.pending);
        self.line("  parked", parked);
        let pending = usize::try_from(books.pending).unwrap_or(usize::MAX);
        let is_there = |endpoint: &str, id: &str| {
            let pair = (endpoint.to_owned(), id.to_owned());
            taken.contains_key(&pair) || books.parked.contains(&pair)
        };
        let open = |endpoint: &'static str| {
            let ids = ids.iter().filter(move |id| !is_there(endpoint, id));
            ids.map(move |id| format!("{endpoint} {id}"))
        };
        let all = delivered + pending + parked;
        if all != owed {
            let what = format!("deliveries: {owed} owed, {all} accounted for; open");
            self.problems.push((what, endpoints.into_iter().flat_map(open).collect()));
        }
        let well = [STEADY, MOODY].into_iter().flat_map(open);
        self.expect("neither delivered nor parked, though the endpoint is well", well);
        let foreign = taken.keys().filter(|(_, id)| !ids.contains(id));
        self.expect("delivered and not in the event log", foreign.map(|(_, id)| id.clone()));
    }

    /// Requested = sent + failed + unknown, and nobody sees anything twice.
    fn sent(&mut self, world: &World, books: &Books, seen: &BTreeMap<String, u64>) {
        let notes = world.notes();
        let state = |id: &String, wanted: &str| {
            let states = books.answers.get(id);
            states.is_some_and(|states| states.iter().any(|state| state == wanted))
        };
        let is_sent = |id: &&String| state(id, "sent");
        let is_unknown = |id: &&String| !state(id, "sent") && state(id, "unknown");
        let is_on_its_way = |id: &&String| state(id, "queued") || state(id, "sending");
        let asked: BTreeSet<&String> = notes.replies.keys().chain(books.answers.keys()).collect();
        let sent = asked.iter().copied().filter(is_sent).count();
        let unknown = asked.iter().copied().filter(is_unknown).count();
        let on_its_way = asked.iter().copied().filter(is_on_its_way).count();
        let is_failed = |id: &&String| {
            let is_settled = !is_sent(id) && !is_unknown(id) && !is_on_its_way(id);
            is_settled && (state(id, "failed") || notes.replies.get(*id) == Some(&Fate::Refused))
        };
        let failed = asked.iter().copied().filter(is_failed).count();
        self.line("replies that the customer asked for", asked.len());
        self.line("  in so many requests", notes.requests);
        self.line("  sent", sent);
        self.line("  failed or refused", failed);
        self.line("  unknown, left to a person", unknown);
        self.line("  still on their way", on_its_way);
        self.line("replies that people see", seen.values().sum::<u64>());
        let lost =
            asked.iter().copied().filter(|id| !is_sent(id) && !is_failed(id) && !is_unknown(id));
        self.expect("replies that are neither sent, failed nor unknown", lost.cloned());
        let open = notes.replies.iter().filter(|(_, fate)| **fate == Fate::Open);
        self.expect("requests that were never clearly answered", open.map(|(id, _)| id.clone()));
        let doubled = seen.iter().filter(|(_, count)| **count > 1);
        self.expect("replies that people see more than once", doubled.map(|(id, _)| id.clone()));
        let unseen = asked.iter().copied().filter(|id| is_sent(id) && !seen.contains_key(*id));
        self.expect("sent, and people do not see them", unseen.cloned());
        let denied = seen.keys().filter(|id| !is_sent(id) && !is_unknown(id));
        self.expect("people see them, and they are not said to be sent", denied.cloned());
    }

    /// Delivered twice only if it was under way when something was taken away from under a server.
    fn doubled(&mut self, taken: &Taken, blows: &[Blow]) {
        let was_under_way = |pair: &(String, String), at: Timestamp| {
            blows.iter().any(|blow| {
                let is_near = at >= blow.from && at <= blow.until;
                let is_over = at > blow.until.plus(ANSWER);
                (is_near && blow.is_leap) || (!is_over && blow.under_way.contains(pair))
            })
        };
        let again = taken.values().map(|times| times.len() - 1).sum::<usize>();
        self.line("blows at servers, clock and database", blows.len());
        self.line(
            "deliveries under way at them",
            blows.iter().map(|blow| blow.under_way.len()).sum::<usize>(),
        );
        self.line("deliveries that came again", again);
        let without_cause = taken.iter().filter(|(pair, times)| {
            times[..times.len() - 1].iter().any(|at| !was_under_way(pair, *at))
        });
        let ids = without_cause.map(|((endpoint, id), _)| format!("{endpoint} {id}"));
        self.expect("delivered again, though nothing had happened to the first", ids);
    }

    /// How many ids do not balance.
    pub(crate) fn open(&self) -> u32 {
        let ids: usize = self.problems.iter().map(|(_, ids)| ids.len()).sum();
        u32::try_from(ids).unwrap_or(u32::MAX)
    }

    /// What they are.
    pub(crate) fn names(&self) -> String {
        let names: Vec<_> =
            self.problems.iter().map(|(what, ids)| format!("{} {what}", ids.len())).collect();
        names.join("; ")
    }

    /// Prints the table, and what does not balance.
    pub(crate) fn print(&self, tell: impl Fn(&str)) {
        for (name, count) in &self.lines {
            tell(&format!("{count:>9}  {name}"));
        }
        for (what, ids) in &self.problems {
            tell(&format!("DOES NOT BALANCE: {what}: {}", ids.len()));
            for id in ids.iter().take(SHOWN) {
                tell(&format!("           {id}"));
            }
        }
        if self.problems.is_empty() {
            tell("the books balance");
        }
    }

    /// The same as one object.
    pub(crate) fn json(&self, arguments: &Arguments, kind: Kind) -> Value {
        let lines: BTreeMap<&str, u64> =
            self.lines.iter().map(|(name, count)| (name.trim(), *count)).collect();
        let problems: Vec<Value> =
            self.problems.iter().map(|(what, ids)| json!({"what": what, "ids": ids})).collect();
        json!({
            "database": kind.name(), "seed": arguments.seed, "minutes": arguments.minutes,
            "rate": arguments.rate, "balances": problems.is_empty(),
            "lines": lines, "problems": problems,
        })
    }
}

fn missing(all: &BTreeSet<String>, there: &BTreeSet<String>) -> Vec<String> {
    all.difference(there).cloned().collect()
}

fn repeated(all: &[&String]) -> Vec<String> {
    let mut once = BTreeSet::new();
    all.iter().filter(|id| !once.insert(**id)).map(ToString::to_string).collect()
}

impl Books {
    async fn read(world: &World) -> anyhow::Result<Self> {
        let mut books = Self {
            stored: BTreeMap::new(),
            answers: BTreeMap::new(),
            events: Vec::new(),
            holes: Vec::new(),
            pending: pending(world).await?,
            parked: BTreeSet::new(),
        };
        books.log(world).await?;
        books.messages(world).await?;
        for (name, id) in &world.endpoints {
            books.given_up(world, name, id).await?;
        }
        Ok(books)
    }

    /// Reads the event log from its beginning.
    async fn log(&mut self, world: &World) -> anyhow::Result<()> {
        let (mut next, mut expected) = (0, 1);
        loop {
            let page = world.api("GET", &format!("events?after={next}&limit=500"), None).await?;
            for event in page["events"].as_array().context("no events")? {
                let sequence = event["sequence"].as_i64().context("no sequence")?;
                self.holes.extend((expected..sequence).map(|hole| hole.to_string()));
                expected = sequence + 1;
                let kind = event["type"].as_str().unwrap_or_default();
                if EVENTS.contains(&kind) {
                    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                    let message = text(&event["payload"]["message"]["platformMessageId"]);
                    self.events.push((text(&event["id"]), kind.to_owned(), message));
                }
            }
            next = page["next"].as_i64().context("no next")?;
            if page["hasMore"] != true {
                return Ok(());
            }
        }
    }

    async fn messages(&mut self, world: &World) -> anyhow::Result<()> {
        let path = format!("inbox/conversations?limit=100&accountId={}", world.account);
        for conversation in pages(world, &path, "data").await? {
            let id = conversation["id"].as_str().unwrap_or_default();
            let account = &world.account;
            let path = format!("inbox/conversations/{id}/messages?limit=100&accountId={account}");
            for message in pages(world, &path, "messages").await? {
                let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
                if message["direction"] == "incoming" {
                    *self.stored.entry(text("id")).or_default() += 1;
                } else if let Some(event) = text("message").strip_prefix("answer ") {
                    self.answers.entry(event.to_owned()).or_default().push(text("status"));
                } else {
                    self.answers.entry(text("message")).or_default().push(text("status"));
                }
            }
        }
        Ok(())
    }

    /// Finds the deliveries to an endpoint whose tries are used up.
    async fn given_up(&mut self, world: &World, name: &str, id: &str) -> anyhow::Result<()> {
        let (mut skip, last) = (0, u64::try_from(SCHEDULE.len() + 1)?);
        loop {
            let path = format!("webhooks/logs?status=failed&webhookId={id}&limit=100&skip={skip}");
            let page = world.api("GET", &path, None).await?;
            let logs = page["logs"].as_array().context("no logs")?;
            let is_last = |tried: &&Value| tried["attemptNumber"].as_u64() >= Some(last);
            for tried in logs.iter().filter(is_last) {
                let event = tried["eventId"].as_str().unwrap_or_default().to_owned();
                self.parked.insert((name.to_owned(), event));
            }
            skip += logs.len();
            if page["pagination"]["hasMore"] != true {
                return Ok(());
            }
        }
    }
}

/// How many deliveries wait, as the metrics tell.
async fn pending(world: &World) -> anyhow::Result<u64> {
    let reply = world.send(world.http.get(world.at("metrics")?)).await?;
    let text = String::from_utf8(reply.body)?;
    let line = text.lines().find_map(|line| {
        line.strip_prefix("posta_delivery_rows{state=\"pending\"} ").map(str::trim)
    });
    line.context("the metrics do not tell how many deliveries wait")?.parse().context("no number")
}

/// Reads all pages of a list.
async fn pages(world: &World, path: &str, list: &str) -> anyhow::Result<Vec<Value>> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.api("GET", &format!("{path}{cursor}"), None).await?;
        all.extend(page[list].as_array().context("no list")?.iter().cloned());
        match page["pagination"]["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}

/// How often people see each reply, in the pretend network.
async fn seen(world: &World) -> anyhow::Result<BTreeMap<String, u64>> {
    let path = format!("{}/accounts/{}/threads", world.platform.name(), world.username);
    let list = world.control(&path, None).await?;
    let mut seen = BTreeMap::new();
    for thread in list["threads"].as_array().context("no threads")? {
        for message in thread["messages"].as_array().into_iter().flatten() {
            let text = message["text"].as_str().unwrap_or_default();
            if let Some(event) = text.strip_prefix("answer ") {
                *seen.entry(event.to_owned()).or_default() += 1;
            }
        }
    }
    Ok(seen)
}
