"""The block `hub`."""

from typing import Any

import pytest

from unseen.core.errors import UserError
from unseen.core.settings import validated
from unseen.sources.hub.settings import HubSettings


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ({"repo": "org/x", "revision": "main"}, "https://huggingface.co/org/x/commits/main shows"),
        ({"repo": "org/x", "revision": "v1.0"}, "`hub.vae.revision` is 'v1.0': not a commit; branches and tags"),
        ({"repo": "org/x", "revision": "A" * 40}, "not a commit"),
        ({"repo": "x"}, "`hub.vae.repo` is 'x'"),
        ({}, "give either `repo`"),
        ({"repo": "org/x", "folder": "a"}, "give either `repo`"),
        ({"folder": "a", "revision": "1" * 40}, "a `folder` has no `revision`"),
        ({"folder": "models/hub/x"}, "use a separate folder"),
        ({"folder": "~/x"}, "`~` is not expanded"),
        ({"folder": "https://x.org"}, "must be a folder on this machine"),
        ({"repo": "org/x", "sha256": {"a": "b"}}, "hub.vae.sha256.a"),
    ],
)
def test_what_can_not_be_meant_is_one_line(block: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError) as error:
        validated(HubSettings, block, "hub.vae")
    assert says in str(error.value)


def test_a_commit_or_nothing() -> None:
    for revision in ("", "0123456789abcdef" * 2 + "01234567"):
        assert validated(HubSettings, {"repo": "org/x", "revision": revision}, "hub.vae").revision == revision
