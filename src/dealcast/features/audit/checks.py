"""TESTS: every question of the leak gate, in the order in which it is asked.

To add one, add a record; groups come last, as their test leaves out what has failed by then.
"""

from dealcast.features.audit.alone import (
    BALANCED_ACCURACY,
    feature_alone,
    group_alone,
    target_in_disguise,
)
from dealcast.features.audit.closed_rows import filled_at_close, only_closed_rows
from dealcast.features.audit.coding import MOST_CATEGORIES
from dealcast.features.audit.encodings import R_SQUARED, full_sample_encoding
from dealcast.features.audit.future import future_erased
from dealcast.features.audit.spec import LeakTest

BANNED = "LK0_banned"

TESTS: tuple[LeakTest, ...] = (
    LeakTest(
        "LK1_future_erased",
        "Values that move when the future is erased (share 0-1)",
        finds="what counts, averages or copies things that happened later",
        blind_to="what carries no date: dimension tables, and each opportunity's account",
        remedy="compute it from what was known on the snapshot date: Lens.CLOSED or Lens.OPEN",
        ask=future_erased,
        limit=lambda _: 0.0,
    ),
    LeakTest(
        "LK2_alone",
        "How well it alone ranks the outcome among rows of one age (AUC)",
        finds="a copy of the outcome, a noisy one too",
        blind_to="a leak that tells only a part, such as the month of the close",
        remedy="find out when its value is written; leave it out if only after the close",
        ask=feature_alone,
        limit=lambda settings: settings.max_auc_alone,
    ),
    LeakTest(
        "LK4_filled_at_close",
        "How much more often it is filled on closed than on open rows (share 0-1)",
        finds="a field that people fill in, or clear, when the opportunity closes",
        blind_to="a field that is overwritten at the close, but never blank",
        remedy="leave it out with all that is joined through it, or have it filled at engaging",
        ask=filled_at_close,
        limit=lambda settings: settings.max_fill_gap,
    ),
    LeakTest(
        "LK5_target_in_disguise",
        "How well a map from its values gives the outcome (balanced accuracy)",
        finds="the outcome under another code, as a number, or as blank and not blank",
        blind_to="more than 255 values, of which near or rare ones are taken together",
        remedy="leave it out: it is what is to be predicted",
        ask=target_in_disguise,
        limit=lambda _: BALANCED_ACCURACY,
    ),
    LeakTest(
        "LK6_full_sample_encoding",
        "How like a total of its entity over the whole export it is (R²)",
        finds="target means and counts in which the row's own outcome is counted",
        blind_to="entities that the CRM tables do not name, and fewer than 5 of them",
        remedy="use Lens.CLOSED, which counts only what had closed before the snapshot date",
        ask=full_sample_encoding,
        limit=lambda _: R_SQUARED,
    ),
    LeakTest(
        "LK7_only_closed_rows",
        "Rows whose value occurs on closed, or on open, rows only (share 0-1)",
        finds="stages, flags and reasons that are set at the close; scoring never meets them",
        blind_to=f"quantities: numbers of more than {MOST_CATEGORIES} values",
        remedy="leave it out, or give open rows the values that closed ones had while open",
        ask=only_closed_rows,
        limit=lambda settings: settings.max_unseen_share,
    ),
    LeakTest(
        "LK3_group_alone",
        "How well its group alone ranks the outcome among rows of one age (AUC)",
        finds="features that give the outcome away only together, as engage date and cycle do",
        blind_to="a leak spread over several groups",
        remedy="audit the group's features one by one; leave out the one written after the close",
        ask=group_alone,
        limit=lambda settings: settings.max_auc_alone,
    ),
)
FIELD_TESTS = tuple(t for t in TESTS if t.ask in (filled_at_close, only_closed_rows))
