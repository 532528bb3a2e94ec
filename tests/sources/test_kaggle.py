"""Fetching with the real kagglehub client from a loopback server that speaks Kaggle's protocol."""

import json
import logging
import os
import shutil
import sys
import traceback
from base64 import b64encode

import pytest
from tests.sources.kaggle_server import EXPORT, SIGNATURE, STEPS, Answer, stored, zipped

from dealcast.errors import MissingExtraError, SourceError
from dealcast.hiding import hidden, remember
from dealcast.settings import KaggleSource as KaggleSettings
from dealcast.sources.base import open_source

KEY = "s3cr3t-k3y-of-kaggle"
OTHER_KEY = "an0ther-k3y"
BEARER = f"Bearer {KEY}"
BASIC = "Basic " + b64encode(f"ada:{KEY}".encode()).decode()


def test_the_files_arrive_untouched_and_nothing_else_does(kaggle):
    files = kaggle.fetch()

    assert {file.name: file.read_text() for file in files} == EXPORT
    assert sorted(kaggle.into.iterdir()) == sorted(files)
    assert tuple(kaggle.server.steps()) == STEPS


def test_a_folder_that_does_not_exist_is_made(kaggle):
    kaggle.into = kaggle.into / "new" / "folder"

    files = kaggle.fetch()

    assert sorted(kaggle.into.iterdir()) == sorted(files)


def test_data_set_version_and_bytes_are_logged(kaggle, caplog):
    with caplog.at_level(logging.INFO, "dealcast"):
        kaggle.fetch()

    size = sum(len(text) for text in EXPORT.values())
    assert caplog.messages == [f"Kaggle data set ada/crm, version 3: 5 files, {size} bytes"]


def test_a_named_version_is_the_one_asked_for(kaggle):
    kaggle.fetch("ada/crm/versions/2")

    assert kaggle.server.steps() == ["DownloadDataset", "storage"]
    assert json.loads(kaggle.server.requests[0].body)["datasetVersionNumber"] == 2


@pytest.mark.parametrize("name", ["crm", "ada/crm/3", "../etc", "https://x/ada/crm", "ada/{page}"])
def test_a_name_that_cannot_be_a_data_set_is_refused_before_anything_is_sent(kaggle, name):
    error = kaggle.refusal(name)

    assert name in error.problem
    assert "OWNER/NAME" in error.remedy
    assert kaggle.server.requests == []


def test_files_in_a_folder_of_the_archive_are_found_and_others_left(kaggle):
    nested = {f"crm/{name}": text for name, text in EXPORT.items()} | {"notes.txt": "", "x.csv": ""}
    kaggle.server.script("storage", stored(zipped(nested)))

    files = kaggle.fetch()

    assert sorted(file.name for file in files) == sorted(EXPORT)


def test_a_file_nearer_the_top_wins_over_its_namesake(kaggle):
    kaggle.server.script("storage", stored(zipped({"a/sales_pipeline.csv": "old"} | EXPORT)))

    opportunities = kaggle.fetch()[0]

    assert opportunities.read_text() == EXPORT["sales_pipeline.csv"]


def test_a_missing_dimension_file_is_a_warning_that_says_what_is_lost(kaggle, caplog):
    alone = {"sales_pipeline.csv": EXPORT["sales_pipeline.csv"]}
    kaggle.server.script("storage", stored(zipped(alone)))

    files = kaggle.fetch()

    assert [file.name for file in files] == ["sales_pipeline.csv"]
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "ada/crm has no accounts.csv: sector, revenue, employees and location are not available",
        "ada/crm has no products.csv: list price and series are not available",
        "ada/crm has no sales_teams.csv: manager and regional office are not available",
    ]


@pytest.mark.parametrize("absolute", [False, True])
def test_a_zip_entry_that_climbs_out_is_refused_and_does_not_get_out(kaggle, absolute):
    machine = kaggle.into.parent
    before = set(machine.rglob("*"))
    climbing = str(machine / "climbed.csv") if absolute else "../../../../../climbed.csv"
    kaggle.server.script("storage", stored(zipped(EXPORT | {climbing: "x"})))

    error = kaggle.refusal()

    assert "outside of its folder" in error.problem
    assert kaggle.waits == []
    assert set(machine.rglob("*")) == before


def test_environment_streams_loggers_and_the_users_cache_are_as_before(kaggle):
    def surroundings():
        sessions = sys.modules["requests.sessions"]
        level = logging.getLogger("kagglehub").level
        return dict(os.environ), sys.stdout, sys.stderr, level, sessions.HTTPAdapter

    before = surroundings()

    kaggle.fetch(username="ada", key=KEY)

    assert surroundings() == before
    assert [path.name for path in kaggle.home.rglob("*")] == [".kaggle"]


def test_nothing_is_printed_even_where_kagglehub_wants_to(kaggle, monkeypatch, capfd, caplog):
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")
    newer = Answer.of_json({"currentVersionNumber": 3}, X_Kaggle_HubVersion="99.0.0")
    kaggle.server.script("GetDataset", newer)
    caplog.set_level(logging.DEBUG)

    kaggle.fetch(key=KEY)

    assert capfd.readouterr() == ("", "")
    assert not any(secret in caplog.text for secret in (KEY, SIGNATURE))


