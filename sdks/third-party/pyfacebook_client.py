"""pyfacebook, a client for the platform's Graph API, against the sandbox.

Run by run.sh. The client knows nothing of the sandbox but its address; what arrives is looked up by
the control API.
"""

import json
import os
import unittest
from urllib.request import Request, urlopen

from pyfacebook import BasicDisplayAPI, FacebookError

SANDBOX = os.environ["SANDBOX_URL"]
ACCOUNT = "17841499900000002"
THEO = "1099900000000202"
SCOPES = ["instagram_business_basic", "instagram_business_manage_messages"]


def control(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"{SANDBOX}/_sandbox/{path}", data=data)) as reply:
        return json.load(reply)


def client(token):
    return BasicDisplayAPI(
        access_token=token,
        version="v25.0",
        base_url=f"{SANDBOX}/instagram/graph/",
        sleep_on_rate_limit=False,
    )


def send(api, recipient, message):
    data = {"recipient": json.dumps({"id": recipient}), "message": json.dumps(message)}
    return api.post_object(object_id="me", connection="messages", data=data)


class Pyfacebook(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        app = control("seed", {})["app"]["client_id"]
        wish = {"client_id": app, "account": ACCOUNT, "scopes": SCOPES}
        cls.token = control("instagram/tokens", wish)["token"]
        cls.api = client(cls.token)
        control("instagram/people/theo.demo/write", {"account": ACCOUNT, "text": "Hello?"})

    def test_reads_the_account(self):
        me = self.api.get_object(object_id="me", fields="user_id,username,account_type")
        self.assertEqual(me["user_id"], ACCOUNT)
        self.assertEqual(me["username"], "lumen.shop.demo")

    def test_sends_a_text_as_a_form(self):
        sent = send(self.api, THEO, {"text": "Grüße 👋"})
        self.assertEqual(sent["recipient_id"], THEO)
        thread = control(f"instagram/accounts/{ACCOUNT}/threads/theo.demo")
        last = thread["messages"][-1]
        self.assertEqual((last["id"], last["text"]), (sent["message_id"], "Grüße 👋"))

    def test_reads_the_profile_of_a_person_who_wrote(self):
        profile = self.api.get_object(object_id=THEO, fields="name,username")
        self.assertEqual(profile, {"id": THEO, "name": "Theo", "username": "theo.demo"})

    def test_reads_conversations_and_their_messages_as_they_were_written(self):
        mid = send(self.api, THEO, {"text": "Read me"})["message_id"]
        threads = self.api.get_connection(
            object_id="me", connection="conversations", platform="instagram"
        )
        self.assertEqual(len(threads["data"]), 1)
        thread = self.api.get_object(
            object_id=threads["data"][0]["id"], fields="messages{id,from,to,message}"
        )
        messages = thread["messages"]["data"]
        newest, oldest = messages[0], messages[-1]
        self.assertEqual((newest["id"], newest["message"]), (mid, "Read me"))
        self.assertEqual(newest["from"]["id"], ACCOUNT)
        self.assertEqual(newest["to"]["data"][0]["id"], THEO)
        self.assertEqual((oldest["message"], oldest["from"]["id"]), ("Hello?", THEO))
        # Conversations can be read twice a second; a third call is refused like the platform's.
        with self.assertRaises(FacebookError) as refused:
            self.api.get_object(object_id=mid, fields="message,created_time")
        self.assertEqual((refused.exception.code, refused.exception.error_subcode), (613, 2534040))
        control("clock", {"advance": "2s"})
        alone = self.api.get_object(object_id=mid, fields="message,created_time")
        self.assertEqual((alone["id"], alone["message"]), (mid, "Read me"))
        mine = self.api.get_connection(
            object_id="me", connection="conversations", platform="instagram", user_id=THEO
        )
        self.assertEqual(mine["data"], threads["data"])

    def test_subscribes_and_reads_what_it_is_subscribed_to(self):
        wish = {"subscribed_fields": "messages,messaging_seen"}
        done = self.api.post_object("me", connection="subscribed_apps", data=wish)
        self.assertEqual(done, {"success": True})
        apps = self.api.get_connection(object_id="me", connection="subscribed_apps")
        self.assertEqual(apps["data"][0]["subscribed_fields"], ["messages", "messaging_seen"])

    def test_understands_the_sandbox_s_refusals_as_the_platform_s(self):
        with self.assertRaises(FacebookError) as refused:
            send(self.api, "1099900000000203", {"text": "Hi"})
        self.assertEqual((refused.exception.code, refused.exception.error_subcode), (10, 2534022))
        with self.assertRaises(FacebookError) as refused:
            client("IGAAnobody").get_object(object_id="me", fields="username")
        self.assertEqual(refused.exception.code, 190)

    def test_reads_how_much_of_the_limits_is_used(self):
        fault = {"kind": "usage", "percent": 80, "wait": "5m"}
        control("faults", {"route": "me", "account": ACCOUNT, "count": 1, "fault": fault})
        api = client(self.token)
        api.get_object(object_id="me", fields="username")
        self.assertEqual(api.rate_limit.get_max_percent(), 80)


if __name__ == "__main__":
    unittest.main()
