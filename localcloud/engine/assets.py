"""Files in inputs: each is hashed when it is registered, so that the state knows content and not places.

Guarantee: the hash follows from content and member names alone; not from paths, times, owners or the order in which a
directory lists its files.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from localcloud.engine.errors import EngineError
from localcloud.values import Archive, Asset, Properties, Value, map_properties

_CHUNK = 1 << 20


def resolve(properties: Properties, base: Path) -> Properties:
    """Give every asset its content hash and an absolute path; relative ones are relative to `base`.

    Raises:
        EngineError: a file cannot be read, or it would have to be fetched from the network.
    """
    return map_properties(properties, lambda value: _resolve(value, base))


def forget_places(properties: Properties) -> Properties:
    """Keep of every asset only its hash: the form that is stored, and compared with what is stored."""

    def strip(value: Value) -> Value:
        if isinstance(value, Asset):
            return Asset(hash=value.hash)
        return Archive(hash=value.hash) if isinstance(value, Archive) else value

    return map_properties(properties, strip)


def recall_places(outputs: Properties, inputs: Properties) -> Properties:
    """Give a program its own assets back, found by their hash; the SDK cannot take one that has nothing but a hash.

    An asset that the program did not give (the cloud has another one) becomes None: not known here.
    """
    given: dict[str, Value] = {}

    def collect(value: Value) -> Value:
        if isinstance(value, Asset | Archive) and value.hash is not None:
            given[value.hash] = value
        return value

    def recall(value: Value) -> Value:
        if isinstance(value, Asset | Archive) and value.path is None and value.hash is not None:
            return given.get(value.hash)
        return value

    map_properties(inputs, collect)
    return map_properties(outputs, recall)


def _resolve(value: Value, base: Path) -> Value:
    if isinstance(value, (Asset, Archive)) and value.uri is not None:
        raise EngineError(f"an asset at {value.uri!r} would have to be fetched; use a file or text")
    try:
        if isinstance(value, Asset):
            return _resolve_asset(value, base)
        if isinstance(value, Archive):
            return _resolve_archive(value, base)
    except OSError as error:
        reason = f"the file {error.filename!r} of an asset cannot be read: {error.strerror or error}"
        raise EngineError(reason) from error
    return value


def _resolve_asset(asset: Asset, base: Path) -> Asset:
    if asset.path is None:
        return Asset(hash=hashlib.sha256((asset.text or "").encode()).hexdigest(), text=asset.text or "")
    path = (base / asset.path).absolute()
    return Asset(hash=_file_hash(path), path=str(path))


def _resolve_archive(archive: Archive, base: Path) -> Archive:
    if archive.path is not None:
        path = (base / archive.path).absolute()
        members = {str(file.relative_to(path).as_posix()): _file_hash(file) for file in _files(path)}
        return Archive(hash=_members_hash(members) if path.is_dir() else _file_hash(path), path=str(path))
    resolved: Properties = {key: _resolve(item, base) for key, item in (archive.assets or {}).items()}
    members = {key: item.hash for key, item in resolved.items() if isinstance(item, (Asset, Archive))}
    return Archive(hash=_members_hash(members), assets=resolved)


def _files(path: Path) -> list[Path]:
    return [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else []


def _file_hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _members_hash(members: dict[str, str]) -> str:
    # Names are hashed too, so that no name can imitate the separator between two members.
    digest = hashlib.sha256(b"archive\n")
    for name in sorted(members):
        digest.update(hashlib.sha256(name.encode()).digest() + bytes.fromhex(members[name]))
    return digest.hexdigest()
