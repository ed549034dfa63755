//! Recoveries.

use posta_store::accounts::{self, Account, Reason, State};
use posta_store::{Tx, recoveries, renewals};

use crate::support::{Store, at, both};

both! {
    a_lost_account_is_tried_by_one_and_comes_back_with_its_token,
    a_token_that_cannot_work_again_is_forgotten,
}

const CHECK: Reason<'static> = Reason { text: "It is checked.", code: "checkpoint" };

async fn find(tx: &mut Tx, account: &Account) -> Account {
    accounts::find(tx, &account.workspace_id, &account.id).await.unwrap().unwrap()
}

async fn lose(tx: &mut Tx, account: &Account) -> bool {
    let (owner, id) = (&account.workspace_id, &account.id);
    recoveries::update_lost(tx, owner, id, CHECK, at(5), at(10)).await.unwrap()
}

async fn a_lost_account_is_tried_by_one_and_comes_back_with_its_token(store: &Store) {
    let account = store.account().await;
    let token = account.token.as_ref();
    let mut tx = store.write().await;
    renewals::update_due(&mut tx, &account.id, Some(at(1))).await.unwrap();
    assert!(lose(&mut tx, &account).await);
    assert!(!lose(&mut tx, &account).await, "it is lost");
    let lost = find(&mut tx, &account).await;
    assert_eq!((lost.state, lost.state_code.as_deref()), (State::Dead, Some("checkpoint")));
    assert_eq!((&lost.token, lost.state_since), (&account.token, at(5)));
    assert!(renewals::claim(&mut tx, at(99), at(100), 5).await.unwrap().is_empty());

    assert_eq!(recoveries::find_next_due(&mut tx).await.unwrap(), Some(at(10)));
    assert!(recoveries::claim(&mut tx, at(9), at(20), 5).await.unwrap().is_empty());
    let taken = recoveries::claim(&mut tx, at(10), at(20), 5).await.unwrap();
    assert_eq!(taken.iter().map(|one| &one.id).collect::<Vec<_>>(), [&account.id]);
    assert!(recoveries::claim(&mut tx, at(19), at(30), 5).await.unwrap().is_empty());
    recoveries::update_due(&mut tx, &account.id, token, at(40)).await.unwrap();
    recoveries::update_due(&mut tx, &account.id, Some(&store.seal("x")), at(50)).await.unwrap();
    assert_eq!(recoveries::find_next_due(&mut tx).await.unwrap(), Some(at(40)));

    let other = Some(&store.seal("other"));
    for (token, is_back) in [(other, false), (token, true), (token, false)] {
        let done = recoveries::update_recovered(&mut tx, &account.id, token, at(41), Some(at(60)));
        assert_eq!(done.await.unwrap(), is_back);
    }
    let back = find(&mut tx, &account).await;
    assert_eq!((back.state, back.state_reason, back.state_code), (State::Connected, None, None));
    assert_eq!((&back.token, back.state_since), (&account.token, at(41)));
    assert_eq!(recoveries::find_next_due(&mut tx).await.unwrap(), None);
    assert_eq!(renewals::find_next_due(&mut tx).await.unwrap(), Some(at(60)));
}

async fn a_token_that_cannot_work_again_is_forgotten(store: &Store) {
    let account = store.account().await;
    let token = account.token.as_ref();
    let changed = Reason { text: "The password was changed.", code: "password_changed" };
    let mut tx = store.write().await;
    recoveries::forget(&mut tx, &account.id, token, changed).await.unwrap();
    assert_eq!(find(&mut tx, &account).await.state_code, None, "it is not lost");
    assert!(lose(&mut tx, &account).await);
    recoveries::forget(&mut tx, &account.id, Some(&store.seal("x")), changed).await.unwrap();
    assert_eq!(find(&mut tx, &account).await.token, account.token);
    recoveries::forget(&mut tx, &account.id, token, changed).await.unwrap();
    let gone = find(&mut tx, &account).await;
    assert_eq!((gone.token, gone.token_expires_at), (None, None));
    assert_eq!(gone.state_code.as_deref(), Some("password_changed"));
    assert_eq!(recoveries::find_next_due(&mut tx).await.unwrap(), None);
}
