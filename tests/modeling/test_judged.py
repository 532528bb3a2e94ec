import polars as pl

from dealcast.modeling.judged import judged

MANY = pl.DataFrame({"opportunity_id": [f"O{i:03}" for i in range(500)], "value": range(500)})


def test_all_are_judged_where_they_are_few_enough() -> None:
    found = judged(MANY, at_most=500, seed=0)

    assert found.opportunities is MANY
    assert found.text == ""
    assert found.to_dict() == {"opportunities": 500, "out_of": 500}


def test_of_very_many_a_sample_is_judged_and_it_says_so() -> None:
    found = judged(MANY, at_most=100, seed=0)

    assert found.opportunities["opportunity_id"].n_unique() == 100
    assert found.opportunities.join(MANY, on=["opportunity_id", "value"]).height == 100
    assert found.text.startswith("Judged on a random sample of 100 of the 500 opportunities")


def test_the_sample_depends_on_the_seed_and_not_on_the_order() -> None:
    def ids(frame: pl.DataFrame, seed: int) -> set[str]:
        return set(judged(frame, at_most=100, seed=seed).opportunities["opportunity_id"])

    assert ids(MANY, 1) == ids(MANY.reverse(), 1) != ids(MANY, 2)
