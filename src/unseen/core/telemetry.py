"""Libraries that report to their makers how they are used are told not to, before any of them is imported.

`import unseen` does this, so it holds in every command, stage and notebook. What the user has set stays as it is.
DVC is a program of its own: `.dvc/config` turns its reports off.
"""

import os

OFF = {
    # ONNX Runtime from 1.29 on keeps a device identifier and events below the user's cache, and sends the events
    "ORT_DISABLE_TELEMETRY": "1",
    "DVC_NO_ANALYTICS": "1",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",  # also what timm, diffusers and transformers tell the hub
    "RAY_USAGE_STATS_ENABLED": "0",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "DO_NOT_TRACK": "1",  # https://donottrack.sh, for all that know it
}
"""Variables of libraries, and the value that turns their reports off."""


def off() -> None:
    """Set the variables that are not set."""
    for name, value in OFF.items():
        os.environ.setdefault(name, value)
