"""The functions: their packages, the writer's own log, and who hears when they fail."""

import functools
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cli.checks.planted import PlantedCall, found_in
from cli.checks.probe import Probe, Verdict, could_not_check, judged, required

_LOG_WAIT_SECONDS: Final = 20.0
_LOG_POLL_SECONDS: Final = 1.0
_WATCHED_METRICS: Final = ("Errors", "Throttles")
_OWN_METRICS: Final = {
    "Refusals": "what the writer refuses",
    "Faults": "what the writer fails at",
    "Sealed": "whether the log is sealed",
    "SealFindings": "what the sealer finds",
    "ApproximateAgeOfOldestMessage": "what waits to be sealed",
}


def package(probe: Probe) -> Verdict:
    """The SHA-256 of the code that runs is the one that the deployment recorded, and nothing is put beside it.

    Of the writer and of the sealer. A variable or a layer would make the very same code read other modules, or store in
    another place.
    """
    stack = probe.deployment
    client = probe.connection.client("lambda", role_arn=stack.auditor_role_arn)
    problems: list[str] = []
    for name, role, digest in (
        (stack.function_name, stack.writer_role_arn, stack.package_sha256),
        (stack.sealer_function_name, stack.sealer_role_arn, stack.sealer_package_sha256),
    ):
        get = functools.partial(client.get_function_configuration, FunctionName=name)
        running = required(f"auditor: the configuration of {name}", get)
        problems += [f"{name}: {problem}" for problem in _differences(running, role=role, digest=digest)]
    return judged(problems, f"SHA-256 {stack.package_sha256} and {stack.sealer_package_sha256}")


def _differences(running: Mapping[str, Any], *, role: str | None, digest: str) -> Iterator[str]:
    if running["CodeSha256"] != digest:
        yield f"the code that runs has SHA-256 {running['CodeSha256']}"
    if names := sorted(running.get("Environment", {}).get("Variables", {})):
        yield f"it has environment variables, and was deployed with none: {', '.join(names)}"
    if running.get("Layers"):
        yield "it has layers, and was deployed with none"
    if running["Role"] != role:
        yield f"it runs as {running['Role']}"


def log(probe: Probe) -> Verdict:
    """The writer's log since the check began holds none of what was planted."""
    calls = (probe.known_call, probe.victim_call, *probe.refused_calls)
    messages = _messages(probe)
    if not messages:
        return could_not_check(f"no line reached the writer's log within {_LOG_WAIT_SECONDS:.0f} s")
    text = "\n".join(messages).encode()
    problems = [
        f"the planted {place} is in the writer's log, {form}" for call in calls for place, form in _leaks(call, text)
    ]
    problems += [
        f"what was planted in the call to {sent.path} is in the writer's log, {form}"
        for sent in probe.samples
        for value in (sent.secret, sent.content)
        if (form := found_in(value, text)) is not None
    ]
    return judged(dict.fromkeys(problems), f"{len(messages)} lines of {probe.posts} posts searched")


def alarms(probe: Probe) -> Verdict:
    """Errors and throttles of the writer, what it refuses, and a log that is no longer sealed each tell the topic."""
    stack = probe.deployment
    client = probe.connection.client("cloudwatch", role_arn=probe.connection.administrator_arn)
    pages = required("the alarms", lambda: [*client.get_paginator("describe_alarms").paginate()])
    found = [alarm for page in pages for alarm in page.get("MetricAlarms", ())]
    telling = [
        alarm
        for alarm in found
        if stack.alarm_topic_arn in alarm.get("AlarmActions", ()) and alarm.get("ActionsEnabled", True)
    ]
    watched = {
        str(alarm.get("MetricName"))
        for alarm in telling
        if {"Name": "FunctionName", "Value": stack.function_name} in alarm.get("Dimensions", ())
    }
    problems = [f"no alarm watches {metric}" for metric in _WATCHED_METRICS if metric not in watched]
    metrics = {str(alarm.get("MetricName")) for alarm in telling}
    problems += [f"no alarm watches {what}" for metric, what in _OWN_METRICS.items() if metric not in metrics]
    return judged(problems, f"{len(telling)} alarms tell the topic")


def _leaks(call: PlantedCall, data: bytes) -> list[tuple[str, str]]:
    return [(place, form) for place, value in call.everything.items() if (form := found_in(value, data)) is not None]


def _messages(probe: Probe) -> list[str]:
    """Return the log's lines since the check began; waits a bounded time for one of each post to arrive."""
    stack = probe.deployment
    client = probe.connection.client("logs", role_arn=stack.auditor_role_arn)
    find = client.get_paginator("filter_log_events")
    where = {"logGroupName": stack.function_log_group, "startTime": int(probe.started_at.timestamp() * 1000)}
    deadline = time.monotonic() + _LOG_WAIT_SECONDS
    while True:
        pages = required("auditor: the writer's log", lambda: [*find.paginate(**where)])
        messages = [str(event["message"]) for page in pages for event in page.get("events", ())]
        if len(messages) >= probe.posts or time.monotonic() > deadline:
            return messages
        time.sleep(_LOG_POLL_SECONDS)
