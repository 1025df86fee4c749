"""A `Feed` over a remote root: files come into the cache, then any reader of local files reads them there."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from queue import SimpleQueue
from threading import Thread

from lstmrec import files
from lstmrec.config.run import Config
from lstmrec.contracts.errors import LstmrecError
from lstmrec.training.cache import Cache, Remote
from lstmrec.training.comm import Comm
from lstmrec.training.feed import Columns, Feed, FileRead, SameTypes, on_rank

_GROUP = 16  # files fetched before the first is handed over, at most


class CachedFeed:
    """Hands files on to `inner` in groups; while one is read, the next is fetched in the background."""

    def __init__(self, inner: Feed, cache: Cache, rank: int = 0) -> None:
        self.inner, self.cache, self.rank = inner, cache, rank
        self._wanted: SimpleQueue[tuple[list[str], list[str]]] = SimpleQueue()
        self._thread: Thread | None = None

    def ahead(self, urls: Sequence[str], spare: Sequence[str] = ()) -> None:
        """Fetch files in the background; errors wait for `read`. With `spare`, files to be kept for it: when there is
        nothing more urgent, and as far as there is room.
        """
        if self._thread is None:
            self._thread = Thread(target=self._fetch, name="fetch-ahead", daemon=True)
            self._thread.start()
        self._wanted.put((list(urls), list(spare)))

    def read(self, files: Sequence[FileRead], columns: Sequence[str]) -> Generator[Columns, None, None]:
        """See `Feed.read`; errors name a file by its URL, and there are the cache's: ResourceError R651, R652, R653."""
        return self._items(list(files), list(columns))

    def _items(self, asked: list[FileRead], columns: list[str]) -> Generator[Columns, None, None]:
        types = SameTypes()
        with on_rank(self.rank):
            remote = [self.cache.find(read.path) for read in asked]
            bounds = list(self._groups(remote))
            for i, (start, stop) in enumerate(bounds):
                with self.cache.held(remote[start:stop]) as local:
                    if i + 1 < len(bounds):
                        self.ahead([f.url for f in remote[slice(*bounds[i + 1])]])
                    reads = [FileRead(path, read.rows) for path, read in zip(local, asked[start:stop], strict=True)]
                    try:
                        with closing(self.inner.read(reads, columns)) as stream:
                            for read, item in zip(asked[start:stop], stream, strict=True):
                                types.check(read.path, item)
                                yield item
                    except LstmrecError as error:
                        raise self._told(error, remote[start:stop]) from error

    def _groups(self, remote: Sequence[Remote]) -> Iterator[tuple[int, int]]:
        """Where to cut, so that a group's files fit into this reader's share."""
        start, held = 0, 0
        for i, file in enumerate(remote):
            if i > start and (held + file.size > self.cache.share or i - start == _GROUP):
                yield start, i
                start, held = i, 0
            held += file.size
        if remote:
            yield start, len(remote)

    def _told(self, error: LstmrecError, group: Sequence[Remote]) -> LstmrecError:
        """The error with the remote name of its file, which is dropped: what is damaged may be so only here."""
        where = error.where
        for file in group:
            if str(file.place) in where:
                where = where.replace(str(file.place), file.url)
                self.cache.drop(file)
        return type(error)(error.code, error.what, where.removeprefix(f"rank {self.rank} · "), error.hint)

    def _fetch(self) -> None:
        later: list[str] = []  # what is wanted some time waits for what is wanted next
        kept: list[str] = []
        while True:
            if later and self._wanted.empty():
                urls, spare = [later.pop(0)], kept
            else:
                urls, spare = self._wanted.get()
                if spare:
                    later, kept = urls, spare
                    continue
            try:
                held = [self.cache.find(url) for url in spare]
                if not all(self.cache.fetch(self.cache.find(url), held) for url in urls):
                    later = []
            except (LstmrecError, OSError):
                continue  # `read` meets it again, and there it is told


def reachable(conf: Config, feed: Feed, comm: Comm) -> Feed:
    """The feed itself where the root is on this machine, else one that fetches its files first."""
    if files.is_local(conf.root):
        return feed
    # Ranks: those of a machine share its cache.
    return CachedFeed(feed, Cache(files.own_folder() / "files", conf.train.cache_mb << 20, comm.local_size), comm.rank)
