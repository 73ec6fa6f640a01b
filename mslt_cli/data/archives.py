"""Files as people have them: loose or gzipped, in folders, in archives, and in archives in archives."""

import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mslt_cli.errors import DataError
from mslt_cli.tasks.task import is_archive

LARGEST_FILE_BYTES = 4 << 30
"""Largest size of a file, unpacked."""
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
                data = self.path.read_bytes()
            if self.inner.lower().endswith(".gz") and not is_archive(self.inner):
                data = gzip.GzipFile(fileobj=io.BytesIO(data)).read(LARGEST_FILE_BYTES + 1)
        if len(data) > LARGEST_FILE_BYTES:
            raise DataError(f"{self.name} has more than {LARGEST_FILE_BYTES >> 30} GiB; that is too much to be read.")
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
        with _unpacking(file.name), _open_archive(file) as (sizes, _):
            members = sorted(sizes.items())
        for name, size in members:
            member = DataFile(file.path, (*file.members, name))
            if any(part.startswith((".", "__MACOSX")) and part not in (".", "..") for part in name.split("/")):
                continue
            if size > LARGEST_FILE_BYTES:
                raise DataError(f"{member.name} has {size / 1e9:.0f} GB unpacked; that is too much to be read.")
            yield from _unfold(member)


@contextmanager
def _open_archive(file: DataFile) -> Iterator[tuple[dict[str, int], Callable[[str], bytes]]]:
    """The sizes of an archive's files in bytes, by their paths in it, and what reads one of them."""
    data = io.BytesIO(file.read()) if file.members else file.path
    if file.inner.lower().endswith(".zip"):
        with zipfile.ZipFile(data) as archive:
            yield {info.filename: info.file_size for info in archive.infolist() if not info.is_dir()}, archive.read
        return
    with tarfile.open(data) if isinstance(data, Path) else tarfile.open(fileobj=data) as tar:
        sizes = {member.name: member.size for member in tar if member.isfile()}
        # Archives end with a block of zeros; Python takes one that was cut within a header for a whole one.
        assert tar.fileobj is not None
        tar.fileobj.seek(tar.offset)
        if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("its end is missing")
        yield sizes, lambda member: (tar.extractfile(member) or io.BytesIO()).read()


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
