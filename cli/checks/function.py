"""The function that writes: its package, its own log, and who is told when it fails."""

import time
from typing import Any, Final

from cli.checks.planted import PlantedCall, found_in
from cli.checks.probe import Probe, Verdict, could_not_check, judged, refusal
from cli.exits import CouldNot

_LOG_WAIT_SECONDS: Final = 20.0
_LOG_POLL_SECONDS: Final = 1.0
_WATCHED_METRICS: Final = ("Errors", "Throttles")


def package(probe: Probe) -> Verdict:
    """The SHA-256 of the code that runs is the one that the deployment recorded, and nothing is put beside it.

    A variable or a layer would make the very same code read other modules, or store in another place.
    """
    stack = probe.deployment
    client = probe.connection.client("lambda", role_arn=stack.auditor_role_arn)
    found: list[dict[str, Any]] = []
    reason = refusal(lambda: found.append(client.get_function_configuration(FunctionName=stack.function_name)))
    if reason is not None:
        return could_not_check(f"auditor: the function's configuration: {reason}")
    (running,) = found
    problems = []
    if running["CodeSha256"] != stack.package_sha256:
        problems.append(f"the code that runs has SHA-256 {running['CodeSha256']}")
    if names := sorted(running.get("Environment", {}).get("Variables", {})):
        problems.append(f"it has environment variables, and was deployed with none: {', '.join(names)}")
    if running.get("Layers"):
        problems.append("it has layers, and was deployed with none")
    if running["Role"] != stack.writer_role_arn:
        problems.append(f"it runs as {running['Role']}")
    return judged(problems, f"SHA-256 {stack.package_sha256}")


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
    """Errors and throttles of the function, and what the writer refuses, each raise an alarm that tells the topic."""
    stack = probe.deployment
    client = probe.connection.client("cloudwatch", role_arn=probe.connection.administrator_arn)
    found: list[dict[str, Any]] = []

    def read() -> None:
        for page in client.get_paginator("describe_alarms").paginate():
            found.extend(page.get("MetricAlarms", ()))

    reason = refusal(read)
    if reason is not None:
        return could_not_check(f"the alarms: {reason}")
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
    if not [alarm for alarm in telling if alarm.get("Namespace") != "AWS/Lambda"]:
        problems.append("no alarm watches what the writer refuses")
    return judged(problems, f"{len(telling)} alarms tell the topic")


def _leaks(call: PlantedCall, data: bytes) -> list[tuple[str, str]]:
    return [(place, form) for place, value in call.everything.items() if (form := found_in(value, data)) is not None]


def _messages(probe: Probe) -> list[str]:
    """Return the log's lines since the check began; waits a bounded time for one of each post to arrive."""
    stack = probe.deployment
    client = probe.connection.client("logs", role_arn=stack.auditor_role_arn)
    since = int(probe.started_at.timestamp() * 1000)
    deadline = time.monotonic() + _LOG_WAIT_SECONDS
    while True:
        messages: list[str] = []

        def read(found: list[str] = messages) -> None:
            paginator = client.get_paginator("filter_log_events")
            for page in paginator.paginate(logGroupName=stack.function_log_group, startTime=since):
                found.extend(str(event["message"]) for event in page.get("events", ()))

        reason = refusal(read)
        if reason is not None:
            raise CouldNot(f"auditor: the writer's log: {reason}")
        if len(messages) >= probe.posts or time.monotonic() > deadline:
            return messages
        time.sleep(_LOG_POLL_SECONDS)
