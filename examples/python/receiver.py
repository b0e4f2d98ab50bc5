"""Receives the events of a worker whose WEBHOOK_URL is the address of this program."""

import os
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

secrets = os.environ["WEBHOOK_SECRETS"].split(",")


def verified(body: bytes, headers: dict) -> dict:
    """Returns the event. Fails if the signature fits none of the secrets, or is more than 5 minutes old."""
    for secret in secrets:
        try:
            return Webhook(secret).verify(body, headers)
        except WebhookVerificationError as error:
            refused = error
    raise refused


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
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
server = HTTPServer(("127.0.0.1", port), Receiver)
print(f"http://127.0.0.1:{port}", flush=True)
server.serve_forever()
