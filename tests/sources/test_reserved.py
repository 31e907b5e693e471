import pytest

from unseen.core.errors import UserError
from unseen.sources.kinds.kaggle import Settings as KaggleArchive
from unseen.sources.kinds.manual import Settings as ManualArchive
from unseen.sources.kinds.url import Settings as UrlArchive
from unseen.sources.shared.reserved import check_archive, check_picture
from unseen.sources.shared.settings import ArchiveSettings, FolderSettings, SourceSettings

SFHQ = "selfishgene/synthetic-faces-high-quality-sfhq-part-1"
ARCHIVES: dict[str, list[ArchiveSettings]] = {
    "Chicago Face Database": [
        ManualArchive(kind="manual", page="https://www.chicagofaces.org/download", wait="a day", file="*.zip"),
        UrlArchive(kind="url", url="https://ChicagoFaces.org/cfd.zip"),
    ],
    "SFHQ": [
        KaggleArchive(kind="kaggle", dataset=SFHQ, version=1),
        FolderSettings(path="/home/me/Downloads/synthetic-faces-high-quality-sfhq-part-3.zip"),
    ],
    "SFHQ-T2I": [
        KaggleArchive(
            kind="kaggle", dataset="selfishgene/sfhq-t2i-synthetic-faces-from-text-2-image-models", version=1
        ),
        FolderSettings(path="/home/me/faces/SFHQ_T2I_dataset"),
    ],
}
OTHERS: list[ArchiveSettings] = [
    UrlArchive(kind="url", url="https://example.org/faces-of-chicago.zip"),
    KaggleArchive(kind="kaggle", dataset="someone/synthetic-faces", version=1),
    FolderSettings(path="pictures"),
]
PICTURES = {
    "Chicago Face Database": [
        "CFD-WF-001-014-N.jpg",
        "Images/CFD/BM-043/CFD-BM-043-071-HO.jpg",
        "a/cfd-lf-200-001-n.jpg",
    ],
    "SFHQ": ["SFHQ_pt1_00000001.jpg", "images/SFHQ_pt4_00125754.png", "sfhq_pt2_00000001.jpg"],
    "SFHQ-T2I": [
        "images/images/FLUX1_schnell_image_0010937.jpg",
        "FLUX1_pro_image_0000001.jpg",
        "images/FLUX1_dev_image_0000001.png",
        "SDXL_image_0009401.jpg",
        "DALLE3_image_0000081.jpg",
    ],
}
OTHER_PICTURES = ["s1/1.pgm", "NOTCFD-WF-001-014-N.jpg", "CFD.jpg", "CFD-WF-001.jpg", "SFHQ.jpg", "SFHQ_pt_1.jpg"]
OTHER_PICTURES += ["SDXL_image_1.jpg", "my_SDXL_image_0009401.jpg", "sdxl/0009401.jpg", "FLUX1_image_0000001.jpg"]


def source(use: str = "train", why: str = "") -> SourceSettings:
    return SourceSettings.model_validate(
        {"archive": "mine", "group": "people", "use": use, "label": "real", "train_anyway": why}
    )


ALLOWED = [source("held_out"), source(why="to show what it does")]


def told(message: str, name: str) -> None:
    assert name in message
    assert "sources.mine.use: held_out" in message
    assert "sources.mine.train_anyway" in message
    assert "\n" not in message


@pytest.mark.parametrize(("name", "archive"), [(name, found) for name in ARCHIVES for found in ARCHIVES[name]])
def test_an_archive_that_is_held_out_for_good(name: str, archive: ArchiveSettings) -> None:
    with pytest.raises(UserError) as caught:
        check_archive("mine", source(), archive)
    told(str(caught.value), name)
    for allowed in ALLOWED:
        check_archive("mine", allowed, archive)


@pytest.mark.parametrize(("name", "picture"), [(name, found) for name in PICTURES for found in PICTURES[name]])
def test_a_picture_that_is_held_out_for_good(name: str, picture: str) -> None:
    with pytest.raises(UserError) as caught:
        check_picture("mine", source(), picture)
    told(str(caught.value), name)
    for allowed in ALLOWED:
        check_picture("mine", allowed, picture)


@pytest.mark.parametrize("archive", OTHERS)
def test_other_archives_train(archive: ArchiveSettings) -> None:
    check_archive("mine", source(), archive)


@pytest.mark.parametrize("picture", OTHER_PICTURES)
def test_other_pictures_train(picture: str) -> None:
    check_picture("mine", source(), picture)
