"""The vocabulary of pixels: frames as stored, decoded, encoded and rendered. No codec is imported here."""
