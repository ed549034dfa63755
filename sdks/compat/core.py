"""The unified API as its published Python SDK calls it.

Run by run.sh after core.mjs. The SDK's own models judge the answers: they want every required
field, only known platforms, and times with a zone.
"""

import hashlib
import hmac
import queue
import threading
import unittest
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

from late import LateAPIError, LateAuthenticationError, LateNotFoundError
from late.models import (
    SocialAccount,
    Webhook,
    WebhookLog,
    WebhookPayloadMessageSent,
    WebhookPayloadTest,
)

from support import Client, Fails

UNKNOWN_ID = "0123456789abcdef01234567"


class Receiver:
    """A customer's endpoint on loopback that keeps what it gets."""

    def __init__(self):
        self.deliveries = deliveries = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                deliveries.put((self.headers, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self, event, contains=b""):
        """Waits for the next delivery of an event, for at most ten seconds each."""
        while True:
            headers, body = self.deliveries.get(timeout=10)
            if headers["X-Zernio-Event"] == event and contains in body:
                return headers, body

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Calls(Fails):
    """What works under both base URLs; the classes below say which."""

    root = None

    @classmethod
    def setUpClass(cls):
        cls.zernio = Client(cls.root)
        account = cls.zernio.accounts.list().accounts[0]
        cls.account_id = account.field_id
        cls.profile_id = account.profileId.field_id
        conversations = cls.zernio.messages.list_inbox_conversations(account_id=cls.account_id)
        cls.conversation_id = conversations["data"][0]["id"]

    def test_accounts(self):
        listed = self.zernio.accounts.list(profile_id=self.profile_id)
        self.assertIs(listed.hasAnalyticsAccess, False)
        self.assertIn(self.account_id, [account.field_id for account in listed.accounts])
        raw = self.zernio.accounts.list_accounts(platform="instagram")
        self.assertEqual([one["_id"] for one in raw["accounts"]], [self.account_id])
        self.assertEqual(SocialAccount.model_validate(raw["accounts"][0]).platform.value, "instagram")
        counted = self.zernio.accounts.list_accounts(include_status_counts=True, page=1, limit=1)
        self.assertEqual(counted["statusCounts"], {"all": 1, "disconnected": 0})
        self.assertEqual(counted["pagination"], {"page": 1, "limit": 1, "total": 1, "pages": 1})
        health = self.zernio.accounts.get_all_accounts_health()
        self.assertEqual(health["summary"]["healthy"], 1)

    def test_profiles(self):
        self.assertIn(self.profile_id, [one.field_id for one in self.zernio.profiles.list().profiles])
        made = self.zernio.profiles.create(name=f"Brand {uuid.uuid4()}", color="#ffeda0").profile
        changed = self.zernio.profiles.update(made.field_id, description="Changed").profile
        self.assertEqual((changed.name, changed.description), (made.name, "Changed"))
        self.assertEqual(self.zernio.profiles.get(made.field_id).profile, changed)
        self.assertTrue(self.zernio.profiles.delete(made.field_id).message)
        gone = (LateNotFoundError, "profile_not_found", self.zernio.profiles.get)
        self.assert_fails(*gone, made.field_id)

    def test_conversations(self):
        page = self.zernio.messages.list_inbox_conversations(limit=20)
        self.assertEqual(page["pagination"], {"hasMore": False, "nextCursor": None})
        self.assertIn(self.conversation_id, [one["id"] for one in page["data"]])
        requests = self.zernio.messages.list_inbox_conversations(folder="requests")
        self.assertEqual(requests["data"], [])
        failed = requests["meta"]["failedAccounts"]
        self.assertEqual([one["code"] for one in failed], ["PLATFORM_LIMITATION"])
        ours = (self.conversation_id, self.account_id)
        one = self.zernio.messages.get_inbox_conversation(*ours)["data"]
        self.assertEqual(one["participantId"], self.conversation_id)
        history = self.zernio.messages.get_inbox_conversation_messages(*ours)
        self.assertEqual(history["sortOrderApplied"], "asc")
        directions = {message["direction"] for message in history["messages"]}
        self.assertEqual(directions, {"incoming", "outgoing"})

    def test_comments(self):
        page = self.zernio.comments.list_inbox_comments(account_id=self.account_id)
        self.assertGreater(len(page["data"]), 0)
        post = page["data"][0]["id"]
        ours = (post, self.account_id)
        comments = self.zernio.comments.get_inbox_post_comments(*ours)["comments"]
        first = next(one for one in comments if one["canReply"] and not one["from"]["isOwner"])
        key = str(uuid.uuid4())
        reply = self.zernio.comments.reply_to_inbox_post(
            *ours, "Danke!", comment_id=first["id"], idempotency_key=key
        )
        self.assertIs(reply["data"]["isReply"], True)
        hidden = self.zernio.comments.hide_inbox_comment(post, first["id"], self.account_id)
        self.assertIs(hidden["hidden"], True)
        shown = self.zernio.comments.unhide_inbox_comment(post, first["id"], self.account_id)
        self.assertIs(shown["hidden"], False)
        gone = self.zernio.comments.delete_inbox_comment(*ours, reply["data"]["commentId"])
        self.assertIs(gone["success"], True)

    def test_send(self):
        text = f"Grüße from Python, {uuid.uuid4()}"
        send = self.zernio.messages.send_inbox_message
        ours = (self.conversation_id, self.account_id)
        key = str(uuid.uuid4())
        sent = send(*ours, message=text, idempotency_key=key)
        self.assertIs(sent["success"], True)
        self.assertNotIn("warnings", sent, "what the SDK sends by default is nothing to warn of")
        self.assertEqual(send(*ours, message=text, idempotency_key=key), sent)
        by_id = (sent["data"]["conversationId"], self.account_id)
        page = self.zernio.messages.get_inbox_conversation_messages(*by_id, sort_order="desc")
        found = [message["id"] for message in page["messages"] if message["message"] == text]
        self.assertEqual(found, [sent["data"]["messageId"]])

        self.assert_fails(LateAPIError, "missing_required_field", send, *ours)
        unknown = (LateNotFoundError, "conversation_not_found", send)
        self.assert_fails(*unknown, "nobody", self.account_id, message=text)

    def test_forms(self):
        send = self.zernio.messages.send_inbox_message
        ours = (self.conversation_id, self.account_id)
        image = {"attachment_url": "https://shop.example/lamp.jpg", "attachment_type": "image"}
        both = send(*ours, message="The lamp", **image)
        self.assertNotIn("warnings", both)
        self.assertEqual(len(both["data"]["messageIds"]), 2)
        quick_replies = [{"title": "Yes", "payload": "Y"}]
        self.assertIs(send(*ours, message="Well?", quick_replies=quick_replies)["success"], True)
        buttons = [{"type": "postback", "title": "Order", "payload": "ORDER"}]
        self.assertIs(send(*ours, message="Well?", buttons=buttons)["success"], True)

        where = (self.conversation_id, both["data"]["messageId"], self.account_id)
        self.assertIs(self.zernio.messages.add_message_reaction(*where, emoji="👍")["success"], True)
        self.assertIs(self.zernio.messages.remove_message_reaction(*where)["success"], True)

    def test_ice_breakers(self):
        settings = self.zernio.account_settings
        # The SDK sends them as `iceBreakers`.
        asked = [{"question": "Open today?", "payload": "OPEN"}]
        settings.set_instagram_ice_breakers(self.account_id, ice_breakers=asked)
        read = settings.get_instagram_ice_breakers(self.account_id)["data"]
        self.assertEqual(read[0]["ice_breakers"][0]["call_to_actions"], asked)
        settings.delete_instagram_ice_breakers(self.account_id)
        self.assertEqual(settings.get_instagram_ice_breakers(self.account_id)["data"], [])

    def test_connect_url(self):
        connect = self.zernio.connect.get_connect_url
        url = connect("instagram", self.profile_id, redirect_url="https://a.b/c?d=e")
        query = parse_qs(urlsplit(url["authUrl"]).query)
        self.assertEqual(query["state"], [url["state"]])
        # The SDK turns redirect_url into redirectUrl; that it is read shows when it is wrong.
        wrong = (LateAPIError, "INVALID_REDIRECT_URL", connect)
        self.assert_fails(*wrong, "instagram", self.profile_id, redirect_url="/done")
        unknown = (LateNotFoundError, "profile_not_found", connect)
        self.assert_fails(*unknown, "instagram", UNKNOWN_ID)

    def test_webhooks(self):
        receiver = Receiver()
        self.addCleanup(receiver.stop)
        hooks = self.zernio.webhooks
        made = hooks.create_webhook_settings(
            "Python", receiver.url, ["message.sent"], secret="a secret"
        )
        webhook_id = Webhook.model_validate(made["webhook"]).field_id
        self.addCleanup(lambda: hooks.delete_webhook_settings(id=webhook_id))
        listed = [Webhook.model_validate(one) for one in hooks.get_webhook_settings()["webhooks"]]
        self.assertIn(webhook_id, [webhook.field_id for webhook in listed])

        self.assertIs(hooks.test_webhook(webhook_id)["success"], True)
        headers, body = receiver.next("webhook.test")
        event = WebhookPayloadTest.model_validate_json(body)
        self.assertEqual(headers["X-Zernio-Event-Id"], event.id)
        signature = hmac.new(b"a secret", body, hashlib.sha256).hexdigest()
        self.assertEqual(headers["X-Zernio-Signature"], signature)

        text = f"Delivered, {uuid.uuid4()}"
        ours = (self.conversation_id, self.account_id)
        sent = self.zernio.messages.send_inbox_message(*ours, message=text)
        _, body = receiver.next("message.sent", contains=text.encode())
        event = WebhookPayloadMessageSent.model_validate_json(body)
        self.assertEqual(event.message.platformMessageId, sent["data"]["messageId"])
        self.assertEqual(event.account.id, self.account_id)

        logs = hooks.get_webhook_logs(webhook_id=webhook_id, event="webhook.test")
        log = WebhookLog.model_validate(logs["logs"][0])
        self.assertEqual((log.status.value, log.statusCode), ("success", 204))
        again = hooks.redeliver_webhook_event(webhook_id, log.eventId)
        self.assertIs(again["success"], True)
        changed = hooks.update_webhook_settings(webhook_id=webhook_id, is_active=False)
        changed = Webhook.model_validate(changed["webhook"])
        self.assertEqual((changed.name, changed.isActive), ("Python", False))

    def test_errors(self):
        get = self.zernio.profiles.get
        self.assert_fails(LateNotFoundError, "profile_not_found", get, UNKNOWN_ID)
        malformed = self.assert_fails(LateAPIError, "invalid_field_value", get, "nonsense")
        self.assertEqual(malformed.status_code, 400)
        stranger = Client(self.root, api_key="sk_" + "0" * 64)
        refused = (LateAuthenticationError, "invalid_credentials", stranger.profiles.list)
        self.assert_fails(*refused)


class UnderApi(Calls, unittest.TestCase):
    root = "/api"


class UnderRoot(Calls, unittest.TestCase):
    root = ""


if __name__ == "__main__":
    unittest.main(verbosity=2)
