/* A stand-in for libnvidia-ml.so.1 with two devices: one with an energy counter, one without. */
#include <stdint.h>
#include <stdio.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3 };

int nvmlInitWithFlags(unsigned flags) { (void)flags; return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return SUCCESS; }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    *device = (void *)(uintptr_t)(index + 1);
    return SUCCESS;
}

int nvmlDeviceGetUUID(void *device, char *uuid, unsigned length) {
    snprintf(uuid, length, "GPU-%u", (unsigned)(uintptr_t)device);
    return SUCCESS;
}

int nvmlDeviceGetName(void *device, char *name, unsigned length) {
    snprintf(name, length, "Fake %s", device == (void *)1 ? "H200" : "T4");
    return SUCCESS;
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *energy_mj) {
    if (device != (void *)1) return NOT_SUPPORTED;
    *energy_mj = 1500;
    return SUCCESS;
}
