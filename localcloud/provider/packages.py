"""The two packages that the program uses, `aws` and `random`, and the configuration that each takes."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import metadata
from typing import Any, ClassVar, Final

from localcloud.provider.aws import (
    bucket_settings,
    cloudtrail,
    cloudwatch,
    data,
    events,
    function_url,
    iam,
    kms,
    lambda_,
    logs,
    s3,
    sns,
    sqs,
    ssm,
)
from localcloud.provider.cloud import Cloud, ProviderError
from localcloud.provider.handler import Handler
from localcloud.provider.random_ import RandomPassword
from localcloud.provider.schema import Schema, text
from localcloud.provider.server import Functions, Provider, Resources

_SERVICES: Final = (
    *(bucket_settings, cloudtrail, cloudwatch, events, function_url, iam, kms, lambda_, logs, s3, sns, sqs, ssm),
)
HANDLERS: Final[tuple[type[Handler], ...]] = tuple(
    item
    for service in _SERVICES
    for item in vars(service).values()
    if isinstance(item, type) and issubclass(item, Handler) and "token" in vars(item)
)
"""Every resource type of `aws:`: each class of these modules that has a token."""
# Sent with every configuration; they say where the official plugin is from.
_PLUGIN: Schema = {"pluginDownloadURL": text(), "version": text()}


class AwsProvider(Provider):
    """The `aws` package against the emulator.

    `endpoint_url` and the credentials come from here, or from the provider's configuration (`endpoints`, `region`,
    `accessKey`, `secretKey`, `token`), never from the environment or the user's files. Where both name an endpoint
    they have to agree. An endpoint off this machine's loopback interface is refused.
    """

    package = "aws"
    version = metadata.version("pulumi-aws")
    config: ClassVar[Schema] = {
        **_PLUGIN,
        # `defaultTags` is accepted so that a stack file for AWS runs here too; the tags are not set.
        **dict.fromkeys(("accessKey", "defaultTags", "endpoints", "s3UsePathStyle", "secretKey", "token"), text()),
        **dict.fromkeys(("skipCredentialsValidation", "skipMetadataApiCheck", "skipRegionValidation"), text()),
        "region": text(force_new=True),
        "skipRequestingAccountId": text(),
    }

    def __init__(
        self,
        *,
        endpoint_url: str | None = None,
        region: str | None = None,
        access_key: str = "test",
        secret_key: str = "test",  # noqa: S107 - the emulator's root, the same for everybody
        session_token: str | None = None,
    ) -> None:
        super().__init__()
        self._endpoint_url = endpoint_url
        self._region = region
        self._access_key = access_key
        self._secret_key = secret_key
        self._session_token = session_token

    def configure(self, config: Mapping[str, Any]) -> tuple[Resources, Functions]:
        """Return every type and function, over one connection to the emulator."""
        region = config.get("region") or self._region
        if not region:
            raise ProviderError("aws:region is not set")
        given = "accessKey" in config
        cloud = Cloud(
            endpoint_url=self._endpoint(config),
            region=region,
            access_key=config["accessKey"] if given else self._access_key,
            secret_key=config.get("secretKey", "") if given else self._secret_key,
            session_token=config.get("token") if given else self._session_token,
        )
        resources = {handler.token: handler(cloud) for handler in HANDLERS}
        functions = {
            token: (function.inputs, partial(function.run, cloud)) for token, function in data.FUNCTIONS.items()
        }
        return resources, functions

    def _endpoint(self, config: Mapping[str, Any]) -> str:
        urls = {url.rstrip("/") for url in _endpoint_urls(config.get("endpoints"))}
        if self._endpoint_url is not None:
            urls.add(self._endpoint_url.rstrip("/"))
        if len(urls) != 1:
            found = ", ".join(sorted(urls)) or "none"
            msg = f"aws:endpoints has to name one address, the local cloud's, for all services; found: {found}"
            raise ProviderError(msg)
        return urls.pop()


class RandomProvider(Provider):
    """The `random` package: it needs no cloud and no configuration."""

    package = "random"
    version = metadata.version("pulumi-random")
    config: ClassVar[Schema] = _PLUGIN

    def configure(self, config: Mapping[str, Any]) -> tuple[Resources, Functions]:
        """Return the one type."""
        del config
        return {RandomPassword.token: RandomPassword()}, {}


def _endpoint_urls(text_or_none: str | None) -> Iterator[str]:
    """Yield every address in `aws:endpoints`: a list of objects, service → address."""
    if not text_or_none:
        return
    try:
        entries = json.loads(text_or_none)
    except ValueError as error:
        raise ProviderError(f"aws:endpoints is not JSON: {error}") from error
    for entry in entries if isinstance(entries, list) else [entries]:
        if not isinstance(entry, dict) or not all(isinstance(url, str) for url in entry.values()):
            raise ProviderError("aws:endpoints is a list of objects that map a service to an address")
        yield from entry.values()
