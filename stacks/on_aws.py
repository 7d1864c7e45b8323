"""The log on AWS: settings in, components out.

Guarantee: whatever is refused (a foreign account's local package, administrators who would lock themselves out, a
weaker rule than the one deployed, more concurrency than the account has) is refused before anything is registered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_aws as aws

from components.aws.access_trail import AccessTrail, AccessTrailArgs
from components.aws.alarms import Alarms, AlarmsArgs
from components.aws.key_store import KeyStore, KeyStoreArgs
from components.aws.locked_bucket import LockedBucket, LockedBucketArgs
from components.aws.log_sealer import LogSealer, LogSealerArgs
from components.aws.log_writer import LogWriter, LogWriterArgs, WriterAgent
from components.aws.roles import Roles, RolesArgs
from components.aws.seal import Seal, SealArgs
from components.aws.seal_alarms import SealAlarms, SealAlarmsArgs
from components.aws.tokens import TokenHolder, Tokens, TokensArgs
from components.aws.vault import Vault, VaultArgs
from components.package import ANCHORING_SEALER, ROOT, SEALER, WRITER, ensure_wheels
from policies import bucket_policy, iam, seal_policy, vault_policy
from policies.iam import Bounds
from policies.place import Principal
from policies.retention import Mode, Retention, refuse_weakening
from stacks.names import Names
from stacks.settings import LOCAL_ACCOUNT, SettingError, Settings, rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

_LAMBDA_QUOTA: Final = ("lambda", "L-B99A9384")
"""Concurrent executions, by Service Quotas' code."""
_UNRESERVED: Final = 100
"""What Lambda keeps for functions without a reservation.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
"""
_NO_LOCK: Final = ("nosuchbucket", "objectlockconfigurationnotfound", "couldn't find resource", "empty result")
"""What a look at the lock of a bucket that is not there, or has none, is answered with."""


