//! Deliveries and their log.

use std::collections::BTreeSet;

use posta_core::id::{EndpointId, EventId, WorkspaceId};
use posta_store::Db;
use posta_store::attempts::{self, Attempt, Filter};
use posta_store::deliveries::{self, Behind, Claimed, Class, NewDelivery, Outcome, State};
use posta_store::endpoints::{self, Endpoint};
use posta_store::events::{self, Event};
use tokio::task::JoinSet;

use crate::support::{Store, at, both};

both! {
    a_claim_brings_all_that_a_try_needs,
    no_delivery_is_taken_twice,
    a_lease_that_ran_out_is_taken_again_and_the_late_word_is_refused,
    an_inactive_endpoint_gets_nothing_until_it_is_active_again,
    a_limit_is_kept_and_the_oldest_go_first,
    states_are_counted_per_workspace,
    the_log_is_narrowed,
    the_log_is_paged_newest_first,
    a_deleted_endpoint_takes_deliveries_and_log_along,
    a_try_is_logged_once_and_not_after_its_endpoint_is_gone,
    the_first_class_goes_first,
    of_a_thread_only_the_oldest_goes,
    a_held_endpoint_waits,
    many_outcomes_are_noted_at_once,
    lanes_in_which_something_waits_are_walked,
    the_endpoints_furthest_behind_come_first,
}

async fn the_endpoints_furthest_behind_come_first(store: &Store) {
    let (endpoint, _) = begin(store, &[30, 20]).await;
    let owner = &endpoint.workspace_id;
    let held = store.endpoint(owner).await;
    let event = event(store, owner, "message.received").await;
    insert(store, &held, &event, &[10, 40]).await;
    insert(store, &store.endpoint(owner).await, &event, &[50]).await;
    let mut tx = store.write().await;
    let behind = deliveries::list_behind(&mut tx, at(45), 9).await.unwrap();
    let lane =
        |endpoint: &Endpoint, due: i64| Behind { lane: endpoint.id.to_string(), due_at: at(due) };
    assert_eq!(behind, [lane(&held, 10), lane(&endpoint, 20)]);
    let worst = deliveries::list_behind(&mut tx, at(45), 1).await.unwrap();
    assert_eq!(worst, behind[..1]);
}

async fn event(store: &Store, owner: &WorkspaceId, kind: &str) -> EventId {
    let event = Event {
        id: store.ids.next_event(),
        workspace_id: owner.clone(),
        kind: kind.into(),
        profile_id: None,
        account_id: None,
        message_id: None,
        body: format!("{{\"event\":\"{kind}\"}}"),
        created_at: at(0),
    };
    let mut tx = store.write().await;
    events::insert(&mut tx, &[event.clone().into()]).await.unwrap();
    tx.commit().await.unwrap();
    event.id
}

async fn insert(store: &Store, endpoint: &Endpoint, event: &EventId, due: &[i64]) -> Vec<String> {
    let new = |due: &i64| NewDelivery {
        id: store.id(),
        workspace_id: endpoint.workspace_id.clone(),
        endpoint_id: endpoint.id.clone(),
        event_id: event.clone(),
        seq: 1,
        class: Class::Live,
        thread: None,
        replay_id: None,
        due_at: at(*due),
    };
    let deliveries: Vec<_> = due.iter().map(new).collect();
    let mut tx = store.write().await;
    deliveries::insert_all(&mut tx, &deliveries).await.unwrap();
    tx.commit().await.unwrap();
    deliveries.into_iter().map(|one| one.id.into()).collect()
}

/// Makes an endpoint and deliveries to it that are due at these times.
async fn begin(store: &Store, due: &[i64]) -> (Endpoint, Vec<String>) {
    let owner = store.workspace("acme").await;
    let endpoint = store.endpoint(&owner).await;
    let event = event(store, &owner, "message.received").await;
    let ids = insert(store, &endpoint, &event, due).await;
    (endpoint, ids)
}

async fn claim(db: &Db, now: i64, limit: i64) -> Vec<Claimed> {
    let mut tx = db.write().await.unwrap();
    let mut taken = Vec::new();
    for lane in deliveries::list_lanes(&mut tx, at(now)).await.unwrap().due {
        let of_lane =
            deliveries::claim(&mut tx, &lane.endpoint_id, at(now), at(now + 60), limit).await;
        taken.extend(of_lane.unwrap());
    }
    tx.commit().await.unwrap();
    taken
}

