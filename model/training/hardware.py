"""Which device trains, and in which precision."""

from __future__ import annotations

import os
from pathlib import Path

import keras
import tensorflow as tf


def choose_device() -> str:
    """Set the precision that the hardware is fastest in and say in a sentence what was found.

    bfloat16 where a GPU of compute capability 8 or a CPU with AMX is there, float16 on older GPUs,
    float32 elsewhere. Weights and the optimiser stay float32.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        modern = details.get("compute_capability", (0, 0))[0] >= 8
        policy = "mixed_bfloat16" if modern else "mixed_float16"
        found = f"{len(gpus)} GPU ({details.get('device_name', 'unnamed')}), {policy}, XLA"
    else:
        policy = "mixed_bfloat16" if _cpu_has_bfloat16() else "float32"
        found = f"no GPU, training on {os.cpu_count()} CPU cores, {policy}"
    keras.mixed_precision.set_global_policy(policy)
    return found


def _cpu_has_bfloat16() -> bool:
    flags = Path("/proc/cpuinfo")
    return flags.exists() and "amx_bf16" in flags.read_text(encoding="utf-8", errors="replace")
