"""What an export says is printed as it is, whatever a terminal or Rich would take it for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import RenderableType

from dealcast.cli.render import table
from dealcast.cli.render_model import scores
from dealcast.cli.terminal import Terminal, styled

Call = Callable[..., Any]
NAMES = ("[/x]Ann", "Acme [uk]", "[bold]Bob[/bold]", "[link=http://x]c[/link]", ":star:", "a\\[b]")
EXPORT = """opportunity_id,sales_agent,product,deal_stage,engage_date,close_date,close_value
[/A]1,Ann,Widget,Won,2024-01-02,2024-02-01,100
A2,Ann,Widget,Lost,2024-01-12,[/oops],0
A3,Ann,Widget,Engaging,2024-02-02,,
"""


def printed(what: RenderableType, width: int = 100) -> str:
    terminal = Terminal(width=width)
    with terminal.capture() as captured:
        terminal.print(what)
    return captured.get()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [100, 30])
def test_a_name_is_no_markup_in_a_table_of_any_width(name: str, width: int) -> None:
    told = table(f"Of {name}", ("agent", ">won", ">lost"), [(name, "1234567", "7654321")])

    assert printed(told, width).count(name) == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_no_markup_in_a_line(name: str) -> None:
    assert printed(name) == f"{name}\n"
    assert printed(styled(name, "bold")) == f"{name}\n"


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert printed("Ann\x1b[2J\x9b1m\x07\r") == "Ann\\x1b[2J\\x9b1m\\x07\\x0d\n"
    assert "\x1b" not in printed(table("T", ("agent",), [("Ann\x1b]0;x\x07",)]))


def test_scores_of_an_id_in_brackets_are_told() -> None:
    row = dict.fromkeys(("age_days", "amount", "expected_value", "p_won_30", "note", "is_stale"))
    row |= dict.fromkeys(("closes_from", "closes_until", "grade"))
    named = {"opportunity_id": "[/a]X1", "sales_agent": "Ann [uk]", "product": "[i]"}

    told = printed(scores([row | named], currency="USD"))

    assert all(name in told for name in named.values())


def test_an_export_with_brackets_is_cleaned_and_listed(call: Call, tmp_path: Path) -> None:
    (tmp_path / "opportunities.csv").write_text(EXPORT, encoding="utf-8")

    cleaned = call("run", "--to", "clean", "--path", tmp_path / "opportunities.csv")
    listed = call("quarantine", "list")

    assert (cleaned.code, listed.code) == (0, 0), cleaned.err + listed.err
    assert "[/oops]" in listed.out
