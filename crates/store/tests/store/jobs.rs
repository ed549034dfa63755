//! Jobs and their lanes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use posta_core::capability::CallClass;
use posta_core::id::{AccountId, JobId, WorkspaceId};
use posta_store::accounts::{self, State};
use posta_store::budgets::{self, Class};
use posta_store::deliveries::Behind;
use posta_store::jobs::{self, Job};
use posta_store::{Db, Tx};
use tokio::task::JoinSet;

use crate::support::{Store, at, both};

both! {
    every_field_is_kept,
    a_lane_is_worked_off_in_order_and_holds_up_no_other,
    a_job_that_is_put_back_holds_up_its_lane,
    a_job_that_is_put_back_untried_is_not_counted,
    a_lease_that_ran_out_is_taken_again,
    a_job_is_held_until_it_is_noted_or_taken_by_another,
    a_job_that_comes_late_waits_for_the_one_at_work,
    a_limit_is_kept,
    many_workers_never_share_a_lane,
    a_lane_moves_to_the_end_of_another,
    what_matters_more_goes_first_and_takes_what_is_before_it_along,
    what_waits_for_a_chosen_time_has_no_turn,
    a_lane_that_lost_its_turn_gets_it_back,
    every_workspace_gets_its_turn,
    what_is_spent_is_kept_and_locked,
    what_is_held_is_released_for_its_account,
    the_accounts_furthest_behind_come_first,
}

const WORKSPACE: &str = "019b7447a117bbbbbbbbbbbb";
const ACCOUNT: &str = "019b7447a117aaaaaaaaaaaa";

fn new(store: &Store, lane: &str, due_at: i64) -> Job {
    Job {
        id: store.id(),
        kind: "send".into(),
        lane: lane.into(),
        workspace_id: WORKSPACE.parse().unwrap(),
        subject: "019b7447a117000000000000".into(),
        attempts: 0,
        due_at: at(due_at),
        created_at: at(0),
        hold_until: None,
        account_id: ACCOUNT.parse().unwrap(),
        class: CallClass::Text,
        priority: 1,
        send_at: Some(at(7)),
        origin: Some("r-1".into()),
        traceparent: Some("00-1".into()),
    }
}

async fn insert(store: &Store, lane: &str, due_at: i64) -> Job {
    let job = new(store, lane, due_at);
    add(store, &job).await;
    job
}

async fn add(store: &Store, job: &Job) {
    let mut tx = store.write().await;
    jobs::insert(&mut tx, job).await.unwrap();
    tx.commit().await.unwrap();
}

async fn claim(db: &Db, now: i64, limit: i64) -> Vec<Job> {
    claim_of(db, &ACCOUNT.parse().unwrap(), now, limit).await
}

async fn claim_of(db: &Db, account: &AccountId, now: i64, limit: i64) -> Vec<Job> {
    let mut tx = db.write().await.unwrap();
    budgets::lock(&mut tx, &WORKSPACE.parse().unwrap(), account).await.unwrap();
    let which = (account, CallClass::Text);
    let taken = jobs::claim(&mut tx, which, at(now), at(now + 60), limit).await;
    tx.commit().await.unwrap();
    taken.unwrap()
}

async fn finish(db: &Db, job: &Job) {
    let mut tx = db.write().await.unwrap();
    jobs::delete(&mut tx, job).await.unwrap();
    tx.commit().await.unwrap();
}

async fn next_due(store: &Store) -> Option<i64> {
    let account = ACCOUNT.parse().unwrap();
    let due = jobs::find_due(&mut store.read().await, &account, CallClass::Text).await.unwrap();
    due.map(|time| time.as_millis() - at(0).as_millis())
}

fn ids(jobs: &[Job]) -> Vec<&str> {
    jobs.iter().map(|job| job.id.as_str()).collect()
}

async fn every_field_is_kept(store: &Store) {
    let job = insert(store, "a", 0).await;
    let expected = Job { attempts: 1, due_at: at(60), ..job };
    assert_eq!(format!("{:?}", claim(&store.db, 0, 1).await), format!("{:?}", [expected]));
}

