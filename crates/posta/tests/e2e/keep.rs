//! Copies of what people send, under the setting that asks for them.

use std::time::Duration;

use posta_store::media::{self, Media};
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use crate::care::call;
use crate::history::walked;
use crate::support::{Answer, CLIENT_SECRET, NOON, Stage, story};

const MIRA: &str = "1099900000000101";

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0";

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Stage {
    /// Connects an account whose media are kept.
    async fn keeping(&mut self) {
        self.restart_with("media.policy", "store").await;
        self.connect().await;
        self.hook.forget();
    }

    /// Mira writes something with attachments of these kinds. Returns what Posta has of it.
    async fn mira_sends(&self, kinds: &[&str]) -> Value {
        let all: Vec<_> = kinds.iter().map(|kind| json!({"type": kind})).collect();
        self.mira_writes(&json!({"attachments": all})).await
    }

    async fn mira_writes(&self, body: &Value) -> Value {
        self.clock.advance(Duration::from_secs(1));
        self.control("instagram/people/mira.demo/write", body).await;
        self.settle().await;
        self.messages(MIRA).await.pop().unwrap()
    }

    async fn mira_takes_back(&self, message: &Value) {
        let body = json!({"message_id": message["id"]});
        self.control("instagram/people/mira.demo/unsend", &body).await;
        self.settle().await;
    }

    /// Fetches a URL of Posta's as a stranger.
    async fn fetched(&self, url: &Value) -> Answer {
        let path = url.as_str().unwrap().strip_prefix(self.posta.as_str());
        let path = path.unwrap_or_else(|| panic!("{url} is none of ours"));
        self.plain(reqwest::Client::get, path).await
    }

    /// Lets the pretend content network go wrong with the next downloads.
    async fn links_go_wrong(&self, fault: &Value) {
        let mut rule = json!({"platform": "instagram", "route": "cdn"});
        for (key, value) in fault.as_object().unwrap() {
            rule[key] = value.clone();
        }
        self.control("faults", &rule).await;
    }
}

fn is_kept(stage: &Stage, url: &Value) -> bool {
    url.as_str().unwrap().starts_with(stage.posta.as_str())
}

story! {
    /// A picture is there when the platform's link has ended, and after it was taken back.
    async fn a_picture_is_readable_when_the_link_has_died_and_after_unsend(stage: Stage) {
        stage.keeping().await;
        let body = json!({"text": "See", "attachments": [{"type": "image"}]});
        let kept = stage.mira_writes(&body).await;
        let told = stage.only("message.received");
        let link = told["message"]["attachments"][0]["url"].clone();
        let url = kept["attachments"][0]["url"].clone();
        assert!(is_kept(stage, &url) && !is_kept(stage, &link), "{url} {link}");
        assert!(url.as_str().unwrap().ends_with(".png"), "{url}");
        assert_eq!(kept["attachments"][0]["type"], "image");
        assert_eq!(stage.files(), 1);

        stage.pass(DAY * 10).await;
        let body = json!({"message_id": kept["id"], "text": "Look"});
        stage.control("instagram/people/mira.demo/edit", &body).await;
        stage.settle().await;
        assert_eq!(stage.only("message.edited")["message"]["attachments"][0]["url"], url);
        stage.mira_takes_back(&kept).await;
        assert_eq!(stage.only("message.deleted")["message"]["attachments"][0]["url"], url);
        let now = stage.messages(MIRA).await.pop().unwrap();
        assert_eq!((&now["isDeleted"], &now["attachments"][0]["url"]), (&json!(true), &url));
        let dead = reqwest_status(stage, &link).await;
        assert_eq!(dead, 403);
        let file = stage.fetched(&url).await;
        assert_eq!(file.status, 200);
        assert_eq!(file.headers["content-type"], "image/png");
        assert_eq!(file.headers["content-disposition"], "inline");
        assert_eq!(file.headers["x-content-type-options"], "nosniff");
        assert_eq!(file.headers["content-security-policy"], "default-src 'none'; sandbox");

        let path = now["attachments"][0]["refreshUrl"].as_str().unwrap();
        let path = path.strip_prefix(stage.posta.as_str()).unwrap().strip_prefix("v1/").unwrap();
        let calls = stage.proxy.calls("");
        let answer = stage.get(path).await;
        assert_eq!((answer.status, &answer.headers["location"]), (302, &url.as_str().unwrap().to_owned()));
        assert_eq!(stage.proxy.calls(""), calls, "nothing is asked for that we have");
    }
}

async fn reqwest_status(stage: &Stage, link: &Value) -> u16 {
    let link: Url = link.as_str().unwrap().parse().unwrap();
    let get = |http: &reqwest::Client, _: Url| http.get(link);
    stage.plain(get, "").await.status
}

