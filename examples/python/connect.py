"""A client that starts and controls flows through Temporal, by the rules of docs/messages.md.

The client has only the public sealing keys. The client connects connector 1002 with a property and an API key, and
opens a consent link of connector 1009.
"""

import asyncio
import json
import os
import sys
import time
import uuid
from datetime import timedelta
from pathlib import Path

from jwcrypto import jwe, jwk
from temporalio.client import Client, WorkflowHandle, WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError

ACCOUNT = "acme"
FINAL = {"authenticated", "expired", "cancelled", "failed", "unsupported"}
CALL_LIMIT = timedelta(seconds=35)  # a flow answers a request for a link within 30 s, and any other message within 10 s


def sealing_key() -> jwk.JWK:
    """Returns the first key of the JWK set, to which values are sealed. The public half of the set is enough."""
    keys = json.loads(Path(os.environ["SEALING_KEYS"]).read_text())["keys"]
    return jwk.JWK(**keys[0])


def seal(plaintext: str, connector: int, purpose: str, submission: str) -> dict:
    """Seals a text for one account, connector, purpose and submission."""
    key = sealing_key()
    header = {
        "alg": "ECDH-ES",
        "enc": "A256GCM",
        "kid": key.thumbprint(),
        "acc": ACCOUNT,
        "con": connector,
        "pur": purpose,
        "sub": submission,
        "iat": int(time.time()),
    }
    public = jwk.JWK.from_json(key.export_public())
    token = jwe.JWE(plaintext.encode(), json.dumps(header), recipient=public)
    return {"sealed": token.serialize(compact=True)}


def open_link(link: dict, key: jwk.JWK, connector: int, attempt: str) -> str:
    """Opens the sealed link of one attempt, and checks that the link belongs to this attempt."""
    token = jwe.JWE(algs=["ECDH-ES", "A256GCM"])
    token.deserialize(link["sealed"], key)
    header = token.jose_header
    binding = [header[name] for name in ("acc", "con", "pur", "sub")]
    if binding != [ACCOUNT, connector, "link", attempt]:
        raise ValueError("the link belongs to another attempt")
    return token.payload.decode()


async def start(client: Client, connector: int) -> WorkflowHandle:
    """Starts the flow of a connector. If the flow is open, returns this flow, and lets it re-read the connector."""
    return await client.start_workflow(
        "authenticateConnector",
        {"accountId": ACCOUNT, "connectorId": connector, "by": "python"},
        id=f"connector-auth/{ACCOUNT}/{connector}",
        task_queue="connector-auth",
        task_timeout=timedelta(seconds=30),
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        start_signal="recheck",
        start_signal_args=[{"by": "python"}],
    )


def is_repeatable(error: WorkflowQueryFailedError | WorkflowUpdateFailedError) -> bool:
    """Tells whether a later try of the failed query or update can succeed."""
    if isinstance(error, WorkflowQueryFailedError):
        return "read ahead of a workflow task" in str(error)
    cause = error.cause
    if not isinstance(cause, ApplicationError):
        return False
    return cause.type == "UnprocessedUpdate" or {"retry": True} in cause.details[1:2]


async def repeated(call):
    """Makes the call. Repeats the call for at most 10 s while a later try can succeed."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return await call()
        except (WorkflowQueryFailedError, WorkflowUpdateFailedError) as error:
            if time.monotonic() > deadline or not is_repeatable(error):
                raise
        await asyncio.sleep(0.1)


async def query(flow: WorkflowHandle, name: str) -> dict:
    return await repeated(lambda: flow.query(name, rpc_timeout=CALL_LIMIT))


async def update(flow: WorkflowHandle, name: str, body: dict, update_id: str) -> dict:
    return await repeated(lambda: flow.execute_update(name, body, id=update_id, rpc_timeout=CALL_LIMIT))


async def reaches(flow: WorkflowHandle, state: str, previous: str = "") -> dict:
    """Waits until the flow is in the state `state`, and returns the view. During the wait, the flow may be in `previous`.

    Fails if the flow waits for another input, has a problem, has ended, or has not reached the state within a minute.
    """
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        view = await query(flow, "view")
        now = view["state"]
        if now == state:
            return view
        if "problem" in view or now in FINAL or (now.startswith("awaiting") and now != previous):
            raise RuntimeError(f"the flow is in the state {now}, problem: {view.get('problem')}")
        await asyncio.sleep(0.2)
    raise TimeoutError(f"the flow has not reached the state {state}")


async def connect_by_key(client: Client, connector: int) -> None:
    flow = await start(client, connector)
    view = await reaches(flow, "awaitingProperties")
    print("asks for:", [field["name"] for field in view["fields"] if field["required"]])

    await flow.signal("propertyInput", {"submissionId": str(uuid.uuid4()), "values": {"Domain": "acme"}})
    await reaches(flow, "awaitingCredentials", previous="awaitingProperties")

    try:
        await update(flow, "submitCredentials", {"submissionId": "p-1", "credentials": "in clear"}, "p-1")
    except WorkflowUpdateFailedError as error:
        print("rejected:", error.cause.type)

    for key in ("wrong-key", "my-key"):
        submission = str(uuid.uuid4())
        plaintext = json.dumps({"kind": "apiKey", "key": key})
        credentials = seal(plaintext, connector, "credentials", submission)
        body = {"submissionId": submission, "credentials": credentials, "by": "python"}
        view = await update(flow, "submitCredentials", body, submission)
        print("answer:", view["state"], view.get("problem", {}).get("code", ""))

    await reaches(flow, "authenticated")
    print("result:", (await flow.result())["state"])
    timeline = await query(flow, "timeline")
    print("timeline:", [entry["event"] for entry in timeline["entries"]])


async def open_consent(client: Client, connector: int) -> None:
    flow = await start(client, connector)
    await reaches(flow, "awaitingAuthorization")
    key = jwk.JWK.generate(kty="EC", crv="P-256")
    public = key.export_public(as_dict=True)
    attempt = str(uuid.uuid4())
    body = {
        "attemptId": attempt,
        "replyKey": {name: public[name] for name in ("kty", "crv", "x", "y")},
        "returnTo": "http://127.0.0.1:8080/connect/return",
    }
    answer = await update(flow, "requestAuthorization", body, attempt)
    print("link:", open_link(answer["link"], key, connector, attempt))
    await flow.signal("cancel", {"reason": "the example ends here"})
    print("result:", (await flow.result())["state"])


async def main() -> None:
    client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "127.0.0.1:7233"))
    await connect_by_key(client, 1002)
    await open_consent(client, 1009)


asyncio.run(main())
# Skips the cleanup of Python: without `os._exit`, native threads of the SDK can crash Python 3.11 at its end
# (temporalio 1.35).
sys.stdout.flush()
os._exit(0)
