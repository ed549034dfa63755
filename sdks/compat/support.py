"""What the suites of the Python SDK share: the client, whose calls are noted; and moves in the sandbox."""

import json
import os
import time
import urllib.request

from late import Zernio

POSTA_URL = os.environ["POSTA_URL"]
POSTA_API_KEY = os.environ["POSTA_API_KEY"]
SANDBOX_URL = os.environ["SANDBOX_URL"]


class Noted:
    """A group of the SDK's methods; notes each that is called, for covered.py."""

    def __init__(self, name, methods):
        self._name, self._methods = name, methods

    def __getattr__(self, method):
        value = getattr(self._methods, method)
        if not callable(value):
            return value

        def call(*args, **kwargs):
            if path := os.environ.get("SDK_CALLS"):
                with open(path, "a", encoding="utf-8") as calls:
                    calls.write(f"{self._name}.{method}\n")
            return value(*args, **kwargs)

        return call


class Client:
    """The SDK's client."""

    def __init__(self, root="", api_key=POSTA_API_KEY):
        self._zernio = Zernio(api_key=api_key, base_url=POSTA_URL + root)

    def __getattr__(self, name):
        return Noted(name, getattr(self._zernio, name))


def act(path, body):
    """Moves somebody in the sandbox."""
    request = urllib.request.Request(
        f"{SANDBOX_URL}/_sandbox/{path}",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


def until(what, look):
    """Waits until `look` gives something, for at most ten seconds."""
    for _ in range(50):
        if found := look():
            return found
        time.sleep(0.2)
    raise AssertionError(f"waited in vain for {what}")


class Fails:
    """For test cases: asserts how a call fails."""

    def assert_fails(self, kind, code, call, *args, **kwargs):
        with self.assertRaises(kind) as caught:
            call(*args, **kwargs)
        self.assertEqual(caught.exception.details["code"], code)
        return caught.exception
