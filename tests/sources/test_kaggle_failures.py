"""Every way in which the real kagglehub client can fail, against a loopback server."""

import io
import logging
import re
import tarfile
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from tests.sources.kaggle_server import (
    ARCHIVE,
    EXPORT,
    SIGNATURE,
    STEPS,
    Answer,
    KaggleServer,
    md5_header,
    stored,
    zipped,
)

from dealcast.errors import SourceError

kaggle_env = pytest.importorskip("kagglesdk.kaggle_env", reason="the extra 'kaggle' is missing")

LONGEST_WAIT = 60.0
KEY = "s3cr3t-k3y-of-kaggle"
KEY_IN_BASIC = "YWRhOnMzY3IzdC1rM3ktb2Yta2FnZ2xl"  # base64 of ada:KEY

LOST = Answer(hang_up=True)
SILENT = Answer(silent=True)
CUT_SHORT = Answer(body=ARCHIVE[:200], declared=len(ARCHIVE))
CUT_UNNOTICED = Answer(body=ARCHIVE[:200])
WRONG_HASH = Answer(body=ARCHIVE, headers=md5_header(b"other bytes"))
DAMAGED = Answer(body=ARCHIVE[:60] + b"\0" * 9 + ARCHIVE[69:])
ENTRY = ARCHIVE.index(b"PK\x01\x02")  # the first of the directory at the end
ENCRYPTED = Answer(body=ARCHIVE[: ENTRY + 8] + b"\x01" + ARCHIVE[ENTRY + 9 :])
NEGATIVE_OFFSET = Answer(body=ARCHIVE[:-6] + b"\xff\xff\0\0" + ARCHIVE[-2:])
PROXY_PAGE = Answer(body=b"<html>Sign in to the network</html>")

