"""Keep, Going, Staying: what a vacuum is asked, and what it answers."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dealcast.errors import SettingsError
from dealcast.settings import RetentionSettings
from dealcast.workflow.manifest import RunManifest
from dealcast.workflow.objects import Entry


@dataclass(frozen=True)
class Keep:
    """Runs that began at `since` or later are kept, and all that was written after `spared`."""

    since: datetime
    spared: datetime

    @classmethod
    def of(cls, retention: RetentionSettings, runs: list[RunManifest], now: datetime) -> "Keep":
        """What the settings ask for; where both rules are set, what either keeps is kept.

        `runs`: oldest first. Raises SettingsError where no rule is set.
        """
        since = []
        if retention.keep_days is not None:
            since.append(now - timedelta(days=retention.keep_days))
        if retention.keep_runs is not None:
            latest = runs[-retention.keep_runs :]
            since.append(began(latest[0]) if latest else now)
        if not since:
            raise SettingsError(
                "Nothing says how long runs are kept.",
                remedy="--keep DAYS or --keep-runs N, or storage.retention.keep_days",
            )
        return cls(min(since), now - timedelta(hours=retention.grace_hours))

    def spares(self, written: datetime) -> bool:
        """Whether something written then is too new to be deleted, whoever needs it."""
        return written >= self.spared


@dataclass
class Found:
    """What is to go, by kind, and how much stays, by what it is and why."""

    going: dict[str, list[Entry]] = field(default_factory=dict)
    staying: Counter[tuple[str, str]] = field(default_factory=Counter)

    def goes(self, kind: str, *entries: Entry) -> None:
        """Note what is to go."""
        if entries:
            self.going.setdefault(kind, []).extend(entries)

    def stays(self, what: str, why: str) -> None:
        """Note one more that stays."""
        self.staying[what, why] += 1


def began(manifest: RunManifest) -> datetime:
    """When a run began (UTC)."""
    return datetime.fromisoformat(manifest.started)
