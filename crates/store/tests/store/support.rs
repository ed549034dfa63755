//! The world of a test: a migrated database and the rows that most tests begin with.

use posta_core::chance::Chance;
use posta_core::event::Direction;
use posta_core::id::{
    AccountId, ConversationId, Ids, MessageId, OwnId, ProfileId, RemoteAccount, RemoteMessage,
    RemotePerson, RemoteThread, WorkspaceId,
};
use posta_core::secret::{KeyRing, Sealed, Secret};
use posta_core::time::{Clock, Timestamp};
use posta_store::accounts::{self, Account};
use posta_store::conversations::{self, Conversation};
use posta_store::endpoints::{self, Endpoint};
use posta_store::messages::{self, Message};
use posta_store::profiles::{self, Profile};
use posta_store::workspaces::{self, Workspace};
use posta_store::{Db, Json, Open, Tx};
use serde_json::json;
use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use crate::plans;
use crate::postgres::Database;

/// Makes two tests of each function it names, one per database.
macro_rules! both {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(&crate::support::Store::on_sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(store) = crate::support::Store::on_postgres().await {
                    super::$name(&store).await;
                }
            }
        }
    )+};
}
pub(crate) use both;

/// A migrated database of one test.
pub(crate) struct Store {
    pub(crate) db: Db,
    pub(crate) which: Open,
    pub(crate) ids: Ids,
    ring: KeyRing,
    // Gone with the test.
    _folder: Option<TempDir>,
    database: Option<Database>,
}

/// The time `millis` after all tests begin.
pub(crate) const fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000 + millis)
}

impl Store {
    /// Makes a migrated SQLite file.
    pub(crate) async fn on_sqlite() -> Self {
        let store = Self::empty_sqlite().await;
        store.db.migrate().await.unwrap();
        store
    }

    /// Makes a migrated Postgres database, where there is a server.
    pub(crate) async fn on_postgres() -> Option<Self> {
        let store = Self::empty_postgres().await?;
        store.db.migrate().await.unwrap();
        Some(store)
    }

    /// Makes an SQLite file without tables.
    pub(crate) async fn empty_sqlite() -> Self {
        plans::catch();
        let folder = tempfile::tempdir().unwrap();
        let which = Open::Sqlite(folder.path().join("posta.db"));
        Self::open(which, Some(folder), None).await
    }

    /// Makes a Postgres database without tables, where there is a server.
    pub(crate) async fn empty_postgres() -> Option<Self> {
        plans::catch();
        let database = Database::create().await?;
        let which = Open::Postgres(database.url());
        Some(Self::open(which, None, Some(database)).await)
    }

    async fn open(which: Open, folder: Option<TempDir>, database: Option<Database>) -> Self {
        let key = KeyRing::generate(&Chance::seeded(2));
        Self {
            db: Db::open(&which).await.unwrap(),
            which,
            ids: Ids::new(Clock::fixed(at(0)), Chance::seeded(1)),
            ring: KeyRing::parse(&key, Chance::seeded(3)).unwrap(),
            _folder: folder,
            database,
        }
    }

    pub(crate) fn id<T: OwnId>(&self) -> T {
        self.ids.next()
    }

    pub(crate) fn seal(&self, text: &str) -> Sealed {
        self.ring.seal("test", &Secret::new(text))
    }

    pub(crate) async fn read(&self) -> Tx {
        self.db.read().await.unwrap()
    }

    pub(crate) async fn write(&self) -> Tx {
        self.db.write().await.unwrap()
    }

    /// Runs a query that answers one number.
    pub(crate) async fn number(&self, query: &str) -> i64 {
        let query = sql(query);
        match self.read().await {
            Tx::Sqlite(mut tx) => sqlx::query_scalar(query).fetch_one(&mut *tx).await,
            Tx::Postgres(mut tx) => sqlx::query_scalar(query).fetch_one(&mut *tx).await,
        }
        .unwrap()
    }

    /// Runs statements.
    pub(crate) async fn run(&self, statements: &str) {
        let statements = sql(statements);
        let mut tx = self.write().await;
        match &mut tx {
            Tx::Sqlite(tx) => sqlx::raw_sql(statements).execute(&mut **tx).await.map(drop),
            Tx::Postgres(tx) => sqlx::raw_sql(statements).execute(&mut **tx).await.map(drop),
        }
        .unwrap();
        tx.commit().await.unwrap();
    }

