"""Names of a request → the names that the model and the scores know: pseudonyms, where wanted."""

from collections.abc import Sequence
from typing import Any

from dealcast.settings import Settings
from dealcast.sources.pseudonyms import Pseudonyms
from dealcast.surfaces.api.bodies import Opportunity
from dealcast.workflow.manifest import load_latest_steps
from dealcast.workflow.privacy import pseudonyms_of
from dealcast.workflow.store import Store


class Names:
    """Replaces what callers say by what is kept; whoever asks may use either.

    Raises SettingsError where pseudonyms are wanted and there is no key, or not that of the store.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._pseudonyms: Pseudonyms | None = None
        # Without them the API takes and gives what is kept, whatever that is.
        if settings.privacy.pseudonyms:
            self._pseudonyms = pseudonyms_of(settings, load_latest_steps(store).get("ingest"))

    def kept(self, column: str, value: Any) -> Any:
        """The value as the store has it."""
        if self._pseudonyms is None or value is None or column not in self._pseudonyms.columns:
            return value
        return self._pseudonyms.of_given(value, column)

    def in_all(self, given: Sequence[Opportunity]) -> Sequence[Opportunity]:
        """The opportunities with names as the store has them."""
        if self._pseudonyms is None:
            return given
        columns = set(self._pseudonyms.columns) & set(Opportunity.model_fields)
        return [
            o.model_copy(update={c: self.kept(c, getattr(o, c)) for c in columns}) for o in given
        ]