PASSING = [
    pytest.param("GetDataset", Answer(500), "fails to answer", id="500"),
    pytest.param("GetDataset", Answer(503), "fails to answer", id="503"),
    pytest.param("GetDataset", Answer(408), "fails to answer", id="408"),
    pytest.param("GetDataset", Answer.of_json({"code": 502, "message": ""}), "fails", id="200-502"),
    pytest.param("GetDataset", Answer(429), "limits the rate", id="429"),
    pytest.param("GetDataset", LOST, "was lost", id="lost"),
    pytest.param("GetDataset", SILENT, "in time", id="silent"),
    pytest.param("GetDataset", PROXY_PAGE, "not a whole archive", id="page-of-a-proxy"),
    pytest.param("DownloadDataset", Answer(500), "fails to answer", id="500-download"),
    pytest.param("DownloadDataset", LOST, "was lost", id="lost-download"),
    pytest.param("storage", Answer(503), "fails to answer", id="503-storage"),
    pytest.param("storage", LOST, "was lost", id="lost-storage"),
    pytest.param("storage", SILENT, "in time", id="silent-storage"),
    pytest.param("storage", CUT_SHORT, "was lost", id="shorter-than-declared"),
    pytest.param("storage", CUT_UNNOTICED, "not a whole archive", id="cut-unnoticed"),
    pytest.param("storage", WRONG_HASH, "not a whole archive", id="wrong-hash"),
    pytest.param("storage", DAMAGED, "not a whole archive", id="damaged-zip"),
    pytest.param("storage", NEGATIVE_OFFSET, "not a whole archive", id="negative-offset"),
    pytest.param("storage", ENCRYPTED, "not a whole archive", id="needs-a-password"),
    pytest.param("storage", Answer(body=b""), "not a whole archive", id="nothing"),
    pytest.param("storage", PROXY_PAGE, "not a whole archive", id="no-archive"),
]
NOWHERE = Answer(302, headers={"Location": "gopher://storage/crm"})
NO_OPPORTUNITIES = stored(zipped({"accounts.csv": "", "notes.txt": ""}))
LASTING = [
    pytest.param("GetDataset", Answer(401), "not accept the credentials, .*KAGGLE_API_TOKEN;"),
    pytest.param("GetDataset", Answer(403), "terms are not accepted.*accept the terms"),
    pytest.param("DownloadDataset", Answer(403), "terms are not accepted.*accept the terms"),
    pytest.param("storage", Answer(403), "forbids.*open https://www.kaggle.com/datasets/ada/crm "),
    pytest.param("GetDataset", Answer(404), "no data set ada/crm.*source.dataset to OWNER/NAME"),
    pytest.param("DownloadDataset", Answer(404), "no data set ada/crm.*source.dataset"),
    pytest.param("GetDataset", Answer(400), "refuses the request for ada/crm.*--source files"),
    pytest.param("DownloadDataset", Answer(410), "refuses the request for ada/crm.*--source files"),
    pytest.param("GetDataset", Answer.of_json({"code": 404, "message": ""}), "no data set ada/crm"),
    pytest.param("DownloadDataset", NOWHERE, "cannot be addressed.*HTTPS_PROXY"),
    pytest.param("storage", NO_OPPORTUNITIES, "crm, version 3, has no sales_pipeline.csv; it holds "
                 r"accounts.csv, notes.txt\..*source.dataset"),
    pytest.param("storage", stored(zipped({})), "has no sales_pipeline.csv; it holds nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "answer", "problem"), PASSING)
def test_a_failure_that_passes_is_tried_again_with_growing_waits(
    kaggle, caplog, step, answer, problem
):
    kaggle.server.script(step, answer, answer)

    files = kaggle.fetch()

    until_it_fails = STEPS[: STEPS.index(step) + 1]
    assert {file.name: file.read_text() for file in files} == EXPORT
    assert kaggle.server.steps() == [*until_it_fails, *until_it_fails, *STEPS]
    assert len(kaggle.waits) == 2
    assert 0.5 <= kaggle.waits[0] <= 1.0 <= kaggle.waits[1] <= 2.0
    assert caplog.text.count(problem) == 2


@pytest.mark.parametrize(("step", "answer", "problem"), PASSING)
def test_a_failure_that_stays_ends_after_the_attempts(kaggle, step, answer, problem):
    kaggle.server.script(step, *[answer] * 3)

    error = kaggle.refusal(attempts=3)

    assert problem in error.problem
    assert "Tried 3 times." in error.problem
    assert "--source files --path" in error.remedy
    assert kaggle.server.steps().count(step) == 3
    assert len(kaggle.waits) == 2


@pytest.mark.parametrize(("step", "answer", "text"), LASTING)
def test_a_failure_that_lasts_is_not_tried_again(kaggle, step, answer, text):
    kaggle.server.script(step, answer)

    error = kaggle.refusal(key=KEY)

    assert re.search(text, str(error), re.DOTALL)
    assert kaggle.server.steps() == list(STEPS[: STEPS.index(step) + 1])
    assert kaggle.waits == []


def test_one_attempt_never_waits(kaggle):
    kaggle.server.script("GetDataset", Answer(500))

    error = kaggle.refusal(attempts=1)

    assert "Tried" not in error.problem
    assert kaggle.waits == []


def test_waits_double_up_to_a_minute(kaggle):
    kaggle.server.script("GetDataset", *[Answer(500)] * 9)

    kaggle.fetch(attempts=10)

    longest = [min(2.0**n, LONGEST_WAIT) for n in range(9)]
    assert all(top / 2 <= wait <= top for wait, top in zip(kaggle.waits, longest, strict=True))


def test_waits_are_spread_at_random(kaggle):
    kaggle.server.script("GetDataset", Answer(500), Answer(500))

    kaggle.fetch()

    assert kaggle.waits[1] != 2 * kaggle.waits[0]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_in_seconds_is_honoured(kaggle, step, status):
    kaggle.server.script(step, Answer(status, headers={"Retry-After": "7"}))

    kaggle.fetch()

    assert kaggle.waits == [7.0]


def test_retry_after_as_a_date_is_honoured(kaggle):
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    kaggle.server.script("GetDataset", Answer(429, headers={"Retry-After": moment}))

    kaggle.fetch()

    assert 20.0 <= kaggle.waits[0] <= 40.0


def test_no_wait_is_longer_than_a_minute_whatever_retry_after_asks(kaggle):
    kaggle.server.script("GetDataset", Answer(429, headers={"Retry-After": "86400"}))

    kaggle.fetch()

    assert kaggle.waits == [LONGEST_WAIT]


def test_a_retry_after_that_makes_no_sense_is_passed_over(kaggle):
    kaggle.server.script("GetDataset", Answer(429, headers={"Retry-After": "soon"}))

    kaggle.fetch()

    assert 0.5 <= kaggle.waits[0] <= 1.0


def test_a_refused_connection_is_tried_again_and_named(kaggle, monkeypatch):
    with KaggleServer(b"") as gone:
        pass
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, gone.url)

    error = kaggle.refusal(attempts=3)

    assert "connection to Kaggle cannot be made" in error.problem
    assert "HTTPS_PROXY" in error.remedy
    assert len(kaggle.waits) == 2


def test_a_server_that_cannot_be_trusted_is_not_asked_again(kaggle, monkeypatch):
    endpoint = kaggle.server.url.replace("http://", "https://")
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, endpoint)

    error = kaggle.refusal()

    assert "TLS" in error.problem
    assert "REQUESTS_CA_BUNDLE" in error.remedy
    assert kaggle.waits == []


