"""Each cue measures what its name says, on files and faces where the answer is known."""

import io
import math
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFilter, PngImagePlugin

from faces_for_training import OrlFaces, encoded
from unseen.audit.cues import CAUSES, GEOMETRY, file_cues, grid_phase, original_cues, picture_cues
from unseen.data.pictures import Pixels
from unseen.faces.detect import DetectedFace, FaceDetector

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ROW: dict[str, Any] = {
    "width": 400,
    "height": 200,
    "box": [10.0, 20.0, 42.0, 70.0],
    "original": [
        ("bytes", "20000"),
        ("exif", "yes"),
        ("format", "JPEG"),
        ("mode", "RGB"),
        ("profile", "no"),
        ("quality", "75"),
        ("subsampling", "4:2:0"),
    ],
}


def jpeg(pixels: Pixels, **options: Any) -> bytes:
    return encoded(pixels, **{"quality": 90, "subsampling": "4:2:0"} | options)


def exif(maker: str) -> bytes:
    block = Image.Exif()
    block[0x010F] = maker
    return block.tobytes()


def seen(pixels: Pixels) -> dict[str, float | str]:
    """The picture's cues, without a look for the face."""
    return picture_cues(Image.fromarray(pixels), [])


def grey_of(pixels: Pixels) -> np.ndarray:
    return pixels.astype(np.float64).mean(2)


def test_of_a_plain_jpeg_nothing_is_worth_a_mention(orl_faces: OrlFaces) -> None:
    cues = file_cues(jpeg(orl_faces.small[0]))
    assert (cues["format"], cues["size"], cues["mode"], cues["metadata"]) == ("JPEG", "32x32", "RGB", "")


def test_cues_of_the_file_are_the_same_whoever_is_on_it(orl_faces: OrlFaces) -> None:
    assert len({str(file_cues(jpeg(face))) for face in orl_faces.small}) == 1


@pytest.mark.parametrize(
    ("options", "entry"),
    [
        ({"comment": b"drawn by a GAN"}, "comment"),
        ({"exif": exif("Camera")}, "exif"),
        ({"icc_profile": SRGB}, "icc_profile"),
        ({"progressive": True}, "progressive"),
        ({"dpi": (300, 300)}, "jfif_density=(300, 300)"),
    ],
)
def test_what_a_jpeg_carries_beside_its_pixels_is_listed(
    orl_faces: OrlFaces, options: dict[str, Any], entry: str
) -> None:
    assert entry in str(file_cues(jpeg(orl_faces.small[0], **options))["metadata"])


def test_a_prompt_in_a_png_is_listed(orl_faces: OrlFaces) -> None:
    note = PngImagePlugin.PngInfo()
    note.add_text("parameters", "a portrait")
    cues = file_cues(encoded(orl_faces.small[0], "PNG", pnginfo=note))
    assert (cues["format"], cues["metadata"]) == ("PNG", "parameters")
    assert cues["tables"] == cues["subsampling"] == cues["block_grid"] == ""


def test_of_a_block_it_counts_that_it_is_there_and_of_a_density_its_value(orl_faces: OrlFaces) -> None:
    blocks = [file_cues(jpeg(orl_faces.small[0], exif=exif(maker)))["metadata"] for maker in ("one", "another")]
    assert blocks[0] == blocks[1]
    densities = [file_cues(jpeg(orl_faces.small[0], dpi=(dpi, dpi)))["metadata"] for dpi in (72, 300)]
    assert densities[0] != densities[1]


def test_the_tables_tell_every_quality(orl_faces: OrlFaces) -> None:
    assert len({file_cues(jpeg(orl_faces.small[0], quality=quality))["tables"] for quality in range(1, 101)}) == 100


def test_each_subsampling_has_blocks_of_its_own(orl_faces: OrlFaces) -> None:
    cues = [file_cues(jpeg(orl_faces.small[0], subsampling=ratio)) for ratio in ("4:4:4", "4:2:2", "4:2:0")]
    grey = file_cues(jpeg(orl_faces.small[0, ..., 0]))
    assert [one["subsampling"] for one in cues] == ["0", "1", "2"]
    assert len({one["block_grid"] for one in (*cues, grey)}) == 4
    assert grey["mode"] == "L"


