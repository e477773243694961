"""NVIDIA devices through NVML: which there are, or why none can be seen."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Device:
    """One accelerator as NVML names it."""

    uuid: str
    name: str
    counter: bool
    """Whether it has the total-energy counter."""


def devices() -> tuple[Sequence[Device], str | None]:
    """The devices, and the reason if there are none; never raises."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return [], f"NVML: {error}"
    try:
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())
        ]
        found = [
            Device(
                uuid=pynvml.nvmlDeviceGetUUID(handle),
                name=pynvml.nvmlDeviceGetName(handle),
                counter=_counts(handle),
            )
            for handle in handles
        ]
    except pynvml.NVMLError as error:
        return [], f"NVML: {error}"
    finally:
        pynvml.nvmlShutdown()
    return found, None if found else "NVML sees no device"


def _counts(handle: object) -> bool:
    import pynvml

    try:
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError:
        return False
    return True
