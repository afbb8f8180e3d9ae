"""What is done with pixels: reading frames, transcoding, rendering, thumbnails."""