def deploy(settings: Settings) -> None:
    """Register everything of this stack, and export its outputs."""
    caller = aws.get_caller_identity()
    names = Names(
        stack=pulumi.get_stack(),
        region=settings.region,
        account=caller.account_id,
        partition=aws.get_partition().partition,
    )
    deployer = aws.iam.get_session_context(arn=caller.arn).issuer_arn
    administrators = settings.administrators or (deployer,)
    _check_administrators(administrators, deployer)
    _check_target(settings, names)
    deployed = _deployed_retention(names.bucket)
    refuse_weakening(settings.retention, deployed)
    if deployed is not None and not settings.retention.covers(deployed):
        pulumi.warn(
            f"retentionDays: from {deployed.days} to {settings.retention.days}, for what arrives from now on; "
            "what is locked stays locked until its own day"
        )
    _check_concurrency(settings.reserved_concurrency)
    ensure_wheels(settings.function_target, WRITER, ANCHORING_SEALER if settings.anchor_url else SEALER)

    place = names.place(vault=settings.envelope != "off")
    trail = names.trail if settings.access_trail == "own" else None
    bucket = LockedBucket(
        "log",
        LockedBucketArgs(
            name=names.bucket,
            retention=settings.retention,
            policy=iam.document(
                bucket_policy.statements(
                    place,
                    administrators=administrators,
                    trail=trail,
                    loopback=settings.function_target == "local",
                )
            ),
            profile=settings.profile.name,
            protect=settings.profile.protect,
        ),
    )
    roles = Roles(
        "roles",
        RolesArgs(
            place=place,
            bounds=Bounds.of(settings.profile, settings.retention),
            assumed_by={
                Principal.AUDITOR: settings.auditors or administrators,
                Principal.RETENTION_ADMIN: settings.retention_admins or administrators,
                Principal.HOLD_RELEASER: settings.hold_releasers or administrators,
                Principal.VAULT_READER: settings.vault_readers or administrators,
            },
            after=[bucket],
        ),
    )
    vault = _vault(settings, names, administrators, roles) if place.vault else None
    tokens = Tokens(
        "token",
        TokensArgs(
            holders=[
                TokenHolder(
                    agent=agent.name,
                    generation=agent.generation,
                    previous_until=None if agent.previous_until is None else rfc3339(agent.previous_until),
                )
                for agent in settings.agents
            ]
        ),
    )
    keys = KeyStore(
        "keys",
        KeyStoreArgs(
            parameter=names.keys,
            digest_generation=settings.digest_key_generation,
            pseudonym_generation=settings.pseudonym_key_generation,
        ),
    )
    writer = LogWriter(
        "writer",
        LogWriterArgs(
            function=names.function,
            log_group=names.function_log_group,
            log_days=settings.function_log_days,
            region=settings.region,
            bucket=bucket.bucket,
            role_arn=roles.arns[Principal.WRITER],
            agents=[WriterAgent(name=agent.name, endpoint_detail=agent.endpoint_detail) for agent in settings.agents],
            accepted=tokens.accepted,
            target=settings.function_target,
            out_dir=ROOT / ".cache" / "packages" / names.stack,
            keys_parameter=keys.parameter,
            digest=settings.digest,
            personal_data=settings.personal_data,
            mask_rules=settings.mask_rules,
            envelope=settings.envelope,
            vault=None if vault is None else vault.bucket,
            reserved_concurrency=settings.reserved_concurrency,
        ),
    )
    alarms = Alarms(
        "alarms",
        AlarmsArgs(
            prefix=names.prefix,
            topic=names.topic,
            topic_arn=f"arn:{names.partition}:sns:{names.region}:{names.account}:{names.topic}",
            account=names.account,
            function=names.function,
            log_group=writer.log_group,
            email=settings.alarm_email,
        ),
    )
    seal_key_arn, sealed = _seal(settings, names, administrators, _Made(bucket=bucket, roles=roles, alarms=alarms))
    AccessTrail(
        "access",
        AccessTrailArgs(
            prefix=names.prefix,
            function=names.function,
            sealer=names.sealer,
            queue=names.queue,
            log_groups=(names.function_log_group, names.sealer_log_group),
            topic=names.topic,
            trail=names.trail,
            trail_arn=bucket_policy.trail_arn(place, names.trail),
            bucket_name=names.bucket,
            bucket_arn=place.bucket_arn(),
            hold_releaser_arn=place.role_arn(Principal.HOLD_RELEASER),
            role_names=tuple(place.roles.values()),
            own_trail=trail is not None,
            vault=place.vault,
            vault_arn=place.vault_arn() if place.vault else "",
            bucket=bucket.bucket,
            topic_arn=alarms.topic_arn,
            seal_key_arn=seal_key_arn,
        ),
    )
    outputs: dict[str, pulumi.Input[object]] = {
        "endpoint": writer.endpoint,
        "tokens": tokens.tokens,
        "bucket": names.bucket,
        "region": names.region,
        "account": names.account,
        "writer_role_arn": roles.arns[Principal.WRITER],
        "auditor_role_arn": roles.arns[Principal.AUDITOR],
        "retention_admin_role_arn": roles.arns[Principal.RETENTION_ADMIN],
        "hold_releaser_role_arn": roles.arns[Principal.HOLD_RELEASER],
        "administrators": list(administrators),
        "function_name": names.function,
        "function_log_group": names.function_log_group,
        "alarm_topic_arn": alarms.topic_arn,
        "keys_parameter": names.keys,
        "package_sha256": writer.package_sha256,
        "package_sha256_hex": writer.package_sha256_hex,
        **sealed,
        "retention": {"mode": settings.retention.mode.value, "days": settings.retention.days},
        "profile": settings.profile.name,
    }
    if vault is not None:
        outputs["vault_bucket"] = vault.bucket
        outputs["vault_reader_role_arn"] = roles.arns[Principal.VAULT_READER]
    for key, value in outputs.items():
        pulumi.export(key, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What the sealing stands on."""

    bucket: LockedBucket
    roles: Roles
    alarms: Alarms


def _seal(
    settings: Settings, names: Names, administrators: Sequence[str], made: _Made
) -> tuple[pulumi.Output[str], dict[str, pulumi.Input[object]]]:
    """The key, the queue, the sealer and its alarms; the key's ARN, and the outputs of them all."""
    place = names.place(vault=settings.envelope != "off")
    seal = Seal(
        "seal",
        SealArgs(
            queue=names.queue,
            alias=names.seal_alias,
            queue_policy=iam.document(seal_policy.queue_statements(place)),
            key_policy=iam.document(seal_policy.key_statements(place, administrators=administrators)),
            bucket=names.bucket,
            after=[made.bucket, made.roles],
        ),
    )
    sealer = LogSealer(
        "sealer",
        LogSealerArgs(
            function=names.sealer,
            log_group=names.sealer_log_group,
            log_days=settings.function_log_days,
            region=settings.region,
            origin=names.seal_origin,
            retention_days=settings.retention.days,
            seal_minutes=settings.seal_minutes,
            anchor_url=settings.anchor_url,
            bucket=made.bucket.bucket,
            role_arn=made.roles.arns[Principal.SEALER],
            queue_url=seal.queue_url,
            key_arn=seal.key_arn,
            topic_arn=made.alarms.topic_arn,
            target=settings.function_target,
            out_dir=ROOT / ".cache" / "packages" / names.stack,
        ),
    )
    SealAlarms(
        "seal-alarms",
        SealAlarmsArgs(
            prefix=names.prefix,
            function=names.sealer,
            queue=names.queue,
            seal_minutes=settings.seal_minutes,
            log_group=sealer.log_group,
            topic_arn=made.alarms.topic_arn,
        ),
    )
    return seal.key_arn, {
        "sealer_role_arn": made.roles.arns[Principal.SEALER],
        "sealer_function_name": names.sealer,
        "sealer_function_log_group": sealer.log_group,
        "sealer_package_sha256": sealer.package_sha256,
        "seal_key_id": seal.key_arn,
        "seal_minutes": settings.seal_minutes,
        "seal_origin": names.seal_origin,
        "seal_queue_url": seal.queue_url,
    }


def _vault(settings: Settings, names: Names, administrators: Sequence[str], roles: Roles) -> Vault:
    """The vault, whose key's policy is about roles that must be there first."""
    place = names.place(vault=True)
    loopback = settings.function_target == "local"
    statements = vault_policy.bucket_statements(place, administrators=administrators, loopback=loopback)
    return Vault(
        "vault",
        VaultArgs(
            name=names.vault,
            alias=names.vault_alias,
            policy=iam.document(statements),
            key_policy=iam.document(vault_policy.key_statements(place, administrators=administrators)),
            after=[roles],
        ),
    )


def _check_administrators(administrators: Sequence[str], deployer: str) -> None:
    """Refuse a policy after which whoever deploys could not deploy again."""
    if deployer not in administrators:
        rule = f"must include who deploys ({deployer}), or the next run could not change the policy"
        raise SettingError("administrators", rule, list(administrators))


def _check_target(settings: Settings, names: Names) -> None:
    """Refuse the local cloud's exceptions anywhere but there."""
    local = names.account == LOCAL_ACCOUNT
    if (settings.function_target == "local") != local:
        rule = f"must be {'local' if local else 'aws'} in account {names.account}"
        raise SettingError("functionTarget", rule, settings.function_target)


def _deployed_retention(bucket: str) -> Retention | None:
    """The default rule in force, or None where there is no bucket or no rule yet.

    A look that is refused is an error: nothing may be weakened because nobody could see it.
    """
    try:
        found = aws.s3.get_bucket_object_lock_configuration(bucket=bucket)
    except Exception as error:  # an invoke raises no narrower one
        said = str(error)
        if says_absent(said):
            return None
        msg = f"retentionDays: cannot see how {bucket} is locked now, so cannot tell whether this weakens it: {said}"
        raise pulumi.RunError(msg) from error
    for rule in found.rules:
        for default in rule.default_retentions:
            return Retention(mode=Mode(default.mode), days=default.days or default.years * 365)
    return None


def says_absent(said: str) -> bool:
    """Whether a failed look at a lock says that there is no bucket or no lock, and not that it may not be seen."""
    return any(words in said.lower() for words in _NO_LOCK)


def _check_concurrency(reserved: int) -> None:
    """Refuse a reservation that the account cannot give."""
    if not reserved:
        return
    service, code = _LAMBDA_QUOTA
    try:
        quota = int(aws.servicequotas.get_service_quota(service_code=service, quota_code=code).value)
    except Exception as error:  # an invoke raises no narrower one
        msg = f"reservedConcurrency: cannot read how much the account may run at once ({error}); 0 reserves none"
        raise pulumi.RunError(msg) from error
    if reserved > quota - _UNRESERVED:
        most = max(quota - _UNRESERVED, 0)
        rule = f"the account runs {quota} at once, of which Lambda keeps {_UNRESERVED}, so must be at most {most}"
        raise SettingError("reservedConcurrency", rule, reserved)
