"""The rest of the inbox, of comments and of accounts, as the published Python SDK calls it.

Run by run.sh after core.py. This SDK has calls that the one for Node lacks: accepting requests, labels,
and deleting our copy of a conversation.
"""

import time
import unittest
import urllib.error
import urllib.request
import uuid
from urllib.parse import parse_qsl, urlencode, urlsplit

from late import LateAPIError, LateNotFoundError

from support import Client, Fails, act, until

OUR_APP = "990000000000001"
OTHER_APP = "990000000000778"
NOOR = "1099900000000103"
SECOND_ACCOUNT = "lumen.shop.demo"


class Stays(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_):
        return None


class Inbox(Fails, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.zernio = Client()
        cls.messages = cls.zernio.messages
        account = cls.zernio.accounts.list_accounts(platform="instagram")["accounts"][0]
        cls.account_id, cls.username = account["_id"], account["username"]
        cls.profile_id = account["profileId"]["_id"]
        cls.conversation_id = NOOR
        cls.ours = (cls.conversation_id, cls.account_id)
        cls.write(text="Where is my order?")
        until("Noor's conversation", cls.own)

    @classmethod
    def write(cls, **message):
        act("instagram/people/noor.demo/write", {**message, "account": cls.username})

    @classmethod
    def listed(cls, **more):
        query = {"account_id": cls.account_id, **more}
        return cls.messages.list_inbox_conversations(**query)["data"]

    @classmethod
    def own(cls, **more):
        found = (one for one in cls.listed(**more) if one["id"] == cls.conversation_id)
        return next(found, None)

    def read(self):
        page = self.messages.get_inbox_conversation_messages(*self.ours, sort_order="desc")
        return page["messages"]

    def assert_unsupported(self, call, *args, **kwargs):
        error = self.assert_fails(LateAPIError, "platform_not_supported", call, *args, **kwargs)
        self.assertEqual(error.details["platform"], "instagram")

    def test_search(self):
        word = f"Pflaumenkuchen{time.time_ns()}"
        self.write(text=f"Do you have {word}?")

        def search(**more):
            query = {"account_id": self.account_id, **more}
            return self.messages.search_inbox_conversations(word.upper(), **query)

        hit = until("the match", lambda: next(iter(search(direction="incoming")["data"]), None))
        self.assertEqual(hit["conversation"]["id"], self.conversation_id)
        self.assertEqual((hit["matchCount"], len(hit["matches"])), (1, 1))
        self.assertIn(word, hit["matches"][0]["text"])
        self.assertEqual(hit["matches"][0]["direction"], "incoming")
        by_name = self.messages.search_inbox_conversations("NOOR.DEMO")["data"]
        own = next(one for one in by_name if one["conversation"]["id"] == self.conversation_id)
        self.assertEqual((own["matchCount"], own["matches"]), (0, []))
        self.assertEqual(search(platform="facebook")["data"], [])
        nothing = (LateAPIError, "missing_required_field", self.messages.search_inbox_conversations)
        self.assert_fails(*nothing, " ")

    def test_archive(self):
        done = self.messages.update_inbox_conversation(*self.ours, "archived")
        self.assertEqual((done["success"], done["data"]["status"]), (True, "archived"))
        self.assertIsNone(self.own(status="active"))
        self.assertEqual(self.own(status="archived")["status"], "archived")
        self.write(text="Hello again")
        until("it to be back", lambda: self.own(status="active"))

    def test_typing_and_read(self):
        self.assertEqual(self.messages.send_typing_indicator(*self.ours), {"success": True})
        self.write(text="Are you there?")
        until("it to be unread", lambda: self.own()["unreadCount"])
        marked = self.messages.mark_conversation_read(*self.ours)
        self.assertIs(marked["success"], True)
        self.assertGreater(marked["markedCount"], 0)
        self.assertEqual(self.own()["unreadCount"], 0)

    def test_accept(self):
        text = f"Until six, {uuid.uuid4()}"
        sent = self.messages.accept_conversation_request(*self.ours, text)
        self.assertIs(sent["success"], True)
        found = [one["id"] for one in self.read() if one["message"] == text]
        self.assertEqual(found, [sent["data"]["messageId"]])
        self.assertEqual(self.own()["status"], "active", "it is a conversation like any other")
        unknown = (LateNotFoundError, "conversation_not_found")
        self.assert_fails(
            *unknown, self.messages.accept_conversation_request, "nobody", self.account_id, "Hi"
        )
        empty = (LateAPIError, "missing_required_field", self.messages.accept_conversation_request)
        self.assertEqual(self.assert_fails(*empty, *self.ours, "").details["param"], "message")
        requests = (LateAPIError, "PLATFORM_LIMITATION", self.listed)
        self.assert_fails(*requests, folder="requests")

    def test_attachments(self):
        self.write(attachments=[{"type": "image"}, {"type": "image"}])

        def pictures():
            return next((one for one in self.read() if len(one["attachments"]) == 2), None)

        message = until("the pictures", pictures)
        for index, attachment in enumerate(message["attachments"]):
            self.assertEqual(attachment["type"], "image")
            where = (self.conversation_id, message["id"], index, self.account_id)
            fresh = self.messages.get_message_attachment(*where, format="json")
            with urllib.request.urlopen(fresh["url"]) as file:
                self.assertTrue(file.headers["content-type"].startswith("image/"))
        where = (self.conversation_id, message["id"], 2, self.account_id)
        with self.assertRaises(LateNotFoundError):
            self.messages.get_message_attachment(*where, format="json")

    def test_edit_and_delete_are_refused(self):
        message = self.read()[0]["id"]
        where = (self.conversation_id, message, self.account_id)
        self.assert_unsupported(self.messages.edit_inbox_message, *where, text="Other words")
        self.assert_unsupported(self.messages.delete_inbox_message, *where)

    def test_start_is_refused(self):
        start = self.messages.create_inbox_conversation
        to = {"participant_id": self.conversation_id, "message": "Hi"}
        self.assert_fails(LateAPIError, "PLATFORM_NOT_SUPPORTED", start, self.account_id, **to)

    def test_labels_are_refused(self):
        self.assert_unsupported(self.messages.list_inbox_labels, self.account_id)
        self.assert_unsupported(self.messages.create_inbox_label, self.account_id, "vip")
        self.assert_unsupported(self.messages.delete_inbox_label, "7", self.account_id)
        self.assert_unsupported(self.messages.list_conversation_labels, *self.ours)
        self.assert_unsupported(self.messages.add_conversation_label, *self.ours, "7")
        where = (self.conversation_id, "7", self.account_id)
        self.assert_unsupported(self.messages.remove_conversation_label, *where)

    def test_thread_control(self):
        features = ["human_agent", "conversation_routing"]
        desk = {"client_id": OTHER_APP, "name": "Desk", "redirect_uris": [], "features": features}
        act("instagram/apps", desk)
        act("instagram/apps", {"client_id": OUR_APP, "features": features})
        control = self.messages.set_conversation_thread_control
        passed = control(*self.ours, "pass", target_app_id=OTHER_APP)
        held = {"owner": "other", "ownerAppId": OTHER_APP}
        self.assertEqual(passed, {"success": True, "control": held})
        self.assertEqual(self.own()["threadControl"], "other")
        self.assert_unsupported(control, *self.ours, "take")
        back = {"person": "noor.demo", "app": OUR_APP}
        act(f"instagram/accounts/{self.username}/owner/pass-thread", back)
        until("it to be back", lambda: self.own()["threadControl"] == "app")

    def test_delete_conversation(self):
        person = f"guest.{time.time_ns()}"
        act("instagram/people", {"username": person, "name": "Guest"})
        text = f"Only once, {uuid.uuid4()}"
        write = {"text": text, "account": self.username}
        act(f"instagram/people/{person}/write", write)
        found = until("the guest", lambda: next(
            (one for one in self.listed() if one["participantUsername"] == person), None))
        gone = self.messages.delete_inbox_conversation(found["id"], self.account_id)
        self.assertIs(gone["success"], True)
        self.assertGreaterEqual(gone["data"]["deletedMessages"], 1)
        unknown = (LateNotFoundError, "conversation_not_found")
        get = self.messages.get_inbox_conversation
        self.assert_fails(*unknown, get, found["id"], self.account_id)

    def test_mentions(self):
        text = f"Ask @{self.username}, {uuid.uuid4()}"
        act("instagram/people/noor.demo/mention", {"text": text, "account": self.username})

        def mentioned():
            page = self.zernio.mentions.list_inbox_mentions(account_id=self.account_id)
            return next((one for one in page["data"] if one["content"] == text), None)

        mention = until("the mention", mentioned)
        self.assertEqual((mention["type"], mention["authorUsername"]), ("comment", "noor.demo"))
        reply = self.zernio.mentions.reply_to_mention
        ours = (self.account_id, mention["mediaId"], "Yes?")
        self.assertIs(reply(*ours, comment_id=mention["commentId"])["success"], True)
        self.assert_fails(LateAPIError, "platform_not_supported", reply, *ours)

    def test_comments(self):
        comments = self.zernio.comments
        act(f"instagram/accounts/{self.username}/posts", {"caption": "Cups"})
        said = {"text": "Price?", "account": self.username}
        made = act("instagram/people/noor.demo/comment", said)
        where = (made["media_id"], made["comment_id"], self.account_id)
        reply = comments.send_private_reply_to_comment(*where, "40 €")
        self.assertEqual((reply["status"], reply["commentId"]), ("success", made["comment_id"]))
        until("the reply", lambda: [one for one in self.read() if one["id"] == reply["messageId"]])
        again = (LateAPIError, "private_reply_consumed", comments.send_private_reply_to_comment)
        error = self.assert_fails(*again, *where, "41 €")
        self.assertIs(error.details["details"]["privateReplyConsumed"], True)

        self.assert_unsupported(comments.edit_inbox_comment, *where, "reddit", "Other words")
        self.assert_unsupported(comments.set_comment_moderation, *where, "youtube", "rejected")
        self.assert_unsupported(comments.pin_inbox_comment, *where)
        self.assert_unsupported(comments.unpin_inbox_comment, *where)
        self.assert_unsupported(comments.like_inbox_comment, *where)
        self.assert_unsupported(comments.unlike_inbox_comment, *where)
        self.assert_unsupported(comments.like_post, made["media_id"], self.account_id)
        self.assert_unsupported(comments.unlike_post, made["media_id"], self.account_id)

    def test_settings(self):
        settings = self.zernio.account_settings
        actions = [{"type": "postback", "title": "Help", "payload": "HELP"}]
        menu = [{"locale": "default", "call_to_actions": actions}]
        # The SDK sends it as `persistentMenu`.
        settings.set_messenger_menu(self.account_id, persistent_menu=menu)
        read = settings.get_messenger_menu(self.account_id)["data"]
        self.assertEqual(read[0]["persistent_menu"][0]["call_to_actions"], actions)
        settings.delete_messenger_menu(self.account_id)
        self.assertEqual(settings.get_messenger_menu(self.account_id)["data"], [])
        breakers = [{"locale": "default", "call_to_actions": []}]
        for name, values in (
            ("messenger_get_started", ["START"]),
            ("messenger_greeting", [[{"locale": "default", "text": "Hi"}]]),
            ("messenger_ice_breakers", [breakers]),
            ("telegram_commands", [[{"command": "help", "description": "Help"}]]),
        ):
            self.assert_unsupported(getattr(settings, f"get_{name}"), self.account_id)
            self.assert_unsupported(getattr(settings, f"set_{name}"), self.account_id, *values)
            self.assert_unsupported(getattr(settings, f"delete_{name}"), self.account_id)

    def test_account(self):
        accounts, connect = self.zernio.accounts, self.zernio.connect
        health = accounts.get_account_health(self.account_id)
        self.assertEqual((health["status"], health["tokenStatus"]["valid"]), ("healthy", True))
        self.assertEqual(health["permissions"]["missingRequired"], [])
        posts = accounts.get_account_posts(self.account_id)
        self.assertEqual(posts["status"], "success")
        self.assertEqual(posts["posts"][0]["platform"], "instagram")
        follow = accounts.get_instagram_follow_status(self.account_id, self.conversation_id)
        self.assertEqual((follow["username"], follow["unavailableReason"]), ("noor.demo", None))
        self.assertIsInstance(follow["isFollower"], bool)
        stats = (LateAPIError, "feature_not_available", accounts.get_follower_stats)
        self.assertEqual(self.assert_fails(*stats).status_code, 501)

        before = connect.get_page_webhook_subscription(self.account_id)
        self.assertIs(before["appSubscribed"], True)
        self.assertIn("messages", before["subscribedFields"])
        lose = {"account": self.username, "client_id": OUR_APP}
        act("instagram/subscriptions/lose", lose)
        self.assertIs(connect.get_page_webhook_subscription(self.account_id)["appSubscribed"], False)
        mended = connect.resync_page_webhook_subscription(self.account_id)
        self.assertEqual(mended, {**before, "resubscribed": True})

    def test_second_account(self):
        accounts, connect = self.zernio.accounts, self.zernio.connect
        started = connect.get_connect_url("instagram", self.profile_id)
        consent = urlsplit(started["authUrl"])
        form = [*parse_qsl(consent.query), ("decision", "allow"), ("account", SECOND_ACCOUNT)]
        page = f"{consent.scheme}://{consent.netloc}{consent.path}"
        with self.assertRaises(urllib.error.HTTPError) as pressed:
            urllib.request.build_opener(Stays).open(page, urlencode(form).encode())
        code = dict(parse_qsl(urlsplit(pressed.exception.headers["location"]).query))["code"]
        connect.handle_o_auth_callback("instagram", code, started["state"], self.profile_id)
        # Whatever it was renamed to when it was connected before.
        found = accounts.list_accounts(platform="instagram")["accounts"]
        second = next(one["_id"] for one in found if one["_id"] != self.account_id)

        named = accounts.update_account(second, display_name="The shop")
        self.assertEqual(named["displayName"], "The shop")
        made = self.zernio.profiles.create_profile(f"Shop {uuid.uuid4()}")["profile"]["_id"]
        self.assertEqual(accounts.move_account_to_profile(second, made)["profileId"], made)
        self.assertTrue(accounts.delete_account(second)["message"])
        gone = (LateNotFoundError, "account_not_found", accounts.get_account_health)
        self.assert_fails(*gone, second)
        profiles = self.zernio.profiles
        self.assertEqual(profiles.list_profiles(name="none at all")["profiles"], [])
        self.assertEqual(profiles.get_profile(made)["profile"]["_id"], made)
        colour = profiles.update_profile(made, color="#000000")["profile"]["color"]
        self.assertEqual(colour, "#000000")
        self.assertTrue(profiles.delete_profile(made)["message"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
