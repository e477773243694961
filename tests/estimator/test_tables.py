import pytest

from estimator.tables import accelerator_named, accelerators, constants, precision_named


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("H100", "H100"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("h100-80gb-sxm", "H100"),
        ("NVIDIA A100-SXM4-80GB", "A100-80"),
        ("A100-40GB-SXM", "A100-40"),
        ("NVIDIA GeForce RTX 4090", "RTX-4090"),
        ("rtx_3060", "RTX-3060"),
        ("NVIDIA B200", "B200"),
        ("Apple M2 Max", "Apple-M2-Max"),
        ("Tesla T4", "T4"),
        ("H1000", None),
        ("", None),
    ],
)
def test_an_accelerator_is_found_by_what_drivers_call_it(spelling: str, name: str | None) -> None:
    found = accelerator_named(spelling)
    assert (None if found is None else found.name) == name


@pytest.mark.parametrize(
    ("spelling", "bytes_per_weight"),
    [("bfloat16", 2.0), ("FP8", 1.0), ("Q4_K_M", 0.606), ("mxfp4", 0.531), ("awq", 0.606)],
)
def test_a_precision_has_its_bytes(spelling: str, bytes_per_weight: float) -> None:
    found = precision_named(spelling)
    assert found is not None
    assert found.bytes_per_weight == bytes_per_weight


def test_an_unknown_precision_is_none() -> None:
    assert precision_named("fp7") is None


def test_only_what_was_measured_is_calibrated() -> None:
    assert {chip.name for chip in accelerators().values() if chip.calibrated} == {
        "H100",
        "B200",
        "A100-40",
    }


def test_a_chip_with_a_data_sheet_alone_draws_shares_of_its_thermal_power() -> None:
    chip = accelerators()["L40S"]
    # 350 W: 0.25 static; 0.45 for bytes at 0.70 x 864 GB/s; 0.65 for FLOPs at 0.50 x 362 TFLOP/s.
    assert chip.static_w == pytest.approx(87.5)
    assert chip.j_per_byte * 0.70 * 864e9 == pytest.approx(157.5)
    assert chip.j_per_flop * 0.50 * 362e12 == pytest.approx(227.5)


def test_a_constant_is_its_row() -> None:
    host = constants()["host"]
    assert (host.low, host.typical, host.high) == (1.32, 1.375, 1.43)