def compressed_before(face: Pixels, right: int, down: int, quality: int) -> Pixels:
    """A face of 64 pixels that was cut out of a JPEG, whose blocks so begin elsewhere."""
    larger = np.asarray(Image.fromarray(face).resize((80, 80)))
    once = np.asarray(Image.open(io.BytesIO(encoded(larger, quality=quality))))
    return once[down : down + 64, right : right + 64]


@pytest.mark.parametrize(("right", "down"), [(0, 0), (3, 5), (7, 1)])
@pytest.mark.parametrize("quality", [20, 50])
def test_the_grid_of_an_earlier_jpeg_is_found_in_the_pixels(
    orl_faces: OrlFaces, quality: int, right: int, down: int
) -> None:
    found = [grid_phase(grey_of(compressed_before(face, right, down, quality))) for face in orl_faces.large]
    assert found.count(f"{-right % 8},{-down % 8}") > 0.9 * len(found)


def test_the_grid_in_the_pixels_is_not_the_grid_of_the_file(orl_faces: OrlFaces) -> None:
    faces = [compressed_before(orl_faces.large[0], *start, 20) for start in ((0, 0), (3, 5))]
    assert [seen(face)["grid_in_pixels"] for face in faces] == ["0,0", "5,3"]
    assert file_cues(jpeg(faces[0])) == file_cues(jpeg(faces[1])), "a file's own grid begins at its corner"


def test_the_strides_of_a_generator_leave_a_grid_in_the_pixels_too(orl_faces: OrlFaces) -> None:
    blocks = orl_faces.large[0, ::8, ::8].repeat(8, 0).repeat(8, 1)
    assert seen(blocks)["grid_in_pixels"] == "0,0"
    assert seen(np.roll(blocks, (2, 6), (0, 1)))["grid_in_pixels"] == "6,2"


def test_colours_by_hand() -> None:
    cues = seen(np.full((32, 32, 3), (200, 100, 60), np.uint8))
    assert (cues["red_green"], cues["blue_yellow"], cues["saturation"]) == (100, -90, 140)
    assert (cues["brightness"], cues["contrast"]) == (120, 0)


def test_a_grey_face_has_no_colour(orl_faces: OrlFaces) -> None:
    cues = seen(orl_faces.large[0])
    assert cues["red_green"] == cues["blue_yellow"] == cues["saturation"] == 0
    assert cues["brightness"] == pytest.approx(orl_faces.large[0].mean())
    assert cues["contrast"] == pytest.approx(orl_faces.large[0].std())


def test_noise_is_its_standard_deviation() -> None:
    noise = np.random.default_rng(1).normal(128, 4, (128, 128, 1)).round().clip(0, 255).astype(np.uint8)
    assert seen(noise.repeat(3, 2))["noise"] == pytest.approx(4, rel=0.05)


def test_a_blurred_face_has_less_of_all_detail(orl_faces: OrlFaces) -> None:
    face = orl_faces.large[0]
    blurred = np.asarray(Image.fromarray(face).filter(ImageFilter.GaussianBlur(1)))
    for cue in ("sharpness", "noise", "fine_detail", "bytes_at_q90"):
        assert float(seen(blurred)[cue]) < float(seen(face)[cue])


def test_the_background_is_the_corners() -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:4, :4], pixels[:4, -4:] = 100, 50
    assert seen(pixels)["background_brightness"] == 75, "of the upper corners: in the lower ones there are shoulders"
    assert seen(pixels)["background_detail"] == 0
    pixels[-4:, :2] = 200
    assert (seen(pixels)["background_brightness"], seen(pixels)["background_detail"]) == (75, 25)


def test_the_bytes_are_of_a_jpeg_whatever_the_file_was(orl_faces: OrlFaces) -> None:
    assert seen(orl_faces.large[0])["bytes_at_q90"] == len(encoded(orl_faces.large[0], quality=90))


