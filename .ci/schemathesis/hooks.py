"""Gives each call a bearer token, and checks the answers with the statuses 422 and 429."""

import itertools
import json
import os

import schemathesis

TOKENS = {kind: itertools.cycle(tokens) for kind, tokens in json.loads(os.environ["TOKENS"]).items()}


@schemathesis.auth(refresh_interval=None)
class Bearer:
    """Chooses the token that an operation needs. There are many tokens of each kind, because one session may make
    only 120 calls in a minute."""

    def get(self, case, context):
        operation = context.operation
        [kind] = operation.definition.raw["security"][0]
        # The event stream of a session ends at once only if all its flows are closed. With open flows, the call would not
        # end.
        return next(TOKENS["finished" if operation.path == "/v1/session/events" else kind])

    def set(self, case, token, context):
        case.headers["Authorization"] = f"Bearer {token}"


# Fields whose rules no JSON schema can express. The service accepts only some origins, only the connectors of the session,
# and only properties that are not secret. Some members of an onboarding need a certain scope, and all texts of its metadata
# together have a maximum length. The service refuses the durations `.00` and `9999 years`, although they match the pattern.
NOT_IN_SCHEMA = {"origin", "returnTo", "every", "expiresIn", "patience", "olderThan", "prefill", "reauthenticate", "remindAfter", "activateCycle", "intent", "metadata"}
# The codes of refusals that depend on the connector or on ALLOWED_ORIGINS, and not on the shape of the request.
NOT_OF_THE_SHAPE = {"unknownProperty", "missingProperty", "originNotAllowed"}


@schemathesis.check
def valid_request_accepted(ctx, response, case):
    """Replaces the check of 422 in `positive_data_acceptance`, which can't read the codes."""
    if response.status_code != 422 or not case.meta.generation.mode.is_positive:
        return
    if "page" in (case.query or {}):
        return  # only the `next` of an earlier answer is a valid page
    problem = response.json()
    fields = {field["name"] for field in problem.get("fields", [])}
    if problem["code"] in NOT_OF_THE_SHAPE or (fields and fields <= NOT_IN_SCHEMA):
        return
    raise AssertionError(f"A request that matches the schema was refused: {problem['code']}, {sorted(fields)}")


@schemathesis.check
def not_limited(ctx, response, case):
    """Fails if a rate limit refused a call: such a call tests nothing else. The code
    `batchRunning` is allowed, because Temporal runs only one batch at a time."""
    is_limited = response.status_code == 429 and response.json()["code"] != "batchRunning"
    assert not is_limited, "The rate limit of a caller was reached"
