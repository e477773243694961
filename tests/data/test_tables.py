"""Every number that the program ships says where it is from, when it was read and under what."""

import csv
import re
from collections.abc import Iterator
from datetime import date
from importlib.resources import files

import pytest

TABLES = {
    "accelerators": "name",
    "aliases": "alias",
    "closed_models": "name",
    "constants": "name",
    "grid": "zone",
    "models": "name",
    "precisions": "name",
    "providers": "id",
    "roofline": "accelerator",
}


def rows(table: str) -> list[dict[str, str]]:
    text = (files("data") / f"{table}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), strict=True))


def every_row() -> Iterator[tuple[str, dict[str, str]]]:
    for table in TABLES:
        for row in rows(table):
            yield table, row


def test_the_list_above_names_every_table() -> None:
    shipped = {entry.name for entry in files("data").iterdir() if entry.name.endswith(".csv")}
    assert shipped == {f"{table}.csv" for table in TABLES}


def test_every_row_has_a_source_a_date_and_a_licence() -> None:
    for table, row in every_row():
        assert len(row["source"]) > 5, (table, row)
        assert row["licence"], (table, row)
        assert date(2026, 1, 1) <= date.fromisoformat(row["retrieved"]) <= date(2026, 12, 31)


CHECKED = ("accelerators", "aliases", "closed_models", "models", "providers")
ASSUMED = "own assumption of tabwatt"


@pytest.mark.parametrize("table", CHECKED)
def test_every_row_says_whether_its_source_was_read(table: str) -> None:
    """`yes`, `part`, `no` (not re-read), or `own`: then the source says that tabwatt assumes it."""
    for row in rows(table):
        assert row["checked"] in ("yes", "part", "no", "own"), row
        assert (row["checked"] != "own") or ASSUMED in row["source"], row
        assert (row["checked"] != "no") or "not re-read" in row["source"], row


def test_no_layers_stand_in_a_row_that_nobody_re_read() -> None:
    assert not [
        row["name"] for row in rows("models") if row["checked"] != "yes" and row["n_layers"]
    ]


def test_what_tabwatt_assumes_of_a_closed_model_spans_a_factor_of_three() -> None:
    assumed = [row for row in rows("closed_models") if row["checked"] == "own"]
    assert assumed
    for row in assumed:
        assert float(row["active_high_b"]) >= 3.0 * float(row["active_low_b"]), row


def test_the_readme_counts_the_rows_as_they_are() -> None:
    readme = (files("data") / "README.md").read_text(encoding="utf-8")
    for table in CHECKED:
        states = [row["checked"] for row in rows(table)]
        counts = " | ".join(str(states.count(state)) for state in ("yes", "part", "no", "own"))
        assert f"| `{table}.csv` | {len(states)} | {counts} |" in readme, (table, counts)


@pytest.mark.parametrize(("table", "column"), TABLES.items())
def test_no_row_stands_twice(table: str, column: str) -> None:
    keys = [row[column].lower() for row in rows(table)]
    assert len(keys) == len(set(keys))
    assert all(keys)


@pytest.mark.parametrize("table", TABLES)
def test_every_row_is_as_long_as_the_head(table: str) -> None:
    for row in rows(table):
        assert None not in row
        assert None not in row.values()


def test_open_models_are_possible() -> None:
    for row in rows("models"):
        active, total = float(row["active_params_b"]), float(row["total_params_b"])
        assert 0.01 < active <= total < 4000, row
        if row["n_layers"]:
            assert 12 <= int(row["n_layers"]) <= 130, row
            assert 200 <= float(row["kv_values_per_layer"]) <= 12_000, row
            assert 0.0 < float(row["kv_full_ctx_fraction"]) <= 1.0, row
        if row["experts"]:
            assert int(row["experts_active"]) < int(row["experts"]), row
            assert active < total, row
        else:
            assert active == total or not row["n_layers"], row


def test_there_are_at_least_sixty_open_models_with_their_architecture() -> None:
    assert sum(bool(row["n_layers"]) for row in rows("models")) >= 60


def test_dense_models_hold_about_as_many_weights_as_their_layers_say() -> None:
    """Layers grow about as the cube root of the parameters: 33 at 8 B, 67 at 70 B; slips show."""
    for row in rows("models"):
        if row["n_layers"] and not row["experts"]:
            guess = 16.5 * float(row["total_params_b"]) ** 0.33
            assert 0.4 < int(row["n_layers"]) / guess < 3.6, row


def test_closed_models_are_ranges_that_somebody_is_named_for() -> None:
    for row in rows("closed_models"):
        low, high = float(row["active_low_b"]), float(row["active_high_b"])
        assert 0.0 < low <= high <= float(row["total_high_b"]), row
        assert float(row["total_low_b"]) <= float(row["total_high_b"]), row
        assert row["architecture"] in ("dense", "moe", "unknown"), row


def test_every_alias_leads_to_a_model() -> None:
    names = {row["name"] for row in rows("models")} | {row["name"] for row in rows("closed_models")}
    assert {row["name"] for row in rows("aliases")} <= names


def test_no_name_is_both_open_and_closed() -> None:
    opened = {row["name"] for row in rows("models")}
    assert opened.isdisjoint(row["name"] for row in rows("closed_models"))


def test_grids_are_zones_with_plausible_intensities() -> None:
    for row in rows("grid"):
        assert re.fullmatch(r"WORLD|[A-Z]{2}(-[A-Z0-9]{1,3})?", row["zone"]), row
        assert 0.0 < float(row["intensity_g_per_kwh"]) < 1400.0, row
        assert row["basis"] in ("lifecycle", "combustion"), row
        assert 2023 <= int(row["year"]) <= 2025, row


def test_the_grids_of_ember_carry_its_licence() -> None:
    countries = [row for row in rows("grid") if "-" not in row["zone"]]
    assert len(countries) > 180
    assert all(row["licence"] == "CC-BY-4.0" and "Ember" in row["source"] for row in countries)


def test_all_states_of_the_union_have_a_grid() -> None:
    assert sum(row["zone"].startswith("US-") for row in rows("grid")) == 51  # and the capital


def test_providers_stand_in_zones_and_run_on_accelerators_of_the_tables() -> None:
    zones = {row["zone"] for row in rows("grid")}
    chips = {row["name"] for row in rows("accelerators")}
    for row in rows("providers"):
        named = {pair.split(":")[0] for pair in row["zones"].split(";") if pair}
        assert named <= zones, row
        assert {pair.split(":")[0] for pair in row["hardware"].split(";")} <= chips, row
        assert 1.0 <= float(row["pue_low"]) <= float(row["pue_typical"]), row
        assert float(row["pue_typical"]) <= float(row["pue_high"]) <= 2.0, row
        assert 0.0 <= float(row["wue_low"]) <= float(row["wue_typical"]), row
        assert float(row["wue_typical"]) <= float(row["wue_high"]) <= 3.0, row


def test_constants_are_ordered() -> None:
    for row in rows("constants"):
        low, typical, high = (float(row[end]) for end in ("low", "typical", "high"))
        assert 0.0 <= low <= typical <= high, row
        assert row["unit"], row


def test_accelerators_are_possible() -> None:
    for row in rows("accelerators"):
        assert 4 <= float(row["memory_gb"]) <= 300, row
        assert 50 <= float(row["bandwidth_gb_s"]) <= 9000, row
        assert 15 <= float(row["tdp_w"]) <= 1500, row
        # No chip of the table does more than 4 TFLOP/s (16 bit) per watt, none less than 5 GFLOP/s.
        assert 0.005 < float(row["bf16_tflops"]) / float(row["tdp_w"]) < 4.0, row