async fn a_lane_is_worked_off_in_order_and_holds_up_no_other(store: &Store) {
    let a1 = insert(store, "a", 0).await;
    let a2 = insert(store, "a", 0).await;
    let b1 = insert(store, "b", 5).await;
    assert_eq!(next_due(store).await, Some(0));
    assert_eq!(ids(&claim(&store.db, 0, 9).await), [a1.id.as_str()]);
    assert_eq!(next_due(store).await, Some(5));
    assert_eq!(ids(&claim(&store.db, 5, 9).await), [b1.id.as_str()]);
    assert!(claim(&store.db, 5, 9).await.is_empty());
    finish(&store.db, &a1).await;
    assert_eq!(ids(&claim(&store.db, 5, 9).await), [a2.id.as_str()]);
    finish(&store.db, &a2).await;
    finish(&store.db, &b1).await;
    assert_eq!(next_due(store).await, None);
}

async fn a_job_is_held_until_it_is_noted_or_taken_by_another(store: &Store) {
    insert(store, "a", 0).await;
    let taken = claim(&store.db, 0, 1).await.remove(0);
    let mut tx = store.write().await;
    assert!(jobs::is_held(&mut tx, &taken, taken.due_at).await.unwrap());
    jobs::put_back(&mut tx, &taken, at(9)).await.unwrap();
    assert!(!jobs::is_held(&mut tx, &taken, taken.due_at).await.unwrap(), "it was noted");
    tx.commit().await.unwrap();
    let other = claim(&store.db, 9, 1).await.remove(0);
    assert_eq!(other.attempts, taken.attempts, "which says nothing after it was put back");
    let mut tx = store.write().await;
    assert!(!jobs::is_held(&mut tx, &taken, taken.due_at).await.unwrap(), "it is another's");
    assert!(jobs::is_held(&mut tx, &other, other.due_at).await.unwrap());
}

