from pathlib import Path

from dealcast.settings import load_settings
from dealcast.workflow.manifest import RunManifest, StepRecord
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import run_steps
from dealcast.workflow.steps import Step
from dealcast.workflow.store import open_store


class Silent:
    def started(self, step: Step) -> None: ...

    def progressed(self, note: str, share: float) -> None: ...

    def finished(self, record: StepRecord) -> None: ...


def audited(root: Path, **flags: object) -> tuple[RunManifest, dict[str, object]]:
    given = {
        "storage.root": str(root),
        "source.kind": "sample",
        "source.opportunities": 3_000,
        "model.max_judged": 1_500,
        **flags,
    }
    loaded = load_settings(environ={}, flags=given)
    manifest = run_steps(loaded, Plan(stop="audit"), Silent(), quiet=True)
    key = manifest.steps[-1].objects["leak_audit"]
    return manifest, open_store(loaded.settings.storage).require_json(key)


def test_leaks_of_many_opportunities_are_judged_on_a_sample_always_the_same(tmp_path: Path) -> None:
    manifest, report = audited(tmp_path / "one")

    _, again = audited(tmp_path / "two")

    assert report == again
    assert "random sample of 1,500 of the 2,9" in report["judged_on"]
    assert manifest.figures["leak_gate"].endswith(report["judged_on"])
    # What leaks is found all the same, and what is honest passes.
    assert set(report["leaks"]) == {
        *("account", "sector", "year_established", "revenue", "employees"),
        *("office_location", "subsidiary_of"),
    }
