"""Files of a remote root on this machine's disk: fetched once a host, within a size limit, a little ahead of need.

FOLDER/0a/0a1b....parquet     a whole file, named by the digest of (URL, bytes, etag or mtime)
FOLDER/.0a1b.....tmp          one being fetched: as large as it will be, so that the limit counts it
FOLDER/space.lock             held while room is made

One lock each does it all (`flock`, which the kernel drops when a process dies): who reads a file shares its lock, who
fetches or removes it has it alone. So nothing that is being read goes, and what a killed process left behind does.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import fsspec

from lstmrec.contracts.errors import ResourceError
from lstmrec.training.feed import missing

BROKEN_OFF = "R651"  # the code of a fetch that failed on its way: trying again may help
_AGAIN = "run again: what is here already stays"
_BLOCK = 1 << 20
_VERSIONED = ("ETag", "etag", "md5Hash", "checksum", "mtime", "LastModified", "last_modified", "modified", "created")


class Remote(NamedTuple):
    """A file of a remote root: where it is, its bytes, and its place in the cache."""

    url: str
    size: int
    place: Path


class Cache:
    """A folder of at most `limit` bytes, shared by `readers` processes of this machine. Thread-safe.

    A reader holds files of at most `share` bytes at a time, half the limit over all readers, so one can always fetch.
    """

    def __init__(self, folder: Path, limit: int, readers: int = 1) -> None:
        self.folder, self.limit = folder, limit
        self.share = limit // (2 * readers)
        self._known: dict[str, Remote] = {}
        self._lock = Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def find(self, url: str) -> Remote:
        """Look a file up, once: versions of tables never change. DataError D611 missing, ResourceError R652 too big."""
        with self._lock:
            if (known := self._known.get(url)) is not None:
                return known
        with _remote(url):
            fs, inner = fsspec.core.url_to_fs(url)
            told = fs.info(inner)
        version = next((str(told[k]) for k in _VERSIONED if told.get(k) is not None), "")
        digest = hashlib.sha256(f"{url}\0{told['size']}\0{version}".encode()).hexdigest()[:32]
        found = Remote(url, int(told["size"]), self.folder / digest[:2] / f"{digest}.parquet")
        if found.size > self.share:
            raise ResourceError("R652", f"a file of {found.size:,} bytes where a reader may hold {self.share:,}", url,
                                "raise train.cache_mb: twice the largest file a rank of a machine")  # fmt: skip
        with self._lock:
            return self._known.setdefault(url, found)

    @contextmanager
    def held(self, files: Sequence[Remote]) -> Iterator[list[str]]:
        """The local paths of these files, fetched where they are missing; none is removed until the block is left."""
        with ExitStack() as stack:
            for file in dict.fromkeys(files):
                stack.enter_context(self._shared(file))
            yield [str(file.place) for file in files]

    def fetch(self, file: Remote, spare: Sequence[Remote] = ()) -> bool:
        """Bring a file here unless it is; False where that takes room which only `spare` or files in use could give."""
        # Ranks: those of a machine take turns at fetching a file; the others then find it here.
        with _alone(self.folder / f"{file.place.parent.name}.lock"):
            return file.place.exists() or self._fetch(file, {s.place for s in spare})

    def _fetch(self, file: Remote, spare: set[Path]) -> bool:
        temporary = self.folder / f".{file.place.stem}.{uuid.uuid4().hex}.tmp"
        with ExitStack() as stack:
            with _alone(self.folder / "space.lock"):
                if not self._room(file.size, spare):
                    return False
                f = stack.enter_context(open(temporary, "xb"))
                stack.callback(temporary.unlink, missing_ok=True)
                fcntl.flock(f, fcntl.LOCK_EX)
                f.truncate(file.size)
            with _remote(file.url), fsspec.open(file.url, "rb") as source:
                shutil.copyfileobj(source, f, _BLOCK)
                f.flush()
                os.fsync(f.fileno())
            if f.tell() != file.size:
                raise ResourceError(BROKEN_OFF, f"{f.tell():,} bytes came of {file.size:,}", file.url, _AGAIN)
            file.place.parent.mkdir(exist_ok=True)
            os.link(temporary, file.place)  # whole or not at all
        return True

    def drop(self, file: Remote) -> None:
        """Forget a file that turned out to be damaged, so that it is fetched anew."""
        file.place.unlink(missing_ok=True)

    @contextmanager
    def _shared(self, file: Remote) -> Iterator[None]:
        with ExitStack() as stack:
            while not self._hold(file, stack):
                if not self.fetch(file):
                    raise ResourceError("R653", "no room in the cache: all of it is in use", str(self.folder),
                                        "a higher train.cache_mb, or a folder of its own: LSTMREC_CACHE")  # fmt: skip
            yield

    def _hold(self, file: Remote, stack: ExitStack) -> bool:
        try:
            f = stack.enter_context(file.place.open("rb"))
        except FileNotFoundError:
            return False
        fcntl.flock(f, fcntl.LOCK_SH)
        try:  # between opening and locking it may have been removed
            same = os.path.samestat(os.fstat(f.fileno()), os.stat(file.place))
        except FileNotFoundError:
            return False
        if same:
            os.utime(file.place, ns=(time.time_ns(),) * 2)  # the last to go; the kernel's own clock is too coarse
        return same

    def _room(self, size: int, spare: set[Path]) -> bool:
        """Whether there is room for `size` more bytes, once files were removed, those unused for longest first."""
        there = self._there()
        free = self.limit - sum(s for _, _, s, _ in there) - size
        for whole, _, old, path in sorted(there):
            # What a killed process was fetching is of no use to anybody.
            if (free < 0 or not whole) and path not in spare and _removed(path):
                free += old
        return free >= 0

    def _there(self) -> list[tuple[bool, int, int, Path]]:
        """(whole, last used, bytes, path) of every file, each once: a fetch that ends has both names for a moment."""
        found: dict[int, tuple[bool, int, int, Path]] = {}
        # Fetches end without the lock of who makes room: the name they give up is looked for first, the new one then.
        for pattern in (".*.tmp", "??/*.parquet"):
            for path in self.folder.glob(pattern):
                with suppress(FileNotFoundError):
                    told = path.stat()
                    found[told.st_ino] = path.suffix != ".tmp", told.st_mtime_ns, told.st_size, path
        return list(found.values())


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock file."""
    with open(path, "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _removed(path: Path) -> bool:
    """Remove a file that nobody reads or fetches."""
    try:
        with open(path, "rb") as f:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
            return True
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return True


@contextmanager
def _remote(url: str) -> Iterator[None]:
    """What a file system raises, as errors of ours that name the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise missing(url) from error
    except OSError as error:
        raise ResourceError(BROKEN_OFF, f"cannot fetch: {error}", url, _AGAIN) from error
