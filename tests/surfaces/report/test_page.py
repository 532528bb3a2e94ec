"""The page as such: whole by itself, safe, with words where there is nothing to show."""

import base64
import hashlib
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dealcast.errors import ModelError, StoreError
from dealcast.surfaces import report
from dealcast.surfaces.report import keep_report, report_of
from dealcast.surfaces.report.parts import PARTS
from dealcast.workflow.manifest import load_manifest
from dealcast.workflow.run import RunManifest
from dealcast.workflow.store import Store

Running = Callable[..., Any]
PageOf = Callable[[str], Any]
LARGEST = 3_000_000  # bytes


def anchors(page: Any) -> set[str]:
    """The parts that the page has."""
    return {a["id"] for tag, a in page.tags if tag == "section" and a.get("id")}


def links(page: Any) -> set[str]:
    """Where links within the page lead."""
    return {a["href"][1:] for tag, a in page.tags if tag == "a" and a["href"].startswith("#")}


def test_the_page_needs_nothing_from_elsewhere(sample: Any, page_of: PageOf) -> None:
    page = page_of(sample.html)

    assert len(sample.html.encode()) < LARGEST
    places = [a.get(k) for _, a in page.tags for k in ("href", "src", "action") if a.get(k)]
    assert places
    assert all(p.startswith(("#", "data:,")) for p in places)
    styles = re.findall(r"<style>(.*?)</style>", sample.html, flags=re.DOTALL)
    assert all("url(" not in s and "@import" not in s for s in styles)


def test_every_link_leads_to_a_part_and_every_part_has_one(sample: Any, page_of: PageOf) -> None:
    page = page_of(sample.html)

    assert anchors(page) == set(PARTS)
    assert links(page) == anchors(page)


def test_only_its_own_script_may_run(sample: Any) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", sample.html, flags=re.DOTALL)
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', sample.html)

    assert policy is not None
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert "default-src 'none'" in policy[1]
    assert f"script-src 'sha256-{digest}'" in policy[1]


def test_names_from_the_export_are_text_wherever_they_stand(tiny: Any, page_of: PageOf) -> None:
    page = page_of(tiny.html)

    assert [tag for tag, _ in page.tags].count("script") == 1
    assert "img" not in {tag for tag, _ in page.tags}
    assert not [a for _, a in page.tags if any(name.startswith("on") for name in a)]
    row = page.rows("Worth most")[0]
    assert row["opportunity"] == 'A3"><script>alert(1)</script>'
    assert row["agent"] == 'Ann"><script>alert(1)</script>'


def test_every_figure_has_words_for_those_who_do_not_see_it(sample: Any, page_of: PageOf) -> None:
    drawings = [a for tag, a in page_of(sample.html).tags if tag == "svg"]

    assert len(drawings) >= 2 * 10
    assert all(a["role"] == "img" and a["aria-label"] for a in drawings)


def test_what_could_not_be_told_says_why_and_what_to_do(tiny: Any, page_of: PageOf) -> None:
    page = page_of(tiny.html)

    for name in ("trust", "people"):
        assert "Nothing to show." in page.sections[name]
        assert "too short to test a model" in page.sections[name]
        assert "What to do:" in page.sections[name]
    assert "history too short to judge" in page.sections["top"]
    assert "no interval yet" in page.sections["top"]


def test_a_run_that_stopped_early_says_which_command_goes_on(
    run_on: Running, tiny_export: Path, tmp_path: Path, page_of: PageOf
) -> None:
    ran = run_on(tmp_path, stop="clean", source__kind="files", source__path=str(tiny_export))

    page = page_of(ran.html)

    assert f"dealcast run --from forecast --root {tmp_path}" in page.sections["bookings"]
    assert "The export scores" in page.sections["quality"]
    for name, part in PARTS.items():
        if part.step not in (None, "validate"):
            assert "Nothing to show." in page.sections[name]


