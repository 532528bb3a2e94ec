"""Crm: how one CRM takes a file of scores."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from dealcast.settings import CrmColumns, ExportSettings

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class OwnIds:
    """The ids that a CRM itself gives: the heading they stand under, and what they look like."""

    heading: str
    pattern: str
    looks: str


@dataclass(frozen=True)
class Crm:
    """One CRM: its headings, how its rows are made, whose ids it knows, how large a file may be.

    `rows` makes the file's rows, one per opportunity, of opportunity_id, p_won (0-1), grade,
    reason_for, reason_against and scored_on. `for_other_ids` says what to do where an export has
    ids that are not the CRM's own. `max_rows` (the heading not counted) and `max_bytes` are of one
    file. `has_mark`: the file begins with a byte order mark, by which the CRM knows UTF-8.
    """

    name: str
    columns: Callable[[ExportSettings], CrmColumns]
    rows: Callable[[pl.DataFrame, CrmColumns], pl.DataFrame]
    own_ids: OwnIds
    for_other_ids: str
    max_rows: int
    max_bytes: int
    has_mark: bool = False