def test_where_a_face_lies_by_hand() -> None:
    points = ((30.0, 40.0), (50.0, 40.0), (45.0, 50.0), (32.0, 60.0), (48.0, 60.0))
    cues = picture_cues(Image.new("RGB", (80, 80)), [DetectedFace((20.0, 16.0, 60.0, 80.0), points, 0.75)])
    wanted = {
        "face_found": "yes",
        "face_x": 0.5,
        "face_y": 0.6,
        "face_size": math.sqrt(0.5 * 0.8),
        "eyes_x": 0.5,
        "eyes_y": 0.5,
        "eye_distance": 0.25,
        "roll": 0.0,
        "yaw": 0.25,
        "pitch": 0.5,
        "detection_score": 0.75,
    }
    assert {name: cues[name] for name in wanted} == pytest.approx(wanted, abs=1e-4)
    assert set(wanted) == {"face_found", *GEOMETRY}


def test_of_several_faces_the_best_counts_and_none_is_said() -> None:
    points = ((30.0, 40.0), (50.0, 40.0), (45.0, 50.0), (32.0, 60.0), (48.0, 60.0))
    faces = [DetectedFace((0.0, 0.0, 10.0 * score, 10.0), points, score) for score in (0.9, 0.6)]
    assert picture_cues(Image.new("RGB", (80, 80)), faces)["detection_score"] == 0.9
    without = picture_cues(Image.new("RGB", (80, 80)), [])
    assert (without["face_found"], {without[name] for name in GEOMETRY}) == ("no", {0.0})


def test_real_faces_that_are_moved_or_turned_are_measured_so(
    orl_pictures: dict[str, bytes], face_detector: FaceDetector
) -> None:
    def geometry(data: bytes, left: int, degrees: int) -> dict[str, Any]:
        picture = Image.new("RGB", (160, 160), "grey")
        picture.paste(Image.open(io.BytesIO(data)), (left, 24))
        picture = picture.rotate(-degrees, Image.Resampling.BICUBIC, fillcolor="grey")
        return picture_cues(picture, face_detector.detect(picture))

    def change(cue: str, left: int, degrees: int) -> float:
        faces = list(orl_pictures.values())[:20]
        return np.median([geometry(face, left, degrees)[cue] - geometry(face, 34, 0)[cue] for face in faces])

    assert change("face_x", 50, 0) == pytest.approx(0.1, abs=0.01)
    assert change("eyes_x", 50, 0) == pytest.approx(0.1, abs=0.01)
    assert math.degrees(change("roll", 34, 15) - change("roll", 34, -15)) == pytest.approx(30, abs=4)


def test_cues_of_the_original_by_hand() -> None:
    assert original_cues(ROW, 64) == {
        "width": 400.0,
        "aspect": 2.0,
        "enlarged": pytest.approx(math.log(2)),
        "bytes_a_pixel": 0.25,
        "format": "JPEG",
        "mode": "RGB",
        "quality": "75",
        "subsampling": "4:2:0",
        "exif": "yes",
        "profile": "no",
    }


def test_of_an_original_that_nobody_looked_at_nothing_is_said() -> None:
    cues = original_cues({**ROW, "original": []}, 64)
    assert {cues[name] for name in ("format", "mode", "quality", "subsampling", "exif", "profile")} == {""}
    assert (cues["width"], cues["bytes_a_pixel"]) == (400.0, 0.0)


def test_every_cue_has_a_likely_cause(orl_faces: OrlFaces) -> None:
    cues = {*file_cues(jpeg(orl_faces.small[0])), *seen(orl_faces.small[0]), *original_cues(ROW, 64)}
    assert cues | {"side", "reduction", "outside"} == set(CAUSES)  # the others are of native sets


@pytest.mark.parametrize(
    ("square", "side", "expected"), [("203.0", 200, 1.0), ("600.0", 200, 3.0), ("128.0", 128, 1.0)]
)
def test_a_native_crop_says_how_much_it_was_reduced(square: str, side: int, expected: float) -> None:
    row = {**ROW, "original": [*ROW["original"], ("outside", "0.250"), ("square", square)]}
    cues = original_cues(row, side)
    assert cues["reduction"] == pytest.approx(expected)
    assert cues["outside"] == 0.25
    assert not {"reduction", "outside"} & original_cues(ROW, side).keys()
