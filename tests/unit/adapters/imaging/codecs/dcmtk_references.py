"""What DCMTK 3.6.9 makes of sample files for which pydicom has no decoder of a permissive licence.

tests/integration/test_codecs_dcmtk.py asks it again.
"""

FIRST_FRAMES = {
    "JPEG-LL.dcm": 2311178399,
    "JPGLosslessP14SV1_1s_1f_8b.dcm": 3352518752,
    "bad_sequence.dcm": 1010206615,
    "SC_rgb_jpeg_gdcm.dcm": 250835251,
    "JPEG-lossy.dcm": 1369335493,
    "JPGExtended.dcm": 1369335493,
    "emri_small_jpeg_ls_lossless.dcm": 4013681145,
    "MR_small_jpeg_ls_lossless.dcm": 638863772,
    "JPEGLSNearLossless_08.dcm": 4209126676,
    "JPEGLSNearLossless_16.dcm": 495392230,
    "SC_rgb_jls_lossy_line.dcm": 2863959160,
    "SC_rgb_jls_lossy_sample.dcm": 2863959160,
}
"""CRC-32 of the pixels of the first frame, uncompressed, colour by pixel."""
