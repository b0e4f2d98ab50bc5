"""Receives the events of a worker whose WEBHOOK_URL is the address of this program."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

# Fails at the start if a secret is empty. Python ignores characters that are not base64.
webhooks = [Webhook(secret.strip()) for secret in os.environ["WEBHOOK_SECRETS"].split(",")]


def verified(body: bytes, headers: dict) -> dict:
    """Returns the event. Fails if the signature fits none of the secrets, or is more than 5 minutes old."""
    for webhook in webhooks:
        try:
            return webhook.verify(body, headers)
        except (WebhookVerificationError, ValueError):  # ValueError: the body or the signature is malformed
            continue
    raise WebhookVerificationError("no secret fits")


MAX_BODY = 2 * 1024 * 1024  # no event of the worker is larger


class Receiver(BaseHTTPRequestHandler):
    timeout = 30  # the server closes a connection after this number of seconds without a byte

    def do_POST(self):
        length = self.headers.get("content-length", "")
        if not length.isdecimal():
            return self.answer(411)
        if int(length) > MAX_BODY:
            return self.answer(413)
        body = self.rfile.read(int(length))
        try:
            event = verified(body, {name.lower(): value for name, value in self.headers.items()})
        except WebhookVerificationError:
            return self.answer(401)
        # Remember the id: the same event can arrive twice.
        print(event["type"], event["data"]["id"], flush=True)
        self.answer(204)

    def answer(self, status: int):
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        """Logs no request."""


port = int(os.environ.get("PORT", "9000"))
server = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
print(f"http://127.0.0.1:{port}", flush=True)
server.serve_forever()