async fn settle(store: &Store, delivery: &Claimed, state: State, due: i64) -> bool {
    let mut tx = store.write().await;
    let outcome =
        Outcome { id: delivery.id.clone(), attempts: delivery.attempts, state, due_at: at(due) };
    let done = deliveries::update_outcomes(&mut tx, &[outcome]).await;
    tx.commit().await.unwrap();
    done.unwrap() == 1
}

async fn next_due(store: &Store) -> Option<i64> {
    let due = deliveries::find_next_due(&mut store.read().await).await.unwrap();
    due.map(|time| time.as_millis() - at(0).as_millis())
}

fn ids(taken: &[Claimed]) -> Vec<&str> {
    taken.iter().map(|one| one.id.as_str()).collect()
}

async fn a_claim_brings_all_that_a_try_needs(store: &Store) {
    let (mut endpoint, ids) = begin(store, &[0]).await;
    // The endpoint is taken as it is now.
    endpoint.url = "https://crm.example/new".into();
    endpoint.custom_headers = Some(store.seal("{}"));
    let mut tx = store.write().await;
    endpoints::update(&mut tx, &endpoint).await.unwrap();
    deliveries::insert_all(&mut tx, &[]).await.unwrap();
    tx.commit().await.unwrap();
    let taken = claim(&store.db, 0, 9).await;
    let [one] = &taken[..] else { panic!("{taken:?}") };
    assert_eq!(one.id.as_str(), ids[0]);
    assert_eq!((&one.workspace_id, &one.endpoint_id), (&endpoint.workspace_id, &endpoint.id));
    assert_eq!((&one.url, &one.secret), (&endpoint.url, &endpoint.secret));
    assert_eq!(one.custom_headers, endpoint.custom_headers);
    assert_eq!((one.event_kind.as_str(), one.attempts), ("message.received", 1));
    assert_eq!(one.body, "{\"event\":\"message.received\"}");
}

async fn no_delivery_is_taken_twice(store: &Store) {
    begin(store, &[0; 120]).await;
    let mut workers = JoinSet::new();
    for _ in 0..6 {
        let db = store.db.clone();
        workers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let taken = claim(&db, 0, 7).await;
                assert!(taken.len() <= 7);
                if taken.is_empty() {
                    return mine;
                }
                mine.extend(taken.into_iter().map(|one| one.id));
            }
        });
    }
    let taken: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 120);
    assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 120);
}

async fn a_lease_that_ran_out_is_taken_again_and_the_late_word_is_refused(store: &Store) {
    begin(store, &[0]).await;
    let first = claim(&store.db, 0, 9).await;
    assert_eq!(next_due(store).await, Some(60));
    assert!(claim(&store.db, 59, 9).await.is_empty());
    let second = claim(&store.db, 60, 9).await;
    assert_eq!(second[0].attempts, 2);
    assert!(!settle(store, &first[0], State::Parked, 61).await);
    assert!(settle(store, &second[0], State::Pending, 200).await);
    assert!(claim(&store.db, 199, 9).await.is_empty());
    let third = claim(&store.db, 200, 9).await;
    assert!(settle(store, &third[0], State::Delivered, 200).await);
    assert!(claim(&store.db, 9_999, 9).await.is_empty());
    assert_eq!(next_due(store).await, None);
}

async fn an_inactive_endpoint_gets_nothing_until_it_is_active_again(store: &Store) {
    let (mut endpoint, ids) = begin(store, &[0]).await;
    let other = store.endpoint(&endpoint.workspace_id).await;
    let event = event(store, &endpoint.workspace_id, "message.sent").await;
    let others = insert(store, &other, &event, &[5]).await;
    for (is_active, expected_due, expected) in
        [(false, Some(5), vec![&others[0]]), (true, Some(0), vec![&ids[0]])]
    {
        endpoint.is_active = is_active;
        let mut tx = store.write().await;
        endpoints::update(&mut tx, &endpoint).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(next_due(store).await, expected_due);
        let taken = claim(&store.db, 10, 9).await;
        assert_eq!(self::ids(&taken), expected);
        assert!(settle(store, &taken[0], State::Delivered, 10).await);
    }
}

async fn a_limit_is_kept_and_the_oldest_go_first(store: &Store) {
    let (_, all) = begin(store, &[30, 10, 20, 20, 40]).await;
    let db = store.planning_badly().await;
    assert_eq!(ids(&claim(&db, 30, 2).await), [&all[1], &all[2]]);
    assert_eq!(ids(&claim(&store.db, 30, 9).await), [&all[0], &all[3]]);
}

