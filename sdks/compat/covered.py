"""Whether the suites have called every method of the Python SDK that Instagram has a part in.

Run by run.sh after all the others, which have noted their calls.
"""

import os
import unittest

from late import Zernio

GROUPS = (
    "account_settings",
    "accounts",
    "comments",
    "mentions",
    "messages",
    "profiles",
    "webhooks",
)

# The methods of `connect` that are about an account of Instagram; the others choose elsewhere.
CONNECT = (
    "get_connect_url",
    "handle_o_auth_callback",
    "get_page_webhook_subscription",
    "resync_page_webhook_subscription",
)

# Words in the names of methods that are for other platforms only.
ELSEWHERE = (
    "bluesky",
    "business_partner",
    "facebook_page_info",
    "gmb",
    "google_business",
    "hub_spot",
    "linked_in",
    "slack",
    "tik_tok",
)

# Methods that are not called, and why.
REASONS = {
    "messages.upload_media_direct": "sends no file in this version of the SDK",
}


def methods(group, there):
    """The methods of a group, without the twins that are awaited."""
    names = [name for name in dir(there) if not name.startswith("_")]
    names = [name for name in names if callable(getattr(there, name))]
    twins = {f"a{name}" for name in names}
    return [f"{group}.{name}" for name in names if name not in twins]


class Covered(unittest.TestCase):
    def test_every_method_is_called_or_named(self):
        zernio = Zernio(api_key="none", base_url="http://127.0.0.1:1")
        there = [name for group in GROUPS for name in methods(group, getattr(zernio, group))]
        there = [name for name in there if not any(word in name for word in ELSEWHERE)]
        there += [f"connect.{name}" for name in CONNECT if hasattr(zernio.connect, name)]
        self.assertGreater(len(there), 80, "the SDK is made otherwise")
        with open(os.environ["SDK_CALLS"], encoding="utf-8") as calls:
            called = set(calls.read().split())
        missing = [name for name in there if name not in called and name not in REASONS]
        self.assertEqual(missing, [], "not called by any suite")
        idle = [name for name in REASONS if name in called or name not in there]
        self.assertEqual(idle, [], "named although it is called, or is not there")


if __name__ == "__main__":
    unittest.main(verbosity=2)
