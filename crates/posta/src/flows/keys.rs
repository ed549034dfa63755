//! Making API keys, and the workspace that the first one opens.

use posta_core::id::{Ids, ProfileId, WorkspaceId};
use posta_core::secret::Secret;
use posta_core::time::Timestamp;
use posta_store::keys::{self, Key};
use posta_store::profiles::{self, Profile};
use posta_store::workspaces::{self, Workspace};
use posta_store::{Json, Tx};
use sha2::{Digest, Sha256};

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Its name for people.
    pub name: String,
    /// The profiles it sees; all of them when `None`.
    pub profile_ids: Option<Json<Vec<ProfileId>>>,
    /// Whether it may only read.
    pub is_read_only: bool,
    /// The resource groups that are switched off for it.
    pub disabled_groups: Vec<String>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// Makes a key. Its text is returned here and kept nowhere.
///
/// # Errors
/// When the database failed.
pub async fn make(
    ids: &Ids,
    tx: &mut Tx,
    owner: &WorkspaceId,
    new: NewKey,
) -> posta_store::Result<(Key, Secret)> {
    let prefix = if new.disabled_groups.is_empty() { "sk_" } else { "zrk_" };
    let text = format!("{prefix}{}", ids.chance().hex::<32>());
    let key = Key {
        id: ids.next(),
        workspace_id: owner.clone(),
        name: new.name,
        hash: hash(&text),
        preview: format!("{}…{}", &text[..prefix.len() + 4], &text[text.len() - 4..]),
        profile_ids: new.profile_ids,
        is_read_only: new.is_read_only,
        disabled_groups: Json(new.disabled_groups),
        expires_at: new.expires_at,
        created_at: ids.clock().now(),
    };
    keys::insert(tx, &key).await?;
    Ok((key, Secret::new(text)))
}

/// The form in which a key is kept. A key is 256 random bits, so a plain hash cannot be reversed.
#[must_use]
pub fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

/// Finds a workspace by name, or makes it with a first profile.
///
/// # Errors
/// When the database failed.
pub async fn workspace(ids: &Ids, tx: &mut Tx, name: &str) -> posta_store::Result<Workspace> {
    if let Some(workspace) = workspaces::find_by_name(tx, name).await? {
        return Ok(workspace);
    }
    let now = ids.clock().now();
    let workspace = Workspace { id: ids.next(), name: name.to_owned(), created_at: now };
    workspaces::insert(tx, &workspace).await?;
    let profile = Profile {
        id: ids.next(),
        workspace_id: workspace.id.clone(),
        name: "Default".to_owned(),
        description: String::new(),
        color: "#6b7280".to_owned(),
        timezone: None,
        external_id: None,
        is_default: true,
        created_at: now,
    };
    profiles::insert(tx, &profile).await?;
    Ok(workspace)
}
