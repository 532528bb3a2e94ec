from pathlib import Path

import pytest
import yaml

from dealcast.cells import COLUMNS
from dealcast.errors import SettingsError
from dealcast.sources.reading.mapping import SHIPPED, first_present, fitting, knowing, load_mapping

SMALL = {
    "name": "small",
    "tables": {
        "opportunities": {
            "files": "chances*",
            "columns": {
                "opportunity_id": "No",
                "deal_stage": "Phase",
                "engage_date": "Begun",
                "close_date": ["Ended", "Done"],
            },
        }
    },
    "stages": {"Prospect": "Prospecting", "In talks": "Engaging", "Lost*": "Lost", "Sold": "Won"},
}


def saved(tmp_path: Path, content: object) -> str:
    file = tmp_path / "mapping.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(file)


def changed(*path: str, to: object) -> dict[str, object]:
    content = yaml.safe_load(yaml.safe_dump(SMALL))
    at = content
    for key in path[:-1]:
        at = at.setdefault(key, {})
    at[path[-1]] = to
    return content


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_mappings_know_won_lost_and_their_own_name(name: str) -> None:
    mapping = load_mapping(name)

    assert mapping.name == name
    assert {"Won", "Lost", "Engaging"} <= set(mapping.stages.values())


def test_the_default_mapping_has_every_column_of_ours_by_its_name() -> None:
    mapping = load_mapping("default")

    for table, columns in COLUMNS.items():
        assert mapping.columns_found(table, list(columns)) == {c: c for c in columns}


@pytest.mark.parametrize(
    ("mapping", "file", "table"),
    [
        ("default", "sales_pipeline.csv", "opportunities"),
        ("default", "Sales_Teams.CSV", "sales_agents"),
        ("default", "accounts.parquet", "accounts"),
        ("default", "data_dictionary.csv", None),
        ("salesforce", "Opportunity.csv", "opportunities"),
        ("salesforce", "OpportunityLineItem.csv", None),
        ("salesforce", "OpportunityHistory.csv", None),
        ("salesforce", "report1711929600000.csv", "opportunities"),
        ("salesforce", "Product2.csv", "products"),
        ("salesforce", "User.csv", "sales_agents"),
        ("hubspot", "hubspot-crm-exports-all-deals-2025-04-01.csv", "opportunities"),
        ("hubspot", "hubspot-crm-exports-all-companies-2025-04-01.csv", "accounts"),
        ("hubspot", "tickets.csv", None),
    ],
)
def test_files_are_told_by_their_names(mapping: str, file: str, table: str | None) -> None:
    assert load_mapping(mapping).table_of(file) == table


SALESFORCE_OPEN = (
    *("Prospecting", "Qualification", "Needs Analysis", "Value Proposition", "Id. Decision Makers"),
    *("Perception Analysis", "Proposal/Price Quote", "Negotiation/Review"),
)
HUBSPOT_OPEN = (
    *("Appointment scheduled", "Qualified to buy", "Presentation scheduled"),
    *("Decision maker bought-in", "Contract sent", "appointmentscheduled", "qualifiedtobuy"),
    *("presentationscheduled", "decisionmakerboughtin", "contractsent"),
    "Contract Sent (Sales Pipeline)",
)


@pytest.mark.parametrize(
    ("mapping", "theirs", "ours"),
    [
        *(("salesforce", stage, "Engaging") for stage in SALESFORCE_OPEN),
        ("salesforce", "Closed Won", "Won"),
        ("salesforce", "Closed Lost", "Lost"),
        *(("hubspot", stage, "Engaging") for stage in HUBSPOT_OPEN),
        ("hubspot", "Closed Won", "Won"),
        ("hubspot", "closedlost", "Lost"),
        ("hubspot", "Closed lost (Renewals)", "Lost"),
        ("default", " won ", "Won"),
        ("default", "ENGAGING", "Engaging"),
    ],
)
def test_stages_are_known_whatever_their_case_and_white_space(
    mapping: str, theirs: str, ours: str
) -> None:
    assert load_mapping(mapping).stages_known([theirs]) == {theirs: ours}