    /// Makes the database fail this transaction: the file is full, or the server throws us out.
    pub(crate) async fn shut(&self, tx: &mut Tx) {
        match (tx, &self.database) {
            (Tx::Sqlite(tx), _) => {
                let full = sqlx::query("PRAGMA max_page_count = 1").execute(&mut **tx).await;
                full.map(drop).unwrap();
            }
            (Tx::Postgres(_), database) => database.as_ref().unwrap().shut().await,
        }
    }

    /// Undoes that.
    pub(crate) async fn open_again(&self) {
        match &self.database {
            None => {
                let Tx::Sqlite(mut tx) = self.write().await else { unreachable!() };
                let full = sqlx::query("PRAGMA max_page_count = 100000").execute(&mut *tx).await;
                full.map(drop).unwrap();
                tx.commit().await.unwrap();
            }
            Some(database) => database.open().await,
        }
    }

    /// Notes a migration that only a newer version has.
    pub(crate) async fn note_a_newer_version(&self) {
        self.run(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             SELECT 9999, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
        )
        .await;
    }

    /// Waits until another transaction waits for a lock. SQLite has one writer at a time, so there
    /// the other has not even begun.
    pub(crate) async fn until_somebody_waits(&self) {
        if matches!(self.which, Open::Sqlite(_)) {
            return;
        }
        for _ in 0..10_000 {
            let waiting = "SELECT COUNT(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
            if self.number(waiting).await > 0 {
                return;
            }
        }
        panic!("nobody waits");
    }

    /// Connects once more, to a Postgres that joins only by running one side for each row of the
    /// other, as it may do anywhere when it thinks that there are few rows.
    pub(crate) async fn planning_badly(&self) -> Db {
        let Open::Postgres(url) = &self.which else {
            return self.db.clone();
        };
        let ways = ["seqscan", "hashjoin", "mergejoin", "hashagg", "sort", "material"];
        let without = ways.map(|way| format!("-c%20enable_{way}=off%20")).concat();
        let mark = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{mark}options={without}");
        Db::open(&Open::Postgres(url)).await.unwrap()
    }

    pub(crate) async fn workspace(&self, name: &str) -> WorkspaceId {
        let workspace = Workspace { id: self.id(), name: name.into(), created_at: at(0) };
        let mut tx = self.write().await;
        assert!(workspaces::insert(&mut tx, &workspace).await.unwrap());
        tx.commit().await.unwrap();
        workspace.id
    }

    pub(crate) fn new_profile(&self, owner: &WorkspaceId, name: &str) -> Profile {
        Profile {
            id: self.id(),
            workspace_id: owner.clone(),
            name: name.into(),
            description: String::new(),
            color: "#ffeda0".into(),
            timezone: None,
            external_id: None,
            is_default: false,
            created_at: at(0),
        }
    }

    pub(crate) async fn profile(&self, owner: &WorkspaceId, name: &str) -> ProfileId {
        let profile = self.new_profile(owner, name);
        let mut tx = self.write().await;
        assert!(profiles::insert(&mut tx, &profile).await.unwrap());
        tx.commit().await.unwrap();
        profile.id
    }

    pub(crate) fn new_account(
        &self,
        owner: &WorkspaceId,
        profile: &ProfileId,
        remote: &str,
    ) -> Account {
        Account {
            id: self.id(),
            workspace_id: owner.clone(),
            profile_id: profile.clone(),
            platform: "instagram".into(),
            remote_id: RemoteAccount::new(remote),
            app_scoped_id: Some(format!("app-{remote}")),
            username: format!("user-{remote}"),
            display_name: Some("Ana".into()),
            picture: None,
            profile_url: Some("https://example.com/ana".into()),
            followers: Some(12),
            kind: Some("BUSINESS".into()),
            metadata: Json(json!({"b": 1, "a": [true, null]})),
            oauth_app_id: None,
            scopes: Some(Json(vec!["read".into(), "write".into()])),
            token: Some(self.seal("token")),
            token_expires_at: Some(at(1_000_000)),
            token_issued_at: Some(at(0)),
            state: accounts::State::Connected,
            state_reason: None,
            state_code: None,
            state_since: at(0),
            rate_limited_until: None,
            paused_until: None,
            restriction: None,
            subscribed_fields: None,
            last_event_at: None,
            created_at: at(0),
        }
    }

