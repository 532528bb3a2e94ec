"""The erasure list: what was erased, told by keyed hashes, so that no export brings it back."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import polars as pl

from dealcast.cells import tidy
from dealcast.workflow.migrations.documents import read, stamped
from dealcast.workflow.objects import ObjectStore

LIST = "erasures/list.json"
KEY_BYTES, HASH_BYTES = 32, 16


@dataclass(frozen=True)
class ErasureList:
    """The store's own key (hex), and the hash of every opportunity erased from it.

    Who has both can try ids, but not read them off.
    """

    key: str = field(default_factory=lambda: secrets.token_hex(KEY_BYTES))
    hashes: tuple[str, ...] = ()

    @classmethod
    def of(cls, store: ObjectStore) -> "ErasureList":
        """That of a store; an empty one where nothing was ever erased."""
        return _list_in(store.get_json(LIST), store)

    def hash_of(self, opportunity_id: str) -> str:
        """BLAKE2b of the id under the key (hex)."""
        key = bytes.fromhex(self.key)
        return blake2b(opportunity_id.encode(), key=key, digest_size=HASH_BYTES).hexdigest()

    def erased_among(self, ids: pl.Series) -> list[str]:
        """Those of these cells, tidy, that were erased; quick where nothing ever was."""
        if not self.hashes:
            return []
        erased = set(self.hashes)
        cells = ids.to_frame("cell").select(tidy("cell")).to_series().drop_nulls().unique()
        return [cell for cell in cells.sort() if self.hash_of(cell) in erased]


def put_on_list(store: ObjectStore, ids: Iterable[str]) -> ErasureList:
    """Add opportunities to the store's list; those of another call meanwhile stay."""
    ids = tuple(ids)

    def added(content: Any) -> dict[str, Any]:
        former = _list_in(content, store)
        hashes = {*former.hashes, *(former.hash_of(one) for one in ids)}
        return stamped("erasure list", {"key": former.key, "hashes": sorted(hashes)})

    return _list_in(store.update_json(LIST, added), store)


def _list_in(content: Any, store: ObjectStore) -> ErasureList:
    if not content:
        return ErasureList()
    known = read("erasure list", content, store.place(LIST))
    return ErasureList(known["key"], tuple(known["hashes"]))
