"""A client that starts and controls flows through Temporal, by the rules of docs/messages.md.

The client has only the public sealing keys. It connects connector 1002 by a property and an API key, and opens a
consent link of connector 1009.
"""

import asyncio
import json
import os
import sys
import time
import uuid
from pathlib import Path

from jwcrypto import jwe, jwk
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy

ACCOUNT = "acme"
FINAL = {"authenticated", "expired", "cancelled", "failed", "unsupported"}


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
    """Starts the flow of a connector, or returns the running flow."""
    return await client.start_workflow(
        "authenticateConnector",
        {"accountId": ACCOUNT, "connectorId": connector, "by": "python"},
        id=f"connector-auth/{ACCOUNT}/{connector}",
        task_queue="connector-auth",
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )


async def reaches(flow: WorkflowHandle, state: str) -> dict:
    """Waits until the flow is in this state, and returns the view."""
    while True:
        view = await flow.query("view")
        if view["state"] == state:
            return view
        if view["state"] in FINAL:
            raise RuntimeError(f"the flow has ended: {view['state']}")
        await asyncio.sleep(0.2)


async def connect_by_key(client: Client, connector: int) -> None:
    flow = await start(client, connector)
    view = await reaches(flow, "awaitingProperties")
    print("asks for:", [field["name"] for field in view["fields"] if field["required"]])

    await flow.signal("propertyInput", {"submissionId": str(uuid.uuid4()), "values": {"Domain": "acme"}})
    await reaches(flow, "awaitingCredentials")

    try:
        await flow.execute_update("submitCredentials", {"submissionId": "p-1", "credentials": "in clear"})
    except WorkflowUpdateFailedError as error:
        print("rejected:", error.cause.type)

    for key in ("wrong-key", "my-key"):
        submission = str(uuid.uuid4())
        plaintext = json.dumps({"kind": "apiKey", "key": key})
        credentials = seal(plaintext, connector, "credentials", submission)
        view = await flow.execute_update(
            "submitCredentials",
            {"submissionId": submission, "credentials": credentials, "by": "python"},
            id=submission,
        )
        print("answer:", view["state"], view.get("problem", {}).get("code", ""))

    print("result:", (await flow.result())["state"])
    timeline = await flow.query("timeline")
    print("timeline:", [entry["event"] for entry in timeline["entries"]])


async def open_consent(client: Client, connector: int) -> None:
    flow = await start(client, connector)
    await reaches(flow, "awaitingAuthorization")
    key = jwk.JWK.generate(kty="EC", crv="P-256")
    public = key.export_public(as_dict=True)
    attempt = str(uuid.uuid4())
    answer = await flow.execute_update(
        "requestAuthorization",
        {
            "attemptId": attempt,
            "replyKey": {name: public[name] for name in ("kty", "crv", "x", "y")},
            "returnTo": "http://127.0.0.1:8080/connect/return",
        },
        id=attempt,
    )
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