@pytest.mark.parametrize("status", [401, 403])
def test_without_credentials_the_error_says_where_they_were_searched(kaggle, status):
    kaggle.server.script("GetDataset", Answer(status))

    error = kaggle.refusal()

    assert "none were found" in error.problem
    for place in ("source.key", "KAGGLE_API_TOKEN", "access_token", "KAGGLE_KEY", "kaggle.json"):
        assert place in error.problem
    assert "https://www.kaggle.com/settings/api" in error.remedy
    assert kaggle.waits == []


def test_more_files_than_fit_an_error_are_cut_to_five(kaggle):
    kaggle.server.script("storage", stored(zipped({f"{n}.csv": "" for n in range(9)})))

    error = kaggle.refusal()

    assert "it holds 0.csv, 1.csv, 2.csv, 3.csv, 4.csv." in error.problem


def test_a_tar_entry_that_climbs_out_is_refused(kaggle):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../climbed.csv"))
    kaggle.server.script("storage", stored(buffer.getvalue()))

    error = kaggle.refusal()

    assert "outside of its folder" in error.problem
    assert kaggle.waits == []


@pytest.mark.parametrize("position", range(0, len(ARCHIVE), 23))
def test_a_byte_that_flips_anywhere_never_gets_a_half_export_through(kaggle, position):
    flipped = bytearray(ARCHIVE)
    flipped[position] ^= 0xFF
    kaggle.server.usual["storage"] = Answer(body=bytes(flipped))

    try:
        files = kaggle.fetch(attempts=1)
    except SourceError:
        files = []

    assert sorted(kaggle.into.iterdir()) == sorted(files)
    assert all(file.read_text() == EXPORT[file.name] for file in files)


@pytest.fixture(params=["PROD", "TEST"])
def key(request, monkeypatch):
    """A legacy key; or a token, while TEST mode makes kagglehub print the Authorization header."""
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", request.param)
    return {"PROD": {"username": "ada", "key": KEY}, "TEST": {"key": KEY}}[request.param]


@pytest.mark.parametrize(
    "failing",
    [
        *[param.values[:2] for param in (*PASSING, *LASTING)],
        ("GetDataset", Answer.of_json({"code": 403, "message": f"bad key {KEY}"}, 403)),
    ],
)
def test_no_secret_and_no_noise_in_output_logs_or_errors(kaggle, key, failing, capfd, caplog):
    step, answer = failing
    kaggle.server.usual[step] = answer
    caplog.set_level(logging.DEBUG)

    error = kaggle.refusal(attempts=2, **key)

    shown = "".join([*traceback.format_exception(error), repr(error), caplog.text])
    assert kaggle.server.requests[0].authorization in (f"Basic {KEY_IN_BASIC}", f"Bearer {KEY}")
    assert capfd.readouterr() == ("", "")
    assert not any(secret in shown for secret in (KEY, KEY_IN_BASIC, SIGNATURE))
