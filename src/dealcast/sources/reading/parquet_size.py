"""How much a Parquet file stands for, told by the headers of its pages before any is unpacked.

A few kilobytes can stand for terabytes. The headers are Thrift in its compact protocol; a page is
unpacked into a buffer of the size that its header tells, so they cannot understate it.
"""

from dataclasses import dataclass
from typing import Any

MARK = b"PAR1"
VIEW = 16  # bytes that a value takes in a column of text, whatever it says
# Fields of FileMetaData, RowGroup, ColumnChunk, ColumnMetaData and PageHeader, by their numbers.
ROW_GROUPS, COLUMNS, META = 4, 1, 3
PACKED_SIZE, FIRST_DATA_PAGE, DICTIONARY_PAGE = 7, 9, 11
UNPACKED_PAGE, PACKED_PAGE, DATA_PAGE, DATA_PAGE_V2, VALUES = 2, 3, 5, 8, 1

Struct = dict[int, Any]


def unpacked_size(data: bytes) -> int:
    """Bytes that the columns of a Parquet file take as text, at least.

    Raises ValueError, IndexError, KeyError, TypeError or RecursionError for what is no whole
    Parquet file.
    """
    if data[:4] != MARK or data[-4:] != MARK:
        raise ValueError("no mark at its beginning or end")
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    if footer < len(MARK):
        raise ValueError("no footer")
    chunks = [
        chunk[META]
        for group in _Reader(data, footer).struct()[ROW_GROUPS]
        for chunk in group[COLUMNS]
    ]
    return sum(_chunk_size(data, chunk) for chunk in chunks)


def _chunk_size(data: bytes, chunk: Struct) -> int:
    """Bytes of one column's values in one group of rows."""
    # Some writers tell a page at 0, where the mark stands, if there is none.
    first = [at for at in (chunk[FIRST_DATA_PAGE], chunk.get(DICTIONARY_PAGE)) if at]
    if not first:
        return 0
    at = min(first)
    end, size = at + chunk[PACKED_SIZE], 0
    while at < end:
        reader = _Reader(data, at)
        page = reader.struct()
        if at < 0 or page[UNPACKED_PAGE] < 0 or page[PACKED_PAGE] < 0:
            raise ValueError("a negative size")
        values = (page.get(DATA_PAGE) or page.get(DATA_PAGE_V2) or {}).get(VALUES, 0)
        size += page[UNPACKED_PAGE] + VIEW * values
        at = reader.at + page[PACKED_PAGE]
    return size


@dataclass
class _Reader:
    """Reads Thrift from a place on; `at` moves to what follows."""

    data: bytes
    at: int

    def struct(self) -> Struct:
        """Its fields by their numbers."""
        fields: Struct = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            fields[number] = self._field(head & 15)
        return fields

    def _field(self, kind: int) -> Any:  # noqa: PLR0911 - a table of kinds
        match kind:
            case 1 | 2:
                return kind == 1
            case 3:
                return self._byte()
            case 4 | 5 | 6:
                return self._signed()
            case 7:
                return self._bytes(8)
            case 8:
                return self._bytes(self._count())
            case 9 | 10:
                return self._list()
            case 11:
                return self._map()
            case 12:
                return self.struct()
        raise ValueError("an unknown kind of field")

    def _list(self) -> list[Any]:
        head = self._byte()
        length = head >> 4 if head >> 4 < 15 else self._count()  # noqa: PLR2004 - then it follows
        return [self._element(head & 15) for _ in range(length)]

    def _map(self) -> dict[Any, Any]:
        length = self._count()
        kinds = self._byte() if length else 0
        return {
            self._element(kinds >> 4): self._element(kinds & 15) for _ in range(length)
        }  # fmt: skip

    def _element(self, kind: int) -> Any:
        return self._byte() if kind in (1, 2) else self._field(kind)

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _bytes(self, length: int) -> bytes:
        self.at += length
        if self.at > len(self.data):
            raise IndexError("past the end")
        return self.data[self.at - length : self.at]

    def _count(self) -> int:
        """A number of seven bits a byte, the lowest first."""
        number = shift = 0
        while (byte := self._byte()) & 0x80:
            number |= (byte & 0x7F) << shift
            shift += 7
            if shift > 63:  # noqa: PLR2004 - bits of the largest number
                raise ValueError("a number too long")
        return number | byte << shift

    def _signed(self) -> int:
        number = self._count()
        return number >> 1 ^ -(number & 1)
