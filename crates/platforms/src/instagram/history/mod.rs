//! Reading conversations and messages that are there already, webhook or not.

mod past;
#[cfg(test)]
mod tests;

use posta_core::failure::ConnectorError;
use posta_core::id::{RemoteMessage, RemotePerson};
use serde_json::Value;

use super::{Instagram, errors};
use crate::contract::{Answer, History, Page, Past, Thread};
use crate::cx::Cx;
use crate::meta::errors::Call;
use crate::meta::graph::{self, page, text, time};

/// What is asked of a message. Sub-fields of `shares` come only if they are named
/// (developers.facebook.com/docs/graph-api/reference/message, read 2026-11-24).
const FIELDS: &str = "id,created_time,from,to,message,attachments,shares{id,name,link,description},\
                      story,reactions,is_unsupported,reply_to";

/// The code of a message that was deleted, or is not among the 20 newest of its conversation: the
/// API lists all ids and answers alike for both
/// (developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/conversations-api,
/// read 2026-11-24).
const NOT_READABLE: i64 = 9_000_001;

impl History for Instagram {
    fn threads<'a>(&'a self, cx: &'a Cx<'a>, after: Option<&'a str>) -> Answer<'a, Page<Thread>> {
        Box::pin(async move {
            let mut query = vec![("platform", "instagram")];
            query.extend(after.map(|after| ("after", after)));
            let account = cx.account()?.id.as_str();
            let answer = get(cx, &[account, "conversations"], &query).await?;
            Ok(page(&answer, |item| thread(item, None)))
        })
    }

    fn thread_with<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        person: &'a RemotePerson,
    ) -> Answer<'a, Option<Thread>> {
        Box::pin(async move {
            let query = [("platform", "instagram"), ("user_id", person.as_str())];
            let account = cx.account()?.id.as_str();
            let answer = get(cx, &[account, "conversations"], &query).await?;
            Ok(page(&answer, |item| thread(item, Some(person))).items.pop())
        })
    }

    fn messages<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        thread: &'a Thread,
        after: Option<&'a str>,
    ) -> Answer<'a, Page<Past>> {
        Box::pin(async move {
            let account = &cx.account()?.id;
            let handle = thread.handle.as_str();
            let list = if let Some(after) = after {
                let query = [("fields", FIELDS), ("after", after)];
                get(cx, &[handle, "messages"], &query).await?
            } else {
                let fields = format!("messages{{{FIELDS}}}");
                let mut answer = get(cx, &[handle], &[("fields", &fields)]).await?;
                answer.get_mut("messages").map(Value::take).unwrap_or_default()
            };
            Ok(page(&list, |item| past::read(item, account)))
        })
    }

    fn message<'a>(&'a self, cx: &'a Cx<'a>, id: &'a RemoteMessage) -> Answer<'a, Past> {
        Box::pin(async move {
            let account = &cx.account()?.id;
            match get(cx, &[id.as_str()], &[("fields", FIELDS)]).await {
                Ok(answer) => {
                    Ok(past::read(&answer, account).unwrap_or_else(|| past::hidden(id.clone())))
                }
                Err(error) if is_not_readable(&error) => Ok(past::hidden(id.clone())),
                Err(error) => Err(error),
            }
        })
    }
}

fn is_not_readable(error: &ConnectorError) -> bool {
    error.said.as_ref().is_some_and(|said| said.code == Some(NOT_READABLE))
}

async fn get(cx: &Cx<'_>, path: &[&str], query: &[(&str, &str)]) -> Result<Value, ConnectorError> {
    let token = &cx.account()?.token;
    let segments: Vec<_> = [cx.site.version()].into_iter().chain(path.iter().copied()).collect();
    let request = cx.http.get(cx.site.url("graph", &segments)).query(query);
    let answer = graph::call(cx, request.bearer_auth(token.expose())).await;
    answer.map_err(|failed| errors::judge(failed, Call::Repeatable, cx.clock.now()))
}

fn thread(item: &Value, person: Option<&RemotePerson>) -> Option<Thread> {
    Some(Thread {
        handle: text(item, "id").filter(|id| !id.is_empty())?,
        person: person.cloned(),
        updated_at: time(item, "updated_time"),
    })
}
