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
        # To let the contract cast would cast every column, and keep it twice, for its report.
        return contract.validate(frame.cast(_other_types(frame, contract)))
    except (SchemaError, ValidationError, pl.exceptions.PolarsError) as error:
        first = str(error).strip()
        raise ContractError(
            f"Table '{name}' does not meet its contract: {first}",
            remedy="see src/dealcast/contracts.py for the rule",
        ) from error


def _other_types(frame: pl.DataFrame, contract: type[dy.Schema]) -> pl.Schema:
    """The types that the contract wants, of the columns that have another."""
    wanted = {name: column.dtype for name, column in contract.columns().items()}
    return pl.Schema({name: t for name, t in wanted.items() if frame.schema[name] != t})
