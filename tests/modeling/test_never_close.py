import json

import numpy as np
import polars as pl
import pytest

from dealcast.modeling.effects import GroupEffects
from dealcast.modeling.never_close import LEARNT, NeverClose, log_odds, logistic
from dealcast.modeling.traits import Traits


def test_what_was_learnt_survives_json() -> None:
    fitted = NeverClose(-1.5, (GroupEffects(("sales_agent",), {"Ann": 1 / 3}, 0.2),), LEARNT)

    again = NeverClose.from_dict(json.loads(json.dumps(fitted.to_dict())))

    assert again.to_dict() == fitted.to_dict()
    traits = Traits(np.array([1]), {"sales_agent": pl.Series(["Ann"])})
    assert again.log_odds(traits).tolist() == [-1.5 + 1 / 3]


def test_log_odds_and_chances_are_each_others_inverse() -> None:
    chances = np.array([1e-12, 0.2, 0.5, 1 - 1e-9])

    assert logistic(log_odds(chances)) == pytest.approx(chances, rel=1e-6)
    assert logistic(np.array([-1e9, 1e9])) == pytest.approx([0, 1])
