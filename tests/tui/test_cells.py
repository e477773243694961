"""Text in columns of exact width."""

from hypothesis import given
from hypothesis import strategies as st

from tui.cells import clean, cut_middle, left, right, width

TEXTS = st.text(max_size=40).map(clean)


@given(TEXTS, st.integers(min_value=1, max_value=30))
def test_a_cell_is_never_wider_than_its_column(text: str, cells: int) -> None:
    assert width(left(text, cells, "…")) == cells
    assert width(cut_middle(text, cells, "…")) <= cells


def test_a_wide_letter_counts_twice() -> None:
    assert width("模型") == 4
    assert left("模型", 3, "…") == "模…"


def test_both_ends_of_a_long_name_stay() -> None:
    assert cut_middle("claude-sonnet-4-6-20260217", 11, "…") == "claud…60217"


def test_a_number_is_never_cut() -> None:
    assert right("123456", 4) == "123456"
    assert right("12", 4) == "  12"


@given(st.text(max_size=40))
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    assert clean(text).isprintable()