story! {
    /// Everything with a link is kept as what it is; what has none, or is a page, is not.
    async fn all_that_has_content_is_kept(stage: Stage) {
        stage.keeping().await;
        let mut files = 0;
        for (kind, content_type, way) in [
            ("image", "image/png", "inline"),
            ("video", "video/mp4", "inline"),
            ("audio", "audio/mp4", "inline"),
            ("file", "application/pdf", "attachment"),
            ("share", "image/png", "inline"),
            ("ig_reel", "video/mp4", "inline"),
            ("story_mention", "image/png", "inline"),
        ] {
            let kept = stage.mira_sends(&[kind]).await;
            let file = stage.fetched(&kept["attachments"][0]["url"]).await;
            assert_eq!((file.status, file.headers["content-type"].as_str()), (200, content_type), "{kind}");
            assert_eq!(file.headers["content-disposition"], way, "{kind}");
            files += 1;
            assert_eq!(stage.files(), files, "{kind}");
        }
        let none = stage.mira_sends(&["ephemeral"]).await;
        assert_eq!(none["attachments"][0]["url"], "");
        let two = stage.mira_sends(&["image", "video"]).await;
        for one in two["attachments"].as_array().unwrap() {
            assert_eq!(stage.fetched(&one["url"]).await.status, 200);
        }
        let body = json!({"text": "Vegan?", "reply_to": {"story": {}}});
        let kept = stage.mira_writes(&body).await;
        assert_eq!(stage.fetched(&kept["storyReply"]["storyUrl"]).await.status, 200);
        assert_eq!(stage.files(), files + 3);
    }
}

story! {
    /// A link that is refused is asked for anew; what cannot be had at all stays a link, harmlessly.
    async fn a_refused_download_is_harmless(stage: Stage) {
        stage.keeping().await;
        stage.links_go_wrong(&json!({"fault": {"kind": "expired_media"}, "count": 1})).await;
        let kept = stage.mira_sends(&["image"]).await;
        assert!(is_kept(stage, &kept["attachments"][0]["url"]), "a fresh link was asked for");
        assert_eq!(stage.files(), 1);

        stage.links_go_wrong(&json!({"fault": {"kind": "status", "status": 503}, "count": 1})).await;
        let late = stage.mira_sends(&["image"]).await;
        assert!(!is_kept(stage, &late["attachments"][0]["url"]));
        stage.pass(Duration::from_secs(60)).await;
        let late = stage.messages(MIRA).await.pop().unwrap();
        assert!(is_kept(stage, &late["attachments"][0]["url"]), "it was tried again");

        stage.links_go_wrong(&json!({"fault": {"kind": "expired_media"}})).await;
        let lost = stage.mira_sends(&["image"]).await;
        for _ in 0..8 {
            stage.pass(Duration::from_secs(3600)).await;
        }
        let now = stage.messages(MIRA).await.pop().unwrap();
        assert_eq!(now["id"], lost["id"]);
        assert!(!is_kept(stage, &now["attachments"][0]["url"]));
        assert_eq!(stage.files(), 2);
        let mut tx = stage.db().read().await.unwrap();
        assert_eq!(posta_store::keeps::find_next_due(&mut tx).await.unwrap(), None, "given up");
    }
}

story! {
    /// A server that dies between a download and noting it leaves one file, not two.
    async fn a_crash_between_download_and_note_leaves_one_file(stage: Stage) {
        stage.keeping().await;
        stage.links_go_wrong(&json!({"fault": {"kind": "status", "status": 503}, "count": 1})).await;
        stage.mira_sends(&["image"]).await;
        // As the download left it: a file with a row that says nothing of it yet.
        let mut tx = stage.db().write().await.unwrap();
        let keep = posta_store::keeps::claim(&mut tx, NOON.plus(DAY), NOON.plus(DAY), 1).await.unwrap().remove(0);
        let half = Media {
            id: "a".repeat(40),
            workspace_id: keep.workspace_id.clone(),
            filename: String::new(),
            content_type: None,
            size: 0,
            sha256: None,
            created_at: NOON,
            expires_at: NOON.plus(Duration::from_secs(3600)),
            message_id: Some(keep.message_id.clone()),
            place: Some(keep.place),
        };
        media::insert(&mut tx, &half).await.unwrap();
        tx.commit().await.unwrap();
        let folder = stage.app.config.media_directory();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(&half.id), PNG).unwrap();
        stage.crash().await;
        stage.restart().await;
        stage.pass(DAY).await;
        let kept = stage.messages(MIRA).await.pop().unwrap();
        assert_eq!(stage.fetched(&kept["attachments"][0]["url"]).await.status, 200);
        assert_eq!(stage.files(), 1);
        assert!(!folder.join(&half.id).exists());
    }
}

