"""Sentences on what a run found, told alike in the terminal and in the report."""

from collections.abc import Iterable, Mapping

from dealcast.errors import listed
from dealcast.surfaces.tables.shape import Row
from dealcast.surfaces.words import GAP, count, day, figure

# Figures of merit of an estimator, in the order in which they are shown.
SKILLS = {
    "auc": "AUC",
    "auc_within_date": "within date",
    "auc_without_stale": "without stale",
    "log_loss_skill": "log-loss skill",
    "brier_skill": "Brier skill",
    "ece": "ECE",
}


def blank_by_design(counts: Mapping[str, int]) -> str:
    """The cells that the stage leaves blank, in words."""
    told = "; ".join(f"{count(n)} {what}" for what, n in counts.items() if n)
    return f"Blank by design, not missing: {told or 'none'}."


def rows_account(figures: Row) -> str:
    """The account of rows: nothing is lost."""
    return (
        f"{count(figures['rows_in'])} in = {count(figures['rows_clean'])} clean"
        f" + {count(figures['rows_quarantined'])} quarantined"
        + (f" + {count(figures['rows_erased'])} erased" if figures.get("rows_erased") else "")
    )


def close_window(scored: Row) -> str:
    """From when to when an open opportunity is likely to close; nothing where it has no window."""
    if scored["closes_from"] is None:
        return ""
    first, last = (day(scored[end]).rsplit(" ", 1)[0] for end in ("closes_from", "closes_until"))
    return f"{first} to {last}".replace(" ", GAP)  # stays on one line


def champion_line(figures: Row) -> str:
    """Who is champion after training, and why."""
    trained = f"{figures['estimator']} {figures['model_id']}"
    if figures["promoted"]:
        return f"champion is now {trained}: {figures['promotion']}"
    if figures["champion"] == figures["model_id"]:
        return f"champion is {trained}"
    return f"champion stays {figures['champion']}; challenger {trained}: {figures['promotion']}"


def floors_line(horizon: Row) -> str:
    """What luck alone would reach, beside what the model reaches among opportunities of one age."""
    floor, beyond = horizon["noise_floor"], horizon["beyond_timing"]
    return (
        f"Knowing nothing reaches an AUC of {figure(floor['auc'])} by luck, within a date "
        f"{figure(floor['auc_within_date'])}. Among opportunities of one age on one date the "
        f"model reaches {figure(beyond['auc'])} (by luck {figure(beyond['noise_floor'])})."
    )


def origin_lines(run_id: str, found: Row) -> list[tuple[str, str]]:
    """(what, where it comes from) of a run's lineage, as dealcast.workflow.lineage tells it."""
    return [*_scores(found), *_model(found), *_raw_and_code(run_id, found)]


def _scores(found: Row) -> list[tuple[str, str]]:
    scores = found["scores"]
    if scores is None:
        return []
    told = f"scores v{scores['version']}, {count(scores['rows'])} open opportunities"
    return [("scores", f"{told}, by run {scores['made_by_run']}")]


def _model(found: Row) -> list[tuple[str, str]]:
    model = found["model"]
    if model is None:
        return []
    now = ", the champion now" if model["is_champion_now"] else ""
    lines = [("model", f"{model['model_id']} ({model['why']}){now}")]
    if "trained_by_run" in model:
        trained = f"{model['estimator']}, trained until {model['trained_until']}"
        lines += [
            ("", f"{trained} by run {model['trained_by_run']} on '{model['source']}'"),
            ("", model["place"]),
        ]
    if there := model["mlflow"]:
        aliases = "".join(f" @{alias}" for alias in there["aliases"])
        lines.append(("", f"MLflow: {there['name']} version {there['version']}{aliases}"))
    return lines


def _raw_and_code(run_id: str, found: Row) -> list[tuple[str, str]]:
    """Raw export, code by run, and the same run in MLflow."""
    lines: list[tuple[str, str]] = []
    if raw := found["raw"]:
        told = f"{raw['hash']}, {count(raw['rows'])} rows from '{raw['source']}'"
        lines += [("raw export", told), ("", raw["place"])]
        lines += [
            ("", f"changed by erasure {e['erasure']}: {count(e['rows'])} rows less")
            for e in raw["erased"]
        ]
    for of, code in found["code"].items():
        told = (
            "its manifest is gone"
            if code is None
            else f"{code['version']}, commit {code['commit'][:12] or 'unknown'}, "
            f"source {code['source_hash']}"
        )
        lines.append(("code", told if of == run_id else f"{told} (run {of})"))
    if there := found["mlflow"]:
        lines.append(("MLflow", there["url"] or f"{there['mlflow_run_id']} in {there['uri']}"))
    return lines


def removed_line(removal: Row) -> str:
    """What was deleted or changed of a run, when and by what."""
    tables, objects = removal["tables"], removal["objects"]
    gone = [
        *([f"its versions of {listed(tables, shown=len(tables))}"] if tables else []),
        *([f"{count(objects)} of its objects"] if objects else []),
        *(["its raw export"] if removal["raw"] else []),
    ]
    return f"{removal['at']} by {removal['by']}: {', '.join(gone)}"


def leaking(found: Iterable[Row]) -> list[tuple[str, str, str, str]]:
    """feature, the tests that caught it, what became of it, and what the first of them found."""
    return [
        (
            name,
            ", ".join(r["test"].split("_")[0] for r in records),
            "allowed" if records[0]["outcome"] == "overridden" else "left out",
            records[0]["note"] or "-",
        )
        for name, records in _by_feature(found).items()
    ]


def leak_count(content: Row) -> str:
    """How many features leak, of how many; how many are banned."""
    audited = {r["feature"] for r in content["records"] if r["outcome"] != "banned"}
    banned = {r["feature"] for r in content["records"] if r["outcome"] == "banned"}
    told = f"{len(content['leaks'])} of {len(audited)} features leak"
    told += f"; {len(banned)} more are banned by declaration" if banned else ""
    return f"{told}. {content['judged_on']}" if content.get("judged_on") else told


def _by_feature(found: Iterable[Row]) -> dict[str, list[Row]]:
    features: dict[str, list[Row]] = {}
    for record in found:
        features.setdefault(record["feature"], []).append(record)
    return features
