"""The bytes of an archive, and their digest.

Guarantee: the same content gives the same bytes, whatever the clock, the order of files, or the folder.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from localcloud.provider.cloud import ProviderError
from localcloud.provider.values import Archive, Asset

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
_MODE: Final = 0o100644 << 16


def zip_bytes(archive: Archive) -> bytes:
    """Return the zip that `archive` is, or that its members make. Raises ProviderError if a file cannot be read."""
    if archive.path is not None and not Path(archive.path).is_dir():
        return _read_zip(Path(archive.path))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression=zipfile.ZIP_DEFLATED) as out:
        for name, data in sorted(_members(archive, "")):
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _MODE
            out.writestr(entry, data)
    return buffer.getvalue()


def content_hash(archive: Archive) -> str:
    """Return the SHA-256 of the archive's zip, in hex."""
    return hashlib.sha256(zip_bytes(archive)).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProviderError(f"cannot read {path}: {error.strerror}") from error


def _read_zip(path: Path) -> bytes:
    data = _read(path)
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise ProviderError(f"{path} is not a zip file")
    return data


def _members(archive: Archive, prefix: str) -> Iterator[tuple[str, bytes]]:
    if archive.path is not None:
        root = Path(archive.path)
        if not root.is_dir():
            with zipfile.ZipFile(io.BytesIO(_read_zip(root))) as nested:
                for name in nested.namelist():
                    if not name.endswith("/"):
                        yield prefix + name, nested.read(name)
            return
        for path in root.rglob("*"):
            if path.is_file():
                yield prefix + path.relative_to(root).as_posix(), _read(path)
        return
    for name, member in (archive.assets or {}).items():
        if isinstance(member, Archive):
            yield from _members(member, f"{prefix}{name}/")
        elif isinstance(member, Asset):
            yield prefix + name, _asset_bytes(member)


def _asset_bytes(asset: Asset) -> bytes:
    return _read(Path(asset.path)) if asset.path is not None else (asset.text or "").encode()
