"""Verify the signature of a C2PA manifest with c2pa-python, if it is installed, without network access.

The library is native code (c2pa-rs). It is called only for files with an embedded manifest.
"""

import importlib
import io
from typing import Any, Final, Literal

Signature = Literal["valid", "not trusted", "invalid", "not verified"]
"""`not trusted`: the file is unchanged since it was signed, but the signer is on no trust list. c2pa-python comes
without a trust list."""

VALID: Final = "valid"
NOT_TRUSTED: Final = "not trusted"
INVALID: Final = "invalid"
NOT_VERIFIED: Final = "not verified"

SETTINGS: dict[str, Any] = {
    "verify": {
        "verify_after_reading": True,
        "verify_trust": True,
        "remote_manifest_fetch": False,
        "ocsp_fetch": False,
    },
    "core": {"allowed_network_hosts": [], "decode_identity_assertions": False},
}
"""Settings of c2pa-rs without network access. By default, it fetches manifests from URLs in the file."""

MOST_BYTES = 256 << 20
"""Larger files are not verified."""

MOST_CODES = 4


def verify(data: bytes, kind: str) -> tuple[Signature, str]:
    """Verify the active manifest of a file.

    Args:
        data: all bytes of the file.
        kind: its MIME type.

    Returns:
        The state of the signature, and a detail: the C2PA codes of failed checks, or the reason why nothing was
        verified.
    """
    try:
        c2pa: Any = importlib.import_module("c2pa")
    except ImportError:
        return NOT_VERIFIED, "c2pa-python is not installed"
    except Exception as error:  # its native library may not load
        return NOT_VERIFIED, f"c2pa-python can't be loaded: {type(error).__name__}"
    if len(data) > MOST_BYTES:
        return NOT_VERIFIED, "the file is too large"
    try:
        with (
            c2pa.Context.from_dict(SETTINGS) as context,
            c2pa.Reader(kind, io.BytesIO(data), context=context) as reader,
        ):
            state, results = reader.get_validation_state(), reader.get_validation_results()
    except Exception as error:  # the library documents few of its exceptions
        return INVALID, " ".join(str(error).split())[:120] or type(error).__name__
    failed = _failures(results)
    if state == "Trusted":
        return VALID, ""
    return (NOT_TRUSTED if state == "Valid" else INVALID), ", ".join(failed)


def _failures(results: Any) -> list[str]:
    active = results.get("activeManifest") if isinstance(results, dict) else None
    failures = active.get("failure") if isinstance(active, dict) else None
    codes = [str(item.get("code", ""))[:80] for item in failures or () if isinstance(item, dict)]
    return list(dict.fromkeys(filter(None, codes)))[:MOST_CODES]