async fn states_are_counted_per_workspace(store: &Store) {
    let (endpoint, _) = begin(store, &[0, 0, 0]).await;
    let taken = claim(&store.db, 0, 2).await;
    assert!(settle(store, &taken[0], State::Delivered, 0).await);
    assert!(settle(store, &taken[1], State::Parked, 0).await);
    let other = store.workspace("other").await;
    let mut tx = store.read().await;
    for state in [State::Pending, State::Delivered, State::Parked] {
        let (mine, theirs) = (&endpoint.workspace_id, &other);
        assert_eq!(deliveries::count(&mut tx, mine, state).await.unwrap(), 1);
        assert_eq!(deliveries::count(&mut tx, theirs, state).await.unwrap(), 0);
    }
    assert_eq!(deliveries::count_pending(&mut tx).await.unwrap(), 1);
}

fn attempt(store: &Store, endpoint: &Endpoint, event: &EventId, number: i64) -> Attempt {
    Attempt {
        id: store.id(),
        workspace_id: endpoint.workspace_id.clone(),
        endpoint_id: endpoint.id.clone(),
        event_id: event.clone(),
        is_test: false,
        url: endpoint.url.clone(),
        is_success: number % 2 == 0,
        status_code: Some(200 + number),
        response_body: Some("ok".into()),
        error: None,
        number,
        response_ms: 12,
        created_at: at(number),
    }
}

