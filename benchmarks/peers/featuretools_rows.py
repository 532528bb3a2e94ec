"""Features of rows by featuretools: `python featuretools_rows.py WAY FOLDER ASKED OUT`.

Runs in featuretools' own environment; beside_peers.py calls it. WAY is `documented`: the rows are
the instances, each with its cutoff time, and data known at the close stand behind a secondary time
index. Or `by hand`: agents and products are the instances, each on the dates that are asked for,
once; and the rows are joined to them in pandas.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import featuretools as ft
import pandas as pd
from featuretools.primitives import Mean, Sum

from measuring import peak_gigabytes

warnings.filterwarnings("ignore")

# featuretools' name of a sum or mean over an entity's opportunities -> ours.
MEASURES = {
    ("closed", Sum): "closed_count",
    ("won", Sum): "won_count",
    ("lost", Sum): "lost_count",
    ("close_value", Sum): "won_value",
    ("won", Mean): "win_rate",
}
ENTITIES = {"agent": "sales_agent", "product": "product"}
KNOWN_AT_CLOSE = ["closed", "won", "lost", "close_value"]


def entity_set(folder: Path) -> ft.EntitySet:
    """Opportunities with their agents and products; outcomes are hidden until the close."""
    rows = pd.read_parquet(folder / "opportunities.parquet")
    rows = rows[rows["engage_date"].notna()]
    for column in ("engage_date", "close_date"):
        rows[column] = pd.to_datetime(rows[column])
    is_closed = rows["close_date"].notna()
    rows["closed"] = is_closed.astype(float).where(is_closed)
    for column, stage in (("won", "Won"), ("lost", "Lost")):
        rows[column] = (rows["deal_stage"] == stage).astype(float).where(is_closed)
    entities = ft.EntitySet("crm")
    entities.add_dataframe(
        dataframe_name="opportunities",
        dataframe=rows[
            ["opportunity_id", *ENTITIES.values(), "engage_date", "close_date", *KNOWN_AT_CLOSE]
        ],
        index="opportunity_id",
        time_index="engage_date",
        secondary_time_index={"close_date": KNOWN_AT_CLOSE},
        logical_types={
            "opportunity_id": "Unknown",
            **dict.fromkeys(ENTITIES.values(), "Categorical"),
            **dict.fromkeys(KNOWN_AT_CLOSE, "Double"),
        },
    )
    for entity, column in ENTITIES.items():
        entities.normalize_dataframe("opportunities", entity, column)
    return entities


def measures(entities: ft.EntitySet, entity: str) -> dict[str, ft.FeatureBase]:
    """Our names and featuretools' definitions of the features of agents, or of products."""
    columns = entities["opportunities"].ww
    return {
        f"{entity}_{ours}": ft.Feature(
            columns[column], parent_dataframe_name=entity, primitive=primitive
        )
        for (column, primitive), ours in MEASURES.items()
    }


def documented(entities: ft.EntitySet, asked: pd.DataFrame) -> pd.DataFrame:
    features = {
        name: ft.DirectFeature(measure, "opportunities")
        for entity in ENTITIES
        for name, measure in measures(entities, entity).items()
    }
    found = ft.calculate_feature_matrix(
        list(features.values()),
        entities,
        cutoff_time=asked[["opportunity_id", "snapshot_date"]].set_axis(
            ["opportunity_id", "time"], axis=1
        ),
        cutoff_time_in_index=True,
    )
    found = found[[f.get_name() for f in features.values()]].set_axis(list(features), axis=1)
    return found.rename_axis(["opportunity_id", "snapshot_date"]).reset_index()


def by_hand(entities: ft.EntitySet, asked: pd.DataFrame) -> pd.DataFrame:
    rows = asked
    for entity, column in ENTITIES.items():
        pairs = asked[[column, "snapshot_date"]].drop_duplicates()
        features = measures(entities, entity)
        found = ft.calculate_feature_matrix(
            list(features.values()),
            entities,
            cutoff_time=pairs.set_axis([column, "time"], axis=1),
            cutoff_time_in_index=True,
        )
        found = found[[f.get_name() for f in features.values()]].set_axis(list(features), axis=1)
        found = found.rename_axis([column, "snapshot_date"]).reset_index()
        # What featuretools makes of a key is of a type of its own.
        found[column] = found[column].astype(rows[column].dtype)
        rows = rows.merge(found, on=[column, "snapshot_date"], how="left")
    return rows.drop(columns=list(ENTITIES.values()))


WAYS = {"documented": documented, "by hand": by_hand}


def main() -> None:
    way, folder, asked, into = sys.argv[1:]
    began = time.perf_counter()
    rows = pd.read_parquet(asked)
    rows["snapshot_date"] = pd.to_datetime(rows["snapshot_date"])
    WAYS[way](entity_set(Path(folder)), rows).to_parquet(into)
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "gigabytes": peak_gigabytes()}))


if __name__ == "__main__":
    main()
