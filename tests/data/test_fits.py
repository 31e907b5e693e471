import numpy as np

from unseen.data.fits import centre_crop, crop_at, tiled

PICTURE = np.arange(6 * 6 * 3, dtype=np.uint8).reshape(6, 6, 3)


def test_a_small_picture_is_repeated() -> None:
    found = tiled(PICTURE, 13)
    assert found.shape == (18, 18, 3)
    for top in (0, 6, 12):
        for left in (0, 6, 12):
            assert np.array_equal(found[top : top + 6, left : left + 6], PICTURE)
    assert tiled(PICTURE, 6) is PICTURE


def test_a_crop_keeps_its_pixels() -> None:
    assert np.array_equal(crop_at(PICTURE, 4, 0, 0), PICTURE[:4, :4])
    assert np.array_equal(crop_at(PICTURE, 4, 1, 0), PICTURE[:4, 2:])
    assert np.array_equal(crop_at(PICTURE, 4, 0, 1), PICTURE[2:, :4])
    assert np.array_equal(centre_crop(PICTURE, 4), PICTURE[1:5, 1:5])
    assert np.array_equal(centre_crop(PICTURE, 8), tiled(PICTURE, 8)[2:10, 2:10])
