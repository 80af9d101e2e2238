"""The operations on callbacks, as the documentation tells them."""

from simlet.domain.errors import (
    CALLBACK_IS_DISABLED,
    CALLBACK_LIMIT,
    CALLBACK_UNKNOWN,
    EVENT_UNKNOWN,
)
from simlet.web.v1 import callbacks, examples, objects
from simlet.web.v1.operation import AnswerDoc, AnyOperation, Operation

TAG = "callbacks"
_CALLBACK = AnswerDoc(200, "The callback.", objects.Callback, examples.CALLBACK)

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        id="add_callback",
        method="POST",
        path="/v1/callbacks",
        tag=TAG,
        summary="Add a callback",
        description="From now on the events named are posted to the address, signed by the secret "
        "in the answer (Standard Webhooks 1.0.0), which is shown this once. An account may have 20 "
        "active ones.",
        handler=callbacks.add,
        body=callbacks.NewCallback,
        answers=(
            AnswerDoc(
                201,
                "The callback, with its secret.",
                objects.Callback,
                examples.NEW_CALLBACK,
                headers=(("Location", "The address of the callback."),),
            ),
        ),
        refusals=(CALLBACK_LIMIT,),
        examples=(
            (
                "Codes and expiries",
                {
                    "url": "https://dealer.example/simlet",
                    "events": ["rental.received", "rental.expired"],
                },
            ),
        ),
    ),
    Operation(
        id="list_callbacks",
        method="GET",
        path="/v1/callbacks",
        tag=TAG,
        summary="List callbacks",
        description="The callbacks of this account, newest first, by pages; also those that "
        "rentals named with `callback_url`, unless `scope` asks for one kind.",
        handler=callbacks.list_all,
        parameters=callbacks.ListedCallbacks,
        answers=(
            AnswerDoc(
                200, "A page of callbacks.", objects.Callback, examples.CALLBACK, listed=True
            ),
        ),
    ),
    Operation(
        id="show_callback",
        method="GET",
        path="/v1/callbacks/{id}",
        tag=TAG,
        summary="Show a callback",
        description="How a callback is set, and since when it fails. Its secret is not shown.",
        handler=callbacks.show,
        parameters=callbacks.OneCallback,
        answers=(_CALLBACK,),
        refusals=(CALLBACK_UNKNOWN,),
    ),
    Operation(
        id="change_callback",
        method="PATCH",
        path="/v1/callbacks/{id}",
        tag=TAG,
        summary="Change a callback, or its secret",
        description="What is left out stays. While a secret is replaced, both sign, for a day or "
        "as long as `keep_old_secret_s` says; replaced again meanwhile, so does the oldest. "
        "A disabled callback drops what was to come; active again, it is posted "
        "what happens then, and the rest can be replayed.",
        handler=callbacks.change,
        parameters=callbacks.OneCallback,
        body=callbacks.ChangedCallback,
        answers=(_CALLBACK,),
        refusals=(CALLBACK_UNKNOWN, CALLBACK_LIMIT),
        examples=(
            ("A new secret", {"rotate_secret": True, "keep_old_secret_s": 3600}),
            ("Active again", {"state": "active"}),
        ),
    ),
    Operation(
        id="remove_callback",
        method="DELETE",
        path="/v1/callbacks/{id}",
        tag=TAG,
        summary="Remove a callback",
        description="Nothing is posted there any more, not even what was still to come.",
        handler=callbacks.remove,
        parameters=callbacks.OneCallback,
        answers=(AnswerDoc(204, "It is removed.", None),),
        refusals=(CALLBACK_UNKNOWN,),
    ),
    Operation(
        id="list_attempts",
        method="GET",
        path="/v1/callbacks/{id}/attempts",
        tag=TAG,
        summary="List the attempts at a callback",
        description="Each try to post an event there, newest first, for seven days; what was "
        "answered is kept as long as texts of messages are.",
        handler=callbacks.attempts,
        parameters=callbacks.ListedAttempts,
        answers=(
            AnswerDoc(200, "A page of attempts.", objects.Attempt, examples.ATTEMPT, listed=True),
        ),
        refusals=(CALLBACK_UNKNOWN,),
    ),
    Operation(
        id="test_callback",
        method="POST",
        path="/v1/callbacks/{id}/test",
        tag=TAG,
        summary="Test a callback",
        description="Posts an event `callback.test` there, and nowhere else.",
        handler=callbacks.test,
        parameters=callbacks.OneCallback,
        answers=(AnswerDoc(202, "The event.", objects.Event, examples.TEST_EVENT),),
        refusals=(CALLBACK_UNKNOWN, CALLBACK_IS_DISABLED),
    ),
    Operation(
        id="replay_events",
        method="POST",
        path="/v1/callbacks/{id}/replay",
        tag=TAG,
        summary="Post events again",
        description="One event, whether or not this callback takes it, or what it takes of a "
        "stretch of time, with at most 1000 events, among at most 5000 of the account. Each has "
        "the `webhook-id` that it had before. A stretch of time counts as 25 more calls.",
        handler=callbacks.replay,
        parameters=callbacks.OneCallback,
        body=callbacks.Replayed,
        answers=(AnswerDoc(202, "How many are posted.", objects.Replay, objects.Replay(count=1)),),
        refusals=(CALLBACK_UNKNOWN, CALLBACK_IS_DISABLED, EVENT_UNKNOWN),
        examples=(
            ("One event", {"event": "evt_9"}),
            ("A night", {"from": "2026-11-22T22:00:00Z", "to": "2026-11-23T06:00:00Z"}),
        ),
    ),
)
