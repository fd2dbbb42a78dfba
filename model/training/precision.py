"""Which device trains, and in which precision."""

from __future__ import annotations

import os
from pathlib import Path

import keras
import tensorflow as tf


def choose_device(several: bool = False) -> str:
    """Set the precision that the hardware is fastest in and say in a sentence what was found.

    bfloat16 where a GPU of compute capability 8 or a CPU with AMX is there, float16 on older GPUs,
    float32 elsewhere. Weights and the optimiser stay float32.

    Args:
        several: whether several devices share every batch. Then older GPUs compute in float32: Keras finds the scale
            that float16 needs from one device's part alone.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        modern = details.get("compute_capability", (0, 0))[0] >= 8
        policy = "mixed_bfloat16" if modern else "float32" if several else "mixed_float16"
        compiler = "" if several else ", XLA"
        found = f"{len(gpus)} GPU ({details.get('device_name', 'unnamed')}), {policy}{compiler}"
    else:
        policy = "mixed_bfloat16" if _cpu_has_bfloat16() else "float32"
        found = f"no GPU, training on {os.cpu_count()} CPU cores, {policy}"
    keras.mixed_precision.set_global_policy(policy)
    return found


def _cpu_has_bfloat16() -> bool:
    flags = Path("/proc/cpuinfo")
    return flags.exists() and "amx_bf16" in flags.read_text(encoding="utf-8", errors="replace")
