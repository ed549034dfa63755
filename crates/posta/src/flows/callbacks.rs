//! What follows when an account's owner takes the app away at the platform, or wants the account's
//! data deleted: the one at once, the other bit by bit until nothing is left.

use std::time::Duration;

use posta_core::failure::Code;
use posta_core::id::OauthAppId;
use posta_platforms::contract::{Callbacks, Platform, SignedCall};
use posta_store::accounts::{self, Account, State as AccountState};
use posta_store::erasures::{self, Erasure, State};
use posta_store::{Json, Tx};

use super::signers::{Age, SignerList};
use super::{FlowError, disconnect, media, refusal};
use crate::app::App;

/// How many rows are deleted in one transaction.
const BIT: i64 = 500;

/// How soon raw webhooks are looked at again that speak of the account and are not worked off yet.
const LATER: Duration = Duration::from_mins(1);

/// A call that somebody we know signed.
#[derive(Debug)]
pub struct Owner {
    call: SignedCall,
    apps: Vec<Option<OauthAppId>>,
}

/// By how much the platform's clock may be behind ours.
const SKEW: Duration = Duration::from_mins(1);

/// Reads a call and makes sure that an app of ours signed it.
///
/// # Errors
/// When it is of another form, nobody we know signed it, or the database failed.
pub async fn verified(
    app: &App,
    platform: &'static dyn Platform,
    callbacks: &dyn Callbacks,
    body: &[u8],
) -> Result<Owner, FlowError> {
    let mut signers = app.signers.list(app, platform.name(), Age::Remembered).await?;
    let mut call = read(callbacks, body, &signers)?;
    if call.signers.is_empty() {
        signers = app.signers.list(app, platform.name(), Age::Suspicious).await?;
        call = read(callbacks, body, &signers)?;
    }
    if call.signers.is_empty() {
        let message = "no app secret of ours signed this signed_request";
        return Err(refusal(Code::InvalidSignature, message).into());
    }
    let mut apps: Vec<_> =
        call.signers.iter().filter_map(|index| signers.apps.get(*index).cloned()).collect();
    apps.dedup();
    Ok(Owner { call, apps })
}

fn read(
    callbacks: &dyn Callbacks,
    body: &[u8],
    signers: &SignerList,
) -> Result<SignedCall, FlowError> {
    callbacks
        .read(body, &signers.secrets)
        .map_err(|problem| refusal(Code::InvalidFieldValue, problem).into())
}

/// Finds the accounts that an owner speaks of: those connected through an app that signed.
async fn accounts_of(
    tx: &mut Tx,
    platform: &str,
    app_scoped: &str,
    apps: &[Option<OauthAppId>],
) -> posta_store::Result<Vec<Account>> {
    let mut all = accounts::list_by_app_scoped(tx, platform, app_scoped).await?;
    all.retain(|account| apps.contains(&account.oauth_app_id));
    Ok(all)
}

/// Takes an owner at their word: their accounts are lost at once. A call from before an account was
/// connected, or its token renewed, is about an earlier connection.
///
/// # Errors
/// When the database failed.
pub async fn deauthorize(app: &App, platform: &str, owner: &Owner) -> posta_store::Result<()> {
    let mut tx = app.db.write().await?;
    for account in accounts_of(&mut tx, platform, &owner.call.app_scoped, &owner.apps).await? {
        let latest = owner.call.issued_at.plus(SKEW);
        let is_older = account.token_issued_at.is_some_and(|issued| latest < issued);
        if account.state == AccountState::Connected && !is_older {
            disconnect::taken_away(app, &mut tx, &account).await?;
        }
    }
    tx.commit().await?;
    app.wake.announced();
    Ok(())
}

/// Takes down that an owner's data is to be deleted. Returns the code by which its state is asked
/// for: the same one for the same call.
///
/// # Errors
/// When the database failed.
pub async fn request_erasure(
    app: &App,
    platform: &str,
    owner: Owner,
) -> posta_store::Result<String> {
    let erasure = Erasure {
        id: app.chance.hex::<16>(),
        platform: platform.to_owned(),
        app_scoped_id: owner.call.app_scoped,
        issued_at: owner.call.issued_at,
        verified_by: Json(owner.apps),
        state: State::Pending,
        place: None,
        erased: 0,
        requested_at: app.clock.now(),
        finished_at: None,
    };
    let mut tx = app.db.write().await?;
    let code = erasures::insert_or_find(&mut tx, &erasure).await?;
    tx.commit().await?;
    app.wake.erase.notify_one();
    tracing::info!(erasure.id = %code, platform, "data deletion asked for");
    Ok(code)
}

/// Deletes the next bit of what an owner wants deleted.
///
/// # Errors
/// When the database failed; nothing of this bit has happened then.
pub async fn erase_some(app: &App, erasure: &Erasure) -> posta_store::Result<()> {
    let mut tx = app.db.write().await?;
    let now = app.clock.now();
    let accounts =
        accounts_of(&mut tx, &erasure.platform, &erasure.app_scoped_id, &erasure.verified_by)
            .await?;
    let Some(account) = accounts.first() else {
        drop(tx);
        while media::sweep(app).await? {}
        let mut tx = app.db.write().await?;
        erasures::update_done(&mut tx, &erasure.id, now).await?;
        tx.commit().await?;
        tracing::info!(erasure.id = %erasure.id, rows = erasure.erased, "data deleted");
        return Ok(());
    };
    disconnect::forget(app, &mut tx, account).await?;
    let place = erasure.place.as_deref();
    let swept =
        erasures::sweep_inbound(&mut tx, &erasure.platform, &account.remote_id, place, BIT).await?;
    let (place, erased, due_at) = if swept.waiting > 0 {
        // Whatever else is in these webhooks must not be lost: their turn comes first.
        (place, swept.deleted, now.plus(LATER))
    } else if swept.place.is_some() {
        (swept.place.as_deref(), swept.deleted, now)
    } else {
        (None, erasures::delete_some(&mut tx, &account.id, BIT).await?, now)
    };
    erasures::update_progress(&mut tx, &erasure.id, place, erased, due_at).await?;
    tx.commit().await?;
    app.wake.announced();
    app.wake.sweep.notify_one();
    Ok(())
}
