from dealcast.surfaces.tables.outlook import methods

FIGURES = {"period_kind": "month", "ahead": 1, "n": 3, "intervals": 0, "covered": None}


def test_methods_stand_as_they_come_with_a_dash_where_nothing_was_booked() -> None:
    """As of a short history, whose test months had no booking."""
    rows = [
        FIGURES | {"method": "model", "wape": None, "bias": None},
        FIGURES | {"method": "blend", "wape": 0.1, "bias": -0.05},
        FIGURES | {"method": "blend", "ahead": 2, "wape": 0.2, "bias": 0.0},
    ]

    told = [[getattr(cell, "text", cell) for cell in row] for row in methods(rows, "blend").rows]

    assert [row[0] for row in told] == ["model", "blend (issued)"]
    assert told[0][2:] == ["-", "-", "-"]
    assert told[1][2:] == ["10.0%", "-5.0%", "-"]
