"""Files as people have them: loose or gzipped, in folders, in archives, and in archives in archives."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from mslt_cli.errors import DataError
from mslt_cli.tasks.task import is_archive

LARGEST_FILE_BYTES = 4 << 30
"""Largest size of a file, unpacked."""
LARGEST_RATIO, SMALL_BYTES = 200, 256 << 20
"""How much larger than packed a file may be that has more than so many bytes: texts are at most 20 times as large."""
PIECE_BYTES = {zipfile.ZIP_STORED: 1 << 20, zipfile.ZIP_DEFLATED: 1 << 20}
"""What is read of a zip archive at once, by its method; of others 4 kB, for 4 kB of bzip2 may be 180 MB unpacked."""
UNPACK: dict[bytes, Callable[[Any], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
"""What unpacks a tar archive, by its first bytes."""
DEEPEST = 2
"""How deep archives may lie in archives; deeper ones are skipped."""
DAMAGED = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile, tarfile.TarError)


@dataclass(frozen=True)
class DataFile:
    """A file on disk, or in an archive, or in an archive in an archive (WikiANN has one for each language in a zip)."""

    path: Path
    members: tuple[str, ...] = ()
    """The path in the archive on disk, then the path in the archive that is there."""

    @property
    def name(self) -> str:
        """For messages: archive.zip!folder/file.tsv."""
        return "!".join([str(self.path), *self.members])

    @property
    def inner(self) -> str:
        """The path that names language and split, with forward slashes."""
        return "/".join([self.path.as_posix(), *(str(PurePosixPath(member)) for member in self.members)])

    @property
    def unzipped(self) -> PurePosixPath:
        """The file's name in lower case, without .gz: its suffix is empty if it is called just `train`."""
        return PurePosixPath(PurePosixPath(self.inner).name.lower().removesuffix(".gz"))

    def read(self) -> bytes:
        """The bytes, unpacked. DataError: the file or archive is truncated or not what its name says."""
        # Members are read into memory, never unpacked into a folder: a path in an archive cannot write anywhere.
        with _unpacking(self.name):
            if self.members:
                with _open_archive(DataFile(self.path, self.members[:-1])) as (_, read_member):
                    data = read_member(self.members[-1])
            else:
                _require_size(self.name, self.path.stat().st_size)
                data = self.path.read_bytes()
            if self.inner.lower().endswith(".gz") and not is_archive(self.inner):
                packed_bytes = len(data)
                data = gzip.GzipFile(fileobj=io.BytesIO(data)).read(_most(packed_bytes) + 1)
                _require_size(self.name, len(data), packed_bytes)
        return data


def files_in(path: Path) -> list[DataFile]:
    """All files at a path, sorted: the file itself, those in a folder, and those in archives; hidden ones left out.

    Raises:
        DataError: an archive is damaged.
    """
    on_disk = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    visible = [file for file in on_disk if not any(part.startswith(".") for part in file.relative_to(path).parts)]
    return [data_file for file in visible for data_file in _unfold(DataFile(file))]


def _unfold(file: DataFile) -> Iterator[DataFile]:
    """The file itself; of an archive, the files in it and in archives in it."""
    if not is_archive(file.inner):
        yield file
    elif len(file.members) < DEEPEST:
        with _unpacking(file.name), _open_archive(file) as (names, _):
            members = sorted(set(names))
        for name in members:
            member = DataFile(file.path, (*file.members, name))
            if any(part.startswith((".", "__MACOSX")) and part not in (".", "..") for part in name.split("/")):
                continue
            yield from _unfold(member)


@contextmanager
def _open_archive(file: DataFile) -> Iterator[tuple[list[str], Callable[[str], bytes]]]:
    """The paths of an archive's files in it, and what reads one of them."""
    data = io.BytesIO(file.read()) if file.members else file.path
    if file.inner.lower().endswith(".zip"):
        with zipfile.ZipFile(data) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            for info in infos:
                _require_size(f"{file.name}!{info.filename}", info.file_size, info.compress_size)

            def read_member(name: str) -> bytes:
                piece_bytes = PIECE_BYTES.get(archive.getinfo(name).compress_type, 4096)
                with archive.open(name) as member:
                    return b"".join(iter(lambda: member.read(piece_bytes), b""))

            yield [info.filename for info in infos], read_member
        return
    with ExitStack() as opened:
        packed = opened.enter_context(data.open("rb")) if isinstance(data, Path) else data
        start = packed.read(6)
        packed.seek(0)
        unpack = next((unpack for magic, unpack in UNPACK.items() if start.startswith(magic)), None)
        stream = opened.enter_context(unpack(packed)) if unpack else packed
        packed_bytes = packed.seek(0, io.SEEK_END)
        packed.seek(0)
        bounded: Any = _Bounded(stream, _most(packed_bytes))
        tar = opened.enter_context(tarfile.open(fileobj=bounded, mode="r:"))
        names = []
        for member in tar:
            if member.isfile():
                _require_size(f"{file.name}!{member.name}", member.size, packed_bytes)
                names.append(member.name)
        # Archives end with a block of zeros; Python takes one that was cut within a header for a whole one.
        assert tar.fileobj is not None
        tar.fileobj.seek(tar.offset)
        if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("its end is missing")
        yield names, lambda member: (tar.extractfile(member) or io.BytesIO()).read()


class _Bounded:
    """A stream of which no more is read at once than a file may have: tarfile reads long names whole."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self.stream, self.most = stream, most
        self.seek, self.tell, self.close = stream.seek, stream.tell, stream.close

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self.most:
            raise tarfile.ReadError(f"a part of it claims {size:,} bytes")
        return bytes(self.stream.read(size))


def _most(packed_bytes: int) -> int:
    """How many bytes are unpacked at most of what has so many packed."""
    return min(LARGEST_FILE_BYTES, max(SMALL_BYTES, LARGEST_RATIO * packed_bytes))


def _require_size(name: str, size_bytes: int, packed_bytes: int | None = None) -> None:
    if size_bytes > LARGEST_FILE_BYTES:
        raise DataError(f"{name} has more than {LARGEST_FILE_BYTES >> 30} GiB; that is too much to be read. Split it.")
    if packed_bytes is not None and size_bytes > _most(packed_bytes):
        raise DataError(
            f"{name} is more than {LARGEST_RATIO} times as large unpacked, which no text is: it would fill the memory. "
            "Unpack it yourself if it is sound."
        )


@contextmanager
def _unpacking(name: str) -> Iterator[None]:
    """Raise a DataError that names the file or archive in place of what goes wrong with it."""
    try:
        yield
    except DAMAGED as error:
        raise DataError(
            f"{name} cannot be unpacked ({error}): it is truncated or not what its name says. Get it again."
        ) from error
    except (RuntimeError, NotImplementedError) as error:  # a password, a compression that Python lacks
        raise DataError(f"{name} cannot be unpacked ({error}). Unpack it yourself, and point --from there.") from error
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror or error}.") from error