def test_a_full_disk_is_named_and_not_tried_again(kaggle, monkeypatch):
    def fill_the_disk(_archive, _folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kagglehub.http_resolver._extract_archive", fill_the_disk)

    error = kaggle.refusal()

    assert "cannot be written: No space left on device" in error.problem
    assert kaggle.waits == []


def test_files_already_copied_are_taken_back_when_one_cannot_be(kaggle, monkeypatch):
    copy = shutil.copyfile

    def fill_the_disk(file, to):
        copy(file, to)
        if file.name == "products.csv":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", fill_the_disk)

    error = kaggle.refusal()

    assert "cannot be written: No space left on device" in error.problem
    assert "make room" in error.remedy


def test_an_interrupted_copy_leaves_an_empty_folder(kaggle, monkeypatch):
    def interrupt(_file, to):
        to.write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "copyfile", interrupt)

    with pytest.raises(KeyboardInterrupt):
        kaggle.fetch()

    assert list(kaggle.into.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_named_and_kept(kaggle):
    kaggle.into = kaggle.into / "taken"
    kaggle.into.write_text("mine")

    with pytest.raises(SourceError) as caught:
        kaggle.fetch()

    assert str(kaggle.into) in caught.value.remedy
    assert kaggle.into.read_text() == "mine"


JSON = json.dumps({"username": "ada", "key": KEY})
OTHER_JSON = json.dumps({"username": "bob", "key": OTHER_KEY})


@pytest.fixture
def put(kaggle, monkeypatch):
    """Puts credentials into environment variables (capitals) or files of ~/.kaggle."""

    def put(places: dict[str, str]) -> None:
        for place, value in places.items():
            if place.isupper():
                monkeypatch.setenv(place, value)
            else:
                (kaggle.home / ".kaggle" / place).write_text(value)

    return put


@pytest.mark.parametrize(
    ("places", "settings", "header"),
    [
        ({}, {}, None),
        ({}, {"username": "ada", "key": KEY}, BASIC),
        ({}, {"key": KEY}, BEARER),
        ({"KAGGLE_API_TOKEN": KEY}, {}, BEARER),
        ({"access_token": KEY}, {}, BEARER),
        ({"access_token.txt": KEY}, {}, BEARER),
        ({"KAGGLE_USERNAME": "ada", "KAGGLE_KEY": KEY}, {}, BASIC),
        ({"kaggle.json": JSON}, {}, BASIC),
        ({"KAGGLE_KEY": KEY}, {"username": "ada"}, BASIC),
    ],
)
def test_credentials_of_each_place_reach_kaggle_but_not_storage(
    kaggle, put, places, settings, header
):
    put(places)

    kaggle.fetch(**settings)

    sent = [request.authorization for request in kaggle.server.requests]
    assert sent == [header, header, None]


@pytest.mark.parametrize("place", ["kaggle.json", "access_token"])
def test_a_key_that_kagglehub_finds_in_a_file_is_hidden_from_then_on(kaggle, put, place):
    put({place: JSON if place == "kaggle.json" else KEY})
    remember([])

    kaggle.fetch()

    assert hidden(f"refused: {KEY}") == "refused: ***"


def test_a_kaggle_json_in_a_folder_of_ones_own_reaches_kaggle(kaggle, tmp_path, monkeypatch):
    (tmp_path / "kaggle.json").write_text(JSON)
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path))

    kaggle.fetch()

    assert kaggle.server.requests[0].authorization == BASIC


@pytest.mark.parametrize(
    "beside",
    [
        {"KAGGLE_API_TOKEN": OTHER_KEY},
        {"access_token": OTHER_KEY},
        {"KAGGLE_USERNAME": "bob", "KAGGLE_KEY": OTHER_KEY},
        {"kaggle.json": OTHER_JSON},
    ],
)
@pytest.mark.parametrize(
    ("settings", "header"), [({"username": "ada", "key": KEY}, BASIC), ({"key": KEY}, BEARER)]
)
def test_the_settings_win_over_every_other_place(kaggle, put, beside, settings, header):
    put(beside)

    kaggle.fetch(**settings)

    assert kaggle.server.requests[0].authorization == header


@pytest.mark.parametrize(
    ("places", "reason"),
    [
        ({"kaggle.json": "{broken"}, "kaggle.json needs username and key, as JSON"),
        ({"kaggle.json": '{"username": "ada"}'}, "kaggle.json needs username and key, as JSON"),
        ({"kaggle.json": "7"}, "kaggle.json needs username and key, as JSON"),
        ({"KAGGLE_API_TOKEN": KEY * 50}, "File name too long"),  # kagglesdk takes it for a path
        ({"KAGGLE_API_TOKEN": f"{KEY}\n"}, "they hold white space or letters that no key has"),
        ({"KAGGLE_USERNAME": "\N{EURO SIGN}", "KAGGLE_KEY": KEY}, "they hold white space"),
    ],
)
def test_credentials_that_cannot_be_used_are_named_but_not_shown(kaggle, put, places, reason):
    put(places)

    error = kaggle.refusal()

    assert f"cannot be used: {reason}" in error.problem
    assert "settings/api" in error.remedy
    assert KEY not in "".join(traceback.format_exception(error))
    assert kaggle.server.requests == []


def test_without_kagglehub_the_extra_to_install_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "dealcast.sources.kaggle", raising=False)
    monkeypatch.setitem(sys.modules, "kagglehub", None)

    with pytest.raises(MissingExtraError) as caught:
        open_source(KaggleSettings())

    assert caught.value.remedy == "uv pip install 'dealcast[kaggle]'"
