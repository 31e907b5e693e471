"""Turns the telemetry of libraries off, before any of them is imported.

`import unseen` does this, so it applies to every command, stage and notebook. Variables that the user has set are
kept. DVC runs as a separate program: `.dvc/config` turns its telemetry off.
"""

import os

OFF = {
    # ONNX Runtime 1.29 and later stores a device identifier and events in the user's cache, and sends the events
    "ORT_DISABLE_TELEMETRY": "1",
    "DVC_NO_ANALYTICS": "1",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",  # also of timm, diffusers and transformers
    "RAY_USAGE_STATS_ENABLED": "0",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "DO_NOT_TRACK": "1",  # https://donottrack.sh, for libraries that support it
}
"""Environment variables of libraries, with the value that turns their telemetry off."""


def off() -> None:
    """Set the variables that are not set yet."""
    for name, value in OFF.items():
        os.environ.setdefault(name, value)