    pub(crate) async fn upsert(&self, account: &Account) -> AccountId {
        let mut tx = self.write().await;
        let id = accounts::upsert(&mut tx, account).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// Makes a workspace with a profile and an account.
    pub(crate) async fn account(&self) -> Account {
        let owner = self.workspace("acme").await;
        let profile = self.profile(&owner, "Acme").await;
        let account = self.new_account(&owner, &profile, "17841400000000001");
        self.upsert(&account).await;
        account
    }

    pub(crate) fn new_conversation(&self, account: &Account, remote: &str) -> Conversation {
        Conversation {
            id: self.id::<ConversationId>(),
            workspace_id: account.workspace_id.clone(),
            account_id: account.id.clone(),
            remote_id: RemoteThread::new(remote),
            participant_id: RemotePerson::new(format!("person-{remote}")),
            participant_name: None,
            participant_username: None,
            participant_picture: None,
            status: conversations::Status::Active,
            last_message: None,
            last_message_at: None,
            window_opened_at: None,
            unread_count: 0,
            metadata: None,
            created_at: at(0),
            updated_at: at(0),
            profile: None,
            profile_due_at: None,
            window_opened_by: None,
            window_due_at: None,
            control: None,
        }
    }

    pub(crate) async fn conversation(&self, account: &Account, remote: &str) -> Conversation {
        let new = self.new_conversation(account, remote);
        let mut tx = self.write().await;
        let made = conversations::insert_or_get(&mut tx, std::slice::from_ref(&new))
            .await
            .unwrap()
            .remove(0);
        tx.commit().await.unwrap();
        made
    }

    pub(crate) fn new_incoming(
        &self,
        conversation: &Conversation,
        remote: &str,
        sent_at: Timestamp,
    ) -> Message {
        Message {
            id: self.id::<MessageId>(),
            workspace_id: conversation.workspace_id.clone(),
            account_id: conversation.account_id.clone(),
            conversation_id: conversation.id.clone(),
            remote_id: Some(RemoteMessage::new(remote)),
            direction: Direction::Incoming,
            status: messages::Status::Received,
            text: Some("Hello".into()),
            attachments: Json(Vec::new()),
            sender_id: conversation.participant_id.as_str().into(),
            sent_via: None,
            tag: None,
            metadata: None,
            error: None,
            is_read: false,
            read_at: None,
            sent_at,
            created_at: at(0),
            content: None,
            origin: messages::Origin::Webhook,
            part_of: None,
            comment_id: None,
            deleted_at: None,
            edited_at: None,
            edit_count: 0,
            edit_history: Json(Vec::new()),
            reactions: Json(Vec::new()),
        }
    }

    pub(crate) fn new_outgoing(&self, conversation: &Conversation, text: &str) -> Message {
        Message {
            remote_id: None,
            direction: Direction::Outgoing,
            status: messages::Status::Queued,
            text: Some(text.into()),
            sender_id: conversation.account_id.as_str().into(),
            sent_via: Some("api".into()),
            is_read: true,
            ..self.new_incoming(conversation, "", at(0))
        }
    }

    pub(crate) async fn insert(&self, message: &Message) -> bool {
        let mut tx = self.write().await;
        let is_new = messages::insert(&mut tx, message).await.unwrap();
        tx.commit().await.unwrap();
        is_new
    }

    pub(crate) async fn get(&self, message: &Message) -> Message {
        let mut tx = self.read().await;
        let found = messages::find(&mut tx, &message.workspace_id, &message.id).await;
        found.unwrap().unwrap()
    }

    pub(crate) fn new_endpoint(&self, owner: &WorkspaceId) -> Endpoint {
        Endpoint {
            id: self.id(),
            workspace_id: owner.clone(),
            name: "CRM".into(),
            url: "https://crm.example/hook".into(),
            secret: self.seal("whsec"),
            events: Json(vec!["message.received".into()]),
            is_active: true,
            custom_headers: None,
            disabled_groups: Json(Vec::new()),
            profile_ids: Json(Vec::new()),
            account_ids: Json(Vec::new()),
            previous_secret: None,
            previous_secret_until: None,
            keeps_order: false,
            max_per_second: None,
            failure_count: 0,
            failing_since: None,
            held_until: None,
            warned_percent: 0,
            disabled_reason: None,
            last_fired_at: None,
            created_at: at(0),
        }
    }

    pub(crate) async fn endpoint(&self, owner: &WorkspaceId) -> Endpoint {
        let endpoint = self.new_endpoint(owner);
        let mut tx = self.write().await;
        endpoints::insert(&mut tx, &endpoint).await.unwrap();
        tx.commit().await.unwrap();
        endpoint
    }
}

/// Vouches for SQL that a test wrote.
pub(crate) fn sql(text: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(text.to_owned())
}
