import pytest

from dealcast.features.build import BOUNDS
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.columns import COLUMNS, Known, Lens
from dealcast.features.spec import FeatureSpec, Leak

USED = [s for s in CATALOGUE if s.leak is not Leak.BANNED]


def test_every_feature_has_a_name_of_its_own() -> None:
    names = [s.name for s in CATALOGUE]

    assert len(names) == len(set(names))
    assert len(USED) >= 20


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda s: s.name)
def test_every_feature_says_what_it_is_in_which_unit(spec: FeatureSpec) -> None:
    assert spec.meaning.endswith(".")
    assert spec.unit in {*BOUNDS, "USD", "million USD", "category", "day number"}


@pytest.mark.parametrize("spec", USED, ids=lambda s: s.name)
def test_what_is_undated_is_called_so(spec: FeatureSpec) -> None:
    reads_undated = any(COLUMNS[name].known is Known.UNDATED for name in spec.reads)

    assert (spec.leak is Leak.UNDATED) is reads_undated


def test_no_used_feature_comes_through_the_export_or_the_account() -> None:
    assert all(s.lens is not Lens.EXPORT and s.entity != "account" for s in USED)
    behind_account = {n for n, c in COLUMNS.items() if c.table == "accounts"} | {"account"}
    assert not any(s.reads & behind_account for s in USED)
