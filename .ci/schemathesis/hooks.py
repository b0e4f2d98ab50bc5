"""Who calls, and what a request may be refused for that is as described."""

import itertools
import json
import os

import schemathesis

TOKENS = {kind: itertools.cycle(tokens) for kind, tokens in json.loads(os.environ["TOKENS"]).items()}


@schemathesis.auth(refresh_interval=None)
class Bearer:
    """As the document says of each call. Many tokens of a kind: one session may call 120 times a minute."""

    def get(self, case, context):
        operation = context.operation
        [kind] = operation.definition.raw["security"][0]
        # A stream ends once all of its connectors have.
        return next(TOKENS["finished" if operation.path.endswith("/events") else kind])

    def set(self, case, token, context):
        case.headers["Authorization"] = f"Bearer {token}"


# What no schema can say: which sites the service is told to trust, and how long a duration in words is.
UNSAYABLE = {"origin", "returnTo", "expiresIn", "patience"}
# What depends on the connector.
OF_THE_FLOW = {"unknownProperty", "missingProperty"}


@schemathesis.check
def refused_for_what_no_schema_says(ctx, response, case):
    """In place of 422 in `positive_data_acceptance`, which knows statuses alone."""
    if response.status_code != 422 or not case.meta.generation.mode.is_positive:
        return
    problem = response.json()
    fields = {field["name"] for field in problem.get("fields", [])}
    if problem["code"] in OF_THE_FLOW or (fields and fields <= UNSAYABLE):
        return
    raise AssertionError(f"A request that is as described was refused: {problem['code']}, {sorted(fields)}")


@schemathesis.check
def not_limited(ctx, response, case):
    """This run stays below the limits: else there would be nothing but refusals to look at."""
    assert response.status_code != 429, "There were too many calls of one caller"