story! {
    /// Purging takes copies along that an earlier setting made; so does deleting the conversation.
    async fn copies_go_when_they_shall(stage: Stage) {
        stage.keeping().await;
        let first = stage.mira_sends(&["image"]).await;
        let second = stage.mira_sends(&["image", "audio"]).await;
        assert_eq!(stage.files(), 3);
        stage.restart_with("media.policy", "purge-on-unsend").await;
        let third = stage.mira_sends(&["image"]).await;
        assert!(!is_kept(stage, &third["attachments"][0]["url"]));
        stage.mira_takes_back(&first).await;
        assert_eq!(stage.fetched(&first["attachments"][0]["url"]).await.status, 404);
        assert_eq!(stage.files(), 2);
        assert_eq!(stage.fetched(&second["attachments"][0]["url"]).await.status, 200);

        let path = format!("inbox/conversations/{MIRA}?accountId={}", stage.account);
        stage.call(Method::DELETE, &path, None, &[]).await.expect(200);
        stage.settle().await;
        assert_eq!(stage.fetched(&second["attachments"][0]["url"]).await.status, 404);
        assert_eq!(stage.files(), 0);
    }
}

story! {
    /// The owner's wish to have data deleted reaches the disk: copies, and what the account has sent.
    async fn an_owners_deletion_reaches_the_disk(stage: Stage) {
        stage.keeping().await;
        stage.mira_sends(&["image"]).await;
        let file = ("file", "menu.png", PNG);
        let sent = stage.upload("media/upload-direct", &[], file, &[]).await.expect(200);
        stage.send_form(MIRA, json!({"attachmentUrl": sent["url"]})).await.expect(200);
        let unsent = [PNG, b"other"].concat();
        let file = ("file", "other.png", unsent.as_slice());
        let unsent = stage.upload("media/upload-direct", &[], file, &[]).await.expect(200);
        stage.settle().await;
        assert_eq!(stage.files(), 3);
        let now = stage.clock.now().as_seconds();
        call(stage, "data-deletion", CLIENT_SECRET, now).await.expect(200);
        stage.settle().await;
        assert_eq!(stage.files(), 1);
        assert_eq!(stage.fetched(&sent["url"]).await.status, 404);
        assert_eq!(stage.fetched(&unsent["url"]).await.status, 200, "no account has sent it");
    }
}

story! {
    /// All files of a workspace together keep to the bound: uploads beyond it are refused, and of
    /// media beyond it the link is all there is.
    async fn a_workspace_has_so_much_room(stage: Stage) {
        stage.restart_with_number("media.max_workspace_bytes", 200).await;
        stage.keeping().await;
        let kept = stage.mira_sends(&["image"]).await;
        let size = stage.fetched(&kept["attachments"][0]["url"]).await.headers["content-length"].clone();
        let size: usize = size.parse().unwrap();
        let rest = [PNG, &vec![0; 200 - size - PNG.len()]].concat();
        let more = [&rest[..], b"0"].concat();
        let error = stage.upload("media/upload-direct", &[], ("file", "a.png", &more), &[]).await;
        let error = error.expect_error(413, "storage_full");
        assert_eq!(error["param"], "file");
        stage.upload("media/upload-direct", &[], ("file", "a.png", &rest), &[]).await.expect(200);
        assert_eq!(stage.files(), 2);
        let file = ("file", "b.png", PNG);
        stage.upload("media/upload-direct", &[], file, &[]).await.expect_error(413, "storage_full");
        let link = stage.mira_sends(&["image"]).await;
        assert!(!is_kept(stage, &link["attachments"][0]["url"]));
        stage.pass(DAY).await;
        assert_eq!(stage.files(), 2);
        // The week of the upload is over, and there is room again.
        stage.pass(DAY * 7).await;
        let kept = stage.mira_sends(&["image"]).await;
        assert!(is_kept(stage, &kept["attachments"][0]["url"]));

        stage.restart_with_number("media.max_stored_bytes", 10).await;
        let large = stage.mira_sends(&["image"]).await;
        assert!(!is_kept(stage, &large["attachments"][0]["url"]));
        assert_eq!(stage.files(), 2);
    }
}

story! {
    /// Pictures from before the connection are kept, and those that no webhook told of, and the owner's.
    async fn pictures_are_kept_however_they_come(stage: Stage) {
        stage.restart_with_number("inbox.import_threads", 5).await;
        stage.restart_with_number("inbox.reconcile_minutes", 15).await;
        let write = "instagram/people/mira.demo/write";
        let picture = json!({"attachments": [{"type": "image"}]});
        stage.control(write, &picture).await;
        stage.pass(Duration::from_mins(10)).await;
        stage.keeping().await;
        walked(stage).await;
        assert_eq!(stage.files(), 1, "imported");
        let lost = json!({"event": "message", "count": 1, "fault": "drop"});
        stage.control("faults", &lost).await;
        stage.control(write, &picture).await;
        stage.pass(Duration::from_mins(80)).await;
        walked(stage).await;
        assert_eq!(stage.files(), 2, "reconciled");
        let own = json!({"person": "mira.demo", "attachments": [{"type": "image"}]});
        stage.control("instagram/accounts/lumen.cafe.demo/owner/write", &own).await;
        stage.settle().await;
        assert_eq!(stage.files(), 3, "written by the owner in the platform's app");
        for one in stage.messages(MIRA).await {
            assert_eq!(stage.fetched(&one["attachments"][0]["url"]).await.status, 200, "{one}");
        }
    }
}
