"""The log on AWS: settings in, components out.

Guarantee: whatever is refused (a foreign account's local package, administrators who would lock themselves out, a
weaker rule than the one deployed, more concurrency than the account has) is refused before anything is registered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from policies.retention import refuse_weakening
from stacks.deployed import (
    check_concurrency,
    check_deployer,
    check_signing_key,
    deployed_keys,
    deployed_retention,
    vault_waits,
)
from stacks.names import Names
from stacks.settings import LOCAL_ACCOUNT, SettingError, Settings, rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence


def deploy(settings: Settings) -> None:
    """Register everything of this stack, and export its outputs."""
    caller = aws.get_caller_identity()
    names = Names(
        stack=pulumi.get_stack(),
        region=settings.region,
        account=caller.account_id,
        partition=aws.get_partition().partition,
        role_path=settings.role_path,
    )
    deployer = aws.iam.get_session_context(arn=caller.arn).issuer_arn or caller.arn
    administrators = settings.administrators or (deployer,)
    _check_administrators(administrators, deployer)
    _check_target(settings, names)
    check_deployer(names.bucket, deployer)
    deployed = deployed_retention(names.bucket)
    refuse_weakening(settings.retention, deployed)
    if deployed is not None and not settings.retention.covers(deployed):
        pulumi.warn(
            f"retentionDays: from {deployed.days} to {settings.retention.days}, for what arrives from now on; "
            "what is locked stays locked until its own day"
        )
    check_signing_key(names.seal_alias)
    check_concurrency(settings.reserved_concurrency)
    ensure_wheels(settings.function_target, WRITER, ANCHORING_SEALER if settings.anchor_url else SEALER)

    filled = settings.envelope != "off"
    place = names.place(vault=filled or vault_waits(settings, names.vault), vault_fills=filled)
    trail = names.trail if settings.access_trail == "own" else None
    protect = settings.profile.protect
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
            permissions_boundary=settings.permissions_boundary,
        ),
    )
    seal = Seal(
        "seal",
        SealArgs(
            queue=names.queue,
            alias=names.seal_alias,
            queue_policy=iam.document(seal_policy.queue_statements(place)),
            key_policy=iam.document(seal_policy.key_statements(place, administrators=administrators)),
            bucket=names.bucket,
            protect=protect,
            after=[roles],
        ),
    )
    keys = KeyStore(
        "keys",
        KeyStoreArgs(
            parameter=names.keys,
            digest_generation=settings.digest_key_generation,
            pseudonym_generation=settings.pseudonym_key_generation,
            deployed=deployed_keys(names.keys),
            protect=protect,
        ),
    )
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
            protect=protect,
            after=[*seal.signing, keys],
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
            vault=vault.bucket if vault is not None and filled else None,
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
    sealing, sealed = _sealing(settings, names, seal=seal, bucket=bucket, roles=roles, alarms=alarms)
    access = AccessTrail(
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
            seal_key_arn=seal.key_arn,
        ),
    )
    _refuse_first(
        [bucket, roles, tokens, keys, writer, seal, *sealing, alarms, access, *([vault] if vault else [])],
        protect=protect,
    )
    outputs: dict[str, pulumi.Input[object]] = {
        "endpoint": writer.endpoint,
        "agents": [agent.name for agent in settings.agents],
        "token_generations": {agent.name: agent.generation for agent in settings.agents},
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
    if vault is not None and filled:
        outputs["vault_bucket"] = vault.bucket
        outputs["vault_reader_role_arn"] = roles.arns[Principal.VAULT_READER]
    for key, value in outputs.items():
        pulumi.export(key, value)


def _sealing(
    settings: Settings, names: Names, *, seal: Seal, bucket: LockedBucket, roles: Roles, alarms: Alarms
) -> tuple[list[pulumi.Resource], dict[str, pulumi.Input[object]]]:
    """Register the sealer and its alarms; return both, and the outputs about them, the queue and the key."""
    queue_url = seal.listen(bucket)
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
            bucket=bucket.bucket,
            role_arn=roles.arns[Principal.SEALER],
            queue_url=queue_url,
            key_arn=seal.key_arn,
            topic_arn=alarms.topic_arn,
            target=settings.function_target,
            out_dir=ROOT / ".cache" / "packages" / names.stack,
        ),
    )
    seal_alarms = SealAlarms(
        "seal-alarms",
        SealAlarmsArgs(
            prefix=names.prefix,
            function=names.sealer,
            queue=names.queue,
            seal_minutes=settings.seal_minutes,
            log_group=sealer.log_group,
            topic_arn=alarms.topic_arn,
        ),
    )
    return [sealer, seal_alarms], {
        "sealer_role_arn": roles.arns[Principal.SEALER],
        "sealer_function_name": names.sealer,
        "sealer_function_log_group": sealer.log_group,
        "sealer_package_sha256": sealer.package_sha256,
        "seal_key_id": seal.key_arn,
        "seal_minutes": settings.seal_minutes,
        "seal_origin": names.seal_origin,
        "seal_queue_url": queue_url,
    }


def _refuse_first(everything: Sequence[pulumi.Resource], *, protect: bool) -> None:
    """Register what `pulumi destroy` comes to first, so that it refuses before it deletes anything.

    The engine deletes in layers, dependents first, and looks at `protect` only when it comes to a resource: without
    this, `destroy --skip-preview` takes the functions and their alarms before it comes to the log. This resource
    depends on everything, so it is the first layer alone. It has no counterpart in the cloud.
    """
    options = pulumi.ResourceOptions(protect=protect, depends_on=everything)
    pulumi.ComponentResource("agent-audit-log:aws:Protection", "protection", None, options)


def _vault(settings: Settings, names: Names, administrators: Sequence[str], roles: Roles) -> Vault:
    """Register the vault after the roles, because its key's policy names them."""
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
