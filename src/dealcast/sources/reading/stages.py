"""A CRM's stages in ours, and the columns whose meaning depends on the stage."""

import polars as pl

from dealcast.contracts import OPEN_STAGES
from dealcast.sources.reading.mapping import CLOSED_FLAG, WON_FLAG, CrmMapping

YES, NO = ("true", "yes", "y", "1", "t"), ("false", "no", "n", "0", "f")


def in_our_stages(frame: pl.DataFrame, mapping: CrmMapping) -> pl.DataFrame:
    """Opportunities with our stages; a stage that neither mapping nor flags know stays as it is.

    The values that a column holds while open move to the column the mapping names, and a lost
    one's value becomes 0 where the mapping says that the CRM keeps its amount. The flags go.
    """
    frame = frame.with_columns(deal_stage=_stage(frame, mapping))
    is_open = pl.col("deal_stage").is_in(OPEN_STAGES).fill_null(value=False)
    for column, plan in mapping.while_open.items():
        if column in frame.columns:
            stated = [pl.col(plan)] if plan in frame.columns else []
            frame = frame.with_columns(
                pl.coalesce(*stated, pl.when(is_open).then(pl.col(column))).alias(plan),
                pl.when(~is_open).then(pl.col(column)).alias(column),
            )
    if mapping.lost_value == "zero" and "close_value" in frame.columns:
        is_lost = pl.col("deal_stage") == "Lost"
        frame = frame.with_columns(
            close_value=pl.when(is_lost).then(pl.lit("0")).otherwise("close_value")
        )
    return frame.drop(CLOSED_FLAG, WON_FLAG, strict=False)


def _stage(frame: pl.DataFrame, mapping: CrmMapping) -> pl.Expr:
    stage = pl.col("deal_stage")
    known = mapping.stages_known(frame["deal_stage"].drop_nulls().unique())
    listed = stage.replace_strict(list(known), list(known.values()), default=None)
    by_flags = pl.when(stage.is_not_null()).then(_stage_by_flags(frame, mapping))
    return pl.coalesce(listed.cast(pl.String), by_flags, stage)


def _stage_by_flags(frame: pl.DataFrame, mapping: CrmMapping) -> pl.Expr:
    closed, won = (
        _truth(flag) if flag in frame.columns else pl.lit(None, pl.Boolean)
        for flag in (CLOSED_FLAG, WON_FLAG)
    )
    return (
        pl.when(won)
        .then(pl.lit("Won"))
        .when(closed & ~won)
        .then(pl.lit("Lost"))
        .when(~closed)
        .then(pl.lit(mapping.other_open_stage, pl.String))
    )


def _truth(flag: str) -> pl.Expr:
    said = pl.col(flag).str.strip_chars().str.to_lowercase()
    return pl.when(said.is_in(YES)).then(True).when(said.is_in(NO)).then(False)
