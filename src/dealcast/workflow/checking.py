"""A frame against its contract, when it enters the store or leaves it."""

import dataframely as dy
import polars as pl
from dataframely.exc import SchemaError, ValidationError

from dealcast.errors import ContractError, listed, nearest


def check(frame: pl.DataFrame, contract: type[dy.Schema], name: str) -> pl.DataFrame:
    """The frame in the contract's columns and types. Raises ContractError with a diff."""
    wanted = contract.column_names()
    missing = [c for c in wanted if c not in frame.columns]
    if missing:
        diff = "; ".join(
            f"'{c}' is missing" + (f" (nearest: '{near}')" if near else "")
            for c in missing[:5]
            if (near := nearest(c, set(frame.columns) - set(wanted))) or True
        )
        raise ContractError(
            f"Table '{name}' does not meet its contract: {diff}.",
            remedy=f"it needs the columns {listed(wanted, shown=len(wanted))}",
        )
    try:
        return contract.validate(frame, cast=True)
    except (SchemaError, ValidationError, pl.exceptions.PolarsError) as error:
        first = str(error).strip()
        raise ContractError(
            f"Table '{name}' does not meet its contract: {first}",
            remedy="see src/dealcast/contracts.py for the rule",
        ) from error