async fn a_job_that_is_put_back_holds_up_its_lane(store: &Store) {
    let a1 = insert(store, "a", 0).await;
    let a2 = insert(store, "a", 0).await;
    assert_eq!(ids(&claim(&store.db, 0, 9).await), [a1.id.as_str()]);
    let mut tx = store.write().await;
    jobs::update_due(&mut tx, &a1, at(500)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(next_due(store).await, Some(500));
    assert!(claim(&store.db, 499, 9).await.is_empty());
    let again = claim(&store.db, 500, 9).await;
    assert_eq!((ids(&again), again[0].attempts), (vec![a1.id.as_str()], 2));
    finish(&store.db, &a1).await;
    assert_eq!(ids(&claim(&store.db, 500, 9).await), [a2.id.as_str()]);
}

async fn a_job_that_is_put_back_untried_is_not_counted(store: &Store) {
    let job = insert(store, "a", 0).await;
    for (now, attempts) in [(0, 1), (10, 1), (20, 1), (30, 2)] {
        let taken = claim(&store.db, now, 1).await;
        assert_eq!((taken.len(), taken[0].attempts), (1, attempts), "{now}");
        let mut tx = store.write().await;
        if now < 20 {
            jobs::put_back(&mut tx, &job, at(now + 10)).await.unwrap();
        } else {
            jobs::update_due(&mut tx, &job, at(now + 10)).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert!(claim(&store.db, now + 9, 1).await.is_empty());
    }
}

async fn a_lease_that_ran_out_is_taken_again(store: &Store) {
    let a1 = insert(store, "a", 0).await;
    insert(store, "a", 0).await;
    assert_eq!(claim(&store.db, 0, 9).await.len(), 1);
    assert!(claim(&store.db, 59, 9).await.is_empty());
    let again = claim(&store.db, 60, 9).await;
    assert_eq!((ids(&again), again[0].attempts), (vec![a1.id.as_str()], 2));
}

async fn a_job_that_comes_late_waits_for_the_one_at_work(store: &Store) {
    // Its id was made first, but its transaction ended last.
    let late = new(store, "a", 0);
    let a2 = insert(store, "a", 0).await;
    assert_eq!(ids(&claim(&store.db, 0, 9).await), [a2.id.as_str()]);
    add(store, &late).await;
    assert!(claim(&store.db, 1, 9).await.is_empty());
    assert_eq!(next_due(store).await, Some(60));
    finish(&store.db, &a2).await;
    assert_eq!(ids(&claim(&store.db, 1, 9).await), [late.id.as_str()]);
}

async fn is_put_off(tx: &mut Tx, account: &AccountId, subject: &str, now: i64) -> bool {
    jobs::is_put_off(tx, account, subject, at(now)).await.unwrap()
}

async fn a_lane_moves_to_the_end_of_another(store: &Store) {
    let a1 = insert(store, "a", 0).await;
    let a2 = insert(store, "a", 0).await;
    let b1 = insert(store, "b", 0).await;
    assert_eq!(claim(&store.db, 0, 9).await.len(), 2);
    let mut tx = store.write().await;
    let moved = jobs::list_lane(&mut tx, "a").await.unwrap();
    assert_eq!(ids(&moved), [a1.id.as_str(), a2.id.as_str()]);
    let new: [JobId; 2] = [store.id(), store.id()];
    for (job, new) in moved.iter().zip(&new) {
        jobs::update_lane(&mut tx, job, new, "b", at(1)).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert!(claim(&store.db, 1, 9).await.is_empty(), "one of the lane is at work");
    finish(&store.db, &b1).await;
    for id in &new {
        let taken = claim(&store.db, 1, 9).await;
        assert_eq!((ids(&taken), taken[0].attempts), (vec![id.as_str()], 1));
        finish(&store.db, &taken[0]).await;
    }
}

async fn the_accounts_furthest_behind_come_first(store: &Store) {
    let (first, second, third): (AccountId, AccountId, AccountId) =
        (store.id(), store.id(), store.id());
    for (account, class, priority, lane, due) in [
        (&first, CallClass::Text, 2, "a", 20),
        // Behind the one before it, whatever its own time.
        (&first, CallClass::Text, 2, "a", 5),
        (&second, CallClass::Text, 1, "b", 30),
        (&second, CallClass::Media, 0, "c", 10),
        (&third, CallClass::Media, 1, "d", 50),
    ] {
        let account_id = account.clone();
        add(store, &Job { account_id, class, priority, ..new(store, lane, due) }).await;
    }
    let timed = Job { account_id: third.clone(), subject: "e".into(), ..new(store, "e", 0) };
    add(store, &timed).await;
    let mut tx = store.write().await;
    // Parked until later, and behind all the same.
    budgets::update_seen(&mut tx, &second, &budgets::Spent::new(), Some(at(90))).await.unwrap();
    let lane = |account: &AccountId, due| Behind { lane: account.to_string(), due_at: at(due) };
    let behind = budgets::list_behind(&mut tx, at(45), 9).await.unwrap();
    assert_eq!(behind, [lane(&second, 10), lane(&first, 20)]);
    assert_eq!(budgets::list_behind(&mut tx, at(45), 1).await.unwrap(), behind[..1]);
}

async fn what_is_held_is_released_for_its_account(store: &Store) {
    let account = store.account().await;
    let conversation = store.conversation(&account, "t1").await;
    let message = store.new_outgoing(&conversation, "One");
    assert!(store.insert(&message).await);
    let subject = message.id.to_string();
    let account_id = account.id.clone();
    let held = Job { subject, account_id, hold_until: Some(at(90)), ..new(store, "a", 90) };
    add(store, &held).await;
    let plain = Job { subject: held.subject.clone(), ..new(store, "b", 90) };
    add(store, &plain).await;
    let mut tx = store.write().await;
    assert!(!is_put_off(&mut tx, &account.id, &held.subject, 7).await, "it is connected");
    assert!(is_put_off(&mut tx, &account.id, &held.subject, 6).await, "its time has not come");
    let (owner, state) = (&account.workspace_id, State::Dead);
    let reason = accounts::Reason { text: "x", code: "x" };
    let lost = accounts::update_unusable(&mut tx, owner, &account.id, state, reason, at(1)).await;
    assert!(lost.unwrap());
    assert!(is_put_off(&mut tx, &account.id, &held.subject, 7).await);
    assert!(!is_put_off(&mut tx, &account.id, "other", 7).await);
    assert_eq!(released(&mut tx, &store.id(), 5).await, 0);
    let early = released(&mut tx, &account.id, 6).await;
    assert_eq!(early, 0, "its time has not come");
    assert_eq!(released(&mut tx, &account.id, 7).await, 1);
    tx.commit().await.unwrap();
    let taken = claim_of(&store.db, &account.id, 7, 9).await;
    assert_eq!(ids(&taken), [held.id.as_str()]);
    assert_eq!(taken[0].hold_until, Some(at(90)));
}

async fn released(tx: &mut Tx, account: &AccountId, now: i64) -> u64 {
    let owner = WORKSPACE.parse().unwrap();
    jobs::update_released(tx, &owner, account, at(now)).await.unwrap()
}

async fn what_matters_more_goes_first_and_takes_what_is_before_it_along(store: &Store) {
    let of = |lane: &str, priority, due_at| Job { priority, ..new(store, lane, due_at) };
    let all =
        [of("a", 2, 0), of("b", 2, 1), of("c", 1, 2), of("d", 0, 3), of("a", 0, 4), of("b", 1, 5)];
    for job in &all {
        add(store, job).await;
    }
    // Those in lane `a` matter as much as its last one, and still go in their order.
    for (now, expected) in [(9, 0), (9, 3), (9, 1), (9, 2)] {
        let taken = claim(&store.db, now, 1).await;
        assert_eq!(ids(&taken), [all[expected].id.as_str()]);
    }
    assert!(claim(&store.db, 9, 9).await.is_empty());
    finish(&store.db, &all[1]).await;
    finish(&store.db, &all[0]).await;
    let taken = claim(&store.db, 9, 9).await;
    assert_eq!(ids(&taken), [all[4].id.as_str(), all[5].id.as_str()]);
}

async fn what_waits_for_a_chosen_time_has_no_turn(store: &Store) {
    let account = store.account().await;
    let conversation = store.conversation(&account, "t1").await;
    let mut lanes = Vec::new();
    for time in [7, 5, 7] {
        let message = store.new_outgoing(&conversation, "One");
        assert!(store.insert(&message).await);
        let subject = message.id.to_string();
        let timed =
            Job { subject: subject.clone(), send_at: Some(at(time)), ..new(store, &subject, 0) };
        add(store, &timed).await;
        // A later part of the same request.
        add(store, &new(store, &subject, 0)).await;
        lanes.push(subject);
    }
    let gone = new(store, "019b7447a117000000000000", 0);
    add(store, &gone).await;
    assert!(claim(&store.db, 9, 9).await.is_empty());
    assert_eq!(next_due(store).await, None);
    let mut tx = store.write().await;
    let owner = ACCOUNT.parse().unwrap();
    assert_eq!(jobs::find_timed(&mut tx, &owner).await.unwrap(), Some(at(5)));
    assert!(jobs::list_timed(&mut tx, &owner, at(4), 9).await.unwrap().is_empty());
    let listed = jobs::list_timed(&mut tx, &owner, at(7), 9).await.unwrap();
    let found: Vec<_> =
        listed.iter().map(|one| (one.lane.as_str(), one.conversation_id.clone())).collect();
    let here = Some(conversation.id);
    assert_eq!(
        found,
        [
            (lanes[1].as_str(), here.clone()),
            (lanes[0].as_str(), here.clone()),
            (lanes[2].as_str(), here),
            (gone.lane.as_str(), None)
        ]
    );
}

async fn a_lane_that_lost_its_turn_gets_it_back(store: &Store) {
    let a1 = insert(store, "a", 0).await;
    insert(store, "a", 0).await;
    insert(store, "b", 0).await;
    let mut tx = store.write().await;
    // What a process of an older version leaves.
    let text = "UPDATE jobs SET is_first = FALSE, class = NULL WHERE lane = 'a'";
    match &mut tx {
        Tx::Sqlite(tx) => drop(sqlx::query(text).execute(&mut **tx).await.unwrap()),
        Tx::Postgres(tx) => drop(sqlx::query(text).execute(&mut **tx).await.unwrap()),
    }
    assert_eq!(jobs::update_turns(&mut tx, 9).await.unwrap(), 1);
    assert_eq!(jobs::update_turns(&mut tx, 9).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(claim(&store.db, 0, 9).await[0].id, a1.id);
}

async fn every_workspace_gets_its_turn(store: &Store) {
    let owners: [WorkspaceId; 2] = [store.id(), store.id()];
    let accounts: Vec<AccountId> = (0..5).map(|_| store.id()).collect();
    let mut tx = store.write().await;
    for (index, account) in accounts.iter().enumerate() {
        let owner = &owners[usize::from(index == 4)];
        let due = at(i64::try_from(index).unwrap());
        budgets::update_due(&mut tx, owner, account, at(50)).await.unwrap();
        budgets::update_due(&mut tx, owner, account, due).await.unwrap();
        budgets::update_due(&mut tx, owner, account, at(60)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = store.read().await;
    assert_eq!(budgets::find_next_due(&mut tx).await.unwrap(), Some(at(0)));
    drop(tx);
    for (now, expected) in [(9, [0, 4]), (8, [1, 2]), (9, [3, 0])] {
        let mut tx = store.write().await;
        let due = budgets::claim(&mut tx, at(now), 2).await.unwrap();
        let mut found: Vec<_> = due.iter().map(|one| &one.account_id).collect();
        found.sort();
        let mut wanted: Vec<_> = expected.iter().map(|index| &accounts[*index]).collect();
        wanted.sort();
        assert_eq!(found, wanted, "{now}");
        for one in &due {
            let next = (one.account_id == accounts[4]).then_some(at(500)).or(Some(at(9)));
            budgets::update_seen(&mut tx, &one.account_id, &one.spent, next).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
}

async fn what_is_spent_is_kept_and_locked(store: &Store) {
    let (owner, account): (WorkspaceId, AccountId) = (store.id(), store.id());
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let (db, owner, account) = (store.db.clone(), owner.clone(), account.clone());
        tasks.spawn(async move {
            let mut tx = db.write().await.unwrap();
            let mut spent = budgets::lock(&mut tx, &owner, &account).await.unwrap();
            let class = spent.entry(CallClass::Media).or_default();
            class.calls.push((7, 1));
            class.stopped_until = Some(9);
            budgets::update_spent(&mut tx, &account, &spent).await.unwrap();
            tx.commit().await.unwrap();
        });
    }
    tasks.join_all().await;
    let spent = budgets::find(&mut store.read().await, &account).await.unwrap();
    assert_eq!(spent[&CallClass::Media], Class { calls: vec![(7, 1); 8], stopped_until: Some(9) });
    assert!(budgets::find(&mut store.read().await, &store.id()).await.unwrap().is_empty());
}

async fn a_limit_is_kept(store: &Store) {
    for lane in 0..9 {
        insert(store, &lane.to_string(), 9 - lane).await;
    }
    let first = claim(&store.planning_badly().await, 20, 4).await;
    let mut lanes: Vec<_> = first.into_iter().map(|job| job.lane).collect();
    lanes.sort();
    assert_eq!(lanes, ["5", "6", "7", "8"]);
    assert_eq!(claim(&store.db, 20, 4).await.len(), 4);
    assert_eq!(claim(&store.db, 20, 4).await.len(), 1);
}

async fn many_workers_never_share_a_lane(store: &Store) {
    const LANES: usize = 5;
    const EACH: usize = 8;
    for number in 0..LANES * EACH {
        insert(store, &(number % LANES).to_string(), 0).await;
    }
    let busy: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let begun: Arc<Mutex<BTreeMap<String, Vec<JobId>>>> = Arc::default();
    let mut workers = JoinSet::new();
    for _ in 0..6 {
        let (db, busy, begun) = (store.db.clone(), busy.clone(), begun.clone());
        workers.spawn(async move {
            let mut idle = 0;
            while idle < 40 {
                let taken = claim(&db, 0, 2).await;
                idle = if taken.is_empty() { idle + 1 } else { 0 };
                for job in &taken {
                    assert!(busy.lock().unwrap().insert(job.lane.clone()));
                    let mut begun = begun.lock().unwrap();
                    begun.entry(job.lane.clone()).or_default().push(job.id.clone());
                }
                for job in &taken {
                    assert!(busy.lock().unwrap().remove(&job.lane));
                    finish(&db, job).await;
                }
            }
        });
    }
    workers.join_all().await;
    let begun = begun.lock().unwrap();
    assert_eq!(begun.len(), LANES);
    for jobs in begun.values() {
        assert_eq!(jobs.len(), EACH);
        assert!(jobs.is_sorted_by(|a, b| a < b));
    }
}