/// The filter that shows everything of these endpoints, but for one change.
fn but<'a>(among: &'a [EndpointId], change: impl FnOnce(&mut Filter<'a>)) -> Filter<'a> {
    let mut filter = Filter { among, ..Filter::default() };
    change(&mut filter);
    filter
}

async fn the_log_is_narrowed(store: &Store) {
    let (first, _) = begin(store, &[]).await;
    let owner = &first.workspace_id;
    let second = store.endpoint(owner).await;
    let sent = event(store, owner, "message.sent").await;
    let read = event(store, owner, "message.read").await;
    let mut tx = store.write().await;
    for (number, endpoint, event) in
        [(1, &first, &sent), (2, &first, &read), (3, &second, &sent), (4, &second, &sent)]
    {
        let attempt = attempt(store, endpoint, event, number);
        attempts::insert_all(&mut tx, &[attempt]).await.unwrap();
    }
    tx.commit().await.unwrap();

    let all = [first.id.clone(), second.id.clone()];
    let cases: [(_, &[i64]); 8] = [
        (but(&all, |_| ()), &[4, 3, 2, 1]),
        (but(&[], |_| ()), &[]),
        (but(&all, |f| f.is_success = Some(true)), &[4, 2]),
        (but(&all, |f| f.is_success = Some(false)), &[3, 1]),
        (but(&all, |f| f.event_kind = Some("message.sent")), &[4, 3, 1]),
        (but(&all[..1], |_| ()), &[2, 1]),
        (but(&all, |f| f.event = Some(read.as_str())), &[2]),
        (but(&all, |f| f.event = Some("nonsense")), &[]),
    ];
    let mut tx = store.read().await;
    for (filter, expected) in cases {
        let rows = attempts::list(&mut tx, owner, &filter, 9, 0).await.unwrap();
        let numbers: Vec<_> = rows.iter().map(|row| row.number).collect();
        assert_eq!(numbers, expected, "{filter:?}");
        let count = attempts::count(&mut tx, owner, &filter).await.unwrap();
        assert_eq!(usize::try_from(count).unwrap(), expected.len(), "{filter:?}");
    }
    let foreign = store.id();
    let count = attempts::count(&mut tx, &foreign, &but(&all, |_| ())).await;
    assert_eq!(count.unwrap(), 0);
}

async fn the_log_is_paged_newest_first(store: &Store) {
    let (endpoint, _) = begin(store, &[]).await;
    let owner = &endpoint.workspace_id;
    let event = event(store, owner, "message.sent").await;
    let mut tx = store.write().await;
    for number in 1..=4 {
        let mut one = attempt(store, &endpoint, &event, number);
        one.is_test = number == 3;
        one.error = one.is_test.then(|| "timed out".into());
        attempts::insert_all(&mut tx, &[one]).await.unwrap();
    }
    let all = [endpoint.id.clone()];
    let page = attempts::list(&mut tx, owner, &but(&all, |_| ()), 2, 1).await;
    let page = page.unwrap();
    let [row, last] = &page[..] else { panic!("{page:?}") };
    assert_eq!((row.number, last.number), (3, 2));
    assert_eq!((&row.endpoint_id, row.endpoint_name.as_str()), (&endpoint.id, "CRM"));
    assert_eq!((&row.event_id, row.event_kind.as_str()), (&event, "message.sent"));
    assert_eq!(row.body, "{\"event\":\"message.sent\"}");
    assert_eq!((row.status_code, row.response_ms, row.created_at), (Some(203), 12, at(3)));
    assert_eq!((row.is_test, row.error.as_deref()), (true, Some("timed out")));
    assert_eq!((&row.url, row.is_success), (&endpoint.url, false));
    assert_eq!(row.response_body.as_deref(), Some("ok"));
}

async fn a_deleted_endpoint_takes_deliveries_and_log_along(store: &Store) {
    let (endpoint, _) = begin(store, &[0]).await;
    let taken = claim(&store.db, 0, 9).await;
    let mut tx = store.write().await;
    let attempt = attempt(store, &endpoint, &taken[0].event_id, 1);
    attempts::insert_all(&mut tx, &[attempt]).await.unwrap();
    assert!(endpoints::delete(&mut tx, &endpoint.workspace_id, &endpoint.id).await.unwrap());
    tx.commit().await.unwrap();
    assert!(!settle(store, &taken[0], State::Delivered, 0).await);
    assert_eq!(store.number("SELECT COUNT(*) FROM deliveries").await, 0);
    assert_eq!(store.number("SELECT COUNT(*) FROM attempts").await, 0);
    assert_eq!(store.number("SELECT COUNT(*) FROM events").await, 1);
}

async fn a_try_is_logged_once_and_not_after_its_endpoint_is_gone(store: &Store) {
    let (endpoint, _) = begin(store, &[]).await;
    let sent = event(store, &endpoint.workspace_id, "message.sent").await;
    let (one, other) = (attempt(store, &endpoint, &sent, 1), attempt(store, &endpoint, &sent, 2));
    let mut tx = store.write().await;
    attempts::insert_all(&mut tx, std::slice::from_ref(&one)).await.unwrap();
    // As after a commit whose answer was lost.
    attempts::insert_all(&mut tx, &[one, other]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.number("SELECT COUNT(*) FROM attempts").await, 2);

    let gone = attempt(store, &endpoint, &sent, 3);
    let mut tx = store.write().await;
    assert!(endpoints::delete(&mut tx, &endpoint.workspace_id, &endpoint.id).await.unwrap());
    attempts::insert_all(&mut tx, &[gone]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.number("SELECT COUNT(*) FROM attempts").await, 0);
}

/// Makes a delivery of this class, place and thread that is due.
async fn put(
    store: &Store,
    endpoint: &Endpoint,
    class: Class,
    seq: i64,
    thread: Option<&str>,
) -> String {
    let event = event(store, &endpoint.workspace_id, "message.received").await;
    let delivery = NewDelivery {
        id: store.id(),
        workspace_id: endpoint.workspace_id.clone(),
        endpoint_id: endpoint.id.clone(),
        event_id: event,
        seq,
        class,
        thread: thread.map(str::to_owned),
        replay_id: None,
        due_at: at(0),
    };
    let mut tx = store.write().await;
    deliveries::insert_all(&mut tx, std::slice::from_ref(&delivery)).await.unwrap();
    tx.commit().await.unwrap();
    delivery.id.into()
}

async fn the_first_class_goes_first(store: &Store) {
    let (endpoint, _) = begin(store, &[]).await;
    let replay = put(store, &endpoint, Class::Replay, 1, None).await;
    let retry = put(store, &endpoint, Class::Retry, 2, None).await;
    let live = put(store, &endpoint, Class::Live, 3, None).await;
    let first = claim(&store.db, 0, 2).await;
    assert_eq!(ids(&first), [&live, &retry]);
    assert_eq!((first[0].class, first[1].class), (Class::Live, Class::Retry));
    assert!(settle(store, &first[0], State::Pending, 0).await);
    let second = claim(&store.db, 0, 9).await;
    assert_eq!(ids(&second), [&live, &replay]);
    assert_eq!(second[0].class, Class::Retry, "what was tried is no longer new");
}

async fn of_a_thread_only_the_oldest_goes(store: &Store) {
    let (endpoint, _) = begin(store, &[]).await;
    let first = put(store, &endpoint, Class::Live, 1, Some("ana")).await;
    let second = put(store, &endpoint, Class::Live, 2, Some("ana")).await;
    let other = put(store, &endpoint, Class::Live, 3, Some("ben")).await;
    let free = put(store, &endpoint, Class::Live, 4, None).await;
    let taken = claim(&store.db, 0, 9).await;
    assert_eq!(ids(&taken), [&first, &other, &free]);
    assert!(claim(&store.db, 1, 9).await.is_empty(), "it is under way");
    assert_eq!(next_due(store).await, Some(60), "the second is not waited for");
    assert!(settle(store, &taken[0], State::Pending, 30).await);
    assert!(claim(&store.db, 29, 9).await.is_empty(), "it is tried again later");
    let again = claim(&store.db, 30, 9).await;
    assert_eq!(ids(&again), [&first]);
    assert!(settle(store, &again[0], State::Parked, 30).await);
    assert_eq!(ids(&claim(&store.db, 30, 9).await), [&second], "parked holds nobody back");
}

async fn a_held_endpoint_waits(store: &Store) {
    let (endpoint, all) = begin(store, &[0]).await;
    let mut tx = store.write().await;
    assert!(endpoints::hold(&mut tx, &endpoint.id, at(0), at(50)).await.unwrap());
    assert!(!endpoints::hold(&mut tx, &endpoint.id, at(49), at(90)).await.unwrap());
    tx.commit().await.unwrap();
    assert!(claim(&store.db, 49, 9).await.is_empty());
    assert_eq!(next_due(store).await, Some(50));
    assert_eq!(ids(&claim(&store.db, 50, 9).await), [&all[0]]);
}

async fn many_outcomes_are_noted_at_once(store: &Store) {
    let (endpoint, _) = begin(store, &[0; 5]).await;
    let taken = claim(&store.db, 0, 9).await;
    let states =
        [State::Delivered, State::Pending, State::Delivered, State::Parked, State::Delivered];
    let mut outcomes: Vec<_> = taken
        .iter()
        .zip(states)
        .map(|(one, state)| Outcome { id: one.id.clone(), attempts: 1, state, due_at: at(9) })
        .collect();
    outcomes[4].attempts = 7;
    let mut tx = store.write().await;
    assert_eq!(deliveries::update_outcomes(&mut tx, &[]).await.unwrap(), 0);
    assert_eq!(deliveries::update_outcomes(&mut tx, &outcomes).await.unwrap(), 4);
    for (state, expected) in [(State::Delivered, 2), (State::Pending, 2), (State::Parked, 1)] {
        let count = deliveries::count(&mut tx, &endpoint.workspace_id, state).await.unwrap();
        assert_eq!(count, expected, "{state:?}");
    }
}

async fn lanes_in_which_something_waits_are_walked(store: &Store) {
    let (endpoint, _) = begin(store, &[30, 20]).await;
    let owner = &endpoint.workspace_id;
    let event = event(store, owner, "message.received").await;
    let mut others = Vec::new();
    for _ in 0..6 {
        others.push(store.endpoint(owner).await);
    }
    let [idle, early, late, held, inactive, done] = &others[..] else { panic!() };
    insert(store, early, &event, &[10]).await;
    insert(store, late, &event, &[90, 70]).await;
    insert(store, held, &event, &[5]).await;
    insert(store, inactive, &event, &[5]).await;
    insert(store, done, &event, &[1]).await;
    let taken = claim(&store.db, 1, 9).await;
    assert!(settle(store, &taken[0], State::Delivered, 1).await);
    let mut tx = store.write().await;
    endpoints::update_held(&mut tx, &held.id, at(60)).await.unwrap();
    let off = Endpoint { is_active: false, ..inactive.clone() };
    endpoints::update_fate(&mut tx, &off).await.unwrap();
    let lane = |one: &Endpoint, due: i64| (one.id.clone(), at(due));
    for (now, due, next) in [
        (9, vec![], Some(10)),
        (15, vec![lane(early, 10)], Some(20)),
        (60, vec![lane(&endpoint, 20), lane(early, 10), lane(held, 60)], Some(70)),
        (70, vec![lane(&endpoint, 20), lane(early, 10), lane(late, 70), lane(held, 60)], None),
    ] {
        let lanes = deliveries::list_lanes(&mut tx, at(now)).await.unwrap();
        let mut found: Vec<_> =
            lanes.due.into_iter().map(|lane| (lane.endpoint_id, lane.due_at)).collect();
        let mut due = due;
        found.sort();
        due.sort();
        assert_eq!(found, due, "at {now}");
        assert_eq!(lanes.next_due, next.map(at), "at {now}");
        assert!(found.iter().all(|(id, _)| *id != idle.id));
    }
}
