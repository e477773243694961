"""The table says what was measured, and replaces only its own section of a file."""

from pathlib import Path

from benchmarks.rounds import Rounds, Visit
from benchmarks.table import BEGIN, END, markdown, replace_section

VISITS = [
    Visit("requests_16", 0, "direct", {"per_s": 20_000.0}),
    Visit("requests_16", 0, "nginx", {"per_s": 10_000.0, "cpu_us": 20.0, "wrong": 1.0}),
    Visit("requests_16", 0, "tabwatt", {"per_s": 900.0, "cpu_us": 100.0}),
    Visit("requests_16", 0, "tabwatt-bare", {"per_s": 1_000.0, "cpu_us": 90.0}),
    Visit("memory", 0, "tabwatt", {"ready_kb": 100_000.0}),
]


def cells(title: str) -> list[str]:
    names = ["direct", "nginx", "tabwatt", "tabwatt-bare"]
    text = markdown(Rounds(VISITS), names, {"date": "today"})
    line = next(line for line in text.splitlines() if line.startswith(f"| {title}"))
    return [cell.strip() for cell in line.split("|")[2:-1]]


def test_ours_stands_last_before_the_aim() -> None:
    assert cells("figure") == ["direct", "nginx", "tabwatt-bare", "tabwatt", "aim"]


def test_shares_and_costs_are_percentages() -> None:
    assert cells("… as a share")[:4] == ["200.0%", "100.0%", "10.0%", "9.0%"]
    # 1 - 900 / 1,000
    assert cells("… less than")[:4] == ["-", "-", "-", "10.0%"]


def test_memory_is_in_megabytes_of_a_million_bytes() -> None:
    assert cells("resident when ready")[3] == "102"  # 100,000 KiB = 102.4 MB


def test_a_figure_nobody_has_gets_no_row() -> None:
    assert "body of" not in markdown(Rounds(VISITS), ["direct"], {})


def test_only_the_own_section_of_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    replace_section(path, f"{BEGIN}\nold\n{END}\n")
    path.write_text(path.read_text() + "\n## Ledger\n")
    replace_section(path, f"{BEGIN}\nnew\n{END}\n")
    assert path.read_text() == f"# Results\n\n{BEGIN}\nnew\n{END}\n\n## Ledger\n"