def test_a_stage_that_is_not_listed_is_not_guessed() -> None:
    assert load_mapping("default").stages_known(["Closed Won", "Wonderful"]) == {}


def test_a_name_goes_before_a_pattern(tmp_path: Path) -> None:
    mapping = load_mapping(saved(tmp_path, changed("stages", "lost and found", to="Won")))

    assert mapping.stages_known(["Lost to others", "Lost and  found"]) == {
        "Lost to others": "Lost",
        "Lost and  found": "Won",
    }


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["close_date"], "close_date"),
        (["CLOSE DATE"], "CLOSE DATE"),
        (["Done", "Ended"], "Ended"),
        (["ended", "Ended"], "Ended"),
        (["Closing"], None),
    ],
)
def test_the_first_candidate_that_is_there_is_taken(names: list[str], found: str | None) -> None:
    assert first_present(["Ended", "CloseDate", "Done"], names) == found


def test_a_mapping_in_a_file_is_read(tmp_path: Path) -> None:
    mapping = load_mapping(saved(tmp_path, SMALL))

    assert mapping.table_of("Chances 2024.csv") == "opportunities"
    assert mapping.columns_found("opportunities", ["no", "phase", "begun", "done", "x"]) == {
        "opportunity_id": "no",
        "deal_stage": "phase",
        "engage_date": "begun",
        "close_date": "done",
    }


OPPORTUNITIES = ("tables", "opportunities")


@pytest.mark.parametrize(
    ("content", "problem", "remedy"),
    [
        (changed("stagse", to={}), "stagse: there is no such key", "'stages'"),
        (changed(*OPPORTUNITIES, "colums", to={}), "colums: there is no such key", "'columns'"),
        (changed(*OPPORTUNITIES, "columns", "close_dat", to="x"), "'close_date'", "docs/mapping"),
        (changed("tables", "acounts", to={"files": "x", "columns": {}}), "'accounts'", "docs"),
        (changed("stages", "Sold", to="Win"), "'Prospecting', 'Engaging', 'Won' or 'Lost'", "Won"),
        (changed("while_open", to={"close_dte": "amount"}), "while_open.close_dte", "close_date"),
        (changed("tables", to={}), "where the 'opportunities' are", "docs/mapping.md"),
        (changed(*OPPORTUNITIES, "columns", to={"close_date": "x"}), "'opportunity_id'", "docs"),
        (changed(*OPPORTUNITIES, to={"columns": {}}), "files: it is missing", "docs/mapping.md"),
        ("name: [", "line 1, is not valid YAML", "mend that line"),
        ("just words", "holds no 'tables'", "docs/mapping.md"),
        ("stages: {yes: Won}\nname: x\ntables: {}", "mapping", "docs/mapping.md"),
    ],
)
def test_a_mistake_in_a_mapping_is_named_with_what_would_be_right(
    tmp_path: Path, content: object, problem: str, remedy: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load_mapping(saved(tmp_path, content))

    assert problem in refused.value.problem
    assert remedy in refused.value.remedy


def test_an_unknown_mapping_lists_those_there_are() -> None:
    with pytest.raises(SettingsError, match="default, salesforce, hubspot") as refused:
        load_mapping("salesforec")

    assert "'salesforce'" in refused.value.remedy


def test_a_mapping_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mapping.yaml").write_bytes(b"\xff\x00\xff")

    with pytest.raises(SettingsError, match="cannot be read"):
        load_mapping(str(tmp_path / "mapping.yaml"))


def test_the_shipped_mapping_that_fits_is_offered() -> None:
    salesforce = ["Id", "StageName", "CreatedDate", "CloseDate"]

    assert fitting(salesforce, but="default") == "salesforce"
    assert fitting(salesforce, but="salesforce") is None
    assert knowing(["closedwon", "closedlost", "Ours"], but="default") == "hubspot"
    assert knowing(["Ours"], but="default") is None
