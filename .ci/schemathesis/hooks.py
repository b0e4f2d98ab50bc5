"""Bearer tokens for each call, and checks of the statuses 422 and 429."""

import itertools
import json
import os

import schemathesis

TOKENS = {kind: itertools.cycle(tokens) for kind, tokens in json.loads(os.environ["TOKENS"]).items()}


@schemathesis.auth(refresh_interval=None)
class Bearer:
    """The token that an operation needs. There are many tokens of each kind, because one session may make
    120 calls in a minute."""

    def get(self, case, context):
        operation = context.operation
        [kind] = operation.definition.raw["security"][0]
        # The stream of a session with open flows would stay open. If all flows are closed, the stream ends at once.
        return next(TOKENS["finished" if operation.path == "/v1/session/events" else kind])

    def set(self, case, token, context):
        case.headers["Authorization"] = f"Bearer {token}"


# Fields with rules that no JSON schema can express: allowed origins, connectors that must be among those of the session,
# names of properties that are not secret, members of an onboarding that need a certain scope, the length of all texts of
# its metadata, and durations in words (the service refuses `.00` and `9999 years`, although they match the pattern).
NOT_IN_SCHEMA = {"origin", "returnTo", "every", "expiresIn", "patience", "olderThan", "prefill", "reauthenticate", "remindAfter", "activateCycle", "intent", "metadata"}
# Codes of refusals that depend on the connector or on ALLOWED_ORIGINS, not on the shape of the request.
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
    """This run stays below the rate limits: a refused call tests nothing else. Temporal runs one batch at a time."""
    is_limited = response.status_code == 429 and response.json()["code"] != "batchRunning"
    assert not is_limited, "The rate limit of a caller was reached"