def test_a_run_that_failed_is_reported_as_far_as_it_came(
    run_on: Running, tiny_export: Path, tmp_path: Path, page_of: PageOf
) -> None:
    with pytest.raises(ModelError, match="Only 2 opportunities had closed") as failed:
        run_on(tmp_path, source__kind="files", source__path=str(tiny_export))

    store = Store(str(tmp_path))
    content = store.get_object(load_manifest(store, "latest").report_key)
    assert content is not None
    page = page_of(content.decode())
    assert f"The run failed: {failed.value.problem}" in page.sections["top"]
    assert links(page) == anchors(page)
    assert "The export scores" in page.sections["quality"]
    assert "The step 'score' has not been done" in page.sections["open"]


def test_what_an_earlier_run_made_is_shown_and_said_to_be(
    run_on: Running, tiny_export: Path, tmp_path: Path, page_of: PageOf
) -> None:
    flags = {"source__kind": "files", "source__path": str(tiny_export), "model__min_closed": 1}
    first = run_on(tmp_path, **flags)

    second = run_on(tmp_path, start="forecast", stop="forecast", **flags)

    page = page_of(second.html)
    assert first.manifest.run_id in page.sections["open"]
    assert "This run did not take the step 'score'" in page.sections["open"]
    assert "did not take" not in page.sections["bookings"]
    again = load_manifest(second.store, second.manifest.run_id)
    assert {r.name for r in again.earlier} == {r.name for r in first.manifest.steps} - {"forecast"}
    assert report_of(again, second.store) == second.html


def test_a_report_drawn_again_is_the_same(tiny: Any) -> None:
    assert report_of(load_manifest(tiny.store, "latest"), tiny.store) == tiny.html


def test_secrets_of_the_settings_stay_masked(
    run_on: Running, tiny_export: Path, tmp_path: Path, page_of: PageOf
) -> None:
    ran = run_on(
        tmp_path,
        stop="ingest",
        source__kind="files",
        source__path=str(tiny_export),
        orchestration__api_key="hush-hush-hush",
    )

    assert "hush-hush-hush" not in ran.html
    settings = dict(
        row[:2] for rows in page_of(ran.html).tables.values() for row in rows if len(row) == 2
    )
    assert set(settings["orchestration.api_key"]) == {"*"}


def test_a_page_that_cannot_be_drawn_fails_no_run_and_is_logged(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_manifest: RunManifest, _store: Store) -> str:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(report, "report_of", broken)
    with caplog.at_level(logging.WARNING, logger="dealcast"):
        keep_report(tiny.manifest, tiny.store)

    assert "the report was not drawn: ZeroDivisionError: by nought" in caplog.text
    assert f"dealcast report {tiny.manifest.run_id}" in caplog.text


def test_a_run_whose_objects_are_gone_is_refused_with_a_remedy(
    run_on: Running, tiny_export: Path, tmp_path: Path
) -> None:
    ran = run_on(tmp_path, stop="clean", source__kind="files", source__path=str(tiny_export))
    validated = next(s for s in ran.manifest.steps if s.name == "validate")
    ran.store.delete_object(validated.objects["quality_raw"])

    with pytest.raises(StoreError, match="is gone, though a run recorded it") as refused:
        report_of(ran.manifest, ran.store)

    assert "dealcast run" in refused.value.remedy


def test_a_run_of_another_version_that_kept_less_is_refused_with_a_remedy(tiny: Any) -> None:
    steps = [replace(s, figures={}) if s.name == "score" else s for s in tiny.manifest.steps]
    other = replace(
        tiny.manifest, steps=steps, code={**tiny.manifest.code, "source_hash": "0" * 16}
    )

    with pytest.raises(StoreError, match="of another version of dealcast") as refused:
        report_of(other, tiny.store)

    assert "dealcast run --from validate" in refused.value.remedy
    with pytest.raises(KeyError):
        report_of(replace(tiny.manifest, steps=steps), tiny.store)
